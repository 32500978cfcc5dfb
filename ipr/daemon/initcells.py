"""What people are shown of what each new kernel runs.

Knows words for it. Must not know when it runs, nor how it went.
"""

from __future__ import annotations

from ipr.daemon.status import Row
from ipr.relay.initcode import InitCell, InitCode

#: Characters of a cell's first line that are shown.
LONGEST = 200


def row(init: InitCode) -> list[Row]:
    """Return the row of ``%ipr status``; none where there is nothing."""
    named = init.described()
    return [Row("each new kernel runs", named)] if named else []


def rows(init: InitCode) -> list[Row]:
    """Return the table of ``%ipr init list``."""
    cells = [
        Row(f"init cell {number}", _first_line(cell))
        for number, cell in enumerate(init.cells, 1)
    ]
    file = [Row("--init", init.file.path)] if init.file.path else []
    nothing = "none; %ipr init in the first line of a cell makes one"
    return [*file, *(cells or [Row("init cells", nothing)])]


def _first_line(cell: InitCell) -> str:
    first, *more = [line for line in cell.code.splitlines() if line.strip()]
    first = "".join(filter(str.isprintable, first))[:LONGEST]
    return f"{first} ... ({len(more) + 1} lines)" if more else first
