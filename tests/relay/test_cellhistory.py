"""What is taken down of the cells that run, and how long it is kept."""

from __future__ import annotations

import json
from typing import Any

from ipr.jupyter.wire import Envelope, split
from ipr.relay.cellhistory import BESIDES, CellHistory, Recording
from ipr.relay.ledger import Ledger
from ipr.relay.ran import Outcome, Ran
from ipr.relay.request import Request
from tests.case import Case
from tests.relay.relay_case import ASKED, DIED, RelayCase
from tests.requests import body, header, request


def reply(**content: Any) -> Envelope:
    """Make the reply to a cell."""
    return split(body(header("r", "execute_reply"), content))


class RecordingTests(Case):
    """Of one kernel, as its ledger tells."""

    def setUp(self) -> None:
        self.now = 10.0
        self.history = CellHistory(1 << 20)
        self.ledger = Ledger(Recording(self.history, 3, lambda: self.now))

    def enter(self, msg_id: str = "m1", **content: Any) -> Request:
        made = request(msg_id, code="x = 1", **content)
        self.ledger.enter(made)
        return made

    def only(self) -> Ran:
        """Return the one cell that there is."""
        (found,) = self.history
        return found

    def test_a_cell_that_went_well_has_its_times_and_its_number(self) -> None:
        made = self.enter()
        self.assertEqual(self.only().outcome, Outcome.WAITING)
        self.now = 12.0
        self.ledger.busy(made)
        self.assertEqual(self.only().outcome, Outcome.RUNNING)
        self.now = 13.0
        self.assertEqual(self.only().seconds(self.now), 1.0)
        made.progress.execution_count = 7
        self.ledger.replied(made, reply(status="ok", payload=[]))
        self.now = 99.0
        ran = self.only()
        self.assertEqual(
            (ran.code, ran.generation, ran.outcome, ran.number, ran.sent, ran.began),
            ("x = 1", 3, Outcome.OK, 7, 10.0, 12.0),
        )
        self.assertEqual(ran.seconds(self.now), 1.0)

    def test_what_the_reply_says_is_its_outcome(self) -> None:
        """Good is what is not bad: the word may also stand in an expression."""
        for content, outcome in (
            ({"status": "error"}, Outcome.ERROR),
            ({"status": "aborted"}, Outcome.NOT_RUN),
            ({"status": "ok", "user_expressions": {"error": "x"}}, Outcome.OK),
            ({"user_expressions": {"x": {"status": "error"}}}, Outcome.OK),
        ):
            made = self.enter(str(content))
            self.ledger.replied(made, reply(**content))
            self.assertEqual([*self.history][-1].outcome, outcome, content)

    def test_a_reply_that_is_no_json_is_an_error(self) -> None:
        made = self.enter()
        broken = reply(status="ok")
        broken.body[5] = b'{"error"'
        self.ledger.replied(made, broken)
        self.assertEqual(self.only().outcome, Outcome.ERROR)

    def test_what_a_front_end_runs_by_itself_is_no_cell(self) -> None:
        """The words in the code of a cell do not make it one."""
        self.enter("m1", silent=True)
        self.enter("m2", store_history=False)
        self.ledger.enter(request("m3", "execute_request", channel="control", code="y"))
        self.ledger.enter(request("m4", "complete_request", code="y"))
        self.assertEqual([*self.history], [])
        code = "x = '\"silent\": true'"
        made = request("m5", code=code)
        made.content_frame = json.dumps({"code": code}).replace('\\"', '"').encode()
        self.ledger.enter(made)
        self.enter("m6", silent=False, store_history=True)
        self.assertEqual(len([*self.history]), 2)

    def test_lost_cells_have_crashed_been_cut_off_or_not_run(self) -> None:
        for died, begun, outcome in (
            (True, True, Outcome.CRASHED),
            (False, True, Outcome.CUT_OFF),
            (True, False, Outcome.NOT_RUN),
            (False, False, Outcome.NOT_RUN),
        ):
            made = self.enter(f"{died} {begun}")
            if begun:
                self.ledger.busy(made)
            self.ledger.close(made, died=died)
            self.assertEqual([*self.history][-1].outcome, outcome)

    def test_what_was_said_first_counts(self) -> None:
        """A reply, and then the end of its kernel before the idle."""
        made = self.enter()
        self.ledger.replied(made, reply(status="ok"))
        self.ledger.close(made, died=True)
        self.assertEqual(self.only().outcome, Outcome.OK)
        ran = self.only()
        ran.begin(99.0)
        ran.end(99.0, Outcome.ERROR)
        self.assertEqual((ran.outcome, ran.ended), (Outcome.OK, 10.0))

    def test_a_part_of_a_cell_is_taken_down_as_the_kernel_had_it(self) -> None:
        made = request("m1", code="x = 3\n%restart")
        self.ledger.enter(made, b'{"code": "x = 3\\n"}')
        self.assertEqual(self.only().code, "x = 3\n")

    def test_content_that_makes_no_sense_has_no_code(self) -> None:
        for content in (b"", b"[]", b'{"code": 3}', b'{"silent": true'):
            made = request("m1")
            made.content_frame = memoryview(content) if content else content
            self.ledger.enter(made)
        self.assertEqual({ran.code for ran in self.history}, {""})

    def test_a_finished_request_keeps_no_code(self) -> None:
        """The ledger remembers requests for a while, bounded by their number only."""
        made = self.enter()
        self.ledger.replied(made)
        self.ledger.idled(made)
        self.assertIs(made.progress.ran, None)


class LimitTests(Case):
    """How much is kept."""

    def test_oldest_go_first_and_are_counted_by_kernel(self) -> None:
        history = CellHistory(2 * (100 + BESIDES))
        for generation in (1, 2, 2, 2):
            history.add(Ran(b"x" * 100, generation, 0.0))
        self.assertEqual([ran.generation for ran in history], [2, 2])
        self.assertEqual(dict(history.forgotten), {1: 1, 2: 1})
        self.assertEqual(len(history.of(2)), 2)
        self.assertEqual(history.of(1), [])

    def test_nothing_is_kept_where_nothing_may_be(self) -> None:
        history = CellHistory(0)
        history.add(Ran(b"", 1, 0.0))
        self.assertEqual([*history], [])


class RelayTests(RelayCase):
    """Through the relay."""

    def outcomes(self) -> list[tuple[int, str, str]]:
        return [(ran.generation, ran.code, ran.outcome.value) for ran in self.history]

    def test_cells_are_taken_down_on_their_way(self) -> None:
        self.run_kernel()
        self.execute("m1", "a")
        self.start_cell("m1", 4)
        self.end_cell("m1", number=4)
        self.execute("m2", "b")
        self.start_cell("m2")
        self.end_cell("m2", "error")
        self.assertEqual(self.outcomes(), [(1, "a", "ok"), (1, "b", "error")])
        self.assertEqual([ran.number for ran in self.history], [4, 1])

    def test_a_crash_is_one_of_the_cell_that_ran(self) -> None:
        self.run_kernel()
        self.execute("m1", "a")
        self.execute("m2", "b")
        self.start_cell("m1")
        self.relay.hold()
        self.relay.finish(1, DIED)
        self.assertEqual(self.outcomes(), [(1, "a", "crashed"), (1, "b", "not run")])

    def test_a_restart_cuts_the_running_cell_off(self) -> None:
        self.run_kernel()
        self.execute("m1", "a")
        self.start_cell("m1")
        self.relay.hold()
        self.relay.finish(1, ASKED)
        self.assertEqual(self.outcomes(), [(1, "a", "cut off")])

    def test_of_a_cell_with_a_restart_only_the_kernels_part_is_taken_down(self) -> None:
        """The lines before it ran in the old kernel, those after it in the new one."""
        self.run_kernel()
        self.execute("m1", "x = 3\n%restart")
        self.start_cell("m1")
        self.end_cell("m1")
        self.turn_over()
        self.execute("m2", "%restart now\ny = 4")
        self.turn_over(3)
        self.start_cell("m2")
        self.end_cell("m2")
        self.execute("m3", "%ipr status")
        self.assertEqual(self.outcomes(), [(1, "x = 3\n", "ok"), (3, "y = 4", "ok")])
