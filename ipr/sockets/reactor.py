"""What the sockets, and the rooms above them, need of a reactor.

Knows the methods' shapes, which are those of Twisted's IReactorTime and IReactorFDSet.
Must not know who provides them: in a test a Twisted ``Clock`` is enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReadDescriptor


class Clock(Protocol):
    """IReactorTime."""

    def seconds(self) -> float:
        """Return the time, in seconds from whenever; monotonic."""

    def callLater(
        self, delay: float, call: Callable[..., object], /, *args: object
    ) -> IDelayedCall:
        """Call something later."""


class Reactor(Clock, Protocol):
    """IReactorFDSet as well."""

    def addReader(self, reader: IReadDescriptor) -> None:
        """Watch a descriptor for something to read."""

    def removeReader(self, reader: IReadDescriptor) -> None:
        """Stop watching it."""
