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
        self.kernel("shell", "complete_reply", "c", matches=["zip"])
        self.status("c", "idle")
        self.assertEqual(self.took(), [*ended("c", "complete_reply"), GO])

    def test_behind_a_cell_it_is_asked_of_the_next_kernel(self) -> None:
        """Before all that was held since."""
        self.execute("m1")
        self.start_cell("m1")
        self.ask("c1")
        self.ask("c2")
        self.part()
        self.execute("m2")
        self.took()
        self.turn_over()
        self.assertEqual(
            self.took()[-3:],
            [
                ("kernel 2 shell", "c1", "complete_request: zi"),
                ("kernel 2 shell", "c2", "complete_request: zi"),
                ("kernel 2 shell", "m2", "execute_request: 1"),
            ],
        )
        self.kernel("shell", "complete_reply", "c1", matches=["zip"])
        self.status("c1", "idle")
        self.assertEqual(self.took(), ended("c1", "complete_reply"))

    def restart(self, line: str, generation: int) -> None:
        """Have a cell restart, up to the end of that kernel; another one comes up."""
        self.execute(f"r{generation}", line)
        self.part()
        self.took()
        self.turn_over(generation + 1)

    def begin(self, msg_id: str, *, first: bool) -> None:
        """Have the kernel begin with it, or let it have nothing else to be at."""
        self.ask(msg_id)
        if not first:
            self.status(msg_id, "busy")

    def test_what_had_begun_is_asked_once_more(self) -> None:
        """A kernel's first completion takes seconds where jedi has no cache yet."""
        for first in (False, True):
            with self.subTest(first=first):
                generation = 1 + 2 * first
                self.run_kernel(generation)
                c = f"c{generation}"
                self.begin(c, first=first)
                self.restart("%restart", generation)
                asked = (f"kernel {generation + 1} shell", c, "complete_request: zi")
                self.assertIn(asked, self.took())
                self.kernel("shell", "complete_reply", c, matches=["zip"])
                self.status(c, "idle")
                self.assertEqual(self.took(), ended(c, "complete_reply"))
                self.relay.finish(generation + 1, DIED)
                self.took()

    def test_idle_of_one_kernel_is_not_followed_by_that_of_another(self) -> None:
        """An ipykernel that is interrupted in a completion says idle, and no more."""
        self.begin("c", first=False)
        self.status("c", "idle")
        self.execute("r1", "%restart")
        self.part()
        self.took()
        self.relay.finish(1, RESTARTED)
        self.assertEqual(self.took(), [("ann shell", "c", "complete_reply ok")])
        self.assertEqual(self.relay.gate.held, 0)

    def test_what_two_kernels_hung_in_is_not_asked_of_a_third(self) -> None:
        self.begin("c", first=False)
        self.restart("%restart", 1)
        self.status("c", "busy")
        self.took()
        self.execute("r2", "%restart")
        self.part()
        self.took()
        self.relay.finish(2, RESTARTED)
        self.assertEqual(self.took()[-2:], ended("c", "complete_reply ok"))
        self.assertEqual(self.relay.gate.held, 0)

    def test_what_it_may_hang_in_is_not_asked_again_by_who_will_not_wait(self) -> None:
        """Not after %restart now, and not by the button, which forgets everything."""
        for number, line in enumerate(("%restart now", ""), 1):
            self.run_kernel(number)
            self.begin(f"c{number}", first=False)
            if line:
                self.execute(f"r{number}", line)
            self.part()
            self.took()
            self.relay.finish(number, RESTARTED)
            answer = ended(f"c{number}", "complete_reply ok")
            self.assertEqual(self.took()[-2:], answer)
            self.assertEqual(self.relay.gate.held, 0)

    def test_another_shell_does_not_keep_it_waiting(self) -> None:
        self.execute("m1", subshell="s")
        self.ask()
        self.relay.finish(1, RESTARTED)
        self.assertEqual(self.relay.gate.held, 0)

    def look(self) -> Deferred[None]:
        """Have a %restart look whether a kernel can be started; it takes its time."""
        self.changer.checks = []
        self.execute("r", "%restart")
        self.took()
        self.ask()
        self.client("w", "comm_msg")
        # A widget goes on.
        self.assertEqual(self.took(), [("kernel 1 shell", "w", "comm_msg")])
        return self.changer.checks.pop()

    def test_between_busy_and_its_turn_it_is_held(self) -> None:
        self.look().callback(None)
        self.turn_over()
        self.assertIn(("kernel 2 shell", "c", "complete_request: zi"), self.took())

    def test_without_its_turn_the_kernel_that_stays_is_asked(self) -> None:
        self.look().errback(ValueError("no such program"))
        self.assertIn(("kernel 1 shell", "c", "complete_request: zi"), self.took())
        self.ask("another")
        asked = [("kernel 1 shell", "another", "complete_request: zi")]
        self.assertEqual(self.took(), asked)

    def test_after_a_death_it_is_not_asked_again(self) -> None:
        """It may be what the kernel died of."""
        self.execute("m1")
        self.ask()
        self.took()
        self.relay.finish(1, DIED)
        self.assertEqual(self.took()[-2:], ended("c", "complete_reply ok"))
        self.assertEqual(self.relay.gate.held, 0)

    def test_it_is_answered_when_the_daemon_ends(self) -> None:
        self.execute("m1")
        self.ask()
        self.relay.finish(1, SHUT_DOWN)
        self.assertEqual(self.took()[-2:], ended("c", "complete_reply ok"))

    def test_it_is_answered_when_no_kernel_follows(self) -> None:
        self.execute("m1")
        self.ask()
        self.relay.hold()
        self.relay.finish(1, RESTARTED)
        self.assertEqual(self.relay.gate.held, 1)
        self.took()
        self.relay.refuse(DIED)
        self.assertEqual(self.took()[1:3], ended("c", "complete_reply ok"))


class BoundedTests(RelayCase):
    """As many as --max-held allows."""

    max_held = 1000 + 2 * HELD_BESIDES

    def test_too_many_are_answered(self) -> None:
        self.run_kernel()
        self.execute("m1")
        for number in range(3):
            self.client(f"c{number}", "complete_request", code="zi", cursor_pos=2)
        self.relay.hold()
        self.took()
        self.relay.finish(1, RESTARTED)
        self.assertEqual(self.relay.gate.held, 2)
        self.assertEqual(self.took()[-2:], ended("c0", "complete_reply ok"))
