"""The limit of a cell's time, kept by the clock."""

from __future__ import annotations

from typing import Any

from ipr.daemon.limiting import LOOK_TIME, CellTime
from ipr.lifecycle.limits import Pace
from ipr.relay.answers import Steps
from ipr.relay.celllimit import GRACE
from ipr.relay.gate import Holding, Open
from ipr.relay.request import Request
from tests.case import Case
from tests.daemon.test_report import FakePart
from tests.requests import request


class LimitingCase(Case):
    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.done: list[str] = []
        self.cells: list[Request] = []
        nothing: Any = None
        self.relay: Any = FakePart(
            ledger=FakePart(unfinished=lambda: self.cells, inputs={}),
            gate=FakePart(state=Open(nothing)),
            voice=FakePart(post=self.post),
            inbound=FakePart(
                business=FakePart(interrupt=lambda: self.done.append("interrupt"))
            ),
        )
        restarter: Any = FakePart(restart=self.restart)
        clock: Any = self.clock
        self.time = CellTime(clock, lambda: (self.relay, restarter))
        self.addCleanup(self.time.stop)

    def post(self, cell: Request, steps: Steps) -> None:
        (step,) = steps
        self.done.append(f"{cell.msg_id}: {step.draft.content['text'].strip()}")

    def restart(self, pace: Pace) -> None:
        self.done.append(f"restart {pace.name}")

    def run_cell(self, msg_id: str = "m1", **header: Any) -> Request:
        cell = request(msg_id, "execute_request")
        cell.header.update(header)
        cell.progress.begin()
        self.cells = [cell]
        return cell

    def pass_time(self, seconds: float) -> list[str]:
        """Let time pass; return what was done."""
        for _ in range(int(seconds / LOOK_TIME)):
            self.clock.advance(LOOK_TIME)
        found, self.done[:] = list(self.done), []
        return found


class LimitingTests(LimitingCase):
    def test_a_cell_is_told_why_and_interrupted_then_its_kernel_restarted(self) -> None:
        self.time.set(60)
        self.run_cell()
        self.assertEqual(self.pass_time(60), [])
        why, interrupt = self.pass_time(1)
        self.assertEqual(why, "m1: stopped after 1m: %ipr limit 1m")
        self.assertEqual(interrupt, "interrupt")
        why, restart = self.pass_time(GRACE + 1)
        self.assertIn("m1: the cell went on for 10 s after it was interrupted", why)
        self.assertEqual(restart, "restart URGENT")
        self.assertEqual(self.pass_time(99), [])

    def test_a_cell_that_ends_in_time_is_left_alone(self) -> None:
        self.time.set(60)
        for number in range(5):
            self.run_cell(f"m{number}")
            self.assertEqual(self.pass_time(50), [])

    def test_input_and_a_restart_take_no_time(self) -> None:
        self.time.set(60)
        self.run_cell()
        self.pass_time(1)
        self.relay.ledger.inputs = {"i1": None}
        self.assertEqual(self.pass_time(600), [])
        self.relay.ledger.inputs = {}
        self.relay.gate.state = Holding()
        self.assertEqual(self.pass_time(600), [])

    def test_queued_cells_and_those_of_subshells_have_no_limit(self) -> None:
        self.time.set(60)
        self.run_cell(subshell_id="s")
        self.assertEqual(self.pass_time(600), [])
        self.cells = [request("m1", "execute_request")]
        self.assertEqual(self.pass_time(600), [])

    def test_off_leaves_no_timer(self) -> None:
        self.time.set(60)
        self.run_cell()
        self.time.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.pass_time(600), [])

    def test_status_says_what_is_left(self) -> None:
        self.assertEqual((self.time.described(), self.time.rows()), ("none", []))
        self.time.set(600)
        self.assertEqual(self.time.described(), "10m")
        self.run_cell()
        self.pass_time(60.5)
        (row,) = self.time.rows()
        self.assertEqual(row.value, "10m, 9m left for the running cell")
