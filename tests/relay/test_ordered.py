"""What becomes of what one restart was to do when another one comes first.

One rule (``docs/design.rst``, "When another restart comes first"): it is done with that
one, or whoever asked is told. Here for restarts that no cell asks for; those of cells
are in test_initial.py and test_replays.py.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import succeed

from ipr.lifecycle.causes import RESTARTED, Cause, Ending, failure
from ipr.lifecycle.limits import Pace
from ipr.relay.pieces import Piece
from tests.relay.relay_case import ASKED
from tests.relay.test_initial import InitialCase

KILLED = Cause(Ending.DIED, "the kernel was killed by SIGSEGV", followed=True)


class OrderedCase(InitialCase):
    """A terminal asks while ``m0`` runs; ``once.py`` is what ``--run`` names."""

    def setUp(self) -> None:
        super().setUp()
        self.decider.number = 1
        self.reads.extend(succeed("import os") for _ in range(3))
        self.execute("m0", "y")
        self.start_cell("m0")

    def order(self, *options: str, settles: bool = True) -> dict[str, Any]:
        """Have a terminal ask for a restart; return what it is answered.

        :param settles: its options can be had at once.
        """
        if "--run" in options:
            self.changer.pieces = (Piece("once.py", "once"),)
        self.command("restart", options=list(options))
        if self.changer.asked and settles:
            self.changer.settle()
        self.changer.pieces = ()
        return self.last_content("control") if settles else {}

    def failed(self) -> str:
        """Return what a terminal that waits is told of."""
        return str(self.facts()["failed"]["why"])

    def heading(self) -> str:
        """Return what stands at the head of the next cell."""
        self.took()
        name = f"m{next(self.numbers)}x"
        self.execute(name, "z")
        said = [what[2] for what in self.took() if what[1] == name]
        return said[0] if said and said[0].startswith("stream: ") else ""

    def press(self) -> None:
        """Press the Restart button."""
        why = failure(RESTARTED)
        self.relay.restarts.overtake(why, Pace.POLITE, announced=True)

    def run_all(self) -> list[str]:
        """Have the kernel run what it is given; return that."""
        for _ in self.codes():
            self.end_piece()
        return self.codes()


class WhileItWaitsTests(OrderedCase):
    def test_restart_now_does_it(self) -> None:
        self.assertTrue(self.order("--run", "once.py", "--env", "A=1")["waits"])
        self.took()
        self.execute("m1", "%restart now")
        self.relay.hold()
        # The options hold for the kernel that comes.
        self.assertIn(("apply",), self.took())
        self.relay.finish(1, ASKED)
        self.open(2)
        self.answer_probe()
        self.relay.release(2)
        self.assertEqual(self.run_all(), ["import os", "once"])
        self.assertEqual(self.heading(), "")
        self.assertEqual(self.failed(), "")

    def test_crash_does_it(self) -> None:
        self.order("--run", "once.py")
        self.new_kernel(cause=KILLED)
        self.assertEqual(self.run_all(), ["import os", "once"])

    def test_restart_now_spares_what_it_wants_spared(self) -> None:
        """Before the kernel is asked to go: it is too late after that."""
        self.order("--keep-detached")
        self.execute("m1", "%restart now")
        self.took()
        self.relay.hold()
        self.assertIn(("spare",), self.took())

    def test_another_one_with_options_is_refused(self) -> None:
        """It would go along, and what is not told the kernel in time is lost."""
        self.order("--run", "once.py")
        for options in (["--env", "A=1"], ["--keep-detached"], ["--replay"]):
            said = self.order(*options)
            self.assertEqual(said["status"], "error", options)
            self.assertIn("another restart comes first", said["evalue"])
        self.assertTrue(self.order()["waits"])

    def test_restart_button_drops_it_and_that_is_told(self) -> None:
        for options in (["--run", "once.py"], ["--env", "A=1"], ["--keep-detached"]):
            self.assertTrue(self.order(*options)["waits"])
            self.press()
            self.assertIn("the front end's Restart came first", self.failed())
            self.new_kernel(self.inner.generation + 1)
            self.assertEqual(self.run_all(), ["import os"])
            # It runs, and the next one waits for it.
            self.assertIn("'ipr restart' was to do was not done", self.heading())

    def test_restart_button_is_the_restart_that_was_asked_for(self) -> None:
        self.order()
        self.press()
        self.new_kernel()
        self.assertEqual((self.failed(), self.heading()), ("", ""))


class WhileOptionsAreWorkedOutTests(OrderedCase):
    def test_done_after_restart_now(self) -> None:
        """In a restart of its own."""
        self.order("--run", "once.py", settles=False)
        self.execute("m1", "%restart now")
        self.new_kernel()
        self.run_all()
        self.changer.pieces = (Piece("once.py", "once"),)
        self.took()
        self.changer.settle()
        self.changer.pieces = ()
        self.assertIn(("restart",), self.took())
        self.new_kernel(3)
        self.assertEqual(self.run_all(), ["import os", "once"])

    def test_restart_button_is_the_answer(self) -> None:
        self.order("--run", "once.py", settles=False)
        self.press()
        said = self.last_content("control")
        self.assertIn("the front end's Restart came first", said["evalue"])


class UnderWayTests(OrderedCase):
    """Its kernel is not ready yet, or runs what comes first."""

    def setUp(self) -> None:
        super().setUp()
        self.order("--now", "--run", "once.py")
        self.relay.hold()
        self.relay.finish(1, ASKED)
        self.open(2)

    def ready(self) -> None:
        self.answer_probe()
        self.relay.release(2)

    def test_kernel_that_dies_at_its_start_does_not_take_it_along(self) -> None:
        self.new_kernel(3, KILLED)
        self.assertEqual(self.run_all(), ["import os", "once"])

    def test_restart_now_while_what_comes_before_runs_does_it_then(self) -> None:
        self.ready()
        self.assertEqual(self.codes(), ["import os"])
        self.execute("m1", "%restart now")
        self.new_kernel(3)
        self.assertEqual(self.run_all(), ["import os", "once"])

    def test_crash_of_what_comes_before_does_it_then(self) -> None:
        """The next kernel starts without that."""
        self.ready()
        self.new_kernel(3, KILLED)
        self.assertEqual(self.run_all(), ["once"])

    def test_restart_now_while_it_runs_is_told_at_the_next_cell(self) -> None:
        self.ready()
        self.end_piece()
        self.execute("m1", "%restart now")
        self.new_kernel(3)
        self.assertEqual(self.run_all(), ["import os"])
        line = "While once.py ran, another restart ended it. It is not run again.\n"
        self.assertEqual(self.heading(), f"stream: {line}")

    def interrupted(self) -> None:
        """As an ipykernel is by another restart, before it is told to go."""
        self.execute("m1", "%restart now")
        self.relay.hold()
        self.end_piece("error", ename="KeyboardInterrupt", evalue="", traceback=[])
        self.relay.finish(2, ASKED)
        self.open(3)
        self.ready()

    def test_interrupt_before_it_has_begun_has_it_done_then(self) -> None:
        self.ready()
        self.interrupted()
        self.assertEqual(self.run_all(), ["import os", "once"])
        self.assertEqual(self.heading(), "")

    def test_interrupt_that_ends_it_is_told_at_the_next_cell(self) -> None:
        self.ready()
        self.end_piece()
        self.interrupted()
        self.assertEqual(self.run_all(), ["import os"])
        self.assertIn("While once.py ran, another restart ended it", self.heading())

    def test_crash_while_it_runs_is_told_at_the_next_cell(self) -> None:
        self.ready()
        self.end_piece()
        self.new_kernel(3, KILLED)
        self.assertEqual(self.run_all(), ["import os"])
        line = "While once.py ran, the kernel ended. It is not run again.\n"
        self.assertIn(line, self.heading())

    def test_restart_button_leaves_out_what_has_not_begun(self) -> None:
        self.press()
        self.assertIn("the front end's Restart came first", self.failed())
        self.new_kernel(3)
        self.assertEqual(self.run_all(), ["import os"])
        self.assertIn("'ipr restart' was to do was not done", self.heading())

    def test_restart_button_while_it_runs_is_told(self) -> None:
        self.ready()
        self.end_piece()
        self.press()
        self.new_kernel(3)
        self.assertEqual(self.run_all(), ["import os"])
        self.assertIn("While once.py ran, another restart ended it", self.heading())

    def test_told_once(self) -> None:
        self.press()
        self.new_kernel(3)
        self.run_all()
        self.assertTrue(self.heading())
        self.assertEqual(self.heading(), "")
