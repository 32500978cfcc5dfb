"""How pieces of code are named."""

from __future__ import annotations

from ipr.relay.pieces import Piece, described
from tests.case import Case

FILE = Piece("setup.py", "1")
ONE = Piece("init cell 1", "1", "init cell")
TWO = Piece("init cell 2", "2", "init cell")
REPLAYED = Piece("cell 1", "1", "cell")


class DescribedTests(Case):
    def test_those_of_a_kind_are_counted(self) -> None:
        for pieces, words in (
            ((FILE,), "setup.py"),
            ((ONE,), "1 init cell"),
            ((FILE, ONE, TWO), "setup.py and 2 init cells"),
            ((FILE, ONE, TWO, REPLAYED), "setup.py, 2 init cells and 1 cell"),
        ):
            self.assertEqual(described(pieces), words)
