"""The numbers of the restart machine."""

from __future__ import annotations

import attrs

from ipr.lifecycle.limits import Ladder, Limits, Tally
from tests.case import Case
from tests.lifecycle.machine_world import DIED, TERMINATED


class LimitsTests(Case):
    def test_pause_doubles_with_each_death(self) -> None:
        """0, 0.5, 1, 2, 4 seconds; after SIGTERM one second at least."""
        limits = Limits()
        self.assertEqual(
            [limits.pause(Tally(deaths), DIED) for deaths in range(6)],
            [0, 0, 0.5, 1, 2, 4],
        )
        self.assertEqual(
            [limits.pause(Tally(deaths), TERMINATED) for deaths in range(6)],
            [1, 1, 1, 1, 2, 4],
        )

    def test_defaults_fit_managers_and_batch_systems(self) -> None:
        """The numbers of jupyter_client; a way out that its 2.5 s cover."""
        limits = Limits()
        self.assertEqual(
            (limits.restart_limit, limits.stable_start_time, limits.start_timeout),
            (5, 10, 60),
        )
        ladders = limits.ladders
        last = sum(attrs.astuple(ladders.quickly)) + limits.drain_time
        self.assertTrue(last < 2, last)
        # jupyter_client's shutdown_wait_time is 5 s, Slurm's KillWait 30 s; both
        # have sent SIGKILL before the kernel's time is over, or leave us 10 s.
        self.assertTrue(ladders.requested.terminate > 5)
        self.assertEqual(ladders.terminated, Ladder(0, 20))
