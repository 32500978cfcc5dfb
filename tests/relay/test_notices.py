"""What ipr says unasked, and under which cell."""

from __future__ import annotations

from typing import Any

from ipr.lifecycle import causes
from tests.relay.relay_case import RelayCase

WORDS = "the job ends in 2 min"


class NoticesTests(RelayCase):
    def setUp(self) -> None:
        super().setUp()
        self.front.clients = 1
        self.run_kernel()
        self.took()
        self.notices = self.relay.inbound.business.notices

    def say(self) -> None:
        self.notices.say(lambda: WORDS)

    def shown(self) -> list[tuple[Any, ...]]:
        """Return what was shown of it, and under which cell."""
        return [
            (what[1], what[2].partition(":")[0])
            for what in self.took()
            if what[0] == "iopub" and WORDS in what[2]
        ]

    def test_under_the_running_cell(self) -> None:
        """And not once more."""
        self.execute("m1")
        self.status("m1", "busy")
        self.execute("m2")
        self.say()
        self.assertEqual(self.shown(), [("m1", "stream")])
        self.execute("m3")
        self.assertEqual(self.shown(), [])

    def test_under_the_last_cell_when_none_runs(self) -> None:
        """It stays on the page there."""
        self.execute("m1")
        self.end_cell("m1")
        self.say()
        self.assertEqual(self.shown(), [("m1", "stream")])

    def test_begins_a_line_in_a_console_that_is_at_its_next_line(self) -> None:
        """Which it has not ended yet; in the middle of a cell that would be a gap."""
        self.execute("m1")
        self.status("m1", "busy")
        self.say()
        self.end_cell("m1")
        self.say()
        texts = [what[2] for what in self.took() if WORDS in what[2]]
        self.assertEqual(texts, [f"stream: {WORDS}\n", f"stream: \n{WORDS}\n"])

    def test_at_the_head_of_the_first_cell_when_there_was_none(self) -> None:
        """Once; what is run silently shows nothing."""
        self.say()
        self.assertEqual(self.shown(), [])
        self.execute("s", silent=True)
        self.assertEqual(self.shown(), [])
        self.execute("m1")
        self.assertEqual(self.shown(), [("m1", "stream")])
        self.execute("m2")
        self.assertEqual(self.shown(), [])

    def test_once_more_for_a_client_that_has_come_since(self) -> None:
        """A page that was reloaded does not show what came before."""
        self.execute("m1")
        self.end_cell("m1")
        self.say()
        self.took()
        self.relay.inbound.received("iopub", [b"\x01"])
        self.execute("m2")
        self.assertEqual(self.shown(), [("m2", "stream")])

    def test_nobody_who_comes_is_told_of_nothing(self) -> None:
        """Nor at the end of a subscription."""
        self.relay.inbound.received("iopub", [b"\x01"])
        self.assertFalse(self.notices.pending)
        self.say()
        self.execute("m1")
        self.took()
        self.relay.inbound.received("iopub", [b"\x00"])
        self.assertFalse(self.notices.pending)

    def test_last_words_only_where_a_cell_runs(self) -> None:
        """Nobody reads them elsewhere."""
        self.execute("m1")
        self.end_cell("m1")
        self.took()
        self.notices.last_words(WORDS)
        self.assertEqual(self.shown(), [])
        self.execute("m2")
        self.status("m2", "busy")
        self.notices.last_words("why", shown=False)
        self.assertEqual(self.took()[-1][:2], ("iopub", "m2"))
        self.notices.last_words(WORDS)
        self.assertEqual(self.shown(), [("m2", "stream")])

    def test_last_words_take_the_place_of_the_kernels_end(self) -> None:
        """Of an end that they explain: of a crash there is more to be said."""
        shut_down = causes.SHUT_DOWN
        self.assertEqual(self.notices.explained(shut_down), shut_down)
        self.notices.last_words("The job is over.")
        crash, killed = (
            causes.cause(causes.Facts(status, ready=True)) for status in (11, 15)
        )
        self.assertEqual(self.notices.explained(crash), crash)
        for cause in (shut_down, killed):
            explained = self.notices.explained(cause)
            self.assertEqual(explained.text, "The job is over")
            self.assertEqual(explained.ending, causes.Ending.SHUT_DOWN)
