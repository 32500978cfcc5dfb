"""What this room needs of a reactor.

Knows the methods' shapes, which are those of Twisted's IReactorTime, IReactorFDSet and
IReactorFromThreads. Must not know who provides them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ipr.sockets import reactor
from ipr.sockets.reactor import Clock


class Threads(Clock, Protocol):
    """IReactorFromThreads."""

    def callFromThread(self, call: Callable[..., object], /, *args: object) -> None:
        """Call something in the reactor's thread."""


class Asking(reactor.Reactor, Protocol):
    """Enough to run a program for so many seconds."""


class Reactor(Asking, Threads, Protocol):
    """All of it."""
