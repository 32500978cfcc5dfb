"""When the file of ``--before-end`` runs, and what is said of it."""

from __future__ import annotations

import os

from ipr.daemon.status import Row
from ipr.relay.silently import Outcome
from tests.daemon.allocation_case import AllocationCase


class BeforeEndTests(AllocationCase):
    def test_checkpoint_is_due_so_long_before_the_end_and_told_with_the_warning(
        self,
    ) -> None:
        self.with_file()
        job = self.asked_job(130)
        self.assertEqual(
            job.rows()[1],
            Row("before the end", f"{self.file}: runs when 1 min 0 s are left"),
        )
        self.reactor.pump([10] * 6)
        self.assertEqual(self.runner.orders, [])
        self.reactor.pump([10])
        (order,) = self.runner.orders
        self.assertEqual(
            (order.code, order.interrupts, order.waits), ("save()", False, True)
        )
        row = Row("before the end", f"{self.file}: it is due")
        self.assertEqual(job.rows()[1], row)
        self.reactor.advance(5)
        order.begun()
        row = Row("before the end", f"{self.file}: it is running")
        self.assertEqual(job.rows()[1], row)
        self.reactor.advance(2)
        order.done(Outcome())
        text = self.said[-1]()
        self.assertTrue("Slurm job 7 ends in " in text)
        self.assertTrue(text.endswith(" Checkpoint save.py ran, 2.0 s."))

    def test_sigterm_before_that_runs_it_and_then_ends(self) -> None:
        """Within what Slurm leaves, less the time that the end itself takes."""
        self.with_file()
        job = self.asked_job(2000)
        self.end(job)
        (order,) = self.runner.orders
        self.assertFalse(order.waits)
        self.assertEqual(len(self.explained), 2)
        # Slurm sends it twice where a job is preempted.
        self.end(job)
        self.assertEqual((len(self.explained), len(self.runner.orders)), (2, 1))
        self.assertEqual(self.ended, [])
        order.done(Outcome(error="E: no"))
        self.assertEqual(self.ended, [True])
        self.assertEqual(
            self.said[-1](), "Checkpoint save.py FAILED after 0.0 s: E: no."
        )

    def test_checkpoint_that_hangs_at_sigterm_is_given_up(self) -> None:
        self.with_file()
        job = self.asked_job(2000)
        self.end(job)
        self.reactor.pump([5, 5, 5])
        self.end(job)
        self.assertEqual(self.ended, [])
        self.reactor.advance(5)
        self.assertEqual((self.ended, self.runner.stopped), ([False], 1))
        # What comes later is not told.
        said = len(self.said)
        self.runner.orders[0].done(Outcome())
        self.assertEqual(len(self.said), said)

    def test_checkpoint_that_the_kernel_never_got_to_is_told_as_such(self) -> None:
        """In a kernel without subshells, when a cell does not end."""
        self.with_file()
        job = self.asked_job(70)
        self.reactor.pump([10] * 7)
        told = "was NOT run: the kernel did not get to it in 1 min 0 s"
        self.assertEqual(job.rows()[1], Row("before the end", f"{self.file}: {told}"))
        self.assertTrue(self.said[-1]().endswith(f"Checkpoint save.py {told}."))
        # What begins now is not told.
        self.runner.orders[0].begun()
        self.assertEqual(job.rows()[1], Row("before the end", f"{self.file}: {told}"))

    def test_checkpoint_that_has_run_for_this_end_does_not_run_at_sigterm(
        self,
    ) -> None:
        self.with_file()
        job = self.asked_job(100)
        self.reactor.pump([10] * 5)
        self.runner.orders[0].done(Outcome())
        self.end(job)
        self.assertEqual((self.ended, len(self.runner.orders)), ([True], 1))

    def test_checkpoint_under_way_at_sigterm_is_waited_for(self) -> None:
        self.with_file()
        job = self.asked_job(100)
        self.reactor.pump([10] * 5)
        self.end(job)
        self.assertEqual((self.ended, len(self.runner.orders)), ([], 1))
        self.runner.orders[0].done(Outcome())
        self.assertEqual(self.ended, [True])

    def test_sigterm_outside_of_a_job_ends_at_once(self) -> None:
        self.with_file()
        alone = self.made({})
        self.assertEqual(
            alone.rows(),
            [Row("before the end", f"{self.file}: never runs: no end is known")],
        )
        self.end(alone)
        self.assertEqual(
            (self.ended, self.explained, self.runner.orders), ([True], [], [])
        )

    def test_file_that_is_gone_is_said_and_harms_nothing(self) -> None:
        self.with_file()
        job = self.asked_job(2000)
        os.remove(self.file)
        self.end(job)
        self.assertEqual((self.ended, self.runner.orders), ([True], []))
        self.assertTrue("Checkpoint save.py was NOT run: cannot" in self.said[-1]())
