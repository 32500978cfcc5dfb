"""``%restart`` in the last line of its cell: what runs, what is shown, what fails."""

from __future__ import annotations

from typing import Any

from ipr.jupyter.placement import MISPLACED
from ipr.jupyter.wire import split
from ipr.relay.turns import URGED_TIME
from ipr.relay.underway import PROGRESS_TIME
from tests.fakes import Done
from tests.relay.relay_case import (
    ASKED,
    DIED,
    SHUT_DOWN,
    RelayCase,
    aborted,
    concluded,
    ended,
)

CODE = "x = 3\n%restart"
ERROR = [("ann shell", "m1", "execute_reply error 1"), ("iopub", "m1", "idle")]


class LinesCase(RelayCase):
    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def ran(self) -> list[Any]:
        """Return the code of each cell that the kernel has been given."""
        return [split([b"", *body]).content.get("code") for body in self.inner.bodies]

    def replies(self, done: Done, msg_id: str = "m1") -> list[Any]:
        """Return what ends a request: its replies and idles."""
        return [
            what[2]
            for what in done
            if what[1] == msg_id and ("reply" in what[2] or what[2] == "idle")
        ]


class RestartTests(LinesCase):
    """The lines go well."""

    def test_whole_cell_has_one_busy_one_reply_and_one_idle(self) -> None:
        self.execute("m1", CODE)
        self.assertEqual(self.ran(), ["x = 3\n"])
        self.took()
        self.start_cell("m1", 7)
        self.assertEqual(
            self.took(),
            [("iopub", "m1", "busy"), ("iopub", "m1", f"execute_input 7: {CODE}")],
        )
        self.end_cell("m1", number=7)
        self.assertEqual(self.took(), [("restart",)])
        self.turn_over()
        self.assertEqual(
            self.took(),
            [concluded("m1", "0.00 s"), *ended("m1", "execute_reply ok 0")],
        )

    def test_what_the_lines_have_shown_stays(self) -> None:
        """A long restart clears no output; consoles see only how it ends."""
        for number, cell in enumerate((True, False), 1):
            self.execute("m1", CODE, cell=cell, session=f"s{number}")
            self.start_cell("m1")
            self.end_cell("m1")
            self.clock.advance(PROGRESS_TIME)
            self.relay.phase("stopping")
            self.turn_over(number + 1)
            shown = [what[2] for what in self.took() if what[0] == "iopub"]
            kind = "update_display_data" if cell else "display_data"
            self.assertEqual(shown, [f"{kind}: restarted in place, 0.30 s", "idle"])

    def test_idle_before_reply(self) -> None:
        self.execute("m1", CODE)
        self.start_cell("m1", 7)
        self.took()
        self.status("m1", "idle")
        self.assertEqual(self.took(), [])
        self.kernel("shell", "execute_reply", "m1", status="ok", execution_count=7)
        self.assertEqual(self.took(), [("restart",)])

    def test_number_in_a_notebook_is_that_of_the_lines(self) -> None:
        self.execute("m1", CODE, cell=True)
        self.start_cell("m1", 7)
        self.end_cell("m1", number=7)
        self.turn_over()
        self.assertIn(("ann shell", "m1", "execute_reply ok 7"), self.took())

    def test_expressions_of_the_old_kernel_are_in_the_reply(self) -> None:
        self.execute("m1", CODE, user_expressions={"a": "x"})
        self.start_cell("m1")
        self.status("m1", "idle")
        found = {"a": {"status": "ok", "data": {"text/plain": "3"}}}
        self.kernel(
            "shell",
            "execute_reply",
            "m1",
            status="ok",
            execution_count=1,
            user_expressions=found,
            payload=[],
        )
        self.turn_over()
        self.assertEqual(self.last_content("shell")["user_expressions"], found)

    def test_silent_one_shows_nothing(self) -> None:
        self.execute("m1", CODE, silent=True)
        self.status("m1", "busy")
        self.end_cell("m1")
        self.turn_over()
        self.assertEqual(self.took(), ended("m1", "execute_reply ok 0"))

    def test_cells_after_it_run_in_the_new_kernel(self) -> None:
        self.execute("m1", CODE)
        self.execute("m2", "y")
        self.execute("m3", "z\n%restart")
        self.assertEqual(self.ran(), ["x = 3\n"])
        self.start_cell("m1")
        self.end_cell("m1")
        self.turn_over()
        self.assertEqual(self.ran()[-2:], ["y", "z\n"])
        # The second one waits for its own lines, and for the cell before them.
        self.start_cell("m2")
        self.end_cell("m2")
        self.start_cell("m3", 2)
        self.took()
        self.end_cell("m3", number=2)
        self.assertEqual(self.took(), [("restart",)])

    def test_lines_run_after_the_cells_before_them(self) -> None:
        self.execute("m0", "first")
        self.execute("m1", CODE)
        self.assertEqual(self.ran(), ["first", "x = 3\n"])
        self.start_cell("m0")
        self.end_cell("m0")
        self.took()
        self.start_cell("m1", 2)
        self.end_cell("m1", number=2)
        self.assertEqual(self.took()[-1], ("restart",))

    def test_lines_are_held_while_no_kernel_is_there(self) -> None:
        self.relay.hold()
        self.execute("m1", CODE)
        self.assertEqual(self.relay.gate.held, 1)
        self.relay.finish(1, DIED)
        self.open(2)
        self.answer_probe()
        self.relay.release(2)
        self.assertEqual(self.ran()[-1:], ["x = 3\n"])

    def test_restart_now_does_not_wait_for_a_subshell(self) -> None:
        """Once its lines have run; without now it does."""
        self.execute("m0", "long", subshell="s1")
        self.start_cell("m0")
        self.execute("m1", f"{CODE} now")
        self.start_cell("m1", 2)
        self.took()
        self.end_cell("m1", number=2)
        self.assertEqual(self.took(), [("restart now",)])

    def test_plain_one_waits_for_a_subshell(self) -> None:
        self.execute("m0", "long", subshell="s1")
        self.start_cell("m0")
        self.execute("m1", CODE, cell=True)
        self.start_cell("m1", 2)
        self.took()
        self.end_cell("m1", number=2)
        self.assertEqual(len(self.took()), 1)
        self.end_cell("m0")
        self.assertIn(("restart",), self.took())

    def test_kernel_dies_after_the_lines(self) -> None:
        """Before it is restarted: it joins the restart that follows."""
        self.execute("m0", "long", subshell="s1")
        self.start_cell("m0")
        self.execute("m1", CODE)
        self.start_cell("m1", 2)
        self.end_cell("m1", number=2)
        self.turn_over()
        self.assertEqual(self.replies(self.took()), ["execute_reply ok 0", "idle"])


class NoRestartTests(LinesCase):
    """It does not happen."""

    def test_lines_fail(self) -> None:
        """The kernel's own reply stands, and what is after them is aborted."""
        self.execute("m1", CODE)
        self.execute("m2", "y")
        self.start_cell("m1")
        self.took()
        self.end_cell("m1", "error")
        self.assertEqual(self.took(), [*ERROR, *aborted("m2")])
        self.execute("m3", "z")
        self.assertEqual(self.ran()[-1], "z")

    def test_cells_go_on_that_do_not_stop_on_errors(self) -> None:
        self.execute("m1", CODE, stop_on_error=False)
        self.execute("m2", "y", stop_on_error=False)
        self.start_cell("m1")
        self.end_cell("m1", "error")
        self.assertEqual(self.ran()[-1], "y")

    def test_cell_before_the_lines_fails(self) -> None:
        """The kernel aborts the lines."""
        self.execute("m0", "1/0")
        self.execute("m1", CODE)
        self.execute("m2", "y")
        self.start_cell("m0")
        self.end_cell("m0", "error")
        self.status("m1", "busy")
        self.took()
        self.end_cell("m1", "aborted")
        self.assertEqual(
            self.took(),
            [*ended("m1", "execute_reply aborted"), *aborted("m2")],
        )

    def test_interrupt_ends_the_lines_and_no_kernel(self) -> None:
        """Nor does it go ahead after a while, as one that has no lines."""
        self.execute("m1", CODE)
        self.start_cell("m1")
        self.client("i1", "interrupt_request", channel="control")
        self.clock.advance(URGED_TIME + 1)
        self.assertFalse([what for what in self.took() if "restart" in what[0]])
        self.end_cell("m1", "error")
        self.assertEqual(self.took(), ERROR)

    def test_kernel_dies_in_the_lines(self) -> None:
        """The cell says so, once, and those after it are aborted after that."""
        self.execute("m1", CODE)
        self.execute("m2", "y")
        self.start_cell("m1")
        self.took()
        self.relay.hold()
        self.relay.finish(1, DIED)
        done = self.took()
        self.assertEqual(self.replies(done), ["execute_reply error 1", "idle"])
        self.assertEqual(done[-3:], aborted("m2"))
        self.assertEqual(self.relay.restarts.waiting, None)

    def test_kernel_dies_between_reply_and_idle(self) -> None:
        """The reply that was kept is not sent as well."""
        self.execute("m1", CODE)
        self.start_cell("m1")
        self.kernel("shell", "execute_reply", "m1", status="ok", execution_count=1)
        self.took()
        self.relay.hold()
        self.relay.finish(1, DIED)
        replies = self.replies(self.took())
        self.assertEqual(replies, ["execute_reply error 1", "idle"])

    def test_restart_now_from_elsewhere_ends_the_lines(self) -> None:
        self.execute("m1", CODE)
        self.start_cell("m1")
        self.execute("m2", "%restart now", identity=b"bob")
        self.took()
        self.relay.hold()
        self.relay.finish(1, ASKED)
        self.assertEqual(len(self.replies(self.took())), 2)

    def test_reply_that_comes_late_takes_part_in_that_restart(self) -> None:
        self.execute("m1", CODE)
        self.start_cell("m1")
        self.execute("m2", "%restart now", identity=b"bob")
        self.relay.hold()
        self.end_cell("m1")
        self.relay.finish(1, ASKED)
        self.open(2)
        self.answer_probe()
        self.took()
        self.relay.release(2)
        self.assertEqual(self.replies(self.took()), ["execute_reply ok 0", "idle"])

    def test_daemon_ends_meanwhile(self) -> None:
        self.execute("m1", CODE)
        self.start_cell("m1")
        self.took()
        self.relay.finish(1, SHUT_DOWN)
        self.relay.end(SHUT_DOWN)
        self.assertEqual(len(self.replies(self.took())), 2)

    def test_daemon_ends_after_the_lines(self) -> None:
        self.execute("m1", CODE)
        self.start_cell("m1")
        self.end_cell("m1")
        self.took()
        self.relay.end(SHUT_DOWN)
        self.assertEqual(len(self.replies(self.took())), 2)

    def test_dead_kernel_refuses_the_lines(self) -> None:
        self.relay.hold_until_end()
        self.relay.finish(1, DIED)
        self.relay.refuse(DIED)
        self.took()
        self.execute("m1", CODE)
        self.assertEqual(len(self.replies(self.took())), 2)

    def test_on_control_it_is_the_kernels(self) -> None:
        self.execute("m1", CODE, channel="control")
        self.assertEqual(self.ran(), [CODE])


class OptionsTests(LinesCase):
    """They are checked before a line runs."""

    def test_lines_run_when_the_options_can_be_had(self) -> None:
        self.execute("m1", f"{CODE} --cwd /tmp")
        self.execute("m2", "y")
        self.assertEqual(self.ran(), [])
        self.changer.settle()
        self.assertEqual(self.ran(), ["x = 3\n"])
        self.start_cell("m1")
        self.end_cell("m1")
        self.assertIn(("restart",), self.took())

    def test_wrong_option_leaves_the_lines_alone(self) -> None:
        self.execute("m1", f"{CODE} --cwd /nowhere")
        self.took()
        self.changer.asked.pop().errback(ValueError("there is no /nowhere"))
        done = self.took()
        self.assertEqual(done[0], ("iopub", "m1", "busy"))
        self.assertEqual(self.replies(done), ["execute_reply error 0", "idle"])
        self.assertEqual(self.ran(), [])

    def test_kernel_dies_while_they_are_checked(self) -> None:
        """There is nothing that the lines could run in."""
        self.execute("m1", f"{CODE} --cwd /tmp")
        self.took()
        self.relay.hold()
        replies = self.replies(self.took())
        self.assertEqual(replies, ["execute_reply error 0", "idle"])
        self.assertEqual(self.relay.restarts.waiting, None)

    def test_cell_before_it_fails_while_they_are_checked(self) -> None:
        self.execute("m0", "1/0")
        self.execute("m1", f"{CODE} now --cwd /tmp")
        self.start_cell("m0")
        self.client("i1", "interrupt_request", channel="control")
        self.took()
        self.end_cell("m0", "error")
        self.assertEqual(self.replies(self.took()), ["execute_reply aborted", "idle"])
        self.assertEqual(self.ran(), ["1/0"])


class MisplacedTests(LinesCase):
    """A line of help is put beside the kernel's error."""

    def test_error_has_help_and_the_kernels_own_reply(self) -> None:
        frames = self.execute("m1", "x\n%restart\ny")
        self.assertEqual(self.inner.bodies, [frames[1:]])
        self.start_cell("m1")
        self.took()
        self.status("m1", "idle")
        self.assertEqual(self.took(), [])
        sent = self.kernel(
            "shell", "execute_reply", "m1", status="error", execution_count=1
        )
        self.assertEqual(self.took(), [("iopub", "m1", f"stream: {MISPLACED}"), *ERROR])
        self.assertEqual(self.front.frames[-2][1][1:], sent)

    def test_cell_without_error_has_none(self) -> None:
        """It may stand in a string."""
        self.execute("m1", "s = '''\n%restart\n'''")
        self.start_cell("m1")
        self.took()
        self.end_cell("m1")
        self.assertEqual(self.took(), ended("m1", "execute_reply ok 1"))

    def test_kernel_dies(self) -> None:
        self.execute("m1", "x\n%restart\ny")
        self.start_cell("m1")
        self.took()
        self.relay.hold()
        self.relay.finish(1, DIED)
        self.assertEqual(len(self.replies(self.took())), 2)

    def test_silent_cell_shows_no_help(self) -> None:
        self.execute("m1", "x\n%restart\ny", silent=True)
        self.status("m1", "busy")
        self.took()
        self.end_cell("m1", "error")
        self.assertEqual(self.took(), ERROR)
