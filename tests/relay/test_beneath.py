"""A replay that a terminal asks for: where it is shown, what the terminal is told."""

from __future__ import annotations

from typing import Any

from ipr.jupyter.wire import split
from ipr.relay.ran import Outcome
from ipr.relay.replay import TICK_TIME
from tests.relay.relay_case import ASKED
from tests.relay.test_replays import ERROR, KILLED, ReplayCase

LINE = "restarted in place, 0.00 s"


class FromAfar(ReplayCase):
    """The last cell that ran is ``cell-c``."""

    notebook = False

    def run_cell(self, code: str, status: str = "ok") -> None:
        self.execute(f"cell-{code}", code, cell=self.notebook, allow_stdin=True)
        self.start_cell(f"cell-{code}")
        self.end_cell(f"cell-{code}", status)

    def setUp(self) -> None:
        super().setUp()
        self.decider.number = 1

    def order(self, *options: str, inside: bool = False) -> dict[str, Any]:
        """Have a terminal ask for a restart; its options can be had at once."""
        self.command("restart", options=list(options), inside=inside)
        if self.changer.asked:
            self.changer.settle()
        return self.last_content("control")

    def told(self) -> tuple[str, bool, bool]:
        """Return what is said of the replay: how it stands, over, failed."""
        said = self.facts()["replay"]
        return said["line"], said["over"], said["failed"]

    def under(self, msg_id: str = "cell-c") -> list[str]:
        return self.shown(msg_id=msg_id)


class NotebookTests(FromAfar):
    """In one line under the last cell, and the circle in the toolbar."""

    notebook = True

    def test_line_goes_on_under_the_last_cell(self) -> None:
        self.assertEqual(self.order("--replay")["status"], "ok")
        self.took()
        self.new_kernel()
        self.execute("m2", "x")
        self.assertEqual(self.codes(), ["a"])
        self.end_piece(printed="hello\n")
        self.clock.advance(TICK_TIME)
        self.end_piece()
        self.assertEqual(self.codes(), ["a", "c", "x"])
        done = self.took()
        self.assertEqual(
            self.shown(done, "cell-c"),
            [
                f"display_data: {LINE}; replaying cell 1 of 2 · 0:00",
                f"update_display_data: {LINE}; replaying cell 2 of 2 · 0:00",
                f"update_display_data: {LINE}; replaying cell 2 of 2 · 0:01",
                f"update_display_data: {LINE}, replayed 2 cells in 0:01",
            ],
        )
        circle = [what[2] for what in done if what[1] == "(execute_request)"]
        self.assertEqual(circle, ["busy", "idle"])
        self.assertEqual(self.told(), ("replayed 2 cells in 0:01", True, False))

    def test_silent_cell_is_not_the_last_one(self) -> None:
        for number, fields in enumerate(({"silent": True}, {"store_history": False})):
            self.execute(f"s{number}", "look()", **fields)
            self.start_cell(f"s{number}")
            self.end_cell(f"s{number}")
        self.order("--replay", "1")
        self.new_kernel()
        self.end_piece()
        self.assertIn(f"{LINE}, replayed 1 cell", "".join(self.under()))

    def test_error_stands_below_the_line_and_cells_go_on(self) -> None:
        """They were not sent after a cell that could have failed."""
        self.order("--replay")
        self.new_kernel()
        self.execute("m2", "x")
        self.took()
        self.end_piece("error", printed="so far\n", **ERROR)
        end = "replayed 0 of 2 cells in 0:00; stopped at cell 1 of 2: a"
        self.assertEqual(
            self.under(),
            [
                f"update_display_data: {LINE}, {end}",
                "stream: so far\n",
                "error E",
            ],
        )
        self.assertEqual(self.told(), (f"{end} (E: no)", True, True))
        self.assertEqual(self.codes(), ["a", "x"])

    def test_nobody_can_be_asked_for_input(self) -> None:
        """The cell above has ended: its front end would show no box."""
        self.order("--replay")
        self.new_kernel()
        sent = split([b"", *self.inner.bodies[-1]]).content
        self.assertEqual((sent["code"], sent["allow_stdin"]), ("a", False))

    def test_interrupt_ends_it(self) -> None:
        self.order("--replay")
        self.new_kernel()
        self.took()
        self.relay.inbound.business.interrupt()
        self.end_piece()
        self.assertEqual(self.under()[-1], "error KeyboardInterrupt")
        self.assertTrue(self.told()[2])
        self.assertTrue(self.is_open())

    def test_shown_in_the_cell_that_restarts_with_it(self) -> None:
        """``%restart now`` comes before the replay: it is done in its cell."""
        self.execute("m0", "y")
        self.start_cell("m0")
        self.order("--replay")
        self.execute("m1", "%restart now", cell=True)
        self.new_kernel()
        self.end_piece()
        self.end_piece()
        self.assertIn(f"{LINE}, replayed 2 cells in 0:00", "".join(self.shown()))
        self.assertEqual(self.told(), ("replayed 2 cells in 0:00", True, False))


class ConsoleTests(FromAfar):
    """It shows late output with its next cell: so it is told once."""

    def test_told_when_it_is_over(self) -> None:
        self.order("--replay")
        self.new_kernel()
        self.took()
        self.end_piece()
        self.clock.advance(TICK_TIME)
        self.end_piece()
        self.assertEqual(self.under(), [f"stream: {LINE}, replayed 2 cells in 0:01\n"])

    def test_error_is_printed(self) -> None:
        self.order("--replay")
        self.new_kernel()
        self.took()
        self.end_piece("error", **ERROR)
        self.assertEqual(self.under()[-1], "stream: line 1\nE: no\n")


class EndTests(FromAfar):
    def test_restart_now_while_it_runs_ends_it(self) -> None:
        self.order("--replay")
        self.new_kernel()
        self.took()
        self.execute("m1", "%restart now")
        self.new_kernel(3)
        self.assertEqual(self.codes(), [])
        line = "replayed 0 of 2 cells in 0:00; stopped at cell 1 of 2: a"
        why = "KernelRestarted: the kernel was restarted"
        self.assertEqual(self.told(), (f"{line} ({why})", True, True))
        self.assertIn(f"stream: {LINE}, {line}\n", self.under())
        self.assertEqual(self.outcomes(2), [("a", Outcome.CUT_OFF, True)])

    def test_crash_in_it_is_told_and_does_not_go_on(self) -> None:
        self.order("--replay")
        self.new_kernel()
        self.start_cell(self.piece)
        self.new_kernel(3, KILLED)
        self.assertEqual(self.codes(), [])
        self.assertIn("while cell 1 of 2 was replayed", self.told()[0])
        self.assertTrue(self.is_open())

    def test_nothing_to_replay_is_the_answer(self) -> None:
        self.new_kernel()
        self.took()
        said = self.order("--replay")
        self.assertEqual(said["ename"], "NothingToReplay")
        self.assertIn("no cell has succeeded since the kernel started", said["evalue"])
        self.assertFalse(("restart",) in self.took())

    def test_nothing_by_then_is_told_and_the_kernel_stays(self) -> None:
        self.new_kernel()
        self.execute("m0", "y")
        self.start_cell("m0")
        self.assertTrue(self.order("--replay")["waits"])
        self.took()
        self.end_cell("m0", "error")
        self.assertFalse(("restart",) in self.took())
        self.assertIn("nothing to replay", self.facts()["failed"]["why"])

    def test_nothing_at_once_is_told(self) -> None:
        """``--now`` ends the only cell that there would have been."""
        self.new_kernel()
        self.execute("m0", "y")
        self.start_cell("m0")
        self.assertFalse(self.order("--now", "--replay")["waits"])
        self.new_kernel(3)
        line, over, failed = self.told()
        self.assertIn("nothing to replay", line)
        self.assertTrue(over and failed)
        self.assertTrue(self.is_open())

    def test_end_of_the_daemon_ends_it(self) -> None:
        self.order("--replay")
        self.new_kernel()
        self.relay.end(ASKED)
        self.clock.advance(10 * TICK_TIME)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class InsideTests(FromAfar):
    """A cell that asks for a restart is replayed, and asks again."""

    def test_restart_that_a_replayed_cell_asks_for_is_left_out(self) -> None:
        self.order("--replay")
        self.new_kernel()
        self.took()
        for options in ((), ("--replay",), ("--now", "--env", "A=1")):
            said = self.order(*options, inside=True)
            self.assertEqual((said["status"], said["left_out"]), ("ok", True))
        self.end_piece()
        self.end_piece()
        done = self.took()
        self.assertFalse({("restart",), ("restart now",)} & set(done))
        self.assertTrue(self.is_open())
        self.assertFalse("left_out" in self.order(inside=True))
        self.assertIn(("restart",), self.took())

    def test_one_from_a_terminal_is_none_of_those(self) -> None:
        self.order("--replay")
        self.new_kernel()
        self.took()
        self.order("--now")
        self.assertIn(("restart now",), self.took())
