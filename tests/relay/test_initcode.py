"""Which code each new kernel runs: the cells that are kept, and their bounds."""

from __future__ import annotations

from ipr.relay import initcode
from ipr.relay.initcode import InitCell, InitCode
from tests.case import Case

LARGE = "x" * (initcode.MOST_CHARACTERS // 2)


class CellsTests(Case):
    def setUp(self) -> None:
        self.init = InitCode()
        for key in "abc":
            self.init.keep(InitCell(key, f"code {key}"))

    def keys(self) -> str:
        return "".join(cell.key for cell in self.init.cells)

    def test_one_is_cleared_by_its_number_or_all_are(self) -> None:
        self.init.clear(2)
        self.assertEqual(self.keys(), "ac")
        self.init.clear()
        self.assertEqual(self.keys(), "")

    def test_a_number_of_none_says_how_many_there_are(self) -> None:
        for many, are in ((3, "are 3 init cells"), (1, "is 1 init cell")):
            error = self.raised(ValueError, self.init.clear, many + 1)
            said = f"there is no init cell {many + 1}: there {are}"
            self.assertEqual(str(error), said)
            self.init.drop("a")
            self.init.drop("b")

    def test_one_is_dropped_by_its_key(self) -> None:
        self.init.drop("b")
        self.init.drop("z")
        self.assertEqual(self.keys(), "ac")

    def test_their_size_is_bounded_together(self) -> None:
        self.assertEqual(self.init.problem(InitCell("d", LARGE)), "")
        self.init.keep(InitCell("d", LARGE))
        said = "init cells may have 1 MiB together"
        self.assertEqual(self.init.problem(InitCell("e", LARGE)), said)
        # One that takes the place of itself.
        self.assertEqual(self.init.problem(InitCell("d", LARGE)), "")

    def test_they_are_named(self) -> None:
        self.assertEqual(InitCode().described(), "")
        self.assertEqual(self.init.described(), "3 init cells")
