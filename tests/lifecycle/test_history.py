"""One line for each inner kernel."""

from __future__ import annotations

from ipr.lifecycle.history import History
from tests.case import Case


class HistoryTests(Case):
    def test_line_has_the_end_of_the_kernel_before(self) -> None:
        history = History()
        history.began(1.0, 1)
        history.ended("it was killed")
        history.began(2.0, 2)
        self.assertEqual(
            list(history), [(1.0, 1, "first start"), (2.0, 2, "it was killed")]
        )

    def test_last_hundred_are_kept(self) -> None:
        history = History()
        for number in range(150):
            history.began(0.0, number)
        self.assertEqual([number for _, number, _ in history], list(range(50, 150)))
