"""The allocation that the daemon runs in, and what its user is told of its end.

Knows the words. Must not know how a scheduler is asked, nor where a notice appears.
"""

from __future__ import annotations

import math
import platform
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from ipr.boot import plainfile
from ipr.daemon import codefiles, schedulers
from ipr.daemon.beforeend import BeforeEnd, Runner
from ipr.daemon.jobend import SLACK, JobEnd, Point
from ipr.daemon.memorywatch import MemoryWatch
from ipr.daemon.oomkills import OomKills
from ipr.daemon.schedulers import Job
from ipr.daemon.status import Row, size, span
from ipr.daemon.timeleft import TimeLeft
from ipr.kernel import memory
from ipr.kernel.memory import Usage
from ipr.kernel.reactor import Reactor
from ipr.relay.timer import Timer

#: Signals by which schedulers announce the end: Slurm's ``--signal``, Grid Engine's
#: ``s_rt`` and ``-notify``, a limit of CPU time.
WARNINGS = frozenset((signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU))


#: Seconds between SIGTERM and SIGKILL where no scheduler is known: Kubernetes's.
USUAL_GRACE = 30.0
#: Seconds of these that are needed to end the kernel.
OUR_TIME = 10.0
#: Seconds after which a kernel that is to end, and has not, has its cell told why. Most
#: end at once, and then that is what their end says, once.
SLOW = 1.0


class Allocation:
    """One job, or a deadline that the user has set, or neither.

    :param options: by :attr:`ipr.boot.options.Option.key`.
    :param say: shows what a call of its argument returns, where the user looks.
    :param interrupt: interrupts the running cell.
    :param runner: returns what runs code in the kernel.
    :param kernel: returns the kernel's pid; 0: there is none.
    """

    def __init__(
        self,
        reactor: Reactor,
        environ: Mapping[str, str],
        options: Mapping[str, Any],
        say: Callable[[Callable[[], str]], None],
        interrupt: Callable[[], None],
        runner: Callable[[], Runner],
        kernel: Callable[[], int],
    ) -> None:
        self._job = schedulers.job_of(environ)
        self._node = environ.get("SLURMD_NODENAME") or platform.node()
        self._say = say
        deadline = options["deadline"]
        self._asked = asked = TimeLeft(reactor, environ, self._job, deadline, time.time)
        self._checkpoint = BeforeEnd(
            reactor,
            codefiles.made(reactor, options["before_end"]),
            options["before_end_at"],
            options["before_end_interrupt"],
            runner,
            self._saved,
        )
        #: The end for which it has run, in the clock's seconds.
        self._saved_for = -math.inf
        self._end = JobEnd(reactor, asked.ask, self._points(options["warn_before"]))
        #: Why SIGTERM has come, once it has.
        self._why = ""
        self._slow = Timer(reactor.callLater)
        most = options["memory_interrupt"] / 100
        kills = OomKills(memory.oom_kills, kernel)
        too_full = partial(self._too_full, interrupt)
        self._memory = MemoryWatch(
            reactor, memory.job, self._full, most, too_full, kills, self._killed
        )

    def start(self) -> None:
        """Find out how long it is."""
        if self._asked.known:
            self._end.start()
        self._memory.start()

    def stop(self) -> None:
        """Say nothing more."""
        self._end.stop()
        self._slow.stop()
        self._checkpoint.close()
        self._memory.stop()

    def rows(self) -> list[Row]:
        """Return what ``%ipr status`` shows; nothing outside of a job."""
        known = self._asked.known
        at = f"runs when {_span(self._checkpoint.before)} are left"
        saving = self._checkpoint.rows(at if known else "never runs: no end is known")
        left = self._end.left
        told = f"time left {'unknown' if left is None else _span(left)}"
        if self._job is None:
            return [*([Row("deadline", told)] if known else []), *saving]
        where = f"{_number(self._job)} on {self._node}"
        return [Row(f"{self._job.scheduler.name} job", f"{where}, {told}"), *saving]

    def signalled(self, number: int) -> None:
        """A signal came that may announce the end."""
        if self._asked.known and number in WARNINGS:
            self._end.look()

    def announced(self, number: int) -> bool:
        """Whether this signal says that SIGKILL comes: Grid Engine's ``-notify``."""
        return bool(self._job and self._job.notice) and number == signal.SIGUSR2

    @property
    def saves(self) -> bool:
        """Whether there is something to do before the end."""
        return self._checkpoint.wanted

    @property
    def saving(self) -> bool:
        """Whether that is being done, and the end waits for it."""
        return bool(self._why) and self._checkpoint.running

    def ending(
        self, explain: Callable[[str, bool], None], then: Callable[[bool], None]
    ) -> None:
        """Use what the scheduler leaves between SIGTERM, or its notice, and SIGKILL.

        What it sends once more meanwhile changes nothing.

        :param explain: called with why it has come, and with whether that is to be
            shown before the kernel ends: at first it is only a guess, and then needed
            only where something is saved, or the kernel takes its time.
        :param then: called when everything is saved, with whether that ended by
            itself; at once outside of a job.
        """
        if self._why:
            return
        self._why = self.last_words()
        if not self._why:
            then(True)
            return
        explain(self._why, False)
        if not _same(self._end.when, self._saved_for):
            self._save(self._mercy(), waits=False)

        def known(preempted: bool | None) -> None:
            self._why = self.last_words(preempted)
            waits = self._checkpoint.running
            explain(self._why, waits)
            if not waits:
                self._slow.start(SLOW, partial(explain, self._why, True))

        asking = succeed(None) if self._at_limit else self._preempted()
        asking.addCallback(known).addErrback(partial(_log.failure, "Not explained"))
        asking.addCallback(lambda _: self._checkpoint.when_over(self._mercy(), then))

    def _preempted(self) -> Deferred[bool | None]:
        return self._asked.preempted() if self._end.spend() else succeed(None)

    def _mercy(self) -> float:
        grace = self._job.grace if self._job is not None else USUAL_GRACE
        return max(grace - OUR_TIME, grace / 2)

    @property
    def _at_limit(self) -> bool:
        left = self._end.left
        return left is not None and left <= 2 * SLACK

    def last_words(self, preempted: bool | None = None) -> str:
        """Return why SIGTERM has come; ``""`` outside of a job.

        :param preempted: whether another job takes its place; None: not known.
        """
        if self._at_limit:
            return f"{self._subject()} has reached its time limit."
        if self._job is None:
            return ""
        why = {
            True: "it was preempted by another job",
            False: "cancelled, or shut down",
            None: "cancelled, preempted, or shut down",
        }[preempted]
        return f"{self._subject()} is being ended: {why}."

    def _full(self, usage: Usage) -> None:
        words = (
            f"Memory: {_share(usage)} in use. At the limit the system kills the kernel."
            " Free what you can, or %restart."
        )
        self._say(lambda: words)

    def _too_full(self, interrupt: Callable[[], None], usage: Usage) -> None:
        words = (
            f"Memory: {_share(usage)} in use, so the cell was interrupted"
            " (--memory-interrupt)."
        )
        self._say(lambda: words)
        interrupt()

    def _killed(self, usage: Usage, count: int) -> None:
        what = "another process" if count == 1 else f"{count} other processes"
        words = (
            f"Memory: the limit of {size(usage.limit or 0)} was reached, and the system"
            f" killed {what} of the job. The kernel goes on."
        )
        self._say(lambda: words)

    def _points(self, warnings: Sequence[float]) -> list[Point]:
        points = [Point(before, self._near) for before in warnings]
        if self._checkpoint.wanted:
            # First: what is said at the same moment is to say that it runs.
            points.insert(0, Point(self._checkpoint.before, self._due, halves=True))
        return points

    def _near(self) -> None:
        self._say(self._warning)

    def _due(self) -> None:
        self._save(self._end.left or 0.0, waits=True)

    def _save(self, seconds: float, *, waits: bool) -> None:
        self._saved_for = self._end.when
        self._checkpoint.run(seconds, waits=waits)

    def _saved(self) -> None:
        self._say(self._checkpoint.words if self._why else self._warning)

    def _warning(self) -> str:
        left = self._end.left
        soon = _span(left or 0.0)
        ends = f"{self._subject()} ends in {soon}, and this kernel with it."
        if self._job is None:
            ends = f"The deadline of this kernel is in {soon}."
        return f"{ends} Save what you need. {self._checkpoint.words()}".rstrip()

    def _subject(self) -> str:
        if self._job is None:
            return "This kernel"
        return f"{self._job.scheduler.name} job {_number(self._job)}"


def _same(one: float, other: float) -> bool:
    """Whether two ends are one: a scheduler's answer is in whole seconds."""
    return one == other or abs(one - other) <= SLACK


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
    """Return a span in people's words; a minute more or less is the same warning."""
    if left == math.inf:
        return "unlimited"
    if 90 <= left < 3600:
        return f"{math.ceil((left - 15) / 60)} min"
    return span(max(left, 0.0))


_log = Logger()
