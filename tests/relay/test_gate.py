"""What is held back, how much of it, and what becomes of it."""

from __future__ import annotations

from unittest import mock

from ipr.jupyter.wire import Envelope
from ipr.relay.gate import HELD_BESIDES
from tests.relay.relay_case import (
    DIED,
    RelayCase,
    begun,
    ended,
)


class HeldTests(RelayCase):
    """What comes while there is no kernel."""

    def test_released_in_order(self) -> None:
        """Held until the kernel is ready, and then passed on in order."""
        self.open()
        self.took()
        self.execute("m1", identity=b"ann")
        self.client("m2", "comm_open", identity=b"bob", comm_id="c")
        self.client("m3", "odd_request", channel="control")
        self.execute("m4", identity=b"bob")
        self.assertEqual((self.took(), self.relay.gate.held), ([], 4))
        self.relay.release(1)
        self.assertEqual(
            self.took(),
            [
                ("kernel 1 shell", "m1", "execute_request: 1"),
                ("kernel 1 shell", "m2", "comm_open"),
                ("kernel 1 control", "m3", "odd_request"),
                ("kernel 1 shell", "m4", "execute_request: 1"),
            ],
        )
        self.assertEqual(self.relay.gate.held, 0)

    def test_one_that_cannot_be_processed_is_answered_and_the_others_pass(self) -> None:
        """Whatever goes wrong with it before the kernel is sent anything."""
        self.open()
        for msg_id in ("m1", "m2"):
            self.execute(msg_id)
        self.took()
        business = self.relay.inbound.business
        take = business.take

        def failing(channel: str, envelope: Envelope) -> bool:
            if envelope.header["msg_id"] == "m1":
                raise LookupError
            return take(channel, envelope)

        with mock.patch.object(business, "take", failing):
            self.relay.release(1)
        self.assertEqual(len(self.logged_errors(LookupError)), 1)
        self.assertEqual(
            self.took(),
            [
                *begun("m1", "1"),
                (
                    "iopub",
                    "m1",
                    "error: NotSent: ipr could not pass this on; its log says why",
                ),
                *ended("m1", "execute_reply error 0"),
                ("kernel 1 shell", "m2", "execute_request: 1"),
            ],
        )

    def test_before_any_kernel(self) -> None:
        """Nor is anything lost before the first one is there."""
        self.execute("m1")
        self.open()
        self.took()
        self.relay.release(1)
        self.assertEqual(self.took(), [("kernel 1 shell", "m1", "execute_request: 1")])

    def test_nothing_passes_from_hold_on(self) -> None:
        """From hold on nothing passes."""
        self.run_kernel()
        self.relay.hold()
        self.took()
        self.execute("m1")
        self.assertEqual((self.took(), self.relay.gate.held), ([], 1))

    def test_hold_frees_blocked_prompts(self) -> None:
        """JupyterLab refuses every cell while it believes that input() waits."""
        self.run_kernel()
        self.execute("m1")
        self.kernel("stdin", "input_request", "m1", prompt="?")
        self.took()
        self.relay.hold()
        self.assertEqual(
            self.took(), [("iopub", "(shutdown_request)", "shutdown_reply ok")]
        )
        self.assertEqual(self.last_content("iopub"), {"status": "ok", "restart": True})

    def test_hold_for_a_restart(self) -> None:
        """Consoles begin again at a restart."""
        self.run_kernel()
        self.execute("m1", "%restart")
        self.took()
        self.relay.hold()
        self.assertEqual(
            self.took(), [("iopub", "(shutdown_request)", "shutdown_reply ok")]
        )

    def test_hold_after_a_death(self) -> None:
        """Nobody is told to clear the screen then."""
        self.run_kernel()
        self.relay.hold()
        self.assertEqual(self.took(), [])

    def test_hold_at_the_end(self) -> None:
        """At the very end nobody is told of a restart."""
        self.run_kernel()
        self.execute("m1")
        self.kernel("stdin", "input_request", "m1", prompt="?")
        self.took()
        self.relay.hold_until_end()
        self.assertEqual(self.took(), [])

    def test_silent_generation_is_announced(self) -> None:
        """After a restart that no cell asked for clients are told that it is idle."""
        self.open(2)
        self.took()
        self.relay.release(2)
        self.assertEqual(self.took(), [("iopub", "(execute_request)", "idle")])


class LimitedTests(RelayCase):
    """How much is held."""

    max_held = 2000 + 2 * HELD_BESIDES

    def test_too_much(self) -> None:
        """Past the limit a request is answered at once; later ones may fit."""
        self.execute("m1", "x" * 1000)
        self.execute("m2", "y" * 1500)
        self.execute("m3", "z")
        why = (
            "the kernel is restarting, and more requests wait for it than ipr keeps"
            " (0 MiB); send it again later"
        )
        self.assertEqual(
            self.took(),
            [
                *begun("m2", "y" * 1500),
                ("iopub", "m2", f"error: TooMuchHeld: {why}"),
                *ended("m2", "execute_reply error 0"),
            ],
        )
        self.open()
        self.took()
        self.relay.release(1)
        self.assertEqual([what[1] for what in self.took()], ["m1", "m3"])

    def test_room_again(self) -> None:
        """What was released takes no room any more."""
        self.execute("m1", "x" * 1000)
        self.run_kernel()
        self.relay.hold()
        self.execute("m2", "x" * 1000)
        self.assertEqual(self.relay.gate.held, 1)

    def test_small_ones(self) -> None:
        """What a request takes beside its bytes counts, too."""
        for number in range(100):
            self.execute(f"m{number}", "")
        self.assertEqual(self.relay.gate.held, 2)


class BehindARestartTests(RelayCase):
    """Cells that came after a %restart that waits."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def test_cells_of_another_shell(self) -> None:
        """When the cell before it fails, they go on; its own are aborted."""
        self.client("c", "create_subshell_request", channel="control")
        self.kernel("control", "create_subshell_reply", "c", subshell_id="s1")
        self.execute("m1")
        self.execute("r", "%restart")
        self.execute("m2")
        self.execute("s2", subshell="s1")
        self.took()
        self.end_cell("m1", "error")
        took = self.took()
        self.assertIn(("ann shell", "m2", "execute_reply aborted"), took)
        self.assertIn(("kernel 1 shell", "s2", "execute_request: 1"), took)

    def test_kernel_that_dies_for_good(self) -> None:
        """They were meant for the kernel that it brings; the others are refused."""
        self.execute("r", "%restart --cwd /data")
        self.execute("m2")
        self.relay.hold()
        self.relay.finish(1, DIED)
        self.client("i", "odd_request")
        self.took()
        self.relay.refuse(DIED)
        replies = [what[1] for what in self.took() if what[0] == "ann shell"]
        self.assertEqual((replies, self.relay.gate.held), (["i"], 1))
        self.changer.settle()
        self.assertIn(("restart",), self.took())
