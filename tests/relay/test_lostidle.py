"""Replies whose idle was lost on its way out of the kernel."""

from __future__ import annotations

from ipr.relay.initcode import InitCell, InitCode
from ipr.relay.lostidle import LOOK_TIME, MOST_QUESTIONS, QUESTION_LOOKS
from tests.fakes import Done
from tests.relay.relay_case import DIED, RelayCase, ended

ASKED = ("kernel 1 shell", "(kernel_info_request)", "kernel_info_request")


class LostIdleCase(RelayCase):
    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def reply(self, msg_id: str, msg_type: str = "execute_reply") -> None:
        """Have the kernel reply, and say no idle."""
        self.status(msg_id, "busy")
        self.kernel("shell", msg_type, msg_id, status="ok", execution_count=1)
        self.took()

    def looks(self, count: int = 2) -> Done:
        """Let so many pass; what was done meanwhile."""
        self.clock.pump([LOOK_TIME] * count)
        return self.took()

    def assert_over(self) -> None:
        """Nothing is open, nobody looks or hears."""
        self.looks(1)
        self.assertEqual(self.relay.ledger.unfinished(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        assert self.relay.conversation is not None
        self.assertEqual(self.relay.conversation.errands.hearers, {})


class LostIdleTests(LostIdleCase):
    def test_kernel_is_asked_and_its_busy_shows_that_the_idle_is_lost(self) -> None:
        self.execute("m1")
        self.reply("m1")
        self.assertEqual(self.looks(), [ASKED])
        self.assertEqual(self.looks(5), [], "it is asked once")
        self.status(self.probe(), "busy")
        self.assertEqual(self.took(), [("iopub", "m1", "idle")])
        self.assert_over()

    def test_idle_in_time_is_the_kernels(self) -> None:
        """Nobody is asked; no look follows when nothing is missed."""
        self.execute("m1")
        self.reply("m1")
        self.looks(1)
        self.status("m1", "idle")
        self.assertEqual(self.took(), [("iopub", "m1", "idle")])
        self.assertEqual(self.looks(), [])
        self.assert_over()

    def test_request_that_came_between_two_looks_is_not_missed(self) -> None:
        self.execute("m1")
        self.reply("m1")
        self.looks(1)
        self.status("m1", "idle")
        self.execute("m2")
        self.reply("m2")
        self.assertEqual(self.looks(1), [])
        self.assertEqual(self.looks(1), [ASKED])

    def test_idle_that_comes_after_all_goes_no_further(self) -> None:
        self.execute("m1")
        self.reply("m1")
        self.looks()
        self.status(self.probe(), "busy")
        self.took()
        self.status("m1", "idle")
        self.assertEqual(self.took(), [])

    def test_later_cell_that_runs_shows_it_as_well(self) -> None:
        """The kernel need not be asked: it would answer after that cell."""
        self.execute("m1")
        self.execute("m2")
        self.reply("m1")
        self.start_cell("m2")
        self.took()
        self.assertEqual(self.looks(), [("iopub", "m1", "idle")])
        self.end_cell("m2")
        self.assertEqual(self.took(), ended("m2", "execute_reply ok 1"))
        self.assert_over()

    def test_cell_that_runs_in_another_shell_shows_nothing(self) -> None:
        self.execute("m2", subshell="s")
        self.execute("m1")
        self.reply("m1")
        self.execute("m3", subshell="s")
        self.start_cell("m3")
        self.took()
        self.assertEqual(self.looks(), [ASKED])
        self.status(self.probe(), "busy")
        self.assertEqual(self.took(), [("iopub", "m1", "idle")])

    def test_what_was_sent_after_the_question_is_still_waited_for(self) -> None:
        self.execute("m1")
        self.reply("m1")
        self.looks()
        self.execute("m2")
        self.kernel("shell", "execute_reply", "m2", status="ok", execution_count=2)
        self.took()
        self.status(self.probe(), "busy")
        self.assertEqual(self.took(), [("iopub", "m1", "idle")])
        self.assertEqual(self.looks(), [ASKED])

    def test_other_requests_on_control_too(self) -> None:
        for number, channel in enumerate(("shell", "control")):
            self.client(f"c{number}", "usage_request", channel=channel)
            self.status(f"c{number}", "busy")
            self.kernel(channel, "usage_reply", f"c{number}")
            self.took()
            asked = (f"kernel 1 {channel}", *ASKED[1:])
            self.assertEqual(self.looks(), [asked])
            self.status(self.probe(), "busy")
            self.assertEqual(self.took(), [("iopub", f"c{number}", "idle")])
            self.assert_over()

    def test_question_of_which_nothing_is_heard_is_asked_again_and_then_no_more(
        self,
    ) -> None:
        self.execute("m1")
        self.reply("m1")
        self.looks()
        for number in range(1, MOST_QUESTIONS + 1):
            self.assertEqual(self.looks(QUESTION_LOOKS), [], "it waits behind a cell")
            self.kernel("shell", "kernel_info_reply", self.probe())
            again = [ASKED] if number < MOST_QUESTIONS else []
            self.assertEqual(self.looks(QUESTION_LOOKS), again)
        self.assertEqual(self.looks(20), [])
        # A kernel that publishes nothing for such a question goes on as ever.
        self.status("m1", "idle")
        self.assertEqual(self.took(), [("iopub", "m1", "idle")])
        self.assert_over()

    def test_unanswered_on_control_is_not_heard_for_ever(self) -> None:
        self.client("c", "usage_request", channel="control")
        self.kernel("control", "usage_reply", "c")
        asked = ("kernel 1 control", *ASKED[1:])
        self.took()
        looks = 2 + MOST_QUESTIONS * QUESTION_LOOKS
        self.assertEqual(self.looks(looks), [asked] * MOST_QUESTIONS)
        assert self.relay.conversation is not None
        self.assertEqual(self.relay.conversation.errands.hearers, {})

    def test_kernel_that_ends_gives_the_idle_as_ever(self) -> None:
        self.execute("m1")
        self.reply("m1")
        self.looks()
        self.relay.finish(1, DIED)
        self.assertEqual(self.took(), [("iopub", "m1", "idle")])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class LostIdleOfAPieceTests(LostIdleCase):
    """What runs before all cells: they would be held for ever."""

    def setUp(self) -> None:
        self.init = InitCode()
        self.init.keep(InitCell("k", "init", ""))
        super().setUp()

    def test_next_piece_or_the_cells_follow(self) -> None:
        self.execute("m1")
        self.took()
        (piece,) = self.relay.ledger.unfinished()
        self.kernel("shell", "execute_reply", piece.msg_id, status="ok")
        self.assertEqual(self.looks(), [ASKED])
        self.status(self.probe(), "busy")
        self.assertIn(("kernel 1 shell", "m1", "execute_request: 1"), self.took())
