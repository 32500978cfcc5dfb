"""With one inner kernel, from its first request to its last answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from unittest import mock

import attrs

from ipr.jupyter.signing import Signer
from ipr.jupyter.wire import Malformed, split
from ipr.lifecycle.causes import Cause, Ending, Figures
from ipr.relay import answers
from ipr.relay.answers import Steps
from ipr.relay.conversation import NOTICE_TIME
from ipr.relay.ledger import MANY_OPEN
from ipr.relay.lostidle import LOOK_TIME
from ipr.relay.questions import AGAIN_TIME, MOST_TRIES
from ipr.relay.request import Request
from ipr.relay.subshells import MOST_STAND_INS
from ipr.relay.turns import URGED_TIME
from ipr.sockets.channels import ChannelClosed
from tests.relay.relay_case import (
    ASKED,
    DIED,
    INFO,
    SHUT_DOWN,
    WAITS,
    RelayCase,
    aborted,
    ended,
)
from tests.requests import SIGNER, header


class StdinTests(RelayCase):
    """Which answers to input() reach the kernel."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()
        self.execute("m1")
        self.took()

    def answer(self, msg_id: str, parent: dict[str, Any] | None = None) -> None:
        self.client(msg_id, "input_reply", channel="stdin", parent=parent, value="x")

    def test_nobody_asked(self) -> None:
        """What the kernel makes of it is its own affair, as without ipr."""
        self.answer("a1")
        self.assertEqual(self.took(), [("kernel 1 stdin", "a1", "input_reply")])

    def test_another_parent(self) -> None:
        """A kernel takes the next answer that comes, whatever it names.

        And it may not: the right one has to get through, too.
        """
        question = split(self.kernel("stdin", "input_request", "m1", prompt="?"))
        self.took()
        self.answer("a1", header("old", "input_request"))
        self.answer("a2", question.header)
        self.answer("a3")
        self.assertEqual([what[1] for what in self.took()], ["a1", "a2", "a3"])

    def test_while_there_is_no_kernel(self) -> None:
        """Nor is it kept for the next one."""
        self.kernel("stdin", "input_request", "m1", prompt="?")
        self.relay.hold()
        self.took()
        self.answer("a1")
        self.assertEqual(self.took(), [])

    def test_other_types(self) -> None:
        """They are answers as well; nothing of it is ipr's business."""
        self.kernel("stdin", "input_request", "m1", prompt="?")
        self.took()
        self.execute("m2", "%restart", channel="stdin")
        self.client("m3", "shutdown_request", channel="stdin")
        self.assertEqual(
            self.took(),
            [
                ("kernel 1 stdin", "m2", "execute_request: %restart"),
                ("kernel 1 stdin", "m3", "shutdown_request"),
            ],
        )
        self.assertEqual(self.relay.ledger.inputs, {})

    def test_client_that_is_on_its_way(self) -> None:
        """Its stdin connects after its shell: it is asked then, once, in order."""
        self.front.hears = False
        self.kernel("stdin", "input_request", "m1", prompt="one")
        self.kernel("stdin", "input_request", "m1", prompt="two")
        self.clock.pump([AGAIN_TIME] * 3)
        self.assertEqual(self.took(), [])
        self.front.hears = True
        self.clock.pump([AGAIN_TIME] * 3)
        self.assertEqual(self.took(), [("ann stdin", "m1", "input_request")] * 2)
        prompts = [split(frames).content["prompt"] for _, frames in self.front.frames]
        self.assertEqual(prompts[-2:], ["one", "two"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_question_that_is_over_before_it_is_heard(self) -> None:
        """By an interrupt, by the kernel's death, by the end of the daemon."""
        ends: list[Callable[[], None]] = [
            lambda: self.end_cell("asks-0", "error"),
            lambda: self.relay.finish(1, DIED),
            lambda: self.relay.end(SHUT_DOWN),
        ]
        for number, end in enumerate(ends):
            cell = f"asks-{number}"
            self.run_kernel()
            self.execute(cell)
            self.front.hears = False
            self.kernel("stdin", "input_request", cell, prompt="?")
            end()
            self.took()
            self.front.hears = True
            self.clock.advance(max(AGAIN_TIME, LOOK_TIME))
            self.assertEqual(self.took(), [])
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_client_that_has_gone(self) -> None:
        """It is not asked for ever."""
        self.front.hears = False
        self.kernel("stdin", "input_request", "m1", prompt="?")
        self.clock.pump([AGAIN_TIME] * MOST_TRIES)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.front.hears = True
        self.clock.advance(AGAIN_TIME)
        self.assertEqual(self.took(), [])

    def test_question_of_a_cell_that_was_closed(self) -> None:
        """What ipr has finished asks nobody any more."""
        self.relay.finish(1, DIED)
        self.open(2)
        self.took()
        self.kernel("stdin", "input_request", "m1", prompt="?")
        self.assertEqual(self.took(), [])


class FinishTests(RelayCase):
    """What a kernel left unanswered."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def test_none_of_many_thousands_is_forgotten(self) -> None:
        """Above MANY_OPEN the ledger gives up what the kernel has passed over."""
        asked = [f"m{number}" for number in range(MANY_OPEN + 100)]
        self.execute("cell")
        self.start_cell("cell")
        for msg_id in asked:
            self.client(msg_id, "comm_info_request")
        self.relay.hold()
        self.took()
        self.relay.finish(1, DIED)
        took = self.took()
        for kind in ("comm_info_reply ok", "idle"):
            self.assertEqual(
                [m for _, m, what in took if what == kind][-len(asked) :], asked
            )

    def test_each_gets_what_lacks(self) -> None:
        """In order; and nothing of that kernel's follows."""
        self.execute("done")
        self.end_cell("done")
        self.execute("ran", identity=b"bob")
        self.start_cell("ran", 7)
        self.execute("queued")
        self.execute("vscode", stop_on_error=False)
        self.client("comp", "complete_request", code="a", cursor_pos=1)
        self.client("comm", "comm_msg", comm_id="c")
        self.client("dbg", "debug_request", channel="control", seq=1)
        self.took()
        self.relay.hold()
        self.took()
        self.relay.finish(1, DIED)
        error = "error: DeadKernelError: the kernel died"
        self.assertEqual(
            self.took(),
            [
                ("iopub", "ran", error),
                *ended("ran", "execute_reply error 7", "bob shell"),
                *aborted("queued"),
                ("iopub", "vscode", "busy"),
                ("iopub", "vscode", error),
                *ended("vscode", "execute_reply error 8"),
                ("iopub", "comp", "busy"),
                *ended("comp", "complete_reply ok"),
                ("iopub", "comm", "busy"),
                ("iopub", "comm", "idle"),
                ("iopub", "dbg", "busy"),
                *ended("dbg", "debug_reply", "ann control"),
            ],
        )
        self.assertEqual(len(self.relay.ledger), 0)
        self.end_cell("ran")
        self.assertEqual(self.took(), [])

    def test_facts_for_programs(self) -> None:
        """Who reads replies need not read prose."""
        self.execute("m1")
        figures = Figures(signal=9, oom_kills=1, limit_kib=1024, pid=7)
        cause = Cause(Ending.DIED, "it died", figures=figures)
        self.relay.finish(1, cause)
        (reply,) = [frames for where, frames in self.front.frames if where == "shell"]
        self.assertEqual(
            json.loads(split(reply).body[4]),
            {
                "ipr": {
                    "cause": "it died",
                    "signal": 9,
                    "exit_code": None,
                    "peak_kib": None,
                    "oom": True,
                    "limit_kib": 1024,
                    "pid": 7,
                }
            },
        )

    def test_cells_of_the_last_kernel_say_what_to_do(self) -> None:
        """Also those that it had not begun with; none follows."""
        self.execute("m1")
        self.start_cell("m1", 3)
        self.execute("vscode", stop_on_error=False)
        self.took()
        self.relay.finish(1, attrs.evolve(DIED, followed=False, deaths=6))
        errors = [what[2] for what in self.took() if what[2].startswith("error")]
        ran = (
            "the kernel died; it died six times in a row and is not started again; run"
            " %restart to start a new one"
        )
        queued = (
            "this cell did not run: the kernel died six times in a row; the last time,"
            " the kernel died; run %restart to start a new one"
        )
        name = "error: DeadKernelError: "
        self.assertEqual(errors, [name + ran, name + queued])

    def test_one_that_cannot_be_answered(self) -> None:
        """The others are answered all the same."""
        for msg_id in ("m1", "m2", "m3"):
            self.execute(msg_id)
        self.took()
        real = answers.lost

        def lost(request: Request, *more: Any) -> Steps:
            if request.msg_id == "m2":
                raise KeyError("a fault of ours")
            return real(request, *more)

        with mock.patch.object(answers, "lost", lost):
            self.relay.finish(1, DIED)
        self.assertEqual(len(self.logged_errors(KeyError)), 1)
        answered = [what[1] for what in self.took() if what[0] == "ann shell"]
        self.assertEqual(answered, ["m1", "m3"])
        self.assertEqual(len(self.relay.ledger), 0)

    def test_nothing_follows(self) -> None:
        """What that kernel still says, and what is meant for it, goes nowhere."""
        self.relay.finish(1, DIED)
        self.took()
        self.kernel("iopub", "stream", "m1", name="stdout", text="late")
        self.relay.inbound.business.interrupt()
        self.assertEqual(self.took(), [])

    def test_number_after_it(self) -> None:
        """The next kernel counts from the beginning."""
        self.execute("m1")
        self.start_cell("m1", 7)
        self.relay.finish(1, DIED)
        self.open(2)
        self.took()
        self.execute("m2", "%ipr status")
        self.assertEqual(
            self.took()[1], ("iopub", "m2", "execute_input 0: %ipr status")
        )

    def test_real_late_reply_wins(self) -> None:
        """What the kernel still said while it was drained counts."""
        self.execute("m1")
        self.start_cell("m1")
        self.relay.hold()
        self.took()
        self.kernel("shell", "execute_reply", "m1", status="ok", execution_count=1)
        self.relay.finish(1, ASKED)
        self.assertEqual(
            self.took(),
            [("ann shell", "m1", "execute_reply ok 1"), ("iopub", "m1", "idle")],
        )

    def test_late_messages_in_the_next_generation(self) -> None:
        """Should a new kernel name an old request, nobody gets a second reply."""
        self.execute("m1")
        self.relay.finish(1, DIED)
        self.open(2)
        self.took()
        self.kernel("shell", "execute_reply", "m1", status="ok")
        self.assertEqual(self.took(), [])

    def test_kernel_that_dies_at_once(self) -> None:
        """The first open cell is the one that ran, though it could not say so."""
        self.execute("m1")
        self.execute("m2")
        self.took()
        self.relay.finish(1, DIED)
        self.assertEqual(
            self.took(),
            [
                ("iopub", "m1", "busy"),
                ("iopub", "m1", "error: DeadKernelError: the kernel died"),
                *ended("m1", "execute_reply error 1"),
                *aborted("m2"),
            ],
        )

    def test_error_that_was_shown(self) -> None:
        """A cell that showed its own error before the end shows no second one."""
        self.execute("m1")
        self.start_cell("m1")
        self.kernel("iopub", "error", "m1", ename="E", evalue="e", traceback=[])
        self.took()
        self.relay.finish(1, DIED)
        self.assertEqual(self.took(), ended("m1", "execute_reply error 1"))

    def test_socket_that_is_broken(self) -> None:
        """What could not be sent is answered with what could."""
        self.relay.finish(1, ASKED)
        self.run_kernel(2)
        self.inner.broken = True
        self.raised(ChannelClosed, self.execute, "lost")
        self.relay.finish(2, DIED)
        self.assertIn(("ann shell", "lost", "execute_reply error 1"), self.took())


class PartingTests(RelayCase):
    """An inner kernel that is to end ends what it runs first, if it can."""

    SIGINT = ("kernel 1", "SIGINT")
    GO = ("kernel 1 control", "(shutdown_request)", "shutdown_request")

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def part(self) -> None:
        self.relay.hold()
        self.took()
        self.relay.ask_to_go()

    def test_idle_kernel_is_not_interrupted_before_its_goodbye(self) -> None:
        """Nothing runs: nothing is interrupted."""
        self.part()
        self.assertEqual(self.took(), [self.GO])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cell_that_ends(self) -> None:
        """Told to go only when all behind it are aborted, too."""
        self.execute("m1")
        self.execute("m2")
        self.start_cell("m1")
        self.part()
        self.assertEqual(self.took(), [self.SIGINT])
        self.end_cell("m1", "error")
        self.status("m2", "busy")
        self.kernel("shell", "execute_reply", "m2", status="aborted")
        self.assertEqual(self.took().count(self.GO), 0)
        self.status("m2", "idle")
        self.assertEqual(self.took(), [("iopub", "m2", "idle"), self.GO])
        self.clock.advance(1)
        self.assertEqual(self.took(), [])

    def reply_comes_after_the_idle(self) -> None:
        """Both of m1's; then the kernel is told to go."""
        self.took()
        self.status("m1", "idle")
        self.kernel("shell", "execute_reply", "m1", status="error")
        self.assertEqual(
            self.took(),
            [
                ("iopub", "m1", "idle"),
                ("ann shell", "m1", "execute_reply error None"),
                self.GO,
            ],
        )

    def test_reply_after_idle_while_one_is_settled(self) -> None:
        """A %restart whose options are being worked out does not hold it up."""
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.part()
        self.reply_comes_after_the_idle()

    def test_own_interrupt_urges_nobody(self) -> None:
        """Only a user's interrupt lets a %restart go over running cells.

        Another one ends the kernel while the options of this one are worked out;
        it then waits for what runs in the new kernel, like any other.
        """
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.execute("n", "%restart now\nlong()")
        self.relay.hold()
        self.relay.ask_to_go()
        self.relay.finish(1, ASKED)
        self.open(2)
        self.answer_probe()
        self.relay.release(2)
        self.clock.advance(URGED_TIME)
        self.took()
        self.changer.settle()
        self.clock.advance(2 * URGED_TIME)
        self.assertEqual(self.took(), [("iopub", "r", WAITS)])
        self.end_cell("n")
        self.assertIn(("restart",), self.took())

    def test_reply_after_idle(self) -> None:
        self.execute("m1")
        self.part()
        self.reply_comes_after_the_idle()

    def test_cell_that_does_not_end(self) -> None:
        self.execute("m1")
        self.part()
        self.clock.advance(NOTICE_TIME - 0.01)
        self.assertEqual(self.took(), [self.SIGINT])
        self.clock.advance(0.02)
        self.assertEqual(self.took(), [self.GO])
        self.end_cell("m1", "error")
        self.assertEqual(self.took().count(self.GO), 0)

    def test_kernel_that_ends(self) -> None:
        """There is nobody left to be told."""
        self.execute("m1")
        self.part()
        self.relay.finish(1, ASKED)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_by_message(self) -> None:
        self.relay.finish(1, ASKED)
        self.run_kernel(2, mode="message")
        self.execute("m1")
        self.part()
        self.clock.advance(NOTICE_TIME)
        self.assertEqual(
            self.took(),
            [
                ("kernel 2 control", "(interrupt_request)", "interrupt_request"),
                ("kernel 2 control", "(shutdown_request)", "shutdown_request"),
            ],
        )

    def test_parting_without_kernel_does_nothing(self) -> None:
        self.relay.finish(1, ASKED)
        self.took()
        self.relay.ask_to_go()
        self.assertEqual(self.took(), [])


class SubshellTests(RelayCase):
    """A subshell of the kernel before is named by JupyterLab for ever."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def sent(self) -> object:
        """Return the subshell_id that the kernel got last."""
        body = self.inner.bodies[-1]
        self.assertTrue(SIGNER.verifies(body))
        return split(body).header.get("subshell_id")

    def create(self, made: str) -> None:
        self.client(f"c{made}", "create_subshell_request", channel="control")
        self.kernel(
            "control",
            "create_subshell_reply",
            f"c{made}",
            status="ok",
            subshell_id=made,
        )

    def test_known_subshell_passes_as_it_came(self) -> None:
        """The very frames pass."""
        self.create("s1")
        frames = self.execute("m1", subshell="s1")
        self.assertEqual(self.inner.bodies[-1], frames[1:])

    def test_unknown_subshell_is_for_the_kernel_to_judge(self) -> None:
        """The kernel says what it thinks of it; no thread of it is made for that."""
        for number in range(300):
            frames = self.execute(f"m{number}", subshell=f"made up {number}")
            self.assertEqual(self.inner.bodies[-1], frames[1:])
        self.assertFalse("create_subshell_request" in self.inner.asked)

    def test_of_the_generation_before(self) -> None:
        """What this generation did not make is stale."""
        self.create("s1")
        self.relay.hold()
        self.relay.finish(1, ASKED)
        self.run_kernel(2)
        self.execute("m1", subshell="s1")
        self.assertEqual(self.sent(), None)
        self.took()
        self.end_cell("m1")
        self.assertEqual(self.took()[0], ("ann shell", "m1", "execute_reply ok 1"))

    def test_deleted_subshell_gets_no_stand_in(self) -> None:
        """One that was deleted is none of an earlier kernel's."""
        self.create("s1")
        self.client("d", "delete_subshell_request", channel="control", subshell_id="s1")
        self.kernel("control", "delete_subshell_reply", "d", status="ok")
        self.execute("m1", subshell="s1")
        self.assertEqual(self.sent(), "s1")
        self.relay.hold()
        self.relay.finish(1, ASKED)
        self.run_kernel(2)
        self.execute("m2", subshell="s1")
        self.assertEqual(self.sent(), "s1")

    def have_subshells(self, *subshells: str) -> None:
        """Have the next kernel come, one that has subshells, after these."""
        for subshell in subshells:
            self.create(subshell)
        info = {**INFO, "supported_features": ["kernel subshells"]}
        self.relay.hold()
        self.relay.finish(1, ASKED)
        self.open(2)
        self.kernel("iopub", "status", "", execution_state="starting")
        self.kernel("shell", "kernel_info_reply", self.probe(), **info)
        self.took()
        self.relay.release(2)

    def test_many_stand_ins(self) -> None:
        """Each is a thread of the kernel: the newest get theirs, the others do well."""
        self.have_subshells(*(f"s{number}" for number in range(MOST_STAND_INS + 9)))
        for number in range(MOST_STAND_INS + 9):
            self.execute(f"m{number}", subshell=f"s{number}")
            self.assertEqual(self.sent(), None)
        sent = [what[2] for what in self.took()]
        self.assertEqual(sent.count("create_subshell_request"), MOST_STAND_INS)

    def test_nested_too_deeply(self) -> None:
        """A header that cannot be written again passes as it is."""
        self.have_subshells("old")
        self.took()
        with mock.patch.object(Signer, "resign", side_effect=Malformed):
            frames = self.execute("m1", subshell="old")
        self.assertEqual(self.inner.bodies[-1], frames[1:])

    def test_earlier_subshell_gets_a_stand_in(self) -> None:
        """A kernel that has subshells makes one that stands in for the old one."""
        self.have_subshells("old")
        self.assertEqual(
            [what[1] for what in self.took()[:1]], ["(create_subshell_request)"]
        )
        self.execute("m1", subshell="old")
        self.execute("m2", subshell="old")
        self.assertEqual(
            self.took()[-2:],
            [
                ("kernel 2 shell", "m1", "execute_request: 1"),
                ("kernel 2 shell", "m2", "execute_request: 1"),
            ],
        )
        self.assertEqual(self.sent(), None)
        self.kernel(
            "control",
            "create_subshell_reply",
            self.inner.asked["create_subshell_request"],
            status="ok",
            subshell_id="new",
        )
        self.assertEqual(self.took(), [])
        self.execute("m3", subshell="old")
        self.assertEqual(self.sent(), "new")
        self.client(
            "d", "delete_subshell_request", channel="control", subshell_id="old"
        )
        self.assertEqual(split(self.inner.bodies[-1]).content, {"subshell_id": "new"})
        self.assertTrue(SIGNER.verifies(self.inner.bodies[-1]))
