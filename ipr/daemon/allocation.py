"""The allocation that the daemon runs in, and what its user is told of its end.

Knows the words. Must not know how a scheduler is asked, nor where a notice appears.
"""

from __future__ import annotations

import math
import platform
import signal
import time
from collections.abc import Callable, Mapping, Sequence

from ipr.boot import plainfile
from ipr.daemon import schedulers
from ipr.daemon.jobend import SLACK, JobEnd, Point
from ipr.daemon.memorywatch import MemoryWatch
from ipr.daemon.schedulers import Job
from ipr.daemon.status import Row, size, span
from ipr.daemon.timeleft import TimeLeft
from ipr.kernel import memory
from ipr.kernel.memory import Usage
from ipr.kernel.reactor import Asking

#: Signals by which schedulers announce the end: Slurm's ``--signal``, Grid Engine's
#: ``s_rt`` and ``-notify``, a limit of CPU time.
WARNINGS = frozenset((signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU))


class Allocation:
    """One job, or a deadline that the user has set; or neither.

    :param deadline: seconds since 1970; 0: none was given.
    :param points: seconds before the end at which its user is told.
    :param say: shows what a call of its argument returns, where the user looks.
    :param most: share of its memory above which the running cell is interrupted; 0:
        it never is.
    :param interrupt: interrupts it.
    """

    def __init__(
        self,
        reactor: Asking,
        environ: Mapping[str, str],
        deadline: float,
        points: Sequence[float],
        say: Callable[[Callable[[], str]], None],
        most: float,
        interrupt: Callable[[], None],
    ) -> None:
        self._job = schedulers.job_of(environ)
        self._node = environ.get("SLURMD_NODENAME") or platform.node()
        self._say = say
        asked = TimeLeft(reactor, environ, self._job, deadline, time.time)
        self._known = asked.known
        self._end = JobEnd(
            reactor, asked.ask, [Point(point, self._near) for point in points]
        )
        self._interrupt = interrupt
        self._memory = MemoryWatch(
            reactor, memory.job, self._full, most, self._too_full
        )

    def start(self) -> None:
        """Find out how long it is."""
        if self._known:
            self._end.start()
        self._memory.start()

    def stop(self) -> None:
        """Say nothing more."""
        self._end.stop()
        self._memory.stop()

    def row(self) -> Row | None:
        """Return what ``%ipr status`` shows; None outside of a job."""
        left = self._end.left
        told = f"time left {'unknown' if left is None else _span(left)}"
        if self._job is None:
            return Row("deadline", told) if self._known else None
        where = f"{_number(self._job)} on {self._node}"
        return Row(f"{self._job.scheduler.name} job", f"{where}, {told}")

    def signalled(self, number: int) -> None:
        """A signal came that may announce the end."""
        if self._known and number in WARNINGS:
            self._end.look()

    def last_words(self) -> str:
        """Return why SIGTERM may have come; ``""`` outside of a job."""
        left = self._end.left
        if left is not None and left <= 2 * SLACK:
            return f"{self._subject()} has reached its time limit."
        if self._job is None:
            return ""
        return f"{self._subject()} is being ended: cancelled, preempted, or shut down."

    def _full(self, usage: Usage) -> None:
        words = (
            f"Memory: {_share(usage)} in use. At the limit the system kills the kernel."
            " Free what you can, or %restart."
        )
        self._say(lambda: words)

    def _too_full(self, usage: Usage) -> None:
        words = (
            f"Memory: {_share(usage)} in use, so the cell was interrupted"
            " (--memory-interrupt)."
        )
        self._say(lambda: words)
        self._interrupt()

    def _near(self) -> None:
        self._say(self._warning)

    def _warning(self) -> str:
        left = self._end.left
        soon = _span(left or 0.0)
        if self._job is None:
            return f"The deadline of this kernel is in {soon}. Save what you need."
        return (
            f"{self._subject()} ends in {soon}, and this kernel with it."
            " Save what you need."
        )

    def _subject(self) -> str:
        if self._job is None:
            return "This kernel"
        return f"{self._job.scheduler.name} job {_number(self._job)}"


def _share(usage: Usage) -> str:
    return f"{size(usage.used)} of {size(usage.limit or 0)}"


def _number(job: Job) -> str:
    """Return the number; HTCondor's is in the file that its variable names."""
    if job.query:
        return job.number
    try:
        data = plainfile.read(job.number, schedulers.LONGEST)
    except (OSError, plainfile.NotPlain):
        return "?"
    return schedulers.condor(data.decode(errors="replace"))[0]


def _span(left: float) -> str:
    """Say a span as people say it; a minute more or less is the same warning."""
    if left == math.inf:
        return "unlimited"
    if 90 <= left < 3600:
        return f"{math.ceil((left - 15) / 60)} min"
    return span(max(left, 0.0))
