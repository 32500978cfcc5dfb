"""Cells that ipr answers itself: one busy, one reply, one idle."""

from __future__ import annotations

from typing import Any

from ipr.jupyter import messages
from ipr.jupyter.magics import Restart
from ipr.jupyter.messages import BUSY, IDLE, Draft, Failure
from ipr.relay.answers import Publish, Reply, Steps
from ipr.relay.cells import Cell
from ipr.relay.request import Request
from ipr.relay.restartcells import RestartCell, Wanted
from tests.case import Case
from tests.fakes import FakeChanger, FakePrepared
from tests.requests import request

OOPS = Failure("Oops", "it broke")


class Posted(list[object]):
    """What was posted, flat."""

    def __call__(self, request: Request, steps: Steps) -> None:
        self.extend(steps)

    def taken(self) -> list[object]:
        """Return what came since the last time."""
        found = list(self)
        self.clear()
        return found


class CellTests(Case):
    def begun(self, **content: Any) -> tuple[Posted, Cell]:
        posted = Posted()
        cell = Cell(posted, request("m1", **content), 3)
        cell.begin()
        return posted, cell

    def test_begin_says_busy_and_what_runs(self) -> None:
        """Busy, and what runs, under its number."""
        posted, cell = self.begun(code="%ipr")
        self.assertEqual(
            posted, [Publish(BUSY), Publish(messages.execute_input("%ipr", 3))]
        )
        self.assertEqual(cell.request.progress.status, "busy")

    def test_each_end_is_one_reply_and_one_idle(self) -> None:
        """Each way to end: the reply, then idle; and no second busy."""
        for end, expected in (
            (Cell.succeed, [Reply(messages.execute_ok(3))]),
            (Cell.abort, [Reply(messages.execute_aborted())]),
            (
                lambda cell: cell.fail(OOPS),
                [
                    Publish(messages.error(OOPS)),
                    Reply(messages.execute_error(OOPS, 3)),
                ],
            ),
        ):
            posted, cell = self.begun()
            posted.clear()
            end(cell)
            self.assertEqual(posted, [*expected, Publish(IDLE)])

    def test_ends_once(self) -> None:
        """Whatever follows its end is not sent."""
        posted, cell = self.begun()
        cell.succeed()
        posted.clear()
        cell.fail(OOPS)
        cell.succeed()
        cell.abort()
        cell.show(messages.stream("late"))
        self.assertEqual(posted, [])

    def test_what_is_shown_stands_under_the_cell(self) -> None:
        """Something under the cell."""
        posted, cell = self.begun()
        posted.clear()
        cell.show(messages.stream("text"))
        self.assertEqual(posted, [Publish(messages.stream("text"))])

    def test_silent_cell_shows_nothing_and_ends(self) -> None:
        """A silent cell shows nothing, but gets its busy, reply and idle."""
        posted, cell = self.begun(silent=True)
        cell.show(messages.stream("text"))
        cell.fail(OOPS)
        self.assertEqual(
            posted,
            [Publish(BUSY), Reply(messages.execute_error(OOPS, 3)), Publish(IDLE)],
        )


class RestartCellTests(Case):
    def setUp(self) -> None:
        self.posted = Posted()
        self.cell = RestartCell(
            self.posted,
            request("m1"),
            0,
            Wanted(Restart(), [b"frames"]),
            "display",
            FakePrepared(FakeChanger([])),
        )

    def shown(self) -> list[tuple[str, str]]:
        """Return the kind and the text of each message."""
        found: list[Any] = self.posted
        drafts = [step.draft for step in found]
        return [
            (draft.msg_type, draft.content.get("data", {}).get("text/plain", ""))
            for draft in drafts
        ]

    def test_progress_updates_one_display(self) -> None:
        """The first is a display of its own, the others update it."""
        self.cell.request.from_notebook = True
        self.cell.progress("one")
        self.cell.progress("one")
        self.cell.progress("two")
        self.assertEqual(
            self.shown(), [("display_data", "one"), ("update_display_data", "two")]
        )
        found: list[Any] = self.posted
        self.assertEqual(
            [step.draft.content["transient"] for step in found],
            [{"display_id": "display"}] * 2,
        )

    def test_progress_on_a_console(self) -> None:
        """No update ever: euporie hears nothing more after one."""
        self.cell.progress("one")
        self.cell.progress("two")
        self.assertEqual(self.shown(), [("display_data", "one")])

    def test_last_line_takes_the_place_of_the_others(self) -> None:
        """The last line takes the place of the others, on consoles too."""
        self.cell.progress("one")
        self.posted.clear()
        self.cell.conclude("done")
        self.assertEqual(self.posted[0], Publish(Draft("clear_output", {"wait": True})))
        self.assertEqual(self.shown()[1:], [("display_data", "done")])

    def test_conclude_without_progress(self) -> None:
        """Where nothing was shown there is nothing to clear."""
        self.cell.conclude("done")
        self.assertEqual(self.shown(), [("display_data", "done")])

    def test_text_is_no_markup(self) -> None:
        """A path with < in it is shown as it is."""
        self.cell.conclude("a<b>&")
        found: list[Any] = self.posted
        markup = found[0].draft.content["data"]["text/html"]
        self.assertIn(">a&lt;b&gt;&amp;</", markup)
        self.assertEqual(markup.count("<"), 2)

    def test_wait_shown(self) -> None:
        """Who waits is told what would end that."""
        self.cell.wait_shown()
        shown: Any = self.posted[0]
        text = shown.draft.content["data"]["text/plain"]
        self.assertIn("interrupt", text)
        self.assertIn("%restart now", text)

    def test_hand_over(self) -> None:
        """After it was handed over the inner kernel ends it, and only that."""
        self.cell.hand_over()
        self.cell.succeed()
        self.cell.fail(OOPS)
        self.assertEqual(self.posted, [])
