"""What cells that are run again print."""

from __future__ import annotations

from typing import Any

from ipr.jupyter.wire import split
from ipr.relay.fold import MOST_CELLS, MOST_OF_CELL, Fold
from tests.case import Case
from tests.requests import body, header


class FoldTests(Case):
    def setUp(self) -> None:
        self.fold = Fold()
        self.fold.begin("cell 1 of 2: a")

    def take(self, kind: str, **content: Any) -> bool:
        return self.fold.take(split(body(header("m", kind), content)))

    def test_output_is_folded_away_by_cells(self) -> None:
        self.take("stream", name="stdout", text="\x1b[31mred\x1b[0m <b>\n")
        self.take("execute_result", data={"text/plain": "42", "text/html": "<i>"})
        self.fold.begin("cell 2 of 2: b")
        self.take("display_data", data={"text/plain": "Figure"})
        self.fold.end()
        shown = self.fold.html()
        self.assertTrue(shown.startswith("<details><summary>their output</summary>"))
        self.assertIn("cell 1 of 2: a</div>", shown)
        self.assertIn("red &lt;b&gt;\n42</pre>", shown)
        self.assertIn("Figure</pre>", shown)

    def test_nothing_printed_is_nothing_shown(self) -> None:
        self.take("stream", text="\n")
        self.take("update_display_data", data={"text/plain": "x"})
        self.take("display_data", data=None)
        self.take("stream", text=None)
        self.fold.end()
        self.assertEqual(self.fold.html(), "")

    def test_cleared_output_is_gone(self) -> None:
        self.take("stream", text="x")
        self.take("clear_output", wait=False)
        self.assertEqual(self.fold.text, "")

    def test_what_is_no_output_passes(self) -> None:
        for kind in ("comm_open", "comm_msg", "debug_event", "shutdown_reply"):
            self.assertFalse(self.take(kind))

    def test_error_of_the_cell_that_runs_is_kept(self) -> None:
        self.take("error", ename="E")
        self.assertEqual(self.fold.error, {"ename": "E"})
        self.fold.begin("next")
        self.assertEqual(self.fold.error, {})

    def test_content_that_is_no_json_is_dropped(self) -> None:
        broken = split(body(header("m", "stream"), {}))
        broken.body[5] = b"{"
        self.assertTrue(self.fold.take(broken))

    def test_a_flood_is_bounded(self) -> None:
        for _ in range(MOST_CELLS + 5):
            self.take("stream", text="x" * 2 * MOST_OF_CELL)
            self.fold.begin("")
        self.assertEqual(self.fold.html().count("<pre"), MOST_CELLS)
        self.assertLess(len(self.fold.html()), MOST_CELLS * (MOST_OF_CELL + 200))
