"""The last records of the log, by their numbers."""

from __future__ import annotations

from ipr.daemon.kept import LONGEST_RECORD, MOST_CHARACTERS, MOST_RECORDS, Kept
from tests.case import Case


class KeptTests(Case):
    def setUp(self) -> None:
        self.kept = Kept()

    def test_records_come_once_to_who_asks_on(self) -> None:
        self.assertEqual(self.kept.after(0), ([], 0))
        self.kept.add("a\n")
        self.kept.add("b")
        self.assertEqual(self.kept.after(0), (["a", "b"], 2))
        self.assertEqual(self.kept.after(2), ([], 2))
        self.kept.add("c")
        self.assertEqual(self.kept.after(2), (["c"], 3))

    def test_oldest_go_when_there_are_too_many(self) -> None:
        for number in range(MOST_RECORDS + 3):
            self.kept.add(str(number))
        lines, following = self.kept.after(0)
        self.assertEqual((len(lines), lines[0]), (MOST_RECORDS, "3"))
        self.assertEqual(following, MOST_RECORDS + 3)
        self.assertEqual(self.kept.after(MOST_RECORDS + 2)[0], [lines[-1]])

    def test_long_ones_are_cut_and_bounded_together(self) -> None:
        for _ in range(100):
            self.kept.add("x" * (2 * LONGEST_RECORD))
        lines, _ = self.kept.after(0)
        self.assertEqual(set(map(len, lines)), {LONGEST_RECORD})
        self.assertEqual(len(lines), MOST_CHARACTERS // LONGEST_RECORD)

    def test_number_of_an_earlier_daemon_is_the_beginning(self) -> None:
        self.kept.add("a")
        self.assertEqual(self.kept.after(99), (["a"], 1))
