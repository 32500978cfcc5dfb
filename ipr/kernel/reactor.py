"""What this room needs of a reactor.

Knows the methods' shapes, which are those of Twisted's IReactorTime, IReactorProcess,
IReactorFDSet and IReactorFromThreads. Must not know who provides them: in a test a
Twisted ``Clock`` with one method more is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from twisted.internet.interfaces import IProcessProtocol

from ipr.sockets import reactor
from ipr.sockets.reactor import Clock


class Threads(Clock, Protocol):
    """IReactorFromThreads."""

    def callFromThread(self, call: Callable[..., object], /, *args: object) -> None:
        """Call something in the reactor's thread."""


class Spawner(Protocol):
    """IReactorProcess."""

    def spawnProcess(
        self,
        processProtocol: IProcessProtocol,
        executable: str,
        args: Sequence[str],
        env: Mapping[str, str],
        *,
        childFDs: Mapping[int, int | str],
    ) -> object:
        """Start a program."""


class Asking(Clock, Spawner, Protocol):
    """Enough to run a program for so many seconds."""


class Reactor(reactor.Reactor, Threads, Asking, Protocol):
    """All of it."""
