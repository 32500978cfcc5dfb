"""The timers of the restart machine, at most one per kind of event.

Knows the clock. Must not know what the events mean.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

from ipr.lifecycle.effects import After
from ipr.lifecycle.events import Event
from ipr.sockets.reactor import Clock


class Timers:
    """Feeds events later.

    :param feed: called with each event when it is due.
    """

    def __init__(self, clock: Clock, feed: Callable[[Event], None]) -> None:
        self._clock = clock
        self._feed = feed
        self._calls: dict[type[Event], IDelayedCall] = {}

    def now(self) -> float:
        """Return monotonic seconds."""
        return self._clock.seconds()

    def set(self, after: After) -> None:
        """Set a timer, in place of the one with this kind of event."""
        self.cancel(type(after.event))
        self._calls[type(after.event)] = self._clock.callLater(
            after.seconds, self._due, after.event
        )

    def cancel(self, kind: type[Event]) -> None:
        """Take a timer back, if it is set."""
        call = self._calls.pop(kind, None)
        if call is not None:
            call.cancel()

    def _due(self, event: Event) -> None:
        del self._calls[type(event)]
        self._feed(event)
