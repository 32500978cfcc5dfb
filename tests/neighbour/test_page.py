"""The page with the figures names what ``python -m tests.neighbour`` measures."""

from __future__ import annotations

import os

from tests.e2e.harness import SOURCE
from tests.neighbour.__main__ import FLOODS, HEAD


def test_table_on_the_page_has_each_flood() -> None:
    with open(os.path.join(SOURCE, "docs", "security.md"), encoding="utf-8") as file:
        rows = [line.split(" | ") for line in file if line.startswith("| ")]
    assert [row[0].removeprefix("| ") for row in rows] == [HEAD[0], "---", *FLOODS]
    assert all(len(row) == len(HEAD) for row in rows)
