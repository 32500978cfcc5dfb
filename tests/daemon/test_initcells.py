"""What people are shown of what each new kernel runs."""

from __future__ import annotations

from typing import Any

from ipr.daemon import codefiles, initcells
from ipr.daemon.status import Row
from ipr.relay.initcode import InitCell, InitCode
from tests.case import Case


class RowsTests(Case):
    def setUp(self) -> None:
        reactor: Any = None
        self.init = InitCode(codefiles.made(reactor, "/home/init.py"))

    def test_nothing_is_no_row_of_the_status_and_a_hint_in_the_list(self) -> None:
        init = InitCode()
        self.assertEqual(initcells.row(init), [])
        hint = "none; %ipr init in the first line of a cell makes one"
        self.assertEqual(initcells.rows(init), [Row("init cells", hint)])

    def test_file_and_cells_are_named(self) -> None:
        self.init.keep(InitCell("a", "\nimport os\n"))
        self.init.keep(InitCell("b", "x = 1\n\ny = 2\n"))
        told = Row("each new kernel runs", "init.py and 2 init cells")
        self.assertEqual(initcells.row(self.init), [told])
        self.assertEqual(
            initcells.rows(self.init),
            [
                Row("--init", "/home/init.py"),
                Row("init cell 1", "import os"),
                Row("init cell 2", "x = 1 ... (2 lines)"),
            ],
        )

    def test_a_long_line_is_cut_and_what_cannot_be_shown_left_out(self) -> None:
        self.init.keep(InitCell("a", "\x1b" + "x" * 1000))
        self.assertEqual(initcells.rows(self.init)[1].value, "x" * initcells.LONGEST)
