"""Which cells are run again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ipr.jupyter.howmany import HowMany
from ipr.relay import replayplan
from ipr.relay.cellhistory import BESIDES, CellHistory
from ipr.relay.ran import Outcome, Ran
from ipr.relay.replayplan import NothingToReplay, Plan
from tests.requests import dumps


def cell(code: str, generation: int, outcome: Outcome = Outcome.OK) -> Ran:
    made = Ran(dumps({"code": code}), generation, 0.0)
    if outcome not in (Outcome.WAITING, Outcome.RUNNING):
        made.end(1.0, outcome)
    return made


@pytest.fixture
def history() -> CellHistory:
    """Two kernels: the first has crashed, and its cells were replayed in the second."""
    made = CellHistory(1 << 20)
    for code, outcome in (
        ("a", Outcome.OK),
        ("b", Outcome.ERROR),
        ("c", Outcome.OK),
        ("d", Outcome.CRASHED),
        ("e", Outcome.NOT_RUN),
    ):
        made.add(cell(code, 1, outcome))
    for code in "ac":
        again = cell(code, 2)
        again.again = True
        made.add(again)
    made.add(cell("f", 2))
    made.add(cell("g", 2, Outcome.CUT_OFF))
    return made


def codes(plan: Plan) -> str:
    return "".join(ran.code for ran in plan.cells)


@pytest.mark.parametrize(
    ("generation", "how_many", "run"),
    [
        (1, HowMany(), "ac"),
        (2, HowMany(), "acf"),
        (2, HowMany(2), "cf"),
        (2, HowMany(9), "acf"),
        (2, HowMany(everywhere=True), "acf"),
        (1, HowMany(1, everywhere=True), "f"),
        (3, HowMany(), ""),
    ],
)
def test_cells_that_succeeded_are_run_in_their_order(
    history: CellHistory, generation: int, how_many: HowMany, run: str
) -> None:
    """Of all kernels, without those that a replay has run: they are there already."""
    assert codes(replayplan.of_kernel(history, generation, how_many)) == run


def test_init_cells_are_left_out_since_each_kernel_runs_them(
    history: CellHistory,
) -> None:
    history.of(1)[0].kept = True
    assert codes(replayplan.of_kernel(history, 1)) == "c"


def test_kernel_before_is_the_latest_in_which_a_cell_succeeded(
    history: CellHistory,
) -> None:
    history.add(cell("x", 3, Outcome.ERROR))
    for generation, how_many, run in (
        (5, HowMany(), "acf"),
        (2, HowMany(), "ac"),
        (2, HowMany(1), "c"),
        (2, HowMany(everywhere=True), "ac"),
    ):
        plan = replayplan.of_kernel_before(history, generation, how_many)
        assert codes(plan) == run


def test_many_kernels_before_cost_no_more_than_one(history: CellHistory) -> None:
    """It is asked at the end of each kernel, and everybody waits."""

    class Counted(CellHistory):
        looks = 0

        def __iter__(self) -> Iterator[Ran]:
            self.looks += 1
            return super().__iter__()

    counted = Counted(1 << 20)
    for number in range(1, 100):
        counted.add(cell("x", number, Outcome.ERROR))
    with pytest.raises(NothingToReplay):
        replayplan.of_kernel_before(counted, 100)
    assert counted.looks < 4


def test_nothing_before_says_what_there_is_instead(history: CellHistory) -> None:
    with pytest.raises(NothingToReplay) as found:
        replayplan.of_kernel_before(history, 1)
    assert str(found.value) == (
        "nothing to replay: no cell has succeeded in a kernel before this one;"
        " %restart --replay runs the 2 cells of this one"
    )
    with pytest.raises(NothingToReplay) as found:
        replayplan.of_kernel_before(CellHistory(1), 1)
    assert str(found.value).endswith("in a kernel before this one")


def test_nothing_since_the_start_says_what_there_is_instead(
    history: CellHistory,
) -> None:
    with pytest.raises(NothingToReplay) as found:
        replayplan.check(history, 3, HowMany())
    assert str(found.value) == (
        "nothing to replay: no cell has succeeded since the kernel started;"
        " %ipr replay runs the 3 cells of the kernel before"
    )
    with pytest.raises(NothingToReplay, match=r"the kernel started$"):
        replayplan.check(CellHistory(1), 3, HowMany())


def test_a_cell_that_runs_may_succeed_yet(history: CellHistory) -> None:
    history.add(cell("x", 3, Outcome.RUNNING))
    replayplan.check(history, 3, HowMany())
    replayplan.check(history, 2, HowMany())


def test_without_a_limit_nothing_is_kept_and_that_is_said() -> None:
    with pytest.raises(NothingToReplay, match=r"no cell is kept \(--replay-limit 0\)"):
        replayplan.check(CellHistory(0), 1, HowMany())


def test_forgotten_cells_are_counted_where_they_would_have_run() -> None:
    history = CellHistory(2 * (BESIDES + 13))
    for generation in (1, 2, 2, 2):
        history.add(cell("x", generation))
    for how_many, forgotten in (
        (HowMany(), 1),
        (HowMany(2), 0),
        (HowMany(3), 1),
        (HowMany(everywhere=True), 2),
    ):
        assert replayplan.of_kernel(history, 2, how_many).forgotten == forgotten


def test_cells_of_another_language_are_not_run(history: CellHistory) -> None:
    plan = replayplan.of_kernel(history, 1)
    for before, here in (("python", "Python"), ("", "R"), ("python", "")):
        history.languages = {1: before, 2: here}
        replayplan.check_language(history, plan, 2)
    history.languages = {1: "python", 2: "R"}
    with pytest.raises(NothingToReplay) as found:
        replayplan.check_language(history, plan, 2)
    assert str(found.value) == (
        "not replayed: the cells are python, and the kernel's language is R"
    )


def test_offer_counts_the_cells() -> None:
    assert replayplan.offered(1) == "'%ipr replay' runs the cell before it again.\n"
    assert replayplan.offered(3) == "'%ipr replay' runs the 3 cells before it again.\n"


def test_a_long_first_line_is_cut_in_a_title() -> None:
    assert replayplan.title(cell("x" * 99, 1)) == "x" * 57 + "..."
    assert replayplan.title(cell("x\ny", 1)) == "x ..."
