"""How much time the job has left, and who takes its place, asked of whoever knows.

Knows the sources: ``--deadline``, the job's environment, HTCondor's file, a command of
the scheduler. Must not know what the answers are wanted for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from twisted.internet.defer import Deferred, fail, succeed

from ipr.boot import plainfile
from ipr.daemon import schedulers, slurm
from ipr.daemon.schedulers import Job
from ipr.kernel.asking import Answer, NoAnswer, ask
from ipr.kernel.reactor import Asking

#: Seconds that a scheduler's command gets.
ASKING_TIME = 5.0


class TimeLeft:
    """Asks; one source only, the first that is there.

    :param job: the one that we are in, if it is known.
    :param deadline: seconds since 1970; 0: none was given.
    :param now: seconds since 1970.
    """

    def __init__(
        self,
        reactor: Asking,
        environ: Mapping[str, str],
        job: Job | None,
        deadline: float,
        now: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self._environ = environ
        self._job = job
        self._deadline = deadline
        self._now = now
        # That of the start: an extension does not reach a job's environment.
        self._first = schedulers.end_in_environment(environ) if job else None

    @property
    def known(self) -> bool:
        """Whether there is anybody to ask."""
        return bool(self._deadline) or self._job is not None

    def ask(self) -> Deferred[float | None]:
        """Ask how many seconds are left.

        :returns: fires with None when nobody knows, with ``inf`` where there is no
            limit; fails with :class:`NoAnswer` or a ``TimeoutError``.
        """
        if self._deadline:
            return succeed(self._deadline - self._now())
        job, first = self._job, self._first
        self._first = None
        if first is not None:
            return succeed(first - self._now())
        if job is None:
            return succeed(None)
        if not job.query:
            return self._read(job)
        asking = ask(self._reactor, job.query, self._environ, ASKING_TIME)

        def answered(answer: Answer) -> float | None:
            if answer.status:
                raise NoAnswer(answer.said)
            text = answer.output[: schedulers.LONGEST].decode(errors="replace")
            return job.scheduler.left(text)

        result: Deferred[float | None] = asking.addCallback(answered)
        return result

    def preempted(self) -> Deferred[bool | None]:
        """Ask whether another job takes the place of this one.

        :returns: fires with None when nobody knows; only Slurm says it.
        """
        return slurm.preempted(self._reactor, self._environ)

    def _read(self, job: Job) -> Deferred[float | None]:
        try:
            data = plainfile.read(job.number, schedulers.LONGEST)
        except (OSError, plainfile.NotPlain) as error:
            return fail(NoAnswer(str(error)))
        _, ends = schedulers.condor(data.decode(errors="replace"))
        return succeed(math.inf if ends is None else ends - self._now())
