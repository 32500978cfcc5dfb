"""When the user is told that the job ends."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from ipr.daemon.jobend import MOST_ASKED, JobEnd, Point
from ipr.kernel.asking import NoAnswer
from tests.case import Case


class JobEndTests(Case):
    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.ends: float | None = None
        self.broken = False
        self.asked = 0
        self.said: list[float] = []
        self.saved: list[float] = []

    def ask(self) -> Deferred[float | None]:
        self.asked += 1
        if self.broken:
            return fail(NoAnswer("no squeue"))
        return succeed(None if self.ends is None else self.ends - self.clock.seconds())

    def job(self, ends: float | None, *points: float, hook: float = 0.0) -> JobEnd:
        """Be in a job that is told at some points, and saves something at another."""
        self.ends = None if ends is None else self.clock.seconds() + ends

        def say() -> None:
            self.said.append(made.left or 0.0)

        def save() -> None:
            self.saved.append(made.left or 0.0)

        asked_for = [Point(point, say) for point in points]
        if hook:
            asked_for.append(Point(hook, save, halves=True))
        made = JobEnd(self.clock, self.ask, asked_for)
        made.start()
        self.addCleanup(made.stop)
        return made

    def go_on(self, seconds: int) -> None:
        """Advance as time does."""
        self.clock.pump([10] * (seconds // 10) + [seconds % 10])

    def extend(self, seconds: float) -> None:
        assert self.ends is not None
        self.ends += seconds

    def test_told_at_each_point_and_asked_once_for_each(self) -> None:
        """Three questions for a job, with that of the start."""
        job = self.job(3600, 120, 600)
        self.clock.advance(2999)
        self.assertEqual((self.said, self.asked), ([], 1))
        self.clock.advance(1)
        self.assertEqual((self.said, self.asked), ([600.0], 2))
        self.clock.advance(480)
        self.assertEqual((self.said, self.asked), ([600.0, 120.0], 3))
        self.clock.advance(179)
        self.assertEqual((self.said, self.asked), ([600.0, 120.0], 3))
        self.assertEqual(job.left, -59.0)

    def test_a_job_that_outlives_its_end_has_another_one(self) -> None:
        """Which one is asked once; then everything is due before that."""
        job = self.job(3600, 600, 120, hook=120)
        self.go_on(3570)
        self.extend(1800)
        self.go_on(80)
        self.assertEqual((self.asked, job.left), (3, -50.0))
        self.go_on(10)
        self.assertEqual((self.asked, job.left), (4, 1740.0))
        self.go_on(2000)
        self.assertEqual(self.said, [600.0, 120.0, 600.0, 120.0])
        self.assertEqual((self.saved, self.asked), ([120.0, 120.0], 7))
        self.go_on(9000)
        self.assertEqual(self.asked, 7)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_extended_job_is_told_later(self) -> None:
        """The question before it is said finds out."""
        self.job(3600, 600)
        self.extend(1800)
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

    def test_a_scheduler_that_is_silent_at_the_start_is_asked_again(self) -> None:
        self.broken = True
        job = self.job(3600, 120, 600)
        self.assertEqual((job.left, self.asked), (None, 1))
        self.go_on(59)
        self.assertEqual(self.asked, 1)
        self.broken = False
        self.go_on(1)
        self.assertEqual((job.left, self.asked), (3540.0, 2))
        self.go_on(2940)
        self.assertEqual(self.said, [600.0])
        self.go_on(480)
        self.assertEqual(self.said, [600.0, 120.0])
        self.assertEqual(self.asked, MOST_ASKED)

    def test_a_scheduler_that_stays_silent_is_left_alone(self) -> None:
        self.broken = True
        self.job(36000, 120, 600)
        self.go_on(35990)
        self.assertEqual((self.said, self.asked), ([], MOST_ASKED))

    def test_where_nobody_knows_nobody_is_asked_again(self) -> None:
        self.job(None, 600)
        self.go_on(3600)
        self.assertEqual(self.asked, 1)

    def test_a_job_that_ended_meanwhile_is_not_asked_about_again(self) -> None:
        self.broken = True
        job = self.job(3600, 600)
        job.stop()
        self.go_on(3600)
        self.assertEqual(self.asked, 1)

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

    def test_two_things_at_one_point_are_one_question(self) -> None:
        self.job(3600, 600, 120, hook=120)
        self.go_on(3480)
        self.assertEqual((self.said, self.saved), ([600.0, 120.0], [120.0]))
        self.assertEqual(self.asked, MOST_ASKED)

    def test_what_is_to_be_saved_waits_for_half_of_a_short_job(self) -> None:
        """At its start there is nothing to be saved."""
        self.job(90, 600, 120, hook=120)
        self.assertEqual((self.said, self.saved), ([90.0], []))
        self.go_on(45)
        self.assertEqual((self.said, self.saved), ([90.0], [45.0]))
        self.go_on(100)
        self.assertEqual((self.said, self.saved), ([90.0], [45.0]))

    def test_an_extended_job_has_everything_once_more(self) -> None:
        """And as many questions as before: somebody has asked for it."""
        job = self.job(3600, 600, 120, hook=300)
        self.go_on(3350)
        self.assertEqual((self.said, self.saved), ([600.0], [300.0]))
        self.extend(7200)
        self.go_on(130)
        self.assertEqual((self.said, self.saved), ([600.0], [300.0]))
        self.assertEqual(job.left, 7320.0)
        self.go_on(7300)
        self.assertEqual(self.said, [600.0, 600.0, 120.0])
        self.assertEqual(self.saved, [300.0, 300.0])
        self.assertEqual(self.asked, 4 + 3)

    def test_a_signal_finds_out_that_a_short_job_was_extended(self) -> None:
        """All that it was told at its start is due once more."""
        job = self.job(60, 600, 120)
        self.assertEqual((self.said, self.asked), ([60.0], 1))
        self.extend(1740)
        job.look()
        self.assertEqual((self.said, self.asked), ([60.0], 2))
        self.assertEqual(job.left, 1800.0)
        self.go_on(1700)
        self.assertEqual(self.said, [60.0, 600.0, 120.0])

    def test_a_shortened_job_has_what_it_missed_at_once(self) -> None:
        """Everything at the same moment is said once."""
        self.job(3600, 600, 120, hook=300)
        self.extend(-540)
        self.go_on(3000)
        self.assertEqual((self.said, self.saved), ([60.0], [60.0]))

    def test_many_signals_ask_the_scheduler_no_more_than_three_times(self) -> None:
        """The last warning still has its question."""
        job = self.job(3600, 600, 120)
        for _ in range(10):
            self.go_on(100)
            job.look()
        self.assertEqual(self.asked, 2)
        self.go_on(1990)
        self.assertEqual(self.said, [])
        job.look()
        self.assertEqual((self.said, self.asked), ([610.0], 2))
        for _ in range(10):
            job.look()
        self.go_on(200)
        self.assertEqual((self.said, self.asked), ([610.0], 2))
        self.go_on(400)
        self.assertEqual((self.said, self.asked), ([610.0, 120.0], MOST_ASKED))
        job.look()
        self.assertFalse(job.spend())
        self.assertEqual(self.asked, MOST_ASKED)

    def test_a_signal_while_the_first_question_is_open_is_told_once(self) -> None:
        """Whichever of the two is answered first."""
        for first, second in ((0, 1), (1, 0)):
            self.said.clear()
            asked: list[Deferred[float | None]] = []

            def ask(asked: list[Deferred[float | None]] = asked) -> Any:
                asked.append(Deferred())
                return asked[-1]

            say = partial(self.said.append, 0.0)
            job = JobEnd(self.clock, ask, [Point(600, say), Point(120, say)])
            self.addCleanup(job.stop)
            job.start()
            job.look()
            job.look()
            self.assertEqual(len(asked), 2)
            asked[first].callback(570.0)
            asked[second].callback(570.0)
            job.look()
            self.assertEqual(self.said, [0.0])

    def test_a_signal_tells_of_an_end_that_has_come_nearer(self) -> None:
        """As where Slurm preempts a job and sends it the signal that it asked for."""
        job = self.job(36000, 600, 120)
        self.extend(-35700)
        job.look()
        self.assertEqual(self.said, [300.0])

    def test_nothing_is_said_after_the_end(self) -> None:
        """Nor is a timer left."""
        job = self.job(3600, 600)
        job.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        job.look()
        self.assertEqual(self.said, [])
