"""Requests that only ask, and are under way when the kernel is restarted."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from ipr.lifecycle.causes import RESTARTED
from ipr.relay.conversation import NOTICE_TIME
from ipr.relay.gate import HELD_BESIDES
from ipr.relay.repeating import REPEATABLE
from tests.relay.relay_case import DIED, SHUT_DOWN, RelayCase, ended

GO = ("kernel 1 control", "(shutdown_request)", "shutdown_request")
SIGINT = ("kernel 1", "SIGINT")


class RepeatingTests(RelayCase):
    """The kernel was sent a completion, and then comes a %restart."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def ask(self, msg_id: str = "c") -> None:
        self.client(msg_id, "complete_request", code="zi", cursor_pos=2)

    def part(self) -> None:
        self.relay.hold()
        self.took()
        self.relay.ask_to_go()

    def test_completion_under_way_is_not_interrupted(self) -> None:
        """IPython would say that there is none; it has a while to answer."""
        for kind in sorted(REPEATABLE):
            self.client(f"c {kind}", kind)
        self.client("info", "kernel_info_request")
        self.part()
        self.assertEqual(self.took(), [])
        self.clock.advance(NOTICE_TIME)
        self.assertEqual(self.took(), [GO])

    def test_cell_beside_a_completion_is_interrupted(self) -> None:
        for kind in ("execute_request", "comm_msg", "odd_request"):
            self.client(kind, kind)
            self.ask(f"c {kind}")
            self.part()
            self.assertEqual(self.took(), [SIGINT], kind)
            self.relay.finish(1, DIED)
            self.run_kernel()

    def test_answer_in_time_is_the_kernels(self) -> None:
        self.ask()
        self.status("c", "busy")
        self.part()
        self.status("c", "idle")
        self.assertEqual(self.took(), [])
        self.kernel("shell", "complete_reply", "c", matches=["zip"])
        self.assertEqual(self.took(), [*ended("c", "complete_reply"), GO])
        self.relay.finish(1, RESTARTED)
        self.assertEqual((self.took(), self.relay.gate.held), ([], 0))

    def test_ours_are_in_an_answer_in_time(self) -> None:
        self.client("c", "complete_request", code="%re", cursor_pos=3)
        self.part()
        self.kernel(
            "shell",
            "complete_reply",
            "c",
            status="ok",
            matches=["%reset"],
            cursor_start=0,
            cursor_end=3,
            metadata={},
        )
        self.status("c", "idle")
        matches = self.last_content("shell")["matches"]
        self.assertEqual(matches, ["%reset", "%restart"])

    def test_without_an_answer_the_next_kernel_is_asked(self) -> None:
        """Also where the old one had begun, and has said idle and nothing else."""
        self.ask("c1")
        self.status("c1", "busy")
        self.ask("c2")
        self.part()
        self.execute("m1")
        self.status("c1", "idle")
        self.took()
        self.turn_over()
        self.assertEqual(
            self.took()[-3:],
            [
                ("kernel 2 shell", "c1", "complete_request: zi"),
                ("kernel 2 shell", "c2", "complete_request: zi"),
                ("kernel 2 shell", "m1", "execute_request: 1"),
            ],
        )
        self.kernel("shell", "complete_reply", "c1", matches=["zip"])
        self.status("c1", "idle")
        self.assertEqual(self.took(), ended("c1", "complete_reply"))

    def test_between_busy_and_its_turn(self) -> None:
        """It is looked at whether a kernel can be started; that may take its time."""
        looking: Deferred[None] = Deferred()
        self.changer.checks = [looking]
        self.execute("r", "%restart")
        self.ask()
        self.assertIn(("kernel 1 shell", "c", "complete_request: zi"), self.took())
        looking.callback(None)
        self.part()
        self.assertEqual(self.took(), [])
        self.turn_over()
        self.assertIn(("kernel 2 shell", "c", "complete_request: zi"), self.took())

    def test_after_a_death_it_is_not_asked_again(self) -> None:
        """It may be what the kernel died of."""
        self.ask()
        self.took()
        self.relay.finish(1, DIED)
        self.assertEqual(
            self.took(),
            [("iopub", "c", "busy"), *ended("c", "complete_reply ok")],
        )
        self.assertEqual(self.relay.gate.held, 0)

    def test_it_is_answered_when_the_daemon_ends(self) -> None:
        for msg_id in ("c", "kept"):
            self.ask(msg_id)
            if msg_id == "kept":
                self.part()
                self.status(msg_id, "idle")
            self.relay.finish(1, SHUT_DOWN)
            self.assertEqual(self.took()[-2:], ended(msg_id, "complete_reply ok"))
            self.run_kernel()

    def test_it_is_answered_when_no_kernel_follows(self) -> None:
        self.ask()
        self.part()
        self.relay.finish(1, RESTARTED)
        self.assertEqual(self.relay.gate.held, 1)
        self.relay.refuse(DIED)
        self.assertEqual(self.took()[:3][-2:], ended("c", "complete_reply ok"))

    def test_what_has_its_reply_or_its_idle_is_not_asked_again(self) -> None:
        self.ask("replied")
        self.ask("idle")
        self.kernel("shell", "complete_reply", "replied", matches=[])
        self.status("idle", "idle")
        self.part()
        self.took()
        self.relay.finish(1, RESTARTED)
        self.assertEqual(self.relay.gate.held, 0)
        took = self.took()
        self.assertIn(("iopub", "replied", "idle"), took)
        self.assertIn(("ann shell", "idle", "complete_reply ok"), took)


class BoundedTests(RelayCase):
    """As many as --max-held allows."""

    max_held = 1000 + 2 * HELD_BESIDES

    def test_too_many_are_answered(self) -> None:
        self.run_kernel()
        for number in range(3):
            self.client(f"c{number}", "complete_request", code="zi", cursor_pos=2)
        self.relay.hold()
        self.took()
        self.relay.finish(1, RESTARTED)
        self.assertEqual(self.relay.gate.held, 2)
        self.assertEqual(self.took()[-2:], ended("c0", "complete_reply ok"))
