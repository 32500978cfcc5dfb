"""For how long nothing has run in the kernel."""

from __future__ import annotations

from tests.relay.relay_case import RelayCase


class QuietTests(RelayCase):
    def seconds(self) -> float:
        return self.relay.quiet()[0]

    def test_nothing_is_quiet_before_a_kernel_is_ready(self) -> None:
        self.open()
        self.assertEqual(self.seconds(), -1)

    def test_time_counts_from_the_first_look_at_an_idle_kernel(self) -> None:
        self.run_kernel()
        self.assertEqual(self.seconds(), 0)
        self.clock.advance(5)
        self.assertEqual(self.seconds(), 5)

    def test_cell_that_runs_is_not_quiet(self) -> None:
        self.run_kernel()
        self.seconds()
        self.execute("m1")
        self.assertEqual(self.seconds(), -1)

    def test_cell_that_has_run_since_the_last_look_begins_it_again(self) -> None:
        self.run_kernel()
        self.seconds()
        self.clock.advance(5)
        self.execute("m1")
        self.start_cell("m1")
        self.end_cell("m1")
        self.assertEqual(self.seconds(), 0)
