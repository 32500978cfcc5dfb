"""The table of %ipr history."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ipr.daemon.cellhistory import (
    MOST,
    USUAL,
    WIDTH,
    Times,
    as_html,
    as_text,
    chosen,
    displayed,
    duration,
)
from ipr.jupyter.howmany import HowMany
from ipr.relay.cellhistory import CellHistory
from ipr.relay.ran import Outcome, Ran
from tests.requests import dumps

NOON = datetime.datetime(2026, 11, 29, 12, 0, 0)
TIMES = Times(1000.0, NOON)
KERNELS = [(0.0, 1, "first start"), (900.0, 2, "%restart")]


def cell(
    code: str, outcome: Outcome = Outcome.OK, *, kernel: int = 2, at: float = 960.0
) -> Ran:
    made = Ran(dumps({"code": code}), kernel, at)
    made.begin(at)
    if outcome is not Outcome.RUNNING:
        made.end(at + 1.5, outcome, 7)
    return made


@pytest.fixture
def history() -> CellHistory:
    made = CellHistory(1 << 20)
    made.add(cell("import numpy", kernel=1, at=100.0))
    made.add(cell("x = 1\ny = 2"))
    made.add(cell("1 / 0", Outcome.ERROR, at=970.0))
    made.add(cell("while True: pass", Outcome.RUNNING, at=990.0))
    return made


def text(history: CellHistory, how_many: HowMany, generation: int = 2) -> str:
    table = chosen(history, KERNELS, generation, how_many, TIMES)
    return as_text(table, TIMES)


def test_cells_since_the_start_are_a_table(history: CellHistory) -> None:
    assert text(history, HowMany()).splitlines() == [
        "kernel 2, since 11:58:20 (%restart)",
        "  cell  began        took  outcome  first line",
        "   [7]  11:59:20   1.50 s  ok       x = 1 ...",
        "   [7]  11:59:30   1.50 s  error    1 / 0",
        "        11:59:50  10.00 s  running  while True: pass",
    ]


def test_cells_of_the_kernels_before_are_there_on_demand(history: CellHistory) -> None:
    lines = text(history, HowMany(everywhere=True)).splitlines()
    assert [line for line in lines if "kernel" in line] == [
        "kernel 1, since 11:43:20 (first start)",
        "kernel 2, since 11:58:20 (%restart)",
    ]
    assert lines[2].split() == ["[7]", "11:45:00", "1.50", "s", "ok", "import", "numpy"]


def test_last_cells_say_how_many_there_are(history: CellHistory) -> None:
    lines = text(history, HowMany(1)).splitlines()
    assert lines[0] == "the last 1 of 3 cells (%ipr history 3 shows them all)"
    assert len(lines) == 4


def test_a_kernel_without_cells_says_so(history: CellHistory) -> None:
    assert text(history, HowMany(), 3) == "kernel 3\n  no cell has run"
    table = chosen(history, KERNELS, 3, HowMany(), TIMES)
    note, body = as_html(table, TIMES).split("</div>")[:2]
    assert note.endswith(">kernel 3")
    assert body.endswith(">no cell has run")


def test_cells_that_are_forgotten_are_counted(history: CellHistory) -> None:
    history.forgotten.update({1: 2, 2: 5})
    first = text(history, HowMany()).splitlines()[0]
    assert first == "5 before these are forgotten (--replay-limit 1)"
    table = chosen(history, KERNELS, 2, HowMany(), TIMES)
    assert ">5 before these are forgotten" in as_html(table, TIMES)


def test_many_cells_are_cut_to_the_last_ones_and_to_the_width() -> None:
    history = CellHistory(1 << 20)
    for _ in range(USUAL + 1):
        history.add(cell("x" * 500 + "\n" + "y"))
    lines = text(history, HowMany()).splitlines()
    assert len(lines) == USUAL + 3
    assert max(map(len, lines)) == WIDTH
    assert lines[-1].endswith("xxx...")


def test_a_table_is_bounded() -> None:
    """Everybody waits while it is made."""
    history = CellHistory(1 << 20)
    for number in range(MOST + 1):
        history.add(cell("x", kernel=number // 10 + 1))
    for how_many, shown, more in (
        (HowMany(everywhere=True), USUAL, f"%ipr history {MOST} shows more"),
        (HowMany(MOST + 1, everywhere=True), MOST, "no more are shown"),
    ):
        table = chosen(history, KERNELS, 2, how_many, TIMES)
        assert len(table.cells) == shown
        assert table.left_out == (f"the last {shown} of {MOST + 1} cells ({more})",)
    assert as_html(table, TIMES).count("<code>") == MOST


def test_code_is_escaped_in_html_and_replays_are_named(history: CellHistory) -> None:
    again = cell("<script>\x1b[31m")
    again.again = True
    history.add(again)
    shown = as_html(chosen(history, KERNELS, 2, HowMany(), TIMES), TIMES)
    assert "<code>&lt;script&gt;[31m</code>" in shown
    assert "ok, replayed" in shown


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.004, "0.00 s"), (59.4, "59.40 s"), (60.0, "1 min 0 s"), (7200.0, "2 h 0 min")],
)
def test_duration_has_hundredths_below_a_minute(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@pytest.mark.parametrize(
    ("code", "line"),
    [("", ""), ("\n\n  x\n\n", "x"), ("a\r\nb", "a ..."), ("\t\n", "")],
)
def test_first_line_is_one_that_says_something(code: str, line: str) -> None:
    assert cell(code).first_line == line


def test_a_day_before_has_its_date() -> None:
    assert TIMES.told(1000.0 - 86400.0) == "Nov 28 12:00"


def test_both_kinds_of_table_are_shown(history: CellHistory) -> None:
    restarter: Any = FakeRestarter()
    found = displayed(history, restarter, HowMany())
    assert found["text/plain"].startswith("kernel 2, since ")
    assert ">kernel 2, since " in found["text/html"]


class FakeRestarter:
    history = KERNELS

    def now(self) -> float:
        return 1000.0

    def generation(self) -> int:
        return 2
