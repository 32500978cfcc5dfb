"""Makes the reactor's clock monotonic.

Knows how Twisted keeps its timers. Must not know what they are for. Twisted's
``seconds`` is ``time.time``: a step of the wall clock, by NTP, by hand or
because a virtual machine was moved, would delay all timers by as much, or
make them all due at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from twisted.internet.base import DelayedCall

from ipr.daemon.ports import EntryReactor


class Settable(Protocol):
    """A reactor of Twisted's: what it keeps time by can be replaced.

    :ivar seconds: returns the time.
    """

    seconds: Callable[[], float]

    def getDelayedCalls(self) -> Sequence[DelayedCall]:
        """Return the timers."""


def monotonic(installed: object) -> EntryReactor:
    """Have Twisted's reactor keep time by ``time.monotonic``, before our first timer.

    Timers that somebody else (``twistd``) has set before keep the time they have left.

    :param installed: ``twisted.internet.reactor``, which is a module for mypy.
    :returns: the same, with the methods that are used.
    """
    _make_monotonic(cast(Settable, installed))
    return cast(EntryReactor, installed)


def _make_monotonic(reactor: Settable) -> None:
    if reactor.seconds is time.monotonic:
        return
    now = reactor.seconds()
    pending = [(call, call.getTime() - now) for call in reactor.getDelayedCalls()]
    reactor.seconds = time.monotonic
    for call, left in pending:
        call.seconds = time.monotonic
        call.reset(max(left, 0.0))
