"""What the daemon needs of who starts it, and of who shows its log.

Knows names and types only. Must not know who is behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from ipr.jupyter.messages import Draft
from ipr.kernel.reactor import Reactor
from ipr.relay.request import Request


class EntryReactor(Reactor, Protocol):
    """What starts and stops a reactor needs of it as well: IReactorCore.

    :ivar running: whether it runs.
    """

    running: bool

    def callWhenRunning(self, call: Callable[..., object], /, *args: object) -> object:
        """Call it once the reactor runs."""

    def stop(self) -> None:
        """Stop it."""


class Notebook(Protocol):
    """Where log records are shown."""

    def unfinished(self) -> Iterable[Request]:
        """Return the requests that the kernel works on."""

    def whisper(self, request: Request, draft: Draft) -> None:
        """Publish something under a cell."""
