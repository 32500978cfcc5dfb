"""How a replay stands, in words."""

from __future__ import annotations

import pytest

from ipr.jupyter.messages import Failure
from ipr.relay.ran import Ran
from ipr.relay.replayplan import Plan
from ipr.relay.replaywords import INTERRUPTED, Result, Standing, bar, shown
from tests.requests import dumps

CELLS = tuple(Ran(dumps({"code": f"x = {n}"}), 1, 0.0) for n in range(12))
STANDING = Standing(Plan(CELLS), began=100.0, number=2)
WRONG = Failure("NameError", "name 'x' is not defined")


def test_line_says_which_cell_runs_and_for_how_long() -> None:
    assert STANDING.running(104.9) == "replaying cell 3 of 12 · 0:04"
    headed = Standing(Plan(CELLS), "restarted in place, 0.71 s", 100.0)
    assert headed.running(3761.0) == (
        "restarted in place, 0.71 s; replaying cell 1 of 12 · 1:01:01"
    )


@pytest.mark.parametrize(
    ("ran", "why", "result"),
    [
        (12, None, Result("replayed 12 cells in 1:05")),
        (
            6,
            WRONG,
            Result(
                "replayed 6 of 12 cells in 1:05; stopped at cell 7 of 12: x = 6", WRONG
            ),
        ),
        (
            1,
            INTERRUPTED,
            Result(
                "replayed 1 of 12 cells in 1:05; interrupted at cell 2 of 12: x = 1",
                INTERRUPTED,
            ),
        ),
        (
            3,
            None,
            Result(
                "replayed 3 of 12 cells in 1:05; interrupted before cell 4 of 12:"
                " x = 3",
                INTERRUPTED,
            ),
        ),
    ],
)
def test_end_says_at_which_cell(ran: int, why: Failure | None, result: Result) -> None:
    assert STANDING.result(ran, 165.0, why) == result


def test_forgotten_cells_are_said_to_be_missing() -> None:
    standing = Standing(Plan(CELLS[:1], forgotten=3))
    assert standing.done(0.0) == (
        "replayed 1 cell in 0:00 (3 before these are forgotten: --replay-limit)"
    )


def test_bar_shows_what_is_done() -> None:
    assert bar(STANDING).startswith("<progress value='2' max='12'")


def test_error_is_what_the_kernel_has_shown() -> None:
    assert shown({}) is None
    assert shown({"ename": "E", "evalue": "no", "traceback": ["a", "b"]}) == Failure(
        "E", "no", ("a", "b")
    )
    assert shown({"traceback": "?"}) == Failure("Error", "")
