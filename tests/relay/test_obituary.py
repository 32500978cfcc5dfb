"""What the next cell says of a kernel that died unnoticed."""

from __future__ import annotations

import attrs

from ipr.lifecycle.causes import Cause, Ending, Figures
from ipr.relay.obituary import Obituary
from tests.case import Case

DIED = Cause(Ending.DIED, "the kernel was killed by SIGKILL (Killed)", followed=True)
TOLD = (
    "While no cell was running, the kernel was killed by SIGKILL (Killed). It was"
    " restarted; all variables are gone.\n"
)
CELL = {"code": "x", "silent": False, "store_history": True}


class ObituaryTests(Case):
    def test_obituary_stands_in_one_cell_only(self) -> None:
        """At the head of the next cell, and of no other."""
        told = Obituary()
        self.assertEqual(told.heading(CELL), None)
        told.ended(DIED, seen=False)
        self.assertTrue(told.pending)
        self.assertEqual([told.heading(CELL), told.heading(CELL)], [TOLD, None])
        self.assertFalse(told.pending)

    def test_out_of_memory_says_the_limit_and_who_was_killed(self) -> None:
        """As the error of a running cell would; no more of its details."""
        told = Obituary()
        figures = Figures(signal=9, oom_kills=1, limit_kib=5120, pid=7)
        cause = attrs.evolve(DIED, details=("stderr",), figures=figures)
        told.ended(cause, seen=False, offer="offer\n")
        lines = "memory limit of the job: 5 MiB\nkilled: the kernel, pid 7\n"
        self.assertEqual(told.heading(CELL), f"{TOLD}offer\n{lines}")

    def test_what_nobody_reads(self) -> None:
        """What a front end runs by itself does not use it up."""
        told = Obituary()
        told.ended(DIED, seen=False)
        for quiet in ({"silent": True}, {"store_history": False}):
            self.assertEqual(told.heading({**CELL, **quiet}), None)
        self.assertEqual(told.heading({"code": "x"}), TOLD)

    def test_deaths_that_are_told(self) -> None:
        """By the cell that ran; or nobody follows, and each cell says so."""
        told = Obituary()
        told.ended(DIED, seen=True)
        told.ended(attrs.evolve(DIED, followed=False), seen=False)
        told.ended(Cause(Ending.SHUT_DOWN, "why"), seen=False)
        told.ended(Cause(Ending.NEVER_STARTED, "why", followed=True), seen=False)
        self.assertEqual(told.heading(CELL), None)

    def test_later_restart_or_death_clears_an_obituary(self) -> None:
        """Who restarts, or sees another death, knows that variables are gone."""
        for cause, seen in ((Cause(Ending.ASKED, "restarted"), False), (DIED, True)):
            told = Obituary()
            told.ended(DIED, seen=False)
            told.ended(cause, seen=seen)
            self.assertEqual(told.heading(CELL), None)

    def test_still_owed(self) -> None:
        """A start that fails in between does not make it known."""
        told = Obituary()
        told.ended(DIED, seen=False)
        told.ended(Cause(Ending.NEVER_STARTED, "why", followed=True), seen=False)
        self.assertEqual(told.heading(CELL), TOLD)
