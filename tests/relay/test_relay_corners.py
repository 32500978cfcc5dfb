"""The relay's corners: what clients and kernels do that nobody would expect."""

from __future__ import annotations

from typing import Any
from unittest import mock

from ipr.daemon.commands import IprCommands
from ipr.daemon.inside import Inside
from ipr.jupyter.messages import Draft
from ipr.jupyter.signing import Signer
from ipr.jupyter.wire import Malformed, dumps, split
from ipr.relay.turns import REPLY_TIME
from ipr.sockets.channels import ChannelClosed
from tests.relay.relay_case import ASKED, DIED, RelayCase
from tests.requests import SIGNER, body, header


class CornerCase(RelayCase):
    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def die(self) -> None:
        """The kernel dies, and none is coming."""
        self.relay.hold()
        self.relay.finish(1, DIED)
        self.relay.refuse(DIED)
        self.took()

    def restart(self, generation: int = 2) -> None:
        """Another kernel comes, up to where it is ready."""
        self.relay.hold()
        self.relay.finish(generation - 1, ASKED)
        self.open(generation)
        self.answer_probe()
        self.took()
        self.inner.bodies.clear()

    def subshell(self, name: str = "sub-1") -> None:
        self.client("c", "create_subshell_request", channel="control")
        self.kernel(
            "control", "create_subshell_reply", "c", status="ok", subshell_id=name
        )
        self.took()

    def replies(self) -> list[Any]:
        """Return what went to the client's shell since the last time."""
        return [what for what in self.took() if what[0] == "ann shell"]


class OptionsTests(CornerCase):
    """%restart with options, while the kernel ends."""

    def test_settled_while_it_starts_and_then_dead(self) -> None:
        """It is what leaves that state, and must not hang in it."""
        self.execute("r", "%restart --cwd /data")
        self.relay.hold()
        self.relay.finish(1, DIED)
        self.changer.settle()
        self.took()
        self.relay.refuse(DIED)
        self.assertEqual(self.took()[-1], ("restart",))

    def test_cells_behind_it_in_a_dead_kernel(self) -> None:
        """They were meant for the kernel that it brings."""
        self.die()
        self.execute("r", "%restart --module cuda")
        self.took()
        self.execute("m")
        self.client("i", "is_complete_request", code="1")
        self.assertEqual([what[1] for what in self.replies()], ["i"])
        self.changer.settle()
        self.assertEqual(self.took()[-1], ("restart",))
        self.open(2)
        self.answer_probe()
        self.took()
        self.relay.release(2)
        self.assertIn(("kernel 2 shell", "m", "execute_request: 1"), self.took())

    def test_cells_behind_a_wrong_one(self) -> None:
        """It will not bring a kernel; another one behind it may."""
        self.die()
        self.execute("r", "%restart --module nonsense")
        self.execute("m")
        self.execute("r2", "%restart")
        self.took()
        self.changer.fail("no such module")
        took = self.took()
        self.assertEqual(
            [what[1:] for what in took if what[0] == "ann shell"],
            [("r", "execute_reply error 0"), ("m", "execute_reply error 0")],
        )
        self.assertIn(("restart",), took)


class NoReplyTests(CornerCase):
    """ipykernel answers a cell without code by busy and idle only."""

    def test_it_holds_up_no_restart(self) -> None:
        """Its reply may be a moment late, but not longer."""
        self.client("bad", "execute_request")
        self.status("bad", "busy")
        self.status("bad", "idle")
        self.took()
        self.execute("r", "%restart")
        self.assertFalse(("restart",) in self.took())
        self.clock.advance(1.0)
        self.assertIn(("restart",), self.took())
        # It gets its reply when its kernel is gone.
        self.relay.hold()
        self.relay.finish(1, ASKED)
        self.assertEqual([what[1] for what in self.replies()], ["bad"])

    def test_others_that_get_on_meanwhile(self) -> None:
        """The moment that a late reply has does not begin again with each of them."""
        self.client("bad", "execute_request")
        self.client("w", "comm_msg")
        self.status("bad", "idle")
        self.execute("r", "%restart")
        self.clock.advance(0.9)
        self.status("w", "idle")
        self.took()
        self.clock.advance(0.1)
        self.assertIn(("restart",), self.took())

    def test_it_comes_while_one_waits(self) -> None:
        """The same, seen from the other side."""
        self.client("bad", "execute_request")
        self.status("bad", "busy")
        self.execute("r", "%restart")
        self.clock.advance(10)
        self.assertFalse(("restart",) in self.took())
        self.status("bad", "idle")
        self.clock.advance(1.0)
        self.assertIn(("restart",), self.took())

    def test_a_late_reply(self) -> None:
        """It is in time, and the cell behind it is waited for."""
        self.execute("m")
        self.execute("m2")
        self.execute("r", "%restart")
        self.status("m", "busy")
        self.status("m", "idle")
        self.clock.advance(0.9)
        self.kernel("shell", "execute_reply", "m", status="ok", execution_count=1)
        self.clock.advance(10)
        self.assertFalse(("restart",) in self.took())
        self.start_cell("m2", 2)
        self.end_cell("m2", "ok", 2)
        self.assertIn(("restart",), self.took())

    def test_the_one_that_waited_was_aborted(self) -> None:
        """Nothing of that wait is left to cut another one short."""
        self.client("bad", "execute_request")
        self.execute("fails", "1/0")
        self.execute("r", "%restart")
        self.status("bad", "idle")
        self.status("fails", "idle")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.kernel("shell", "execute_reply", "fails", status="error")
        # Those before it are answered first, or given up.
        self.assertEqual([what[1] for what in self.replies()], ["fails"])
        self.clock.advance(REPLY_TIME)
        self.assertIn(("ann shell", "r", "execute_reply aborted"), self.took())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class AbortTests(CornerCase):
    """A cell that fails takes along what its kernel would have aborted."""

    def test_a_silent_one(self) -> None:
        """It aborts nothing."""
        self.execute("s", "1/0", silent=True)
        self.execute("r", "%restart")
        self.took()
        self.end_cell("s", "error")
        self.assertIn(("restart",), self.took())

    def test_one_of_another_subshell(self) -> None:
        """It aborts what is queued there."""
        self.subshell()
        self.execute("m1")
        self.execute("s1", subshell="sub-1")
        self.execute("r", "%restart")
        self.execute("m2")
        self.took()
        self.end_cell("s1", "error")
        self.assertEqual(self.replies(), [("ann shell", "s1", "execute_reply error 1")])
        self.assertEqual(self.relay.gate.held, 1)


class SubshellTests(CornerCase):
    def test_the_rest_of_a_restart(self) -> None:
        """The subshell that it names has gone with the old kernel."""
        self.subshell()
        self.execute("r", "%restart\nx = 1", subshell="sub-1")
        self.restart()
        self.relay.release(2)
        (rest,) = [
            envelope
            for envelope in map(split, self.inner.bodies)
            if envelope.header["msg_id"] == "r"
        ]
        self.assertEqual(rest.header["subshell_id"], None)
        self.assertTrue(SIGNER.verifies(rest.body))

    def test_a_start_that_fails_in_between(self) -> None:
        """The one after it still gets its stand-ins."""
        self.subshell()
        self.relay.hold()
        self.relay.finish(1, DIED)
        self.open(2)
        self.relay.finish(2, DIED)
        self.open(3)
        self.relay.greetings.info.known = Draft(
            "kernel_info_reply", {"supported_features": ["kernel subshells"]}
        )
        self.answer_probe()
        self.took()
        self.inner.bodies.clear()
        self.relay.greetings.info.known = Draft(
            "kernel_info_reply", {"supported_features": ["kernel subshells"]}
        )
        self.relay.release(3)
        self.assertIn("create_subshell_request", self.inner.asked)

    def test_what_is_no_name(self) -> None:
        """It is bad input, and dropped as such; nobody else is the worse for it."""
        for odd in (["x"], [], 5):
            own = header(f"bad-{odd}", "execute_request", subshell_id=odd)
            frames = [b"bob", *body(own, {"code": "1"})]
            self.relay.inbound.received("shell", frames)
        self.assertEqual(self.took(), [])

    def test_features_that_are_none(self) -> None:
        """A kernel's info is not to be trusted."""
        self.subshell("old")
        self.restart()
        self.relay.release(2)
        self.relay.greetings.info.known = Draft(
            "kernel_info_reply", {"supported_features": None}
        )
        self.took()
        self.client("w", "comm_msg", subshell="old")
        self.assertEqual([what[1] for what in self.took()], ["w"])

    def test_a_deletion_without_content(self) -> None:
        """It passes as it is."""
        self.subshell("old")
        self.restart()
        self.relay.release(2)
        self.took()
        own = dumps(header("d", "delete_subshell_request"))
        frames = SIGNER.body(own, b"{}", b"{}", b"nonsense")
        self.relay.inbound.received("control", [b"ann", *frames])
        self.assertEqual(
            [what[:2] for what in self.took()], [("kernel 2 control", "d")]
        )


class BrokenSocketTests(CornerCase):
    """A socket of the new kernel fails as soon as something is sent."""

    def test_held_requests(self) -> None:
        """Each of them is answered when that kernel is finished."""
        self.relay.hold()
        self.relay.finish(1, ASKED)
        self.execute("a")
        self.execute("b")
        inner = self.open(2)
        self.answer_probe()
        self.took()
        inner.broken = True
        self.relay.release(2)
        self.assertEqual(len(self.logged_errors(ChannelClosed)), 2)
        self.relay.hold()
        self.relay.finish(2, DIED)
        self.assertEqual([what[1] for what in self.replies()], ["a", "b"])

    def test_a_rest_that_cannot_be_written(self) -> None:
        """Its header is nested too deeply: the cell says that, and ends."""
        self.execute("r", "%restart\nx")
        self.restart()
        with mock.patch.object(Signer, "resign", side_effect=Malformed):
            self.relay.release(2)
        self.assertEqual(len(self.logged_errors(Malformed)), 1)
        self.assertEqual(self.replies(), [("ann shell", "r", "execute_reply error 0")])
        self.assertEqual(len(self.relay.ledger), 0)

    def test_second_rest_is_told_of_the_broken_socket(self) -> None:
        """The second cell is told, too."""
        self.execute("r1", "%restart now\nx")
        self.execute("r2", "%restart now")
        self.restart()
        self.inner.broken = True
        self.relay.release(2)
        self.assertEqual(len(self.logged_errors(ChannelClosed)), 1)
        self.assertEqual([what[1] for what in self.replies()], ["r2"])
        self.relay.hold()
        self.relay.finish(2, DIED)
        self.assertEqual([what[1] for what in self.replies()], ["r1"])


class OtherTests(CornerCase):
    def test_bytes_that_are_no_text(self) -> None:
        """jupyter_client reads such a reply; a %restart that waits must not lose it."""
        self.execute("m")
        self.execute("r", "%restart")
        self.took()
        content = (
            b'{"status": "error", "ename": "\xff", "evalue": "", "traceback": [],'
            b' "execution_count": 1}'
        )
        frames = SIGNER.body(
            dumps(header("k", "execute_reply")), dumps(header("m", "x")), b"{}", content
        )
        self.inner.received("shell", frames)
        sent = [frames for where, frames in self.front.frames if where == "shell"]
        self.assertEqual(sent[0], [b"ann", *frames])

    def test_a_long_queue(self) -> None:
        """A kernel that comes after an hour is not asked 7200 times at once."""
        self.relay.hold()
        self.relay.finish(1, ASKED)
        inner = self.open(2)
        inner.heard = False
        self.clock.advance(3600)
        for _ in range(100):
            self.clock.advance(0.5)
        self.assertEqual(len(inner.bodies), 1)
        inner.heard = True
        self.clock.advance(0.5)
        self.assertEqual(len(inner.bodies), 2)

    def test_two_questions(self) -> None:
        """Each answer of jupyter_client's goes in, though it names no question."""
        self.execute("m1")
        self.execute("m2", identity=b"bob")
        self.kernel("stdin", "input_request", "m1", prompt="", password=False)
        self.kernel("stdin", "input_request", "m2", prompt="", password=False)
        self.took()
        self.client("i1", "input_reply", channel="stdin", value="a")
        self.client("i2", "input_reply", channel="stdin", identity=b"bob", value="b")
        self.assertEqual([what[1] for what in self.took()], ["i1", "i2"])

    def test_a_question_after_the_reply(self) -> None:
        """A thread's: at the next death nobody waits for its answer any more."""
        self.execute("m1")
        self.end_cell("m1")
        self.kernel("stdin", "input_request", "m1", prompt="", password=False)
        self.restart()
        self.assertEqual(self.relay.ledger.inputs, {})

    def test_exec_of_what_cannot_be_shown(self) -> None:
        """The cell says so, and ends."""

        nothing: Any = None
        commands = IprCommands(
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            lambda cell: Inside(cell, nothing, self.relay, nothing, None),
        )
        self.commands.run = commands.run  # type: ignore[method-assign]
        code = "class A:\n    def __repr__(self): raise ValueError('no')\nA()"
        self.execute("m", f"%ipr exec\n{code}")
        self.assertEqual([what[1] for what in self.replies()], ["m"])

    def test_a_command_that_fails(self) -> None:
        """A fault of ours is one of the cell's, too."""

        def fails(cell: object, magic: object) -> None:
            raise KeyError("x")

        self.commands.run = fails  # type: ignore[method-assign]
        self.execute("m", "%ipr status")
        self.assertEqual(len(self.logged_errors(KeyError)), 1)
        self.assertEqual(self.replies(), [("ann shell", "m", "execute_reply error 0")])
