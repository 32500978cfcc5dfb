"""Who is asked how much time is left."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred

from ipr.daemon import schedulers, timeleft
from ipr.daemon.timeleft import TimeLeft
from ipr.kernel.asking import Answer, NoAnswer
from tests.case import Case


class TimeLeftTests(Case):
    def setUp(self) -> None:
        self.answer = Answer(0, b"1:00\n", "")
        self.asked: list[list[str]] = []

    def ask(
        self, _reactor: object, argv: list[str], _environ: object, _seconds: float
    ) -> Deferred[Answer]:
        self.asked.append(argv)
        done: Deferred[Answer] = Deferred()
        done.callback(self.answer)
        return done

    def source(self, environ: Mapping[str, str], deadline: float = 0.0) -> TimeLeft:
        reactor: Any = None
        job = schedulers.job_of(environ)
        return TimeLeft(reactor, environ, job, deadline, lambda: 1000.0)

    def left(self, source: TimeLeft) -> float | None:
        untyped: Any = self
        with mock.patch.object(timeleft, "ask", self.ask):
            found: float | None = untyped.successResultOf(source.ask())
        return found

    def unanswered(self, source: TimeLeft) -> None:
        untyped: Any = self
        with mock.patch.object(timeleft, "ask", self.ask):
            untyped.failureResultOf(source.ask(), NoAnswer)

    def test_scheduler_is_asked_for_its_job(self) -> None:
        source = self.source({"SLURM_JOB_ID": "7"})
        self.assertEqual(self.left(source), 60.0)
        self.assertEqual(self.asked, [["squeue", "-h", "-j", "7", "-o", "%L"]])

    def test_environment_saves_the_first_question(self) -> None:
        """An extension does not reach it: later ones are asked."""
        source = self.source({"SLURM_JOB_ID": "7", "SLURM_JOB_END_TIME": "1500"})
        self.assertEqual(self.left(source), 500.0)
        self.assertEqual(self.asked, [])
        self.assertEqual(self.left(source), 60.0)

    def test_deadline_is_asked_of_nobody(self) -> None:
        source = self.source({"SLURM_JOB_ID": "7"}, 1030.0)
        self.assertEqual((self.left(source), self.asked), (30.0, []))

    def test_command_that_fails_is_no_answer(self) -> None:
        self.answer = Answer(256, b"5:00", "error")
        source = self.source({"SLURM_JOB_ID": "7"})
        self.unanswered(source)

    def test_condor_is_read_from_its_file(self) -> None:
        path = os.path.join(self.folder(), "ad")
        source = self.source({"_CONDOR_JOB_AD": path})
        self.unanswered(source)
        with open(path, "w", encoding="utf-8") as file:
            file.write("ClusterId = 4\nJobCurrentStartDate = 990\n")
        self.assertEqual(self.left(source), math.inf)
        with open(path, "a", encoding="utf-8") as file:
            file.write("AllowedJobDuration = 20\n")
        self.assertEqual(self.left(source), 10.0)

    def test_nobody_is_known_outside_of_a_job(self) -> None:
        source = self.source({})
        self.assertFalse(source.known)
        self.assertEqual(self.left(source), None)
