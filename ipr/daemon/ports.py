"""What the daemon needs of whoever starts it, and what its parts need of it.

Knows names and types only. Must not know who implements them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ipr.kernel.reactor import Reactor
from ipr.lifecycle.limits import Leave


class EntryReactor(Reactor, Protocol):
    """A reactor that can also be started and stopped: IReactorCore.

    :ivar running: whether it runs.
    """

    running: bool

    def callWhenRunning(self, call: Callable[..., object], /, *args: object) -> object:
        """Call it once the reactor runs."""

    def run(self) -> None:
        """Run it, until it is stopped."""

    def stop(self) -> None:
        """Stop it."""


class Lifetime(Protocol):
    """What ends when its parts say so: the daemon."""

    def shut_down(self, why: str, how: Leave = Leave.QUICKLY) -> None:
        """End the inner kernel, then everything."""

    def leave(self) -> None:
        """End everything: the inner kernel is gone."""
