"""What ``%ipr history`` shows.

Knows how to lay out cells as a table of 80 columns, or as HTML. Must not know where
they come from, nor what a cell is.
"""

from __future__ import annotations

import datetime
import html
from collections.abc import Iterable, Mapping

import attrs

from ipr.daemon.status import span
from ipr.jupyter.howmany import HowMany
from ipr.lifecycle.restarter import Restarter
from ipr.relay.cellhistory import CellHistory
from ipr.relay.ran import Ran

#: Columns of the text.
WIDTH = 80
#: Cells that are shown when nobody says how many.
USUAL = 50
#: Cells that are shown at most: everybody waits while the table is made.
MOST = 1000
#: Characters of a cell's first line, where there is room.
LONGEST = 200

_HEADS = ("cell", "began", "took", "outcome", "first line")


@attrs.frozen
class Times:
    """What time it is, by both clocks.

    :ivar monotonic: in seconds, as the cells have it.
    :ivar wall: the same moment, with its time zone.
    """

    monotonic: float
    wall: datetime.datetime

    def told(self, when: float) -> str:
        """Return the time of day of a moment, with the date if it was another day."""
        then = self.wall - datetime.timedelta(seconds=self.monotonic - when)
        if then.date() == self.wall.date():
            return then.strftime("%H:%M:%S")
        return then.strftime("%b %d %H:%M")


@attrs.frozen
class Table:
    """Some of the cells.

    :ivar notes: one line for each kernel whose cells are shown, by its number.
    :ivar cells: oldest first.
    :ivar left_out: lines that say what is not shown.
    """

    notes: Mapping[int, str]
    cells: tuple[Ran, ...]
    left_out: tuple[str, ...] = ()


def chosen(
    history: CellHistory,
    kernels: Iterable[tuple[float, int, str]],
    generation: int,
    how_many: HowMany,
    times: Times,
) -> Table:
    """Choose what is shown.

    :param kernels: when each began, its number, and why the one before it ended.
    :param generation: the number of the one that there is.
    """
    cells = list(history) if how_many.everywhere else history.of(generation)
    most = min(how_many.last or USUAL, MOST)
    shown = tuple(cells[-most:])
    numbers = {ran.generation for ran in shown} | {generation}
    notes = {number: f"kernel {number}" for number in sorted(numbers)}
    for when, number, why in kernels:
        if number in notes:
            notes[number] = f"kernel {number}, since {times.told(when)} ({why})"
    return Table(notes, shown, _left_out(history, notes, len(shown), len(cells)))


def _left_out(
    history: CellHistory, notes: Mapping[int, str], shown: int, all_of_them: int
) -> tuple[str, ...]:
    lines = []
    if all_of_them > shown:
        more = f"%ipr history {all_of_them} shows them all"
        if shown >= MOST:
            more = "no more are shown"
        elif all_of_them > MOST:
            more = f"%ipr history {MOST} shows more"
        lines.append(f"the last {shown} of {all_of_them} cells ({more})")
    forgotten = sum(history.forgotten[number] for number in notes)
    if forgotten:
        mib = history.limit >> 20
        lines.append(f"{forgotten} before these are forgotten (--replay-limit {mib})")
    return tuple(lines)


def as_text(table: Table, times: Times) -> str:
    """Return the table as text of 80 columns."""
    rows = [_row(ran, times) for ran in table.cells]
    widths = [max(map(len, column)) for column in zip(_HEADS, *rows, strict=True)][:-1]
    lines = list(table.left_out)
    number = None
    for ran, row in zip(table.cells, rows, strict=True):
        if ran.generation != number:
            number = ran.generation
            lines += [_short(table.notes[number], WIDTH), _line(_HEADS, widths)]
        lines.append(_line(row, widths))
    there = {ran.generation for ran in table.cells}
    for number, note in table.notes.items():
        if number not in there:
            lines += [_short(note, WIDTH), "  no cell has run"]
    return "\n".join(lines)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cell, began, took, outcome, code = row
    first, second, third, fourth = widths
    left = (
        f"  {cell:>{first}}  {began:<{second}}  {took:>{third}}  {outcome:<{fourth}}  "
    )
    return (left + _short(code, WIDTH - len(left))).rstrip()


def as_html(table: Table, times: Times) -> str:
    """Return the table as HTML."""
    parts = [_html_note(line) for line in table.left_out]
    rows_of: dict[int, list[str]] = {}
    for ran in table.cells:
        rows_of.setdefault(ran.generation, []).append(_html_row(_row(ran, times)))
    for number, note in table.notes.items():
        rows = rows_of.get(number, [])
        body = f"<table>{_html_heads()}{''.join(rows)}</table>"
        parts += [_html_note(note), body if rows else _html_note("no cell has run")]
    return "".join(parts)


def _html_note(text: str) -> str:
    return f"<div {_NOTE}>{html.escape(text)}</div>"


def _html_heads() -> str:
    return "<tr>" + "".join(f"<th {_LEFT}>{head}</th>" for head in _HEADS) + "</tr>"


def _html_row(row: tuple[str, ...]) -> str:
    *cells, code = (html.escape(text) for text in row)
    plain = "".join(f"<td {_LEFT}>{text}</td>" for text in cells)
    return f"<tr>{plain}<td {_LEFT}><code>{code}</code></td></tr>"


_LEFT = "style='text-align:left'"
#: Above the table, as large as its cells and where their text begins.
_NOTE = "style='font-size:var(--jp-ui-font-size1,13px);padding-left:0.5em'"


def _row(ran: Ran, times: Times) -> tuple[str, ...]:
    number = "" if ran.number is None else f"[{ran.number}]"
    began = times.told(ran.began or ran.sent)
    outcome = ran.outcome.value + (", replayed" if ran.again else "")
    took = duration(ran.seconds(times.monotonic))
    return number, began, took, outcome, _short(ran.first_line, LONGEST)


def duration(seconds: float) -> str:
    """``1.234`` -> ``"1.23 s"``, and from a minute on as :func:`span`."""
    return f"{seconds:.2f} s" if seconds < 60 else span(seconds)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: max(most - 3, 0)]}..."


def displayed(
    history: CellHistory, restarter: Restarter, how_many: HowMany
) -> dict[str, str]:
    """Return the table by MIME type."""
    times = Times(restarter.now(), datetime.datetime.now().astimezone())
    kernels, generation = restarter.history, restarter.generation()
    table = chosen(history, kernels, generation, how_many, times)
    return {"text/plain": as_text(table, times), "text/html": as_html(table, times)}
