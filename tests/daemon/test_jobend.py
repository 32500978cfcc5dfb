"""When the user is told that the job ends."""

from __future__ import annotations

import math

from twisted.internet.defer import Deferred, fail, succeed

from ipr.daemon.jobend import JobEnd
from ipr.kernel.asking import NoAnswer
from tests.case import Case


class JobEndTests(Case):
    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.ends: float | None = None
        self.broken = False
        self.asked = 0
        self.said: list[float] = []

    def ask(self) -> Deferred[float | None]:
        self.asked += 1
        if self.broken:
            return fail(NoAnswer("no squeue"))
        return succeed(None if self.ends is None else self.ends - self.clock.seconds())

    def job(self, ends: float | None, *points: float) -> JobEnd:
        self.ends = None if ends is None else self.clock.seconds() + ends
        made = JobEnd(self.clock, self.ask, points, self.said.append)
        made.start()
        self.addCleanup(made.stop)
        return made

    def test_told_at_each_point_and_asked_once_for_each(self) -> None:
        """Three questions for a job, with that of the start."""
        job = self.job(3600, 120, 600)
        self.clock.advance(2999)
        self.assertEqual((self.said, self.asked), ([], 1))
        self.clock.advance(1)
        self.assertEqual((self.said, self.asked), ([600.0], 2))
        self.clock.advance(480)
        self.assertEqual((self.said, self.asked), ([600.0, 120.0], 3))
        self.clock.advance(1000)
        self.assertEqual((self.said, self.asked), ([600.0, 120.0], 3))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(job.left, -880.0)

    def test_an_extended_job_is_told_later(self) -> None:
        """The question before it is said finds out."""
        self.job(3600, 600)
        assert self.ends is not None
        self.ends += 1800
        self.clock.advance(3000)
        self.assertEqual(self.said, [])
        self.clock.advance(1800)
        self.assertEqual(self.said, [600.0])

    def test_a_scheduler_that_is_silent_later_is_not_needed(self) -> None:
        """What was known at the start holds."""
        self.job(3600, 600)
        self.broken = True
        self.clock.advance(3000)
        self.assertEqual(self.said, [600.0])

    def test_a_short_job_is_told_at_once(self) -> None:
        """A job of 90 seconds has no better moment; one of five minutes has."""
        self.job(90, 600, 120)
        self.assertEqual(self.said, [90.0])
        self.clock.advance(100)
        self.assertEqual(self.said, [90.0])
        self.said.clear()
        self.job(300, 600, 120)
        self.assertEqual(self.said, [])
        self.clock.advance(180)
        self.assertEqual(self.said, [120.0])

    def test_nothing_is_said_without_a_limit_or_an_answer(self) -> None:
        """Slurm names the next year where there is none."""
        for ends in (math.inf, 365 * 86400.0, None):
            job = self.job(ends, 600)
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.assertEqual(job.left, None if ends is None else math.inf)
        self.broken = True
        self.assertEqual(self.job(60, 600).left, None)
        self.assertEqual(self.said, [])

    def test_a_signal_of_the_scheduler_has_it_looked_at(self) -> None:
        """Said when the end is near, and not once more at the same point."""
        job = self.job(3600, 600, 120)
        job.look()
        self.assertEqual(self.said, [])
        self.clock.advance(2980)
        job.look()
        self.assertEqual(self.said, [620.0])
        self.clock.advance(30)
        self.assertEqual(self.said, [620.0])
        self.clock.advance(470)
        self.assertEqual(self.said, [620.0, 120.0])

    def test_nothing_is_said_after_the_end(self) -> None:
        """Nor is a timer left."""
        job = self.job(3600, 600)
        job.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        job.look()
        self.assertEqual(self.said, [])
