"""Makes the reactor's clock one that nobody sets.

Knows how Twisted keeps its timers. Must not know what they are for. Twisted's
``seconds`` is ``time.time``: a step of the wall clock, by NTP, by hand or
because a virtual machine was moved, would hold all timers up for as long, or
have them all due at once.
"""

from __future__ import annotations

import time
from typing import Any


def make_monotonic(reactor: Any) -> None:
    """Have a reactor keep time by ``time.monotonic``; before its first timer.

    Timers that somebody else (``twistd``) has set by now are taken along.
    """
    if reactor.seconds is time.monotonic:
        return
    now = reactor.seconds()
    pending = [(call, call.getTime() - now) for call in reactor.getDelayedCalls()]
    reactor.seconds = time.monotonic
    for call, left in pending:
        call.seconds = time.monotonic
        call.reset(max(left, 0.0))
