"""What is said of the file of --preload."""

from __future__ import annotations

from typing import Any

from ipr.daemon import codefiles, preloading
from ipr.daemon.status import Row
from ipr.relay.silently import Outcome
from tests.case import Case


class RowTests(Case):
    def row(self, path: str, outcome: Outcome | None) -> list[Row]:
        reactor: Any = None
        return preloading.row(codefiles.made(reactor, path), outcome)

    def test_none_without_a_file(self) -> None:
        self.assertEqual(self.row("", Outcome()), [])

    def test_it_runs(self) -> None:
        self.assertEqual(self.row("/c.py", None), [Row("preload", "/c.py: it runs")])

    def test_it_has_run(self) -> None:
        row = Row("preload", "/c.py: it has run")
        self.assertEqual(self.row("/c.py", Outcome()), [row])

    def test_it_failed_with_the_last_lines_of_its_output(self) -> None:
        outcome = Outcome("\n".join(map(str, range(100))), "E: no")
        (row,) = self.row("/c.py", outcome)
        lines = row.value.split("\n")
        self.assertEqual(lines[0], "/c.py: E: no")
        self.assertEqual(lines[1:], [str(number) for number in range(80, 100)])
