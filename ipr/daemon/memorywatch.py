"""Whether the job is about to run out of memory, before the OOM killer comes.

Knows the rule by which a rise counts, and looks once a second, or more often where a
cell is to be interrupted and the limit is not far. Must not know where what
is said appears. What counts is the working set: page cache fills any limit, and nobody
is killed for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import cast

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from ipr.daemon.oomkills import OomKills
from ipr.kernel.memory import Usage
from ipr.sockets.reactor import Clock

#: Seconds between looks.
LOOK_TIME = 1.0
#: The same, above RISING: at 40 MB a second the three percent that are left of 600 MB
#: are full in half a second. A look takes 0.1 ms.
CLOSE_LOOK_TIME = 0.1
#: The share of the limit above which a warning is due.
NEARLY_FULL = 0.90
#: The share above which a steep rise is enough, and below which the next rise counts.
RISING = 0.75
#: Seconds over which a rise is measured, and within which it has to reach the limit.
SLOPE_TIME = 10
FULL_WITHIN = 60.0
#: Looks in a row that have to agree about a rise: a peak is none.
AGREEING = 3


class Rise:
    """Decides from one sample after the other, a second apart, whether to warn.

    Measured with a limit of 600 MB on ordinary loads (``docs/design.rst``, "The end of
    a job"; ``tests/places/test_loads.py`` runs seventeen): none of them is warned of; a
    leak of 8 MB a second is, 18 seconds before the kill.
    """

    def __init__(self) -> None:
        self._used: deque[int] = deque(maxlen=SLOPE_TIME + 1)
        self._steep = 0
        self._told = False

    def warns(self, used: int, limit: int) -> bool:
        """Take a sample, in bytes; return whether a warning is due, once per rise."""
        self._used.append(used)
        if used < RISING * limit:
            self._steep, self._told = 0, False
            return False
        spanned = len(self._used) - 1
        slope = 0.0
        if spanned:
            # The last step as well: a large data set that is there now grew, and is
            # no leak.
            slope = min((used - self._used[0]) / spanned, used - self._used[-2])
        steep = slope > 0 and (limit - used) / slope < FULL_WITHIN
        self._steep = self._steep + 1 if steep else 0
        if self._told or (used < NEARLY_FULL * limit and self._steep < AGREEING):
            return False
        self._told = True
        return True


class MemoryWatch:
    """Looks at the job's memory, where it has a limit.

    :param look: returns what the job uses; None where nothing says so.
    :param say: called with the use when a warning is due.
    :param most: share of the limit above which the running cell is interrupted; 0: it
        never is.
    :param interrupt: interrupts it, once per rise.
    :param kills: which the OOM killer has done.
    :param killed: called with the use, and with how many workers it has killed.
    """

    def __init__(
        self,
        clock: Clock,
        look: Callable[[], Usage | None],
        say: Callable[[Usage], None],
        most: float,
        interrupt: Callable[[Usage], None],
        kills: OomKills,
        killed: Callable[[Usage, int], None],
    ) -> None:
        self._look = look
        self._say = say
        self._most = most
        self._interrupt = interrupt
        self._kills = kills
        self._killed = killed
        self._rise = Rise()
        self._interrupted = False
        self._looking = LoopingCall(self._sample)
        self._looking.clock = cast(IReactorTime, clock)
        self._looking_closely = LoopingCall(self._sample_closely)
        self._looking_closely.clock = cast(IReactorTime, clock)

    def start(self) -> None:
        """Start, if there is a limit."""
        usage = self._look()
        if usage is not None and usage.limit:
            self._looking.start(LOOK_TIME, now=False)

    def stop(self) -> None:
        """Stop."""
        for looking in (self._looking, self._looking_closely):
            if looking.running:
                looking.stop()

    def _sample(self) -> None:
        usage = self._look()
        if usage is None or not usage.limit:
            return
        if self._rise.warns(usage.used, usage.limit):
            self._say(usage)
        if count := self._kills.look():
            self._killed(usage, count)
        close = bool(self._most) and usage.used >= RISING * usage.limit
        if close and not self._looking_closely.running:
            self._looking_closely.start(CLOSE_LOOK_TIME)

    def _sample_closely(self) -> None:
        usage = self._look()
        if usage is None or not usage.limit or usage.used < RISING * usage.limit:
            self._looking_closely.stop()
            self._interrupted = False
        elif usage.used >= self._most * usage.limit and not self._interrupted:
            self._interrupted = True
            self._interrupt(usage)
