"""Which cells are run again.

Knows those that succeeded, of which kernels and how many of them. Must not know how
they are run, nor what is shown of it.
"""

from __future__ import annotations

import attrs

from ipr.jupyter.howmany import SINCE_START, HowMany
from ipr.relay.cellhistory import CellHistory
from ipr.relay.ran import Outcome, Ran

#: Characters of a cell's first line that are shown of it.
LONGEST_TITLE = 60


class NothingToReplay(ValueError):
    """No cell could be run again; the text says why."""


@attrs.frozen
class Plan:
    """Cells to run again, in this order.

    :ivar forgotten: how many came before these and are not kept any more.
    """

    cells: tuple[Ran, ...] = ()
    forgotten: int = 0


def of_kernel(
    history: CellHistory, generation: int, how_many: HowMany = SINCE_START
) -> Plan:
    """Return those of one kernel that succeeded; or of all of them up to now.

    Of all, what a replay has run is left out: it is there already.
    """
    cells = tuple(
        ran
        for ran in history
        if _succeeded(ran)
        and (not ran.again if how_many.everywhere else ran.generation == generation)
    )
    if how_many.last is not None and how_many.last <= len(cells):
        return Plan(cells[-how_many.last :])
    if how_many.everywhere:
        return Plan(cells, history.forgotten.total())
    return Plan(cells, history.forgotten[generation])


def of_kernel_before(
    history: CellHistory, generation: int, how_many: HowMany = SINCE_START
) -> Plan:
    """Return those of the latest kernel before this one in which any succeeded.

    :raises NothingToReplay: there is none.
    """
    if how_many.everywhere:
        plan = of_kernel(history, generation, how_many)
        before = tuple(ran for ran in plan.cells if ran.generation < generation)
        plan = attrs.evolve(plan, cells=before)
    else:
        numbers = (ran.generation for ran in history if _succeeded(ran))
        latest = max((n for n in numbers if n < generation), default=0)
        plan = of_kernel(history, latest, how_many) if latest else Plan()
    if not plan.cells:
        here = len(of_kernel(history, generation).cells)
        instead = (
            f"; %restart --replay runs the {counted(here)} of this one" if here else ""
        )
        raise NothingToReplay(f"{_none(history)} in a kernel before this one{instead}")
    return plan


def _succeeded(ran: Ran) -> bool:
    """Whether it went well, and no kernel runs it by itself."""
    return ran.outcome is Outcome.OK and not ran.kept


def check(history: CellHistory, generation: int, how_many: HowMany) -> None:
    """Look whether there is anything, or will be when what runs has ended.

    :raises NothingToReplay: there is nothing.
    """
    if of_kernel(history, generation, how_many).cells:
        return
    if any(ran.ended is None for ran in history.of(generation)):
        return
    raise NothingToReplay(nothing(history, generation))


def check_language(history: CellHistory, plan: Plan, generation: int) -> None:
    """Look whether a kernel has the language of the cells.

    :raises NothingToReplay: it has another one.
    """
    here = history.languages.get(generation, "")
    for ran in plan.cells:
        then = history.languages.get(ran.generation, "")
        if here and then and here.lower() != then.lower():
            raise NothingToReplay(other_language(then, here))


def other_language(before: str, after: str) -> str:
    """Say why cells cannot run in a kernel."""
    return f"not replayed: the cells are {before}, and the kernel's language is {after}"


def offered(number: int) -> str:
    """Say in a line that cells can be run again."""
    which = "the cell" if number == 1 else f"the {number} cells"
    return f"'%ipr replay' runs {which} before it again.\n"


def nothing(history: CellHistory, generation: int) -> str:
    """Say that there is nothing of a kernel to run again, and what there is instead."""
    text = f"{_none(history)} since the kernel started"
    try:
        before = len(of_kernel_before(history, generation).cells)
    except NothingToReplay:
        return text
    return f"{text}; %ipr replay runs the {counted(before)} of the kernel before"


def _none(history: CellHistory) -> str:
    if not history.limit:
        return "nothing to replay: no cell is kept (--replay-limit 0), and none"
    return "nothing to replay: no cell has succeeded"


def counted(number: int, of: int = 0) -> str:
    """``12`` -> ``"12 cells"``, ``"3 of 12 cells"``."""
    if of:
        return f"{number} of {of} cell{'s' if of > 1 else ''}"
    return f"{number} cell{'s' if number > 1 else ''}"


def title(ran: Ran) -> str:
    """Name a cell by its first line."""
    line = ran.first_line
    return line if len(line) <= LONGEST_TITLE else f"{line[: LONGEST_TITLE - 3]}..."
