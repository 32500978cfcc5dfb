"""What is believed of what an inner kernel says."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

from ipr.jupyter.signing import Signer
from tests.relay.relay_case import (
    DIED,
    INFO,
    RelayCase,
)


class ImpostorTests(RelayCase):
    """What answers on the inner kernel's ports, and does not have the key."""

    def frames(
        self, msg_type: str, parent_id: str, content: dict[str, Any]
    ) -> list[Any]:
        signer, self.signer = self.signer, self.stranger
        try:
            return super().frames(msg_type, parent_id, content)
        finally:
            self.signer = signer

    stranger = Signer(b"another key")

    def test_each_channel(self) -> None:
        """One message is enough, and is told once; nothing of it gets anywhere."""
        for number, channel in enumerate(("shell", "control", "stdin", "iopub"), 1):
            self.open(number)
            self.took()
            for msg_type in ("kernel_info_reply", "input_request", "stream"):
                self.kernel(channel, msg_type, self.probe(), **INFO)
            self.assertEqual(self.took(), [("distrust", number)])
            self.relay.finish(number, DIED)

    def test_first_message(self) -> None:
        """Not even that is passed on."""
        own, self.stranger = self.stranger, self.signer
        self.run_kernel()
        self.stranger = own
        self.inner.steady = False
        self.execute("m1")
        self.took()
        self.kernel("shell", "execute_reply", "m1", status="ok")
        self.assertEqual(self.took(), [("distrust", 1)])

    def test_nonsense_of_our_own(self) -> None:
        """A kernel that is known to be ours loses no variables for it.

        Nobody else can be at the other end of a connection that has stayed.
        """
        own, self.stranger = self.stranger, self.signer
        self.run_kernel()
        self.execute("m1")
        self.took()
        self.stranger = own
        self.kernel("shell", "execute_reply", "m1", status="ok")
        self.status("m1", "idle")
        self.assertEqual(self.took(), [])
        self.stranger = self.signer
        self.end_cell("m1")
        self.assertEqual([what[1] for what in self.took()], ["m1", "m1"])

    def test_no_key_at_all(self) -> None:
        """An empty signature is a wrong one."""
        self.stranger = Signer(b"")
        self.open()
        self.took()
        self.answer_probe()
        self.assertEqual(self.took(), [("distrust", 1)])

    def test_garbage_costs_nothing_more(self) -> None:
        """Nothing that comes after it is as much as looked at."""
        self.open()
        self.kernel("shell", "kernel_info_reply", self.probe(), **INFO)
        with mock.patch.object(Signer, "verifies") as verifies:
            for _ in range(1000):
                self.kernel("shell", "kernel_info_reply", self.probe(), **INFO)
        self.assertEqual(verifies.call_count, 0)

    def test_running_kernel_is_verified_where_ipr_acts_on_it(self) -> None:
        """All that is acted on is verified; the rest by the clients."""
        for number, msg_type in enumerate(
            ("status", "execute_input", "error", "iopub_welcome", "shutdown_reply"), 1
        ):
            own, self.stranger = self.stranger, self.signer
            self.run_kernel(number)
            self.stranger = own
            # Its socket was closed, and somebody has opened one there.
            self.inner.steady = False
            cell = f"m{number}"
            self.execute(cell)
            self.took()
            self.kernel("iopub", "stream", cell, name="stdout", text="x")
            self.assertEqual(self.took(), [("iopub", cell, "stream: x")])
            self.kernel("iopub", msg_type, cell, execution_state="idle")
            self.kernel("shell", "execute_reply", cell, status="ok")
            self.assertEqual(self.took(), [("distrust", number)])
            self.relay.finish(number, DIED)
            self.assertIn(("ann shell", cell, "execute_reply error 1"), self.took())

    def test_the_next_one_is_ours(self) -> None:
        """It is believed, and the session is its own."""
        self.open()
        self.kernel("shell", "kernel_info_reply", self.probe(), **INFO)
        self.relay.finish(1, DIED)
        self.stranger = self.signer
        self.open(2)
        self.took()
        self.answer_probe()
        self.assertIn(("ready", 2), self.took())
        self.assertEqual(self.author.session, "session-2")


class OutputTests(RelayCase):
    """What is kept of what cells show."""

    def kept(self) -> list[bytes]:
        """Return the contents that are kept."""
        cells = self.history.outputs.all()
        return [bytes(frame) for cell in cells for _, _, frame in cell.messages]

    def say(self, text: str) -> None:
        self.kernel("iopub", "stream", "m1", name="stdout", text=text)

    def test_output_of_a_cell_is_kept_beside_being_passed_on(self) -> None:
        self.run_kernel()
        self.say("before")
        self.execute("m1")
        self.took()
        self.say("a")
        self.end_cell("m1")
        self.say("late")
        kinds = [what[2] for what in self.took() if "stream" in str(what[2])]
        self.assertEqual(len(kinds), 2)
        self.assertEqual([json.loads(x)["text"] for x in self.kept()], ["a", "late"])

    def test_output_after_a_lost_connection_is_kept_if_it_is_signed(self) -> None:
        """Somebody else may be at its other end, and ipr may sign what is kept."""
        self.run_kernel()
        self.execute("m1")
        self.inner.steady = False
        self.say("signed")
        own, self.signer = self.signer, Signer(b"another key")
        self.say("forged")
        self.signer = own
        self.assertEqual([json.loads(x)["text"] for x in self.kept()], ["signed"])

    def test_what_ipr_says_in_a_cell_that_ran_is_kept(self) -> None:
        """Why its kernel died, for instance."""
        self.run_kernel()
        self.execute("m1")
        self.status("m1", "busy")
        self.relay.finish(1, DIED)
        (error,) = self.kept()
        self.assertIn(b"DeadKernelError", error)

    def test_a_message_that_is_cut_short_is_passed_on_and_not_kept(self) -> None:
        self.run_kernel()
        self.execute("m1")
        frames = self.frames("stream", "m1", {"name": "stdout", "text": "a"})
        self.took()
        self.inner.received("iopub", frames[:-1])
        self.assertEqual(self.kept(), [])
