"""Knows which outcome of a check is the better one, and how a row is written down for
the documentation; must not know how anything was found out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.kernels.matrix import Half
from tests.kernels.subjects import Subject

#: What stands around the generated part of the page.
BEGIN = ".. begin: written by python -m tests.kernels"
END = ".. end: written by python -m tests.kernels"


@dataclass(frozen=True)
class Check:
    """A column.

    :ivar name: as the matrix calls it.
    :ivar heading: as the table calls it; "" when it is no column.
    :ivar best: the outcomes, the best one first.
    :ivar needed: the worst that a kernel behind ipr may have.
    :ivar alone: it can only be seen behind ipr.
    """

    name: str
    heading: str
    best: tuple[str, ...]
    needed: str = ""
    alone: bool = False

    def fault(self, plain: str | None, wrapped: str | None) -> str:
        """:return: why the row is worse than the plain kernel, "" when it is not."""
        if wrapped is None:
            return "nothing was seen behind ipr"
        if wrapped not in self.best:
            return f"{wrapped!r} behind ipr"
        if self.needed and self._rank(wrapped) > self._rank(self.needed):
            return f"{wrapped!r} behind ipr, and {self.needed!r} is the least"
        if self.alone:
            return ""
        if plain is None:
            return "nothing was seen of the plain kernel"
        if plain in self.best and self._rank(wrapped) > self._rank(plain):
            return f"{wrapped!r} behind ipr, {plain!r} without"
        return ""

    def _rank(self, outcome: str) -> int:
        return self.best.index(outcome)


_YES = ("yes", "no")

CHECKS = (
    Check("start", "", _YES, "yes"),
    Check("execute", "", _YES, "yes"),
    # octave_kernel calls an error "ok", with ipr and without.
    Check("error", "", _YES),
    Check("stdin", "``input()``", ("yes", "no", "none")),
    Check(
        "interrupt",
        "interrupt",
        ("stops", "goes on", "dies, comes back", "dies"),
        "dies, comes back",
    ),
    Check("interrupt_request", "``interrupt_request`` answered", _YES, "yes"),
    Check("control", "``kernel_info`` on control answered", _YES, "yes"),
    Check("welcome", "``iopub_welcome`` to each client", _YES, "yes"),
    Check("shutdown_reply", "``shutdown_request`` answered", _YES, "yes"),
    Check(
        "shutdown", "and ends", ("exits", "at SIGTERM", "must be killed"), "at SIGTERM"
    ),
    Check("leftovers", "", ("none",), "none"),
    Check("restart", "``%restart``", _YES, "yes", alone=True),
    # With a cell that runs and one that waits: each ends once, the next one works.
    Check("restart_now", "", _YES, "yes", alone=True),
    Check("death", "back after SIGKILL", _YES, "yes", alone=True),
    Check("kernelspec", "", ("restored",), "restored", alone=True),
)
BY_NAME = {check.name: check for check in CHECKS}

#: What the clients are sent must be the same, down to the order.
SAME = ("kernel_info", "execute", "error", "stdin")


def _cell(check: Check, subject: Subject, plain: Half, wrapped: Half) -> str:
    after = wrapped.seen.get(check.name, "?")
    if check.alone:
        return after
    if check.name in subject.unsteady:
        return subject.unsteady[check.name]
    before = plain.seen.get(check.name, "?")
    if before == after:
        return after
    return f"{before} → **{after}**"


def table(rows: Iterable[tuple[Half, Half]]) -> str:
    """Write the tables.

    :param rows: the plain and the wrapped half of each kernel.
    :return: reStructuredText.
    """
    rows = list(rows)
    columns = [check for check in CHECKS if check.heading]
    heads = ["kernel", "language", *(check.heading for check in columns)]
    lines = [
        [
            f"{plain.subject.title}, {plain.subject.version()}",
            wrapped.seen.get("kernel_info", "?"),
            *(_cell(check, plain.subject, plain, wrapped) for check in columns),
        ]
        for plain, wrapped in rows
    ]
    seconds = [
        [
            plain.subject.title,
            *(
                _seconds(half.seconds, name)
                for half, name in (
                    (plain, "start"),
                    (wrapped, "start"),
                    (wrapped, "restart"),
                    (wrapped, "death"),
                )
            ),
        ]
        for plain, wrapped in rows
    ]
    return "\n".join(
        [
            *_list_table("What each kernel does, by itself → behind ipr", heads, lines),
            "",
            *_list_table(
                "Seconds, once, two kernels at a time on two busy cores",
                [
                    "kernel",
                    "start",
                    "start behind ipr",
                    "``%restart``",
                    "SIGKILL to the end of the next cell",
                ],
                seconds,
            ),
        ]
    )


def _seconds(seconds: Mapping[str, float], name: str) -> str:
    return f"{seconds[name]:.1f}" if name in seconds else "?"


def _list_table(
    title: str, heads: Sequence[str], lines: Sequence[Sequence[str]]
) -> list[str]:
    made = [f".. list-table:: {title}", "   :header-rows: 1", ""]
    for line in (heads, *lines):
        made += [
            f"   {'* -' if at == 0 else '  -'} {cell}" for at, cell in enumerate(line)
        ]
    return made


def write(path: str, text: str) -> None:
    """Put the tables into a page, between its two marks.

    :raises ValueError: when the page does not have them.
    """
    with open(path, encoding="utf-8") as file:
        before, between, after = _parts(file.read(), path)
    if between.strip() != text.strip():
        new = f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"
        temporary = path + ".new"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(new)
        os.replace(temporary, path)


def written(path: str) -> str:
    """:return: what stands between the marks of a page."""
    with open(path, encoding="utf-8") as file:
        return _parts(file.read(), path)[1]


def _parts(page: str, path: str) -> tuple[str, str, str]:
    before, begin, rest = page.partition(BEGIN)
    between, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} does not have the lines {BEGIN!r} and {END!r}")
    return before, between, after


def facts(text: str) -> dict[str, list[str]]:
    """Read the first table back, without versions.

    :return: by kernel, its cells: what must be the same whenever it is written.
    """
    first = text.split(".. list-table::")[1] if ".. list-table::" in text else ""
    rows: dict[str, list[str]] = {}
    for block in first.split("\n   * - ")[1:]:
        name, *cells = (line.strip() for line in block.split("\n     - "))
        rows[name.partition(",")[0]] = [
            cell.splitlines()[0] if cell else "" for cell in cells
        ]
    return rows
