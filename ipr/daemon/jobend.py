"""When the job ends, and who is told before it does.

Knows the time that is left, and at which points of it something is to be said. Must not
know how a scheduler is asked, nor where what is said appears. A scheduler is asked at
the start and once before each thing that is said: a job can be extended, and a query
each minute and kernel is what sites dislike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ipr.daemon.schedulers import NO_LIMIT
from ipr.relay.timer import Timer
from ipr.sockets.reactor import Clock

#: Seconds that a job may have been extended by without being asked about once more.
SLACK = 30.0


class JobEnd:
    """The clock of one job.

    :param ask: asks for the seconds that are left; fires with ``inf`` where there is no
        limit, with None when nobody knows.
    :param points: seconds before the end at which something is said.
    :param say: says it, called with the seconds that are left.
    """

    def __init__(
        self,
        clock: Clock,
        ask: Callable[[], Deferred[float | None]],
        points: Sequence[float],
        say: Callable[[float], None],
    ) -> None:
        self._clock = clock
        self._ask = ask
        self._points = sorted(points, reverse=True)
        self._say = say
        self._timer = Timer(clock.callLater)
        self._ends: float | None = None
        self._stopped = False

    @property
    def left(self) -> float | None:
        """Seconds until the end, as far as known; ``inf``: there is no limit."""
        return None if self._ends is None else self._ends - self._clock.seconds()

    def start(self) -> None:
        """Ask for the first time."""
        self._ask().addCallbacks(self._began, _unknown)

    def stop(self) -> None:
        """Say nothing more."""
        self._stopped = True
        self._timer.stop()

    def look(self) -> None:
        """Something suggests that the end is near: ask, and say so if it is."""
        if self._points:
            self._asked_at(self._points[0])

    def _began(self, left: float | None) -> None:
        self._learned(left)
        if self._points and self._near(self._points[-1]):
            # A short job: that is all the warning that there can be.
            self._speak()
        self._plan()

    def _learned(self, left: float | None) -> None:
        if left is not None:
            self._ends = self._clock.seconds() + (left if left < NO_LIMIT else math.inf)

    def _near(self, point: float) -> bool:
        left = self.left
        return left is not None and left <= point

    def _plan(self) -> None:
        left = self.left
        if self._stopped or left is None or left == math.inf:
            return
        for point in self._points:
            if left > point:
                self._timer.start(left - point, partial(self._asked_at, point))
                return

    def _asked_at(self, point: float) -> None:
        def answered(_result: None) -> None:
            if self._near(point + SLACK):
                self._points = [other for other in self._points if other < point]
                self._speak()
            self._plan()

        self._ask().addCallbacks(self._learned, _unknown).addCallback(answered)

    def _speak(self) -> None:
        left = self.left
        if left is not None and not self._stopped:
            self._say(max(left, 0.0))


def _unknown(_reason: Failure) -> None:
    """What was known before holds."""
