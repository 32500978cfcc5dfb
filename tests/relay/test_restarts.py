"""``%restart``: what its cell shows, whom it waits for, what it leaves."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred

from ipr.jupyter import magics
from ipr.jupyter.magics import Changes
from ipr.lifecycle.causes import Cause, Ending
from ipr.relay.turns import URGED_TIME
from ipr.relay.underway import PROGRESS_TIME
from tests.relay.relay_case import (
    ASKED,
    DIED,
    WAITS,
    RelayCase,
    aborted,
    begun,
    concluded,
    ended,
    restarted,
)
from tests.requests import SIGNER


class RestartTests(RelayCase):
    """%restart while nothing else runs."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def test_whole_restart_is_one_line_reply_and_idle(self) -> None:
        """Busy, what runs; then one line, the reply, idle."""
        self.clock.advance(100)
        self.execute("m1", "%restart")
        self.assertEqual(self.took(), [*begun("m1", "%restart"), ("restart",)])
        self.clock.advance(0.125)
        self.turn_over()
        self.assertEqual(self.took(), restarted("m1", "0.12 s"))

    def test_restart_now_does_not_wait(self) -> None:
        """%restart now, and any %restart on control, does not wait."""
        self.execute("m0")
        self.took()
        self.execute("m1", "%restart now")
        self.assertEqual(self.took()[-1:], [("restart now",)])
        self.execute("m2", "%restart", channel="control")
        self.assertEqual(self.took()[-1:], [("restart now",)])
        self.turn_over()
        self.assertEqual(
            self.took(),
            [
                *restarted("m1", "0.00 s")[:2],
                ("iopub", "m1", "idle"),
                (
                    "iopub",
                    "m2",
                    "display_data: restarted in place, 0.00 s",
                ),
                *ended("m2", "execute_reply ok 0", "ann control"),
            ],
        )

    def test_number_in_a_notebook(self) -> None:
        """A notebook's cell gets the next number; a console begins again with 0."""
        self.execute("m0")
        self.start_cell("m0", 4)
        self.end_cell("m0")
        self.took()
        self.execute("m1", "%restart", cell=True)
        self.assertEqual(self.took()[:2], begun("m1", "%restart", 5))
        self.turn_over()
        self.assertEqual(self.took()[1:], ended("m1", "execute_reply ok 5"))

    def test_silent_restart_shows_nothing(self) -> None:
        """A silent one shows nothing, and gets its reply."""
        self.execute("m1", "%restart", silent=True)
        self.turn_over()
        self.assertEqual(self.took(), ended("m1", "execute_reply ok 0"))

    def test_long_restart_says_what_it_does(self) -> None:
        """One that takes longer says what it is doing."""
        self.execute("m1", "%restart", cell=True)
        self.relay.phase("stopping")
        self.took()
        self.clock.advance(PROGRESS_TIME)
        self.assertEqual(self.took(), [("iopub", "m1", "display_data: stopping")])
        self.relay.phase("stopping")
        self.assertEqual(self.took(), [])
        self.relay.phase("starting")
        self.assertEqual(
            self.took(), [("iopub", "m1", "update_display_data: starting")]
        )
        self.turn_over()
        self.assertEqual(self.took()[0], ("iopub", "m1", "clear_output"))

    def test_long_restart_in_a_console_says_what_stays_true(self) -> None:
        """It is told once: "stopping" would stand there while the new one starts."""
        self.execute("m1", "%restart")
        self.relay.phase("stopping")
        self.took()
        self.clock.advance(PROGRESS_TIME)
        self.assertEqual(
            self.took(), [("iopub", "m1", "display_data: restarting the kernel ...")]
        )
        self.relay.phase("starting")
        self.assertEqual(self.took(), [])

    def test_cells_after_it(self) -> None:
        """They run in the new kernel."""
        self.execute("m1", "%restart")
        self.took()
        self.execute("m2")
        self.client("m3", "comm_msg")
        self.assertEqual(self.took(), [])
        self.turn_over()
        self.assertEqual(
            self.took()[3:],
            [
                ("kernel 2 shell", "m2", "execute_request: 1"),
                ("kernel 2 shell", "m3", "comm_msg"),
            ],
        )

    def test_two_in_a_row(self) -> None:
        """The second one restarts what the first one started."""
        self.execute("m1", "%restart")
        self.execute("m2")
        self.execute("m3", "%restart")
        self.execute("m4")
        self.turn_over()
        self.assertEqual(
            self.took()[3:7],
            [
                ("kernel 2 shell", "m2", "execute_request: 1"),
                *begun("m3", "%restart"),
                ("iopub", "m3", WAITS),
            ],
        )
        self.end_cell("m2")
        self.assertEqual(
            self.took(),
            [
                ("ann shell", "m2", "execute_reply ok 1"),
                ("iopub", "m3", "busy"),
                ("restart",),
                ("iopub", "m2", "idle"),
            ],
        )
        self.turn_over(3)
        self.assertEqual(
            self.took()[-1], ("kernel 3 shell", "m4", "execute_request: 1")
        )

    def test_while_the_kernel_starts(self) -> None:
        """What is held behind a held %restart must not reach the old kernel.

        The restarter may be busy: its hold() comes a moment after restart().
        """
        self.relay.hold()
        self.relay.finish(1, ASKED)
        self.open(2)
        self.execute("m1", "%restart")
        self.execute("m2")
        self.client("m3", "comm_msg")
        self.took()
        self.relay.release(2)
        self.assertEqual(
            self.took(),
            [
                ("iopub", "(execute_request)", "idle"),
                *begun("m1", "%restart"),
                ("restart",),
            ],
        )
        self.turn_over(3)
        self.assertEqual([what[1] for what in self.took()[-2:]], ["m2", "m3"])

    def test_kernel_of_a_restart_that_dies(self) -> None:
        """A death on the way is not the cell's end: the next kernel is."""
        self.execute("m1", "%restart")
        self.turn_over_to_death()
        self.assertEqual(self.took(), [])
        self.open(3)
        self.answer_probe()
        self.took()
        self.relay.release(3)
        self.assertEqual(
            self.took()[0],
            (
                "iopub",
                "m1",
                "display_data: restarted in place, 0.00 s",
            ),
        )

    def turn_over_to_death(self) -> None:
        self.relay.hold()
        self.relay.finish(1, ASKED)
        self.open(2)
        self.took()
        self.relay.finish(2, DIED)

    def test_wrong_usage_restarts_nothing(self) -> None:
        """Wrong usage is an error in the cell, and nothing is restarted."""
        self.execute("m1", "%restart later")
        text = f"%restart: unknown argument 'later'. {magics.RESTART_USAGE}"
        self.assertEqual(
            self.took(),
            [
                *begun("m1", "%restart later"),
                ("iopub", "m1", f"error: UsageError: {text}"),
                *ended("m1", "execute_reply error 0"),
            ],
        )


class TakesItsTurnTests(RelayCase):
    """%restart behind cells that run."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()
        self.execute("m1")
        self.start_cell("m1")
        self.took()

    def waits(self, **more: Any) -> None:
        """Have a %restart wait, with a cell behind it."""
        self.execute("r", "%restart", **more)
        self.execute("m2")
        self.took()

    def test_waiting_restart_names_the_way_out(self) -> None:
        """It says so in its cell, and names the way out."""
        self.execute("r", "%restart")
        self.assertEqual(self.took(), [*begun("r", "%restart"), ("iopub", "r", WAITS)])

    def test_goes_when_all_before_it_have_ended(self) -> None:
        """Cells before it finish; it has said so; cells after it wait."""
        self.execute("m1b")
        self.took()
        self.waits()
        self.kernel("shell", "execute_reply", "m1", status="ok", execution_count=1)
        self.assertEqual(
            self.took(),
            [
                ("ann shell", "m1", "execute_reply ok 1"),
            ],
        )
        self.kernel("shell", "execute_reply", "m1b", status="ok", execution_count=2)
        self.assertEqual(
            self.took(),
            [
                ("ann shell", "m1b", "execute_reply ok 2"),
                ("iopub", "r", "busy"),
                ("restart",),
            ],
        )
        self.assertEqual((self.relay.gate.held, self.relay.restarts.waiting), (1, None))

    def test_widgets_go_on(self) -> None:
        """Only cells queue behind it: what a running cell may wait for passes."""
        self.waits()
        self.client("m3", "comm_msg")
        self.client("m4", "odd_request", channel="control")
        self.client("m5", "execute_request", channel="control", code="x")
        self.assertEqual(
            self.took(),
            [
                ("kernel 1 shell", "m3", "comm_msg"),
                ("kernel 1 control", "m4", "odd_request"),
                ("kernel 1 control", "m5", "execute_request: x"),
            ],
        )

    def test_cell_before_it_fails(self) -> None:
        """As ipykernel does with its own queue, ipr does with what it holds."""
        self.waits()
        self.execute("r2", "%restart")
        self.took()
        self.end_cell("m1", "error")
        self.assertEqual(
            self.took(),
            [
                ("ann shell", "m1", "execute_reply error 1"),
                ("iopub", "r", "clear_output"),
                *ended("r", "execute_reply aborted"),
                *aborted("m2"),
                *aborted("r2"),
                ("iopub", "m1", "idle"),
            ],
        )
        self.execute("m3")
        self.assertEqual(self.took(), [("kernel 1 shell", "m3", "execute_request: 1")])

    def test_what_the_kernel_aborts_is_answered_first(self) -> None:
        """A client gets its replies in the order in which it has sent its cells."""
        self.execute("m1b")
        self.waits()
        self.end_cell("m1", "error")
        # As ipykernel does: an error, and a moment later what is queued behind it.
        self.end_cell("m1b", "aborted")
        self.assertEqual(
            [what for what in self.took() if what[0] == "ann shell"],
            [
                ("ann shell", "m1", "execute_reply error 1"),
                ("ann shell", "m1b", "execute_reply aborted"),
                ("ann shell", "r", "execute_reply aborted"),
                ("ann shell", "m2", "execute_reply aborted"),
            ],
        )

    def test_cell_before_it_fails_and_does_not_stop(self) -> None:
        """VS Code sends stop_on_error false: the restart goes on."""
        self.execute("m1v", stop_on_error=False)
        self.waits()
        self.end_cell("m1")
        self.took()
        self.end_cell("m1v", "error")
        self.assertEqual(self.took()[1:3], [("iopub", "r", "busy"), ("restart",)])

    def test_idle_is_read_before_the_reply(self) -> None:
        """They come on two sockets: what the request asked for is still known."""
        self.execute("m1v", stop_on_error=False)
        self.waits()
        self.end_cell("m1")
        self.start_cell("m1v", 2)
        self.status("m1v", "idle")
        self.took()
        self.kernel("shell", "execute_reply", "m1v", status="error")
        self.assertEqual(self.took()[1:], [("iopub", "r", "busy"), ("restart",)])

    def test_other_errors_stop_nothing(self) -> None:
        """A completion that fails has nothing to do with cells."""
        self.client("m3", "odd_request")
        self.waits()
        self.kernel("shell", "odd_reply", "m3", status="error")
        self.assertEqual(self.relay.gate.held, 1)
        self.assertTrue(self.relay.restarts.waiting)

    def test_interrupt_ends_the_cell(self) -> None:
        """An interrupt while it waits: the cell fails by that, and it goes on.

        What is held behind it is aborted, as for any cell that was interrupted.
        """
        self.waits()
        self.relay.inbound.business.interrupt()
        self.assertEqual(self.took(), [("kernel 1", "SIGINT")])
        self.end_cell("m1", "error")
        self.assertEqual(
            self.took(),
            [
                ("ann shell", "m1", "execute_reply error 1"),
                *aborted("m2"),
                ("iopub", "r", "busy"),
                ("restart",),
                ("iopub", "m1", "idle"),
            ],
        )

    def test_interrupt_that_ends_nothing(self) -> None:
        """A cell that has not ended two seconds later is not waited for."""
        self.waits()
        self.client("i", "interrupt_request", channel="control")
        self.took()
        self.clock.advance(URGED_TIME - 0.1)
        self.relay.inbound.business.interrupt()
        self.assertEqual(self.took(), [("kernel 1", "SIGINT")])
        self.clock.advance(0.1)
        self.assertEqual(self.took(), [("iopub", "r", "busy"), ("restart now",)])

    def test_interrupt_by_message(self) -> None:
        """The same for a kernel that is interrupted by message."""
        self.inner.interrupt_mode = "message"
        self.waits()
        self.client("i", "interrupt_request", channel="control")
        self.assertEqual(self.took(), [("kernel 1 control", "i", "interrupt_request")])
        self.clock.advance(URGED_TIME)
        self.assertEqual(self.took()[-1], ("restart now",))

    def test_now_from_elsewhere(self) -> None:
        """%restart now takes the one that waits along."""
        self.waits()
        self.execute("n", "%restart now", identity=b"bob")
        self.assertEqual(self.took(), [*begun("n", "%restart now"), ("restart now",)])
        self.relay.hold()
        self.relay.finish(1, ASKED)
        self.open(2)
        self.answer_probe()
        self.took()
        self.relay.release(2)
        found = self.took()
        self.assertIn(("bob shell", "n", "execute_reply ok 0"), found)
        self.assertIn(("ann shell", "r", "execute_reply ok 0"), found)
        self.assertEqual(found[-1], ("kernel 2 shell", "m2", "execute_request: 1"))

    def test_kernel_that_dies(self) -> None:
        """Then it is a restart, whatever the limits say of deaths."""
        self.waits()
        self.relay.hold()
        self.assertEqual(
            self.took(),
            [("restart",), ("iopub", "(shutdown_request)", "shutdown_reply ok")],
        )
        self.assertEqual(self.relay.restarts.waiting, None)
        self.clock.advance(0.5)
        self.relay.finish(1, DIED)
        self.open(2)
        self.took()
        self.relay.release(2)
        self.assertIn(concluded("r", "0.50 s"), self.took())

    def test_end_of_the_daemon_leaves_no_restart_waiting(self) -> None:
        """Nobody is left waiting."""
        self.waits()
        self.relay.inbound.business.interrupt()
        self.relay.hold_until_end()
        self.relay.finish(1, Cause(Ending.SHUT_DOWN, "shut down"))
        self.took()
        self.relay.end(Cause(Ending.SHUT_DOWN, "shut down"))
        found = [what for what in self.took() if what[0] == "ann shell"]
        self.assertEqual(
            found,
            [
                ("ann shell", "r", "execute_reply error 0"),
                ("ann shell", "m2", "execute_reply aborted"),
            ],
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])


class RestOfTheCellTests(RelayCase):
    """What follows %restart in its cell."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def go(self, code: str, **more: Any) -> list[Any]:
        frames = self.execute("r", code, **more)
        self.execute("m2")
        self.relay.hold()
        self.relay.finish(1, ASKED)
        self.open(2)
        self.answer_probe()
        self.took()
        self.inner.bodies.clear()
        self.relay.release(2)
        return frames

    def test_runs_in_the_new_kernel(self) -> None:
        """Under the same request, and before what was held."""
        sent = self.go("%restart\nx = 1\ny", store_history=False)
        self.assertEqual(
            self.took(),
            [
                (
                    "iopub",
                    "r",
                    "display_data: restarted in place, 0.00 s",
                ),
                ("kernel 2 shell", "r", "execute_request: x = 1\ny"),
                ("kernel 2 shell", "m2", "execute_request: 1"),
            ],
        )
        body = self.inner.bodies[0]
        self.assertTrue(SIGNER.verifies(body))
        self.assertEqual(body[2:5], sent[3:6])
        self.assertEqual(
            json.loads(body[5]), {"code": "x = 1\ny", "store_history": False}
        )

    def test_one_busy_and_one_input(self) -> None:
        """The new kernel's own busy and execute_input are not shown again."""
        self.go("%restart\nx")
        self.took()
        self.start_cell("r", 1)
        self.kernel("iopub", "stream", "r", name="stdout", text="hello")
        self.end_cell("r")
        self.assertEqual(
            self.took(),
            [
                ("iopub", "r", "stream: hello"),
                ("ann shell", "r", "execute_reply ok 1"),
                ("iopub", "r", "idle"),
            ],
        )

    def test_counts_as_running(self) -> None:
        """A %restart after it waits for it."""
        self.go("%restart\nx")
        self.took()
        self.execute("r2", "%restart")
        self.assertEqual(self.took()[-1], ("iopub", "r2", WAITS))

    def test_death_in_the_rest_finishes_the_cell(self) -> None:
        """A kernel that dies in the rest finishes the cell as any other."""
        self.go("%restart\nx")
        self.start_cell("r", 1)
        self.took()
        self.relay.finish(2, DIED)
        self.assertEqual(
            self.took(),
            [
                ("iopub", "r", "error: DeadKernelError: the kernel died"),
                *ended("r", "execute_reply error 1"),
                *aborted("m2"),
            ],
        )


class SparingTests(RelayCase):
    """What has a session of its own goes on."""

    def test_kernel_is_told_to_spare_when_the_turn_has_come(self) -> None:
        self.run_kernel()
        self.execute("m1")
        self.execute("r", "%restart --keep-detached")
        decided = [("spare",), ("restart",)]
        self.assertEqual([what for what in self.took() if what in decided], [])
        self.end_cell("m1")
        self.assertEqual([what for what in self.took() if what in decided], decided)


class CheckTests(RelayCase):
    """A plain %restart: another kernel can be started, or this one stays."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()
        self.checks: list[Deferred[None]] = []
        self.changer.checks = self.checks

    def test_goes_when_another_kernel_can_be_started(self) -> None:
        """Cells behind it wait meanwhile; busy is said once."""
        self.execute("r", "%restart")
        self.execute("m2")
        self.assertEqual(self.took(), begun("r", "%restart"))
        self.checks.pop().callback(None)
        self.assertEqual(self.took(), [("restart",)])
        self.assertEqual(self.relay.gate.held, 1)

    def test_kernel_stays_when_none_can_be_started(self) -> None:
        """What was behind it goes on."""
        self.execute("r", "%restart\nx")
        self.execute("m2")
        self.took()
        self.checks.pop().errback(ValueError("it is gone"))
        self.assertEqual(
            self.took(),
            [
                ("iopub", "r", "error: KernelStartError: it is gone"),
                *ended("r", "execute_reply error 0"),
                ("kernel 1 shell", "m2", "execute_request: 1"),
            ],
        )

    def test_looks_when_its_turn_has_come(self) -> None:
        """And not when it begins to wait, an hour before."""
        self.execute("m1")
        self.execute("r", "%restart")
        self.assertEqual(self.checks, [])
        self.end_cell("m1")
        self.took()
        self.checks.pop().callback(None)
        self.assertEqual(self.took(), [("iopub", "r", "busy"), ("restart",)])

    def test_widgets_go_on_meanwhile(self) -> None:
        """Their idle is followed by another busy."""
        self.execute("r", "%restart")
        self.client("w", "comm_msg")
        self.status("w", "busy")
        self.status("w", "idle")
        self.took()
        self.checks.pop().callback(None)
        self.assertEqual(self.took(), [("iopub", "r", "busy"), ("restart",)])

    def test_prompt_of_a_console_goes_on_with_the_kernel(self) -> None:
        """It begins with 1 again only when the kernel does."""
        self.execute("m1")
        self.start_cell("m1", 6)
        self.end_cell("m1")
        self.execute("r", "%restart")
        self.checks.pop().errback(ValueError("it is gone"))
        self.assertEqual(self.took()[-2:], ended("r", "execute_reply error 6"))

    def test_options_that_waited_are_looked_at_again(self) -> None:
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.changer.settle()
        self.end_cell("m1")
        self.took()
        self.checks.pop().errback(ValueError("no folder"))
        self.assertEqual(
            self.took()[:2],
            [
                ("iopub", "r", "clear_output"),
                ("iopub", "r", "error: KernelStartError: no folder"),
            ],
        )

    def test_now_looks_at_nothing(self) -> None:
        self.execute("r", "%restart now")
        self.assertEqual(self.took()[-1:], [("restart now",)])
        self.assertEqual(self.checks, [])

    def test_kernel_that_dies_meanwhile_takes_it_along(self) -> None:
        """Then it is too late to leave it alone, and the answer concerns nobody."""
        self.execute("r", "%restart")
        self.relay.hold()
        self.relay.finish(1, DIED)
        self.assertIn(("restart",), self.took())
        self.checks.pop().errback(ValueError("it is gone"))
        self.assertEqual(self.took(), [])

    def test_dead_kernel_is_tried_at_once(self) -> None:
        """The start says what is wrong."""
        self.relay.hold_until_end()
        self.relay.finish(1, DIED)
        self.relay.refuse(DIED)
        self.took()
        self.execute("r", "%restart")
        self.assertEqual(self.took()[-1:], [("restart",)])
        self.assertEqual(self.checks, [])


class ChangesTests(RelayCase):
    """%restart with options: first it is found out whether they can be had."""

    changes = Changes(cwd="/data")

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def test_goes_when_it_can_be_had(self) -> None:
        """Cells behind it wait meanwhile; then they are put in force, and it goes."""
        self.execute("r", "%restart --cwd /data")
        self.execute("m2")
        self.assertEqual(
            self.took(),
            [*begun("r", "%restart --cwd /data"), ("prepare", self.changes)],
        )
        self.changer.settle()
        self.assertEqual(
            self.took(), [("apply",), ("iopub", "r", "busy"), ("restart",)]
        )
        self.assertEqual(self.relay.gate.held, 1)

    def test_options_that_cannot_be_had_leave_the_kernel_alone(self) -> None:
        """The kernel goes on, and what was behind it is passed on."""
        self.execute("r", "%restart --cwd /data")
        self.execute("m2")
        self.took()
        self.changer.fail("no such folder")
        self.assertEqual(
            self.took(),
            [
                ("iopub", "r", "error: WrongChange: no such folder"),
                *ended("r", "execute_reply error 0"),
                ("kernel 1 shell", "m2", "execute_request: 1"),
            ],
        )

    def test_takes_its_turn(self) -> None:
        """Settled or not, cells before it finish first."""
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.took()
        self.changer.settle()
        self.assertEqual(self.took(), [("iopub", "r", WAITS)])
        self.end_cell("m1")
        self.assertEqual(
            self.took()[1:4], [("apply",), ("iopub", "r", "busy"), ("restart",)]
        )

    def test_cells_end_before_it_is_settled(self) -> None:
        """Then it waits for that."""
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.end_cell("m1")
        self.took()
        self.changer.settle()
        self.assertEqual(self.took()[-1:], [("restart",)])

    def test_restart_now_waits_for_its_options_only(self) -> None:
        """It waits for no cell, but for that; cells behind it wait for it."""
        self.execute("m1")
        self.execute("r", "%restart now --cwd /data")
        self.assertEqual(self.took()[-1], ("prepare", self.changes))
        self.execute("m2")
        self.end_cell("m1", "error")
        self.took()
        self.execute("m3")
        # That the cell before it failed concerns neither it nor those behind it.
        self.assertEqual((self.took(), self.relay.gate.held), ([], 2))
        self.changer.settle()
        self.assertEqual(
            self.took(), [("apply",), ("iopub", "r", "busy"), ("restart now",)]
        )

    def test_interrupt_meanwhile(self) -> None:
        """An interrupt counts, though it came before it was settled."""
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.relay.inbound.business.interrupt()
        self.clock.advance(URGED_TIME)
        self.took()
        self.changer.settle()
        self.assertEqual(self.took()[-1:], [("restart now",)])

    def test_aborted_meanwhile(self) -> None:
        """What was aborted before it was settled restarts nothing."""
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.end_cell("m1", "error")
        self.took()
        self.changer.settle()
        self.assertEqual(self.took(), [])

    def test_another_one_behind_it(self) -> None:
        """What comes after the one that is left still waits for it."""
        self.execute("m1")
        self.execute("r1", "%restart")
        self.execute("r2", "%restart now --cwd /data", identity=b"bob")
        self.end_cell("m1", "error")
        self.took()
        self.execute("m2")
        self.assertEqual((self.took(), self.relay.gate.held), ([], 1))
        self.changer.settle()
        self.assertEqual(self.took()[-1], ("restart now",))

    def test_nothing_is_worked_out_for_one_that_was_aborted(self) -> None:
        """A login shell that loads modules is ended, and its timer with it."""
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.execute("now", "%restart now --cwd /data", identity=b"bob")
        working, beside = self.changer.asked
        self.end_cell("m1", "error")
        # That a cell failed does not concern the urgent one.
        self.assertEqual((working.called, beside.called), (True, False))
        self.took()
        self.relay.end(Cause(Ending.SHUT_DOWN, "shut down"))
        self.assertTrue(beside.called)
        found = [what for what in self.took() if what[1] in ("r", "now")]
        self.assertEqual(found[1:], ended("now", "execute_reply error 0", "bob shell"))

    def test_aborted_and_wrong(self) -> None:
        """Nor is it answered twice."""
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.end_cell("m1", "error")
        self.took()
        self.changer.fail("no such folder")
        self.assertEqual(self.took(), [])

    def test_end_of_the_daemon_ends_the_wait_for_options(self) -> None:
        """Who waits for the options is told, once, urgent or not."""
        self.execute("r1", "%restart --cwd /data")
        self.execute("r2", "%restart now --cwd /data")
        self.took()
        self.relay.end(Cause(Ending.SHUT_DOWN, "shut down"))
        self.assertEqual(
            [what for what in self.took() if what[0] == "ann shell"],
            [
                ("ann shell", "r1", "execute_reply error 0"),
                ("ann shell", "r2", "execute_reply error 0"),
            ],
        )
        self.changer.settle()
        self.changer.fail("no such folder")
        self.assertEqual(self.took(), [])

    def test_kernel_dies_when_it_is_settled(self) -> None:
        """The options are put in force for the kernel that comes then."""
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.changer.settle()
        self.took()
        self.relay.hold()
        self.assertEqual(self.took()[:2], [("apply",), ("restart",)])

    def test_kernel_dies_meanwhile(self) -> None:
        """It goes once it is settled and there is a kernel again."""
        self.execute("r", "%restart --cwd /data")
        self.relay.hold()
        self.relay.finish(1, DIED)
        self.took()
        self.changer.settle()
        self.assertEqual(self.took(), [])
        self.open(2)
        self.took()
        self.relay.release(2)
        self.assertEqual(self.took()[-1], ("restart",))
