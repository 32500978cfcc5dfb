"""Cells run again: after a restart, and in the kernel that there is."""

from __future__ import annotations

from typing import Any

from ipr.jupyter.wire import split
from ipr.lifecycle.causes import Cause, Ending
from ipr.relay.gate import Open
from ipr.relay.ran import Outcome
from ipr.relay.replay import TICK_TIME
from ipr.sockets.channels import ChannelClosed
from tests.fakes import Done
from tests.relay.relay_case import ASKED, INFO, RelayCase, aborted, ended

KILLED = Cause(Ending.DIED, "the kernel was killed by SIGSEGV", followed=True)
ERROR: dict[str, Any] = {"ename": "E", "evalue": "no", "traceback": ["line 1", "E: no"]}
LINE = "display_data: restarted in place, 0.00 s"


class ReplayCase(RelayCase):
    """A kernel in which two cells went well, and one that failed in between."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()
        for code, status in (("a", "ok"), ("b", "error"), ("c", "ok")):
            self.run_cell(code, status)
        self.took()

    def run_cell(self, code: str, status: str = "ok") -> None:
        self.execute(f"cell-{code}", code)
        self.start_cell(f"cell-{code}")
        self.end_cell(f"cell-{code}", status)

    @property
    def piece(self) -> str:
        """The id under which the kernel runs code now."""
        return self.inner.asked["execute_request"]

    def codes(self) -> list[str]:
        """Return what the kernel was given to run."""
        found = [split([b"", *body]) for body in self.inner.bodies]
        return [
            sent.content["code"]
            for sent in found
            if sent.header["msg_type"] == "execute_request"
        ]

    def end_piece(self, status: str = "ok", printed: str = "", **content: Any) -> None:
        """Have the kernel run what it was given: all that ipykernel says of it."""
        self.start_cell(self.piece)
        if printed:
            self.kernel("iopub", "stream", self.piece, name="stdout", text=printed)
        if status == "error":
            self.kernel("iopub", "error", self.piece, **content)
        self.kernel("shell", "execute_reply", self.piece, status=status, **content)
        self.status(self.piece, "idle")

    def new_kernel(self, generation: int = 2, cause: Cause = ASKED) -> None:
        self.gone(cause, generation - 1)
        self.open(generation)
        self.answer_probe()
        self.relay.release(generation)

    def gone(self, cause: Cause, generation: int) -> None:
        self.relay.hold()
        self.relay.finish(generation, cause)
        self.decider.number = generation + 1

    def restart(self, code: str = "%restart --replay", **more: Any) -> None:
        """Ask for it; its options can be had at once."""
        self.execute("m1", code, **more)
        self.changer.settle()

    def restarted(self, code: str = "%restart --replay", **more: Any) -> None:
        self.restart(code, **more)
        self.new_kernel()

    def crashed(self) -> None:
        """The kernel dies while a cell runs; the next one is there."""
        self.execute("cell-d", "d")
        self.start_cell("cell-d")
        self.new_kernel(cause=KILLED)
        self.took()
        self.inner.bodies.clear()

    def shown(self, done: Done | None = None, msg_id: str = "m1") -> list[str]:
        """Return what stands under the cell, and how it ends; of errors the name."""
        done = self.took() if done is None else done
        return [
            " ".join(what[2].split(":")[:2][:1] + what[2].split(": ")[1:2])
            if what[2].startswith("error: ")
            else what[2]
            for what in done
            if what[0] in ("iopub", "ann shell") and what[1] == msg_id
        ]

    def outcomes(self, generation: int) -> list[tuple[str, Outcome, bool]]:
        return [(r.code, r.outcome, r.again) for r in self.history.of(generation)]

    def last_error(self) -> str:
        """Return what was last said on iopub of an error, in the traceback, too."""
        found = [
            split(frames) for where, frames in self.front.frames if where == "iopub"
        ]
        errors = [sent.content for sent in found if sent.header["msg_type"] == "error"]
        return "\n".join((errors[-1]["evalue"], *errors[-1]["traceback"][1:]))

    def is_open(self) -> bool:
        return isinstance(self.relay.gate.state, Open)


class AfterRestartTests(ReplayCase):
    """``%restart --replay``."""

    def setUp(self) -> None:
        super().setUp()
        self.decider.number = 1

    def test_cells_that_succeeded_run_in_the_new_kernel_and_then_others(self) -> None:
        self.restarted(cell=True)
        self.execute("m2", "x")
        self.assertEqual(self.codes(), ["a"])
        self.end_piece(printed="hello\n")
        self.assertEqual(self.codes(), ["a", "c"])
        self.assertFalse(self.is_open())
        self.end_piece()
        self.assertEqual(self.codes(), ["a", "c", "x"])
        self.assertEqual(
            self.shown()[3:],
            [
                f"{LINE}; replaying cell 1 of 2 · 0:00",
                f"update_{LINE}; replaying cell 2 of 2 · 0:00",
                f"update_{LINE}, replayed 2 cells in 0:00",
                "execute_reply ok 2",
                "idle",
            ],
        )
        last = [frames for where, frames in self.front.frames if where == "iopub"]
        self.assertTrue(any(b"<details>" in frames[-1] for frames in last))
        ran = [("a", Outcome.OK, True), ("c", Outcome.OK, True)]
        self.assertEqual(self.outcomes(2)[:2], ran)

    def test_time_goes_on_in_the_line_and_stops_with_it(self) -> None:
        self.restarted(cell=True)
        self.took()
        self.clock.advance(TICK_TIME)
        self.assertEqual(self.shown(), [f"update_{LINE}; replaying cell 1 of 2 · 0:01"])
        self.end_piece()
        self.end_piece()
        self.took()
        self.clock.advance(10 * TICK_TIME)
        self.assertEqual(self.took(), [])

    def test_a_console_is_told_once_and_then_the_end(self) -> None:
        self.restarted()
        self.clock.advance(TICK_TIME)
        self.end_piece()
        self.end_piece()
        self.assertEqual(
            self.shown()[3:],
            [
                f"{LINE}; replaying cell 1 of 2 · 0:00",
                "clear_output",
                f"{LINE}, replayed 2 cells in 0:01",
                "execute_reply ok 0",
                "idle",
            ],
        )

    def test_it_stops_at_the_first_error_and_cells_after_it_are_aborted(self) -> None:
        self.restarted(cell=True)
        self.execute("m2", "x")
        self.took()
        self.end_piece("error", printed="before it\n", **ERROR)
        done = self.took()
        self.assertEqual(
            self.shown(done),
            [
                (
                    f"update_{LINE}, replayed 0 of 2 cells in 0:00; stopped at cell 1"
                    " of 2: a"
                ),
                "stream: before it\n",
                "error E",
                "execute_reply error 2",
                "idle",
            ],
        )
        self.assertEqual(self.shown(done, "m2"), [s[2] for s in aborted("m2")])
        self.assertEqual(self.codes(), ["a"])
        self.assertTrue(self.is_open())
        self.assertEqual(self.outcomes(2), [("a", Outcome.ERROR, True)])

    def test_the_last_ones_alone(self) -> None:
        self.restarted("%restart --replay 1")
        self.assertEqual(self.codes(), ["c"])
        self.end_piece()
        self.assertTrue(self.is_open())

    def test_a_cell_that_runs_counts_when_it_has_succeeded(self) -> None:
        self.execute("cell-d", "d")
        self.start_cell("cell-d")
        self.restart()
        self.end_cell("cell-d")
        self.assertIn(("restart",), self.took())
        self.new_kernel()
        for _ in "acd":
            self.end_piece()
        self.assertEqual(self.codes(), ["a", "c", "d"])

    def test_with_nothing_to_replay_the_kernel_is_not_touched(self) -> None:
        self.turn_over()
        self.decider.number = 2
        self.took()
        self.restart()
        done = self.took()
        self.assertEqual(
            self.shown(done)[-3:],
            [
                "error NothingToReplay",
                *(what[2] for what in ended("m1", "execute_reply error 0")),
            ],
        )
        self.assertFalse(("restart",) in done)
        self.assertEqual(
            self.last_error(),
            "nothing to replay: no cell has succeeded since the kernel started;"
            " %ipr replay runs the 2 cells of the kernel before",
        )

    def test_what_ran_and_failed_leaves_nothing_to_replay(self) -> None:
        """It is looked once more when its turn has come."""
        self.turn_over()
        self.decider.number = 2
        self.execute("cell-d", "d", stop_on_error=False)
        self.start_cell("cell-d")
        self.restart()
        self.took()
        self.end_cell("cell-d", "error")
        done = self.took()
        self.assertIn("error NothingToReplay", self.shown(done))
        self.assertFalse(("restart",) in done)

    def test_now_with_nothing_left_restarts_and_says_so(self) -> None:
        self.turn_over()
        self.decider.number = 2
        self.execute("cell-d", "d")
        self.start_cell("cell-d")
        self.restart("%restart now --replay", cell=True)
        self.took()
        self.new_kernel(3)
        said = [text for text in self.shown() if "nothing to replay" in text]
        self.assertEqual(len(said), 1)
        self.assertTrue(self.is_open())

    def test_another_language_is_told_before_the_kernel_is_touched(self) -> None:
        self.changer.language = "python"
        self.execute("m1", "%restart --kernel ir --replay")
        self.changer.language = "R"
        self.changer.settle()
        done = self.took()
        self.assertFalse(("restart",) in done)
        self.assertEqual(
            self.last_error(),
            "not replayed: the cells are python, and the kernel's language is R",
        )

    def test_a_kernel_that_says_another_language_runs_none_of_them(self) -> None:
        self.history.languages[1] = "python"
        self.restart(cell=True)
        self.gone(ASKED, 1)
        self.open(2)
        self.kernel("iopub", "status", "", execution_state="starting")
        self.status(self.probe(), "busy")
        info = {**INFO, "language_info": {"name": "R"}}
        self.kernel("shell", "kernel_info_reply", self.probe(), **info)
        self.status(self.probe(), "idle")
        self.relay.release(2)
        self.assertEqual(self.codes(), [])
        self.assertTrue(any("the cells are python" in text for text in self.shown()))

    def test_restart_now_overtakes_a_replay(self) -> None:
        self.restarted(cell=True)
        self.took()
        self.execute("m2", "%restart now")
        self.assertIn(("restart now",), self.took())
        self.new_kernel(3)
        done = self.took()
        self.assertEqual(
            self.shown(done)[-3:-1], ["error KernelRestarted", "execute_reply error 2"]
        )
        self.assertEqual(self.shown(done, "m2")[-2:], ["execute_reply ok 0", "idle"])
        self.assertEqual(self.outcomes(2), [("a", Outcome.CUT_OFF, True)])
        self.clock.advance(10 * TICK_TIME)
        self.assertEqual(self.took(), [])

    def test_a_kernel_that_dies_of_a_cell_does_not_run_it_over_and_over(self) -> None:
        self.restarted(cell=True)
        self.end_piece()
        self.start_cell(self.piece)
        self.took()
        self.new_kernel(3, KILLED)
        done = self.took()
        self.assertEqual(
            self.shown(done)[0],
            f"update_{LINE}, replayed 1 of 2 cells in 0:00; stopped at cell 2 of 2: c",
        )
        self.assertEqual(
            self.shown(done)[-3:-1], ["error DeadKernelError", "execute_reply error 2"]
        )
        self.assertIn("cell 2 of 2 was replayed", self.last_error())
        self.assertEqual(self.outcomes(2)[-1], ("c", Outcome.CRASHED, True))
        self.assertEqual(self.codes(), [])
        self.assertTrue(self.is_open())

    def test_the_rest_of_its_cell_runs_after_the_replay(self) -> None:
        self.restarted("%restart --replay\nz")
        self.end_piece()
        self.end_piece()
        self.assertEqual(self.codes(), ["a", "c", "z"])

    def test_question_of_a_cell_is_asked(self) -> None:
        self.restarted(allow_stdin=True)
        self.took()
        self.start_cell(self.piece)
        self.kernel("stdin", "input_request", self.piece, prompt="?", password=False)
        self.assertIn("ann stdin", [what[0] for what in self.took()])


class HereTests(ReplayCase):
    """``%ipr replay``."""

    def setUp(self) -> None:
        super().setUp()
        self.crashed()

    def test_cells_of_the_kernel_before_run_and_later_ones_wait(self) -> None:
        self.execute("m1", "%ipr replay", cell=True)
        self.execute("m2", "x")
        self.assertEqual(self.codes(), ["a"])
        self.client("m3", "complete_request", code="x", cursor_pos=1)
        self.end_piece()
        self.end_piece()
        self.assertEqual(self.codes(), ["a", "c", "x"])
        self.assertEqual(
            self.shown(),
            [
                "busy",
                "execute_input 1: %ipr replay",
                "display_data: replaying cell 1 of 2 · 0:00",
                "update_display_data: replaying cell 2 of 2 · 0:00",
                "update_display_data: replayed 2 cells in 0:00",
                "execute_reply ok 1",
                "idle",
            ],
        )

    def test_everything_but_cells_passes_meanwhile(self) -> None:
        self.execute("m1", "%ipr replay")
        self.took()
        self.client("m3", "complete_request", code="x", cursor_pos=1)
        self.assertEqual([what[0] for what in self.took()], ["kernel 2 shell"])

    def test_a_restart_waits_for_it(self) -> None:
        self.execute("m1", "%ipr replay")
        self.execute("m2", "%restart")
        self.end_piece()
        self.assertFalse(("restart",) in self.took())
        self.end_piece()
        self.assertIn(("restart",), self.took())

    def test_a_restart_that_waits_is_aborted_when_it_fails(self) -> None:
        self.execute("m1", "%ipr replay")
        self.execute("m2", "%restart")
        self.end_piece("error", **ERROR)
        done = self.took()
        self.assertFalse(("restart",) in done)
        self.assertEqual(self.shown(done, "m2")[-2:], ["execute_reply aborted", "idle"])

    def test_an_interrupt_stops_it_whatever_the_kernel_makes_of_it(self) -> None:
        self.execute("m1", "%ipr replay")
        self.took()
        self.relay.inbound.business.interrupt()
        self.end_piece()
        self.assertEqual(self.codes(), ["a"])
        self.assertEqual(
            self.shown(),
            [
                "clear_output",
                (
                    "display_data: replayed 1 of 2 cells in 0:00; interrupted before"
                    " cell 2 of 2: c"
                ),
                "error KeyboardInterrupt",
                "execute_reply error 0",
                "idle",
            ],
        )

    def test_an_interrupt_of_the_last_cell_that_succeeds_is_none(self) -> None:
        self.execute("m1", "%ipr replay 1")
        self.relay.inbound.business.interrupt()
        self.end_piece()
        self.assertEqual(self.shown()[-2:], ["execute_reply ok 0", "idle"])

    def test_behind_a_cell_that_fails_it_is_aborted(self) -> None:
        self.execute("m0", "y")
        self.execute("m1", "%ipr replay")
        self.end_cell("m0", "error")
        self.took()
        self.kernel("shell", "execute_reply", "m1", status="aborted")
        self.status("m1", "idle")
        self.assertEqual(self.shown()[-2:], ["execute_reply aborted", "idle"])
        self.assertEqual(self.outcomes(2)[-1], ("a", Outcome.NOT_RUN, True))

    def test_crash_in_it_ends_its_cell(self) -> None:
        self.execute("m1", "%ipr replay")
        self.start_cell(self.piece)
        self.took()
        self.new_kernel(3, KILLED)
        self.assertEqual(
            self.shown()[-3:],
            ["error DeadKernelError", "execute_reply error 0", "idle"],
        )
        self.assertTrue(self.is_open())
        self.assertTrue(self.relay.gate.clear is not None)

    def test_end_of_the_daemon_ends_its_cell(self) -> None:
        self.execute("m1", "%ipr replay")
        self.took()
        self.relay.end(Cause(Ending.SHUT_DOWN, "the kernel was shut down"))
        self.assertEqual(
            self.shown()[-3:], ["error KernelShutDown", "execute_reply error 0", "idle"]
        )

    def test_what_cannot_be_sent_fails_with_its_kernel(self) -> None:
        self.inner.broken = True
        self.execute("m1", "%ipr replay")
        self.inner.broken = False
        self.logged_errors(ChannelClosed)
        self.gone(KILLED, 2)
        self.assertEqual(
            self.shown()[-3:],
            ["error DeadKernelError", "execute_reply error 0", "idle"],
        )

    def test_nothing_before_is_said(self) -> None:
        self.history.limit = 0
        self.history.add(next(iter(self.history)))
        self.execute("m1", "%ipr replay")
        self.assertIn("error NothingToReplay", self.shown())
        self.assertEqual(self.codes(), [])
        self.assertTrue(self.relay.gate.clear is not None)

    def test_output_passes_again_when_it_is_over(self) -> None:
        self.execute("m1", "%ipr replay 1")
        self.end_piece(printed="folded away")
        self.took()
        self.kernel("iopub", "stream", "m1", name="stdout", text="late")
        self.assertEqual(len(self.took()), 1)


class OfferTests(ReplayCase):
    """What is said of it at a crash."""

    offer = "'%ipr replay' runs the 2 cells before it again."

    def test_cell_that_crashed_says_that_it_can_be_had(self) -> None:
        self.execute("cell-d", "d")
        self.start_cell("cell-d")
        self.gone(KILLED, 1)
        self.assertEqual(
            self.last_error().split("\n")[1:],
            ["The kernel is restarting; all variables are gone.", self.offer],
        )

    def test_next_cell_says_it_when_none_was_running(self) -> None:
        self.new_kernel(cause=KILLED)
        self.took()
        self.execute("m1", "x")
        self.assertTrue(self.shown()[0].endswith(f"{self.offer}\n"))

    def test_a_restart_and_a_kernel_without_cells_say_nothing(self) -> None:
        self.execute("cell-d", "d")
        self.start_cell("cell-d")
        self.gone(ASKED, 1)
        self.assertFalse("replay" in self.last_error())
