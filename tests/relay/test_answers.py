"""What finishes a request that no inner kernel answers: the table, row by row."""

from __future__ import annotations

import itertools
from typing import Any, get_args

from ipr.jupyter import messages
from ipr.jupyter.messages import BUSY, IDLE, Draft, Failure
from ipr.relay import answers
from ipr.relay.answers import Publish, Reply, Step, Steps
from ipr.relay.request import Code, ReplyState, Request, Status
from tests.case import Case
from tests.requests import request

WHY = Failure("DeadKernelError", "it died", ("tb",))
INFO = Draft("kernel_info_reply", {"status": "ok", "banner": "b"})
BEGIN, END = Publish(BUSY), Publish(IDLE)
ERROR = Publish(messages.error(WHY))


def failed(count: int) -> Reply:
    """Return the reply of a cell that failed."""
    return Reply(messages.execute_error(WHY, count))


#: The reply of a cell that was not run.
ABORTED = Reply(messages.execute_aborted())


class LostCellTests(Case):
    """Cells that went to an inner kernel that is no more."""

    def lost(self, cell: Request) -> Steps:
        return answers.lost(cell, WHY, 7, INFO)

    def test_running_cell_fails_with_its_count(self) -> None:
        """A cell that ran fails: error, reply with its count, idle."""
        cell = request("m1")
        cell.progress.begin()
        self.assertEqual(self.lost(cell), (ERROR, failed(7), END))

    def test_silent_cell_that_ran_shows_nothing(self) -> None:
        """A silent cell shows nothing."""
        cell = request("m1", silent=True)
        cell.progress.begin()
        self.assertEqual(self.lost(cell), (failed(7), END))

    def test_error_was_shown(self) -> None:
        """A cell that showed its own error shows no second one."""
        cell = request("m1")
        cell.progress.begin()
        cell.progress.code = "failed"
        self.assertEqual(self.lost(cell), (failed(7), END))

    def test_queued_cell_is_aborted(self) -> None:
        """A cell that had not started is aborted, as the kernel itself would."""
        self.assertEqual(self.lost(request("m1")), (BEGIN, ABORTED, END))
        self.assertEqual(
            self.lost(request("m1", stop_on_error=True)), (BEGIN, ABORTED, END)
        )

    def test_queued_without_stop_on_error(self) -> None:
        """To VS Code, which sends false, aborted would be a success: an error."""
        cell = request("m1", stop_on_error=False)
        self.assertEqual(self.lost(cell), (BEGIN, ERROR, failed(7), END))

    def test_replied_cell_gets_only_its_idle(self) -> None:
        """Only what is missing is sent."""
        cell = request("m1")
        cell.progress.begin()
        cell.progress.reply = "sent"
        self.assertEqual(self.lost(cell), (END,))

    def test_idle_but_not_replied(self) -> None:
        """There is no second idle."""
        cell = request("m1")
        cell.progress.begin()
        cell.progress.status = "idle"
        self.assertEqual(self.lost(cell), (ERROR, failed(7)))

    def test_aborted_cell_after_idle(self) -> None:
        """A cell whose idle came is not made busy again."""
        cell = request("m1")
        cell.progress.status = "idle"
        self.assertEqual(self.lost(cell), (ABORTED,))


class RefusedCellTests(Case):
    """Cells that no inner kernel will ever see."""

    def test_shown_and_failed(self) -> None:
        """Busy, execute_input, error, error reply, idle."""
        self.assertEqual(
            answers.refused(request("m1", code="1+1"), WHY, 7, INFO),
            (
                BEGIN,
                Publish(messages.execute_input("1+1", 7)),
                ERROR,
                failed(7),
                END,
            ),
        )

    def test_refused_silent_cell_shows_nothing(self) -> None:
        """A silent cell shows nothing."""
        self.assertEqual(
            answers.refused(request("m1", code="1", silent=True), WHY, 7, INFO),
            (BEGIN, failed(7), END),
        )

    def test_cell_behind_a_failed_one_is_aborted(self) -> None:
        """A cell behind one that failed: busy, aborted, idle."""
        self.assertEqual(answers.aborted(request("m1")), (BEGIN, ABORTED, END))

    def test_steps_get_the_busy_and_idle_that_lack(self) -> None:
        """Steps of somebody else's get what lacks around them."""
        step = Reply(messages.execute_ok(0))
        fresh, begun = request("m1"), request("m2")
        begun.progress.begin()
        self.assertEqual(answers.answered(fresh, step), (BEGIN, step, END))
        self.assertEqual(answers.answered(begun, step), (step, END))


def ok(kind: str, **fields: Any) -> tuple[Step, ...]:
    """Return the one step of a request that gets a harmless answer."""
    return (Reply(Draft(kind, {"status": "ok", **fields})),)


FAILED = {"ename": "DeadKernelError", "evalue": "it died", "traceback": ["tb"]}

# Request type, its content, the steps between busy and idle.
TABLE: list[tuple[str, dict[str, Any], tuple[Step, ...]]] = [
    ("kernel_info_request", {}, (Reply(INFO),)),
    (
        "complete_request",
        {"code": "ab", "cursor_pos": 2},
        ok("complete_reply", matches=[], cursor_start=2, cursor_end=2, metadata={}),
    ),
    (
        "inspect_request",
        {},
        ok("inspect_reply", found=False, data={}, metadata={}),
    ),
    ("history_request", {}, ok("history_reply", history=[])),
    (
        "is_complete_request",
        {},
        (Reply(Draft("is_complete_reply", {"status": "unknown"})),),
    ),
    ("comm_info_request", {}, ok("comm_info_reply", comms={})),
    (
        "comm_open",
        {"comm_id": "c1"},
        (Publish(Draft("comm_close", {"comm_id": "c1", "data": {}})),),
    ),
    ("comm_msg", {"comm_id": "c1"}, ()),
    ("comm_close", {"comm_id": "c1"}, ()),
    ("interrupt_request", {}, ok("interrupt_reply")),
    ("shutdown_request", {}, ok("shutdown_reply", restart=False)),
    ("usage_request", {}, (Reply(Draft("usage_reply", {})),)),
    ("list_subshell_request", {}, ok("list_subshell_reply", subshell_id=[])),
    (
        "create_subshell_request",
        {},
        (Reply(Draft("create_subshell_reply", {"status": "error", **FAILED})),),
    ),
    (
        "delete_subshell_request",
        {"subshell_id": "s"},
        (Reply(Draft("delete_subshell_reply", {"status": "error", **FAILED})),),
    ),
    (
        "debug_request",
        {"type": "request", "seq": 9, "command": "attach"},
        (
            Reply(
                Draft(
                    "debug_reply",
                    {
                        "type": "response",
                        "request_seq": 9,
                        "seq": 9,
                        "command": "attach",
                        "success": False,
                        "message": "it died",
                    },
                )
            ),
        ),
    ),
    (
        "strange_request",
        {},
        (Reply(Draft("strange_reply", {"status": "error", **FAILED})),),
    ),
]


class TableTests(Case):
    def test_each_type(self) -> None:
        """Each type of request gets its answer between one busy and one idle."""
        for kind, content, steps in TABLE:
            for answer in (answers.lost, answers.refused):
                self.assertEqual(
                    answer(request("m1", kind, **content), WHY, 7, INFO),
                    (BEGIN, *steps, END),
                    kind,
                )

    def test_fields_that_lack(self) -> None:
        """What a client left out counts as 0."""
        for kind, field in (
            ("complete_request", "cursor_end"),
            ("debug_request", "seq"),
        ):
            found: Any = answers.lost(request("m1", kind), WHY, 7, INFO)[1]
            self.assertEqual(found.draft.content[field], 0)

    def test_each_type_that_had_its_reply(self) -> None:
        """What had its reply gets its idle only; no comm_close after that either."""
        for kind, content, _ in TABLE:
            made = request("m1", kind, **content)
            made.progress.begin()
            made.progress.reply = "sent"
            self.assertEqual(answers.lost(made, WHY, 7, INFO), (END,), kind)

    def test_one_reply_and_one_idle_each(self) -> None:
        """Whatever was seen before, the sum is one reply, if any, and one idle."""
        kinds = [(kind, content) for kind, content, _ in TABLE]
        for kind, content in [*kinds, ("execute_request", {})]:
            for seen in itertools.product(*map(get_args, (Status, Code, ReplyState))):
                made = request("m1", kind, **content)
                progress = made.progress
                progress.status, progress.code, progress.reply = seen
                replied = progress.reply == "sent"
                idle = progress.status == "idle"
                steps = answers.lost(made, WHY, 7, INFO)
                replies = sum(isinstance(step, Reply) for step in steps)
                idles = sum(step == END for step in steps)
                self.assertEqual(
                    (replies + replied, idles + idle),
                    (1 if made.wants_reply or replied else 0, 1),
                    (kind, seen),
                )
                # A busy that no idle follows would leave the kernel "busy".
                self.assertFalse(idle and BEGIN in steps, (kind, seen))
