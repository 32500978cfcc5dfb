"""What runs in each new kernel and is seen: where its output stands, how it fails."""

from __future__ import annotations

from typing import Any
from unittest import mock

import attrs
from twisted.internet.defer import Deferred, fail, succeed

from ipr.jupyter.wire import split
from ipr.lifecycle.causes import Cause, Ending
from ipr.lifecycle.limits import Pace
from ipr.relay.codefile import CodeFile
from ipr.relay.gate import NOT_SENT, Open
from ipr.relay.initcode import InitCode
from ipr.relay.pieces import Piece
from ipr.relay.underway import PROGRESS_TIME
from ipr.sockets.channels import ChannelClosed
from tests.fakes import Done
from tests.relay.relay_case import (
    ASKED,
    SHUT_DOWN,
    RelayCase,
    SecondIsR,
    aborted,
    begun,
    ended,
)

KILLED = Cause(Ending.DIED, "the kernel was killed by SIGSEGV", followed=True)
ERROR: dict[str, Any] = {"ename": "E", "evalue": "no", "traceback": ["line 1", "E: no"]}


class InitialCase(RelayCase):
    """A kernel that runs, and a file for those after it."""

    def setUp(self) -> None:
        self.reads: list[Deferred[str]] = []
        self.init = InitCode(CodeFile("/home/init.py", lambda: self.reads.pop(0)))
        super().setUp()
        self.reads = [succeed("")]
        self.run_kernel()
        self.end_piece()
        self.took()
        self.inner.bodies.clear()
        self.reads = [succeed("import os"), succeed("import os")]

    # --- the kernel ---------------------------------------------------------

    @property
    def piece(self) -> str:
        """The id under which the kernel runs code now."""
        return self.inner.asked["execute_request"]

    def ran(self) -> list[dict[str, Any]]:
        """Return what the kernel was given to run."""
        found = [split([b"", *body]) for body in self.inner.bodies]
        return [
            sent.content
            for sent in found
            if sent.header["msg_type"] == "execute_request"
        ]

    def codes(self) -> list[str]:
        return [content["code"] for content in self.ran()]

    def end_piece(self, status: str = "ok", **content: Any) -> None:
        """Have the kernel run what it was given: all that ipykernel says of it."""
        self.start_cell(self.piece)
        if status == "error":
            self.kernel("iopub", "error", self.piece, **content)
        self.kernel("shell", "execute_reply", self.piece, status=status, **content)
        self.status(self.piece, "idle")

    def new_kernel(self, generation: int = 2, cause: Cause = ASKED) -> None:
        """Have the next kernel come; it has begun with what it runs first."""
        self.relay.hold()
        self.relay.finish(generation - 1, cause)
        self.open(generation)
        self.answer_probe()
        self.took()
        self.relay.release(generation)

    def restart(self, code: str = "%restart", **more: Any) -> None:
        self.execute("m1", code, **more)
        self.new_kernel()

    def gone(self, cause: Cause = KILLED, generation: int = 2) -> None:
        self.relay.hold()
        self.relay.finish(generation, cause)

    def shown(self, done: Done) -> list[str]:
        """Return what stands under the cell, and how it ends."""
        seen = [what for what in done if what[0] in ("iopub", "ann shell")]
        return [what[2] for what in seen if what[1] == "m1"]


class OutputTests(InitialCase):
    """It goes well, in the cell that has restarted."""

    def test_output_stands_in_the_cell_that_restarted(self) -> None:
        self.restart(cell=True)
        self.assertEqual(self.codes(), ["import os"])
        self.kernel("iopub", "stream", "m1", name="stdout", text="hello")
        self.end_piece()
        self.assertEqual(
            self.shown(self.took()),
            [
                "display_data: restarted in place, 0.00 s; running init.py ...",
                "stream: hello",
                "update_display_data: restarted in place, 0.00 s, ran init.py",
                "execute_reply ok 1",
                "idle",
            ],
        )

    def test_a_console_is_shown_one_line_below_the_output(self) -> None:
        self.execute("m1", "%restart")
        self.clock.advance(PROGRESS_TIME)
        self.relay.phase("stopping the kernel")
        self.new_kernel()
        self.kernel("iopub", "stream", "m1", name="stdout", text="hello")
        self.end_piece()
        self.assertEqual(
            self.shown(self.took()),
            [
                "clear_output",
                "stream: hello",
                "display_data: restarted in place, 0.30 s, ran init.py",
                "execute_reply ok 0",
                "idle",
            ],
        )

    def test_a_slow_one_shows_no_progress_of_the_restart_any_more(self) -> None:
        self.restart(cell=True)
        self.took()
        self.clock.advance(100)
        self.assertEqual(self.took(), [])

    def test_the_lines_before_a_restart_keep_their_output(self) -> None:
        self.execute("m1", "x = 3\n%restart", cell=True)
        self.start_cell("m1")
        self.end_cell("m1")
        self.new_kernel()
        self.end_piece()
        self.assertEqual(
            self.shown(self.took()),
            [
                "display_data: restarted in place, 0.00 s; running init.py ...",
                "update_display_data: restarted in place, 0.00 s, ran init.py",
                "execute_reply ok 1",
                "idle",
            ],
        )

    def test_the_rest_of_the_cell_runs_after_it(self) -> None:
        self.restart("%restart\nx = 1", cell=True)
        self.end_piece()
        self.assertEqual(self.codes(), ["import os", "x = 1"])
        self.took()
        self.end_cell("m1", number=1)
        replies = ["execute_reply ok 1", "idle"]
        self.assertEqual(self.shown(self.took()), replies)

    def test_cells_wait_until_it_has_run(self) -> None:
        self.restart()
        self.execute("m2", "2")
        self.assertEqual(self.codes(), ["import os"])
        self.end_piece()
        self.assertEqual(self.codes(), ["import os", "2"])

    def test_it_counts_as_no_cell_and_may_ask_who_restarted(self) -> None:
        for asks in (True, False):
            self.execute("m1", "%restart", allow_stdin=asks, session=f"{asks}")
            self.new_kernel(2 + (not asks))
            content = self.ran()[0]
            self.assertEqual(content["allow_stdin"], asks)
            self.assertEqual(content["silent"], False)
            self.assertEqual(content["store_history"], False)
            self.end_piece()

    def test_its_question_is_answered_though_cells_are_held(self) -> None:
        self.restart(allow_stdin=True)
        self.took()
        self.kernel("stdin", "input_request", "m1", prompt="?", password=False)
        self.assertEqual(self.took(), [("ann stdin", "m1", "input_request")])
        self.client("a1", "input_reply", channel="stdin", value="42")
        self.assertEqual(self.took(), [("kernel 2 stdin", "a1", "input_reply")])

    def test_an_interrupt_reaches_it(self) -> None:
        self.restart()
        self.took()
        self.relay.inbound.business.interrupt()
        self.assertEqual(self.took(), [("kernel 2", "SIGINT")])

    def test_clients_learn_of_the_kernel_before_it_ends(self) -> None:
        """A front end would take a long one for a kernel that does not come up."""
        self.restart()
        self.took()
        self.client("k1", "kernel_info_request")
        answer = ("ann shell", "k1", "kernel_info_reply ok")
        self.assertIn(answer, self.took())

    def test_each_piece_is_another_message(self) -> None:
        """Kernels drop a message that they have had."""
        self.reads = [succeed("same")]
        self.changer.pieces = (Piece("once.py", "same"), Piece("again.py", "same"))
        self.restart(cell=True)
        for _ in range(3):
            self.end_piece()
        self.assertEqual(self.codes(), ["same"] * 3)
        found = [bytes(body[1]) for body in self.inner.bodies]
        self.assertEqual(len(set(found)), len(found))
        line = "update_display_data: restarted in place, 0.00 s, ran init.py,"
        self.assertIn(f"{line} once.py and again.py", self.shown(self.took()))

    def test_idle_before_the_reply(self) -> None:
        self.restart()
        self.status("m1", "busy")
        self.status("m1", "idle")
        self.assertEqual(self.codes(), ["import os"])
        self.took()
        self.kernel("shell", "execute_reply", "m1", status="ok")
        self.assertEqual(self.shown(self.took())[-1], "idle")

    def test_a_subshell_that_is_gone_does_not_matter(self) -> None:
        self.restart(subshell="s1")
        sent = split([b"", *self.inner.bodies[-1]])
        self.assertEqual(sent.header.get("subshell_id"), None)


class FailureTests(InitialCase):
    """It fails while the kernel lives."""

    def test_the_cell_fails_with_its_error_which_stands_there_once(self) -> None:
        self.restart("%restart\nx = 1", cell=True)
        self.end_piece("error", **ERROR)
        self.assertEqual(
            self.shown(self.took()),
            [
                "display_data: restarted in place, 0.00 s; running init.py ...",
                "error: E: no",
                "update_display_data: restarted in place, 0.00 s, init.py failed",
                "execute_reply error 1",
                "idle",
            ],
        )
        self.assertEqual(self.codes(), ["import os"])
        self.assertEqual(self.last_content("shell")["traceback"], ERROR["traceback"])

    def test_cells_held_after_it_are_aborted_and_later_ones_run(self) -> None:
        self.restart()
        self.execute("m2", "2")
        self.took()
        self.end_piece("error", **ERROR)
        done = self.took()
        for what in aborted("m2"):
            self.assertIn(what, done)
        self.execute("m3", "3")
        self.assertEqual(self.codes(), ["import os", "3"])

    def test_cells_run_after_one_that_does_not_stop_at_errors(self) -> None:
        self.restart(stop_on_error=False)
        self.execute("m2", "2")
        self.end_piece("error", **ERROR)
        self.assertEqual(self.codes(), ["import os", "2"])

    def test_what_comes_after_the_failed_piece_is_named(self) -> None:
        self.changer.pieces = (Piece("once.py", "1"),)
        self.restart(cell=True)
        self.end_piece("error", **ERROR)
        text = "restarted in place, 0.00 s, init.py failed, once.py not run"
        self.assertIn(f"update_display_data: {text}", self.shown(self.took()))
        self.assertEqual(self.codes(), ["import os"])

    def test_a_file_that_cannot_be_read_fails_the_cell(self) -> None:
        self.reads = [fail(ValueError("cannot read /home/init.py"))]
        self.restart()
        done = self.shown(self.took())
        said = "the new kernel has not run its init code: cannot read /home/init.py"
        error = f"error: InitError: {said}"
        self.assertEqual(done, [error, "execute_reply error 0", "idle"])
        self.assertTrue(isinstance(self.relay.gate.state, Open))

    def test_cells_pass_though_a_bug_of_ours_keeps_it_from_running(self) -> None:
        assert self.init is not None
        nonsense: Any = succeed(None)
        with mock.patch.object(self.init, "wanted", return_value=nonsense):
            self.restart()
        self.assertEqual(len(self.logged_errors(AttributeError)), 1)
        self.assertEqual(self.shown(self.took())[-1], "idle")
        self.assertTrue(isinstance(self.relay.gate.state, Open))

    def test_a_reply_that_makes_no_sense_is_an_error(self) -> None:
        self.restart()
        self.took()
        self.end_piece("aborted")
        self.assertIn("execute_reply error 0", self.shown(self.took()))

    def test_a_kernel_that_cannot_be_sent_anything(self) -> None:
        self.execute("m1", "%restart")
        self.relay.hold()
        self.relay.finish(1, ASKED)
        self.open(2)
        self.answer_probe()
        self.inner.broken = True
        self.took()
        self.relay.release(2)
        # It is gone, and says so in a moment.
        self.assertEqual(self.shown(self.took()), [])
        self.gone()
        ends = ["execute_reply error 0", "idle"]
        self.assertEqual(self.shown(self.took())[-2:], ends)
        self.assertEqual(len(self.logged_errors(ChannelClosed)), 1)


class NoCellTests(InitialCase):
    """Nobody's cell has restarted: the kernel crashed, or the button was pressed."""

    def crash(self) -> None:
        self.new_kernel(cause=KILLED)

    def next_cell(self) -> list[str]:
        """Run a cell; return what stands at its head."""
        self.took()
        self.execute("m1", "1")
        return self.shown(self.took())

    def test_it_runs_under_a_request_of_nobody(self) -> None:
        self.crash()
        self.assertEqual(self.codes(), ["import os"])
        self.assertFalse(self.ran()[0]["allow_stdin"])
        busy = ("iopub", "(execute_request)", "busy")
        self.assertIn(busy, self.took())
        self.end_piece()
        done = self.took()
        self.assertEqual({what[0] for what in done}, {"iopub"})
        self.assertIn(("iopub", "(execute_request)", "idle"), done)

    def test_its_error_stands_at_the_head_of_the_next_cell(self) -> None:
        self.crash()
        self.end_piece("error", **ERROR)
        head = "".join(self.next_cell())
        self.assertIn("While no cell was running, the kernel was killed", head)
        self.assertIn("In the new kernel init.py failed:\nline 1\nE: no\n", head)
        self.assertEqual(self.next_cell(), [])

    def test_a_file_that_cannot_be_read_is_told_there(self) -> None:
        self.reads = [fail(ValueError("cannot read /home/init.py"))]
        self.crash()
        head = "".join(self.next_cell())
        said = "The new kernel has not run its init code: cannot read /home/init.py\n"
        self.assertIn(said, head)

    def test_the_first_kernel_runs_it(self) -> None:
        self.relay.finish(1, SHUT_DOWN)
        self.reads = [succeed("code")]
        self.open(1)
        self.answer_probe()
        self.execute("m1", "1")
        self.relay.release(1)
        self.assertEqual(self.codes(), ["code"])
        self.end_piece("error", **ERROR)
        self.assertEqual(self.codes(), ["code", "1"])
        self.assertIn("init.py failed", "".join(self.shown(self.took())))

    def test_a_restart_from_a_terminal_shows_it_nowhere(self) -> None:
        content: dict[str, Any] = {"command": "restart", "options": []}
        kind = "ipr_command_request"
        self.client("t1", kind, channel="control", identity=b"term", **content)
        self.new_kernel()
        self.assertEqual(self.codes(), ["import os"])
        self.took()
        self.end_piece()
        self.assertEqual({what[0] for what in self.took()}, {"iopub"})


class CrashTests(InitialCase):
    """The kernel ends while it runs."""

    def test_the_cell_fails_and_the_next_kernel_starts_without(self) -> None:
        self.restart()
        self.execute("m2", "2")
        self.took()
        self.gone()
        done = self.took()
        text = "DeadKernelError: the kernel was killed by SIGSEGV while init.py ran"
        line = "display_data: restarted in place, 0.00 s, init.py ended the kernel"
        self.assertEqual(
            self.shown(done), [line, f"error: {text}", "execute_reply error 0", "idle"]
        )
        for what in aborted("m2"):
            self.assertIn(what, done)
        found = [split(frames) for _, frames in self.front.frames]
        errors = [sent for sent in found if sent.header["msg_type"] == "error"]
        said = "\n".join(errors[-1].content["traceback"])
        self.assertIn("The next kernel starts without init.py; %restart runs", said)
        self.new_kernel(3)
        self.assertEqual(self.codes(), [])
        self.assertTrue(isinstance(self.relay.gate.state, Open))

    def test_a_restart_runs_it_again_after_that(self) -> None:
        self.restart()
        self.gone()
        self.new_kernel(3)
        self.execute("m3", "%restart")
        self.new_kernel(4)
        self.assertEqual(self.codes(), ["import os"])

    def test_a_restart_that_joins_says_that_it_is_without(self) -> None:
        self.restart()
        self.gone()
        self.execute("m2", "%restart now")
        self.new_kernel(3)
        line = "restarted in place, 0.00 s, without init.py, which had ended the kernel"
        self.assertIn(("iopub", "m2", f"display_data: {line}"), self.took())
        self.assertEqual(self.codes(), [])

    def test_the_next_cell_says_so_where_no_cell_restarted(self) -> None:
        self.new_kernel(cause=KILLED)
        self.gone()
        self.new_kernel(3)
        self.took()
        self.execute("m1", "1")
        head = "".join(self.shown(self.took()))
        self.assertIn("While no cell was running, the kernel was killed", head)
        self.assertIn(
            "It ended while init.py ran, and this kernel was started without init.py;"
            " %restart runs it again.",
            head,
        )

    def test_what_runs_once_does_not_keep_the_file_from_the_next_kernel(self) -> None:
        self.changer.pieces = (Piece("once.py", "1"),)
        self.restart()
        self.end_piece()
        self.took()
        self.gone()
        text = "the kernel was killed by SIGSEGV while once.py ran"
        self.assertIn(f"error: DeadKernelError: {text}", self.shown(self.took()))
        self.changer.pieces = ()
        self.new_kernel(3)
        self.assertEqual(self.codes(), ["import os"])

    def test_nothing_follows_from_a_kernel_that_ended_after_it(self) -> None:
        self.restart()
        self.end_piece()
        self.gone()
        self.new_kernel(3)
        self.assertEqual(self.codes(), ["import os"])

    def test_the_daemon_ends_in_it(self) -> None:
        self.restart()
        self.took()
        self.relay.end(SHUT_DOWN)
        ends = ["execute_reply error 0", "idle"]
        self.assertEqual(self.shown(self.took())[-2:], ends)


class OvertakenTests(InitialCase):
    """Somebody wants another kernel while it runs."""

    def test_restart_now_ends_it_and_its_cell(self) -> None:
        self.restart()
        self.took()
        self.execute("m2", "%restart now")
        self.assertEqual(self.took(), [*begun("m2", "%restart now"), ("restart now",)])
        self.relay.hold()
        self.relay.ask_to_go()
        self.end_piece("error", ename="KeyboardInterrupt", evalue="", traceback=[])
        ends = ["error: KeyboardInterrupt: ", "execute_reply error 0", "idle"]
        self.assertEqual(
            [what for what in self.shown(self.took()) if "display" not in what], ends
        )
        self.relay.finish(2, ASKED)
        self.open(3)
        self.answer_probe()
        self.took()
        self.relay.release(3)
        self.assertEqual(self.codes(), ["import os"])
        self.end_piece()
        self.assertEqual(self.took()[-2:], ended("m2", "execute_reply ok 0"))

    def test_one_that_does_not_heed_the_interrupt_fails_with_its_kernel(self) -> None:
        self.changer.pieces = (Piece("once.py", "1"),)
        self.restart()
        self.changer.pieces = ()
        self.execute("m2", "%restart now")
        self.took()
        self.relay.hold()
        self.relay.ask_to_go()
        self.end_piece()
        self.assertEqual(self.codes(), ["import os"])
        self.relay.finish(2, ASKED)
        error = "error: KernelRestarted: the kernel was restarted"
        line = "display_data: restarted in place, 0.00 s, init.py cut off"
        ends = [line, error, "execute_reply error 0", "idle"]
        self.assertEqual(self.shown(self.took()), ends)

    def test_cells_after_restart_now_run_in_the_new_kernel(self) -> None:
        self.restart()
        self.execute("m2", "%restart now")
        self.execute("m3", "3")
        self.new_kernel(3)
        self.end_piece()
        self.assertEqual(self.codes(), ["import os", "3"])

    def test_a_plain_restart_waits_for_it(self) -> None:
        self.restart()
        self.took()
        self.execute("m2", "%restart")
        self.assertEqual(self.took(), [])
        self.end_piece()
        self.assertIn(("restart",), self.took())

    def test_a_file_that_is_read_too_late_is_not_run(self) -> None:
        reading: Deferred[str] = Deferred()
        self.reads = [reading, succeed("newer")]
        self.restart()
        self.execute("m2", "%restart now")
        self.new_kernel(3)
        self.took()
        reading.callback("older")
        self.assertEqual(self.codes(), ["newer"])
        self.end_piece()
        self.assertEqual(self.shown(self.took())[-1], "idle")

    def test_the_restart_button_fails_the_cell_at_once(self) -> None:
        self.restart()
        self.took()
        why = attrs.evolve(NOT_SENT, ename="KernelRestarted")
        self.relay.restarts.overtake(why, Pace.POLITE, announced=False)
        replies = self.shown(self.took())
        self.assertEqual(replies[-2:], ["execute_reply error 0", "idle"])
        self.new_kernel(3)
        self.end_piece()
        self.assertEqual(self.shown(self.took()), [])


class LanguageTests(InitialCase, SecondIsR):
    def test_a_kernel_of_another_language_does_not_run_it(self) -> None:
        self.restart(cell=True)
        self.assertEqual(self.codes(), [])
        line = (
            "restarted in place, 0.00 s, init.py not run: this kernel's language is R"
        )
        self.assertIn(f"display_data: {line}", self.shown(self.took()))
