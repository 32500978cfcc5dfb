"""Our own words in completions, explanations and judgements."""

from __future__ import annotations

from unittest import mock

from ipr.boot import kernels
from ipr.jupyter import messages
from ipr.jupyter.magics import Ipr
from tests.relay.relay_case import (
    RelayCase,
    begun,
    ended,
)
from tests.requests import SIGNER


class OurWordsTests(RelayCase):
    """Help, completion and the like for our own words."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def test_ipr_command_is_carried_out_while_a_cell_runs(self) -> None:
        """%ipr is carried out at once, whatever runs, and ended."""
        self.execute("m0")
        self.start_cell("m0", 3)
        self.took()
        self.execute("m1", "%ipr status", identity=b"bob")
        self.assertEqual(
            self.took(),
            [
                *begun("m1", "%ipr status", 3),
                ("command", Ipr("status")),
                *ended("m1", "execute_reply ok 3", "bob shell"),
            ],
        )

    def test_command_behind_a_restart(self) -> None:
        """It does not wait in the queue either."""
        self.execute("m0")
        self.execute("r", "%restart")
        self.took()
        self.execute("m1", "%ipr status")
        self.assertIn(("command", Ipr("status")), self.took())

    def test_is_complete(self) -> None:
        """A line of ours is whole; every other is the kernel's business."""
        self.client("m1", "is_complete_request", code="%restart")
        self.assertEqual(
            self.took(),
            [
                ("iopub", "m1", "busy"),
                *ended("m1", "is_complete_reply complete"),
            ],
        )
        self.client("m2", "is_complete_request", code="for x in '%restart'")
        self.assertEqual(self.took()[0][0], "kernel 1 shell")

    def test_inspect_explains_our_words_only(self) -> None:
        """Help for our words; the kernel explains its own."""
        self.client("m1", "inspect_request", code="%restart", cursor_pos=3)
        self.assertIn(("ann shell", "m1", "inspect_reply ok"), self.took())
        self.assertIn("%restart", self.last_content("shell")["data"]["text/plain"])
        self.client("m2", "inspect_request", code="%time", cursor_pos=3)
        self.assertEqual(
            self.took(), [("kernel 1 shell", "m2", "inspect_request: %time")]
        )

    def test_completion_beside_the_kernels(self) -> None:
        """Our words are put behind what the kernel finds."""
        self.client("m1", "complete_request", code="%re", cursor_pos=3)
        self.assertEqual(
            self.took(), [("kernel 1 shell", "m1", "complete_request: %re")]
        )
        self.kernel(
            "shell",
            "complete_reply",
            "m1",
            status="ok",
            matches=["%reset"],
            cursor_start=0,
            cursor_end=3,
            metadata={},
        )
        self.assertEqual(self.took(), [("ann shell", "m1", "complete_reply ok")])
        self.assertEqual(self.last_content("shell")["matches"], ["%reset", "%restart"])
        self.assertTrue(SIGNER.verifies(self.front.frames[-1][1][1:]))

    def test_kernelspecs_of_this_machine(self) -> None:
        """After --kernel their names stand alone, as Jupyter finds them."""
        code = "%restart --kernel mi"
        with mock.patch.object(kernels, "names", return_value={"mine": "/there"}):
            self.client("m1", "complete_request", code=code, cursor_pos=len(code))
        self.assertEqual(self.last_content("shell")["matches"], ["mine"])

    def test_completion_without_a_kernel(self) -> None:
        """Our words alone, at once."""
        self.relay.hold()
        self.took()
        self.client("m1", "complete_request", code="%re", cursor_pos=3)
        self.assertEqual(
            self.took(),
            [("iopub", "m1", "busy"), *ended("m1", "complete_reply ok")],
        )
        self.assertEqual(self.last_content("shell")["matches"], ["%restart"])

    def test_completion_that_is_none_of_ours(self) -> None:
        """The kernel's own reply is the very frames."""
        self.client("m1", "complete_request", code="a % b", cursor_pos=5)
        self.took()
        self.front.frames.clear()
        sent = self.kernel("shell", "complete_reply", "m1", status="ok")
        self.assertEqual(self.front.frames, [("shell", [b"ann", *sent])])

    def test_log_record(self) -> None:
        """A log record under a cell."""
        self.execute("m1")
        request = self.relay.ledger.unfinished()[0]
        self.took()
        self.relay.voice.whisper(request, messages.stream("record"))
        self.assertEqual(self.took(), [("iopub", "m1", "stream: record")])
