"""The inner kernel that there is now: its start, and the cause of its end."""

from __future__ import annotations

from typing import Any

from ipr.kernel.process import Ended
from ipr.lifecycle.causes import Cause
from ipr.lifecycle.current import Current
from ipr.lifecycle.limits import Limits
from ipr.lifecycle.retired import Retired
from tests.case import Case
from tests.fakes import Done, FakeStart


class CurrentTests(Case):
    def setUp(self) -> None:
        done: Done = []
        self.starting = FakeStart(done)
        self.oom_kills = 2
        self.current = Current(
            self.starting,
            lambda: self.oom_kills,
            Retired(self.make_clock(), Limits()),
        )
        self.ends: list[Cause] = []

    def start(self, generation: int) -> Any:
        def ignored(what: object) -> None:
            """Not what these tests are about."""

        return self.current.start(generation, ignored, ignored, self.ends.append)

    def test_started_kernel_is_the_current_one_until_it_is_taken(self) -> None:
        kernel = self.start(1)
        self.assertIs(self.current.kernel, kernel)
        self.assertIs(self.current.take(), kernel)
        self.assertIsNone(self.current.kernel)
        self.assertIsNone(self.current.take())

    def test_failed_start_ends_at_once_and_is_hopeless(self) -> None:
        self.starting.failing = OSError("no process")
        self.assertIsNone(self.start(1))
        (cause,) = self.ends
        self.assertEqual(cause.text, "the kernel could not be started: no process")
        self.assertTrue(cause.hopeless)

    def test_end_has_the_ooms_of_its_own_life(self) -> None:
        kernel = self.start(1)
        kernel.ended(Ended(9))
        self.oom_kills += 1
        kernel.ended(Ended(9))
        self.assertEqual(
            [cause.figures.out_of_memory for cause in self.ends], [False, True]
        )

    def test_end_of_an_earlier_kernel_is_not_told(self) -> None:
        first = self.start(1)
        self.start(2)
        first.ended(Ended(9))
        self.assertEqual(self.ends, [])
