"""What this room needs of a reactor.

Knows the methods' shapes, which are those of Twisted's IReactorTime, IReactorProcess,
IReactorFDSet and IReactorFromThreads. Must not know who provides them: in a test a
Twisted ``Clock`` with one method more is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IProcessProtocol


class Clock(Protocol):
    """IReactorTime."""

    def seconds(self) -> float:
        """Return the time, in seconds from whenever."""

    def callLater(
        self, delay: float, call: Callable[..., Any], /, *args: Any
    ) -> IDelayedCall:
        """Call something later."""


class Threads(Clock, Protocol):
    """IReactorFromThreads."""

    def callFromThread(self, call: Callable[..., Any], /, *args: Any) -> None:
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


class Reactor(Threads, Asking, Protocol):
    """All of it."""

    def addReader(self, reader: Any) -> None:
        """Watch a descriptor for something to read."""

    def removeReader(self, reader: Any) -> None:
        """Watch it no more."""
