"""When the job ends, and who is told before it does.

Knows the time that is left, and at which points of it something is due. Must not
know how a scheduler is asked, nor what is due. A scheduler is asked at the start and
once before each thing that is due: a job can be extended, and a query each minute and
kernel is what sites dislike. However many signals come, it is asked no more often than
:data:`MOST_ASKED` times for each end that the job has had.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from ipr.daemon.schedulers import NO_LIMIT
from ipr.relay.timer import Timer
from ipr.sockets.reactor import Clock

#: Seconds that a job may have been extended by without being asked about once more.
SLACK = 30.0
#: Seconds after its end at which a job that is still there was extended: Slurm looks
#: every 30 s for those that are over their limit, and has killed them 30 s later.
OUTLIVED = 60.0
#: Seconds after which a scheduler that gave no answer at the start is asked again: it
#: is busy, or restarting.
AGAIN = (60.0, 600.0)
#: Questions for each end that a job has had; more where more points were asked for.
MOST_ASKED = 3


@attrs.frozen
class Point:
    """Something that is due before the end.

    :ivar before: so many seconds.
    :ivar reached: called then.
    :ivar halves: in a job that is shorter than that it is due after half of its time.
        Otherwise it is due at once there, unless it is also due later.
    """

    before: float
    reached: Callable[[], None]
    halves: bool = False


class JobEnd:
    """The clock of one job.

    :param ask: asks for the seconds that are left; fires with ``inf`` where there is no
        limit, with None when nobody knows.
    """

    def __init__(
        self,
        clock: Clock,
        ask: Callable[[], Deferred[float | None]],
        points: Iterable[Point],
    ) -> None:
        self._clock = clock
        self._ask = ask
        self._points = sorted(points, key=_before, reverse=True)
        #: Those that are not reached yet.
        self._ahead = self._points
        self._questions = 0
        self._timer = Timer(clock.callLater)
        self._ends: float | None = None
        #: When to ask again for want of an answer.
        self._again: tuple[float, ...] = AGAIN
        self._stopped = False

    @property
    def left(self) -> float | None:
        """Seconds until the end, as far as known; ``inf``: there is no limit."""
        return None if self._ends is None else self._ends - self._clock.seconds()

    @property
    def when(self) -> float:
        """The end, in the clock's seconds, as far as known; ``inf``: it is not."""
        return math.inf if self._ends is None else self._ends

    def start(self) -> None:
        """Ask for the first time."""
        self._questions = max(MOST_ASKED, 1 + len({p.before for p in self._points}))
        self._begin()

    def stop(self) -> None:
        """Nothing is due any more."""
        self._stopped = True
        self._timer.stop()

    def look(self) -> None:
        """Something suggests that the end is near: see whether something is due."""
        if self._points:
            first = self._ahead[0].before if self._ahead else 0.0
            self._question(math.inf).addCallback(lambda _result: self._see(first))

    def spend(self) -> bool:
        """Return whether somebody else may ask the scheduler something; once."""
        self._questions -= 1
        return self._questions >= 0

    def _begin(self) -> None:
        if self._ends is None:
            self._question(0.0).addCallback(lambda _result: self._began())

    def _began(self) -> None:
        if self._ends is None and self._again and not self._stopped:
            wait, *later = self._again
            self._again = tuple(later)
            self._timer.start(wait, self._begin)
            return
        left = self.left
        if left is not None:
            # Not all: a signal that came meanwhile may have been answered sooner.
            late = [p for p in self._ahead if left <= p.before and not p.halves]
            self._ahead = [
                attrs.evolve(point, before=left / 2) if left <= point.before else point
                for point in self._ahead
                if point not in late
            ]
            coming = [point.reached for point in self._ahead]
            # A short job: that is all the warning that there can be.
            self._reach(point for point in late if point.reached not in coming)
            # A signal may come before what is due later.
            late = [point for point in late if point.reached in coming]
            self._ahead = sorted(late + self._ahead, key=_before, reverse=True)
        self._plan()

    def _question(self, point: float) -> Deferred[None]:
        """Ask, unless that would take the question from what is due last."""
        left = self.left
        later = any(
            p.before < point and (left is None or p.before < left) for p in self._ahead
        )
        if self._questions <= later or not self.spend():
            return succeed(None)
        return self._ask().addCallbacks(self._learned, _unknown)

    def _learned(self, left: float | None) -> None:
        self._again = ()
        if left is None:
            return
        before = self.left
        self._ends = self._clock.seconds() + (left if left < NO_LIMIT else math.inf)
        if before is not None and left > before + SLACK:
            # Another end: all is due once more that comes before it.
            self._questions = max(MOST_ASKED, 1 + len(self._points)) - 1
            self._ahead = [point for point in self._points if point.before < left]

    def _plan(self) -> None:
        left = self.left
        if self._stopped or left is None or left == math.inf:
            return
        for point in self._ahead:
            if left > point.before:
                wait = partial(self._asked_at, point.before)
                self._timer.start(left - point.before, wait)
                return
        if left > -OUTLIVED:
            self._timer.start(left + OUTLIVED, self._outlived)

    def _outlived(self) -> None:
        """The end is past, and the job lives: it seems to have another one."""
        self._questions = max(self._questions, 1)
        self._question(0.0).addCallback(lambda _result: self._plan())

    def _asked_at(self, point: float) -> None:
        self._question(point).addCallback(lambda _result: self._see(point))

    def _see(self, point: float) -> None:
        left = self.left
        if left is not None and left <= point + SLACK:
            due = [one for one in self._ahead if one.before >= min(point, left)]
            self._ahead = [one for one in self._ahead if one not in due]
            self._reach(due)
        self._plan()

    def _reach(self, points: Iterable[Point]) -> None:
        for reached in dict.fromkeys(point.reached for point in points):
            if not self._stopped:
                reached()


def _before(point: Point) -> float:
    return point.before


def _unknown(_reason: Failure) -> None:
    """What was known before holds."""
