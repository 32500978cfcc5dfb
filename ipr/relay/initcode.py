"""The code that each new kernel runs under the eyes of its clients.

Knows which there is, and for which kernels: the file of ``--init``, and the cells that
begin with ``%ipr init``. Must not know when it runs.
"""

from __future__ import annotations

import os

import attrs
from twisted.internet.defer import Deferred, succeed

from ipr.jupyter.messages import Draft
from ipr.relay.codefile import NO_FILE, CodeFile, language_of
from ipr.relay.pieces import Piece, described

#: Cells, and characters of all of them, that are kept.
MOST_CELLS = 100
MOST_CHARACTERS = 1 << 20


@attrs.frozen
class Wanted:
    """What one kernel is to run.

    :ivar left_out: what it is not, and why; ``""``: nothing.
    """

    pieces: tuple[Piece, ...] = ()
    left_out: str = ""


@attrs.frozen
class InitCell:
    """A cell that each new kernel runs.

    :ivar key: by which it is known again.
    :ivar language: of the kernel that it ran in; ``""``: that named none.
    """

    key: str
    code: str
    language: str = ""


class InitCode:
    """That of one daemon.

    :param file: that of ``--init``.
    :ivar cells: in the order in which they were marked first.
    """

    def __init__(self, file: CodeFile = NO_FILE) -> None:
        self.file = file
        self.cells: tuple[InitCell, ...] = ()

    def described(self) -> str:
        """Name all of it in a few words; ``""``: there is none."""
        file = (Piece(self._title, ""),) if self.file.path else ()
        pieces = (*file, *self._pieces(self.cells))
        return described(pieces) if pieces else ""

    # --- cells --------------------------------------------------------------

    def problem(self, cell: InitCell) -> str:
        """Say why a cell cannot be kept; ``""``: it can."""
        others = [other for other in self.cells if other.key != cell.key]
        if len(others) >= MOST_CELLS:
            return f"there are {MOST_CELLS} init cells, the most that are kept"
        if sum(len(other.code) for other in (*others, cell)) > MOST_CHARACTERS:
            return f"init cells may have {MOST_CHARACTERS >> 20} MiB together"
        return ""

    def keep(self, cell: InitCell) -> None:
        """Have each new kernel run it; in the place of what the same cell held."""
        if any(other.key == cell.key for other in self.cells):
            same = (cell if other.key == cell.key else other for other in self.cells)
            self.cells = tuple(same)
        else:
            self.cells = (*self.cells, cell)

    def drop(self, key: str) -> None:
        """Keep a cell no more."""
        self.cells = tuple(cell for cell in self.cells if cell.key != key)

    def clear(self, number: int = 0) -> None:
        """Keep none any more, or all but the one of that number, from 1.

        :raises ValueError: there is none of that number; the text says so.
        """
        if number > len(self.cells):
            many = len(self.cells)
            are = "is 1 init cell" if many == 1 else f"are {many} init cells"
            raise ValueError(f"there is no init cell {number}: there {are}")
        rest = self.cells[: number - 1] + self.cells[number:]
        self.cells = rest if number else ()

    def check(self) -> Deferred[None]:
        """See whether the file can be read; fails with a sentence."""
        if not self.file.path:
            return succeed(None)
        return self.file.read().addCallback(lambda _code: None)

    # --- a kernel -----------------------------------------------------------

    def wanted(self, info: Draft | None) -> Deferred[Wanted]:
        """Return what a kernel is to run; fails with a sentence.

        :param info: the kernel's kernel_info_reply.
        """
        language = language_of(info)
        fits = [
            cell
            for cell in self.cells
            if cell.language == language or not (cell.language and language)
        ]
        other = tuple(cell for cell in self.cells if cell not in fits)
        left_out = self._pieces(other)
        cells = self._pieces(tuple(fits))
        reads = bool(self.file.path)
        if reads and self.file.misfit(info):
            reads = False
            left_out = (Piece(self._title, ""), *left_out)
        why = ""
        if left_out:
            kernels = f"this kernel's language is {language}"
            why = f"{described(left_out)} not run: {kernels}"
        if not reads:
            return succeed(Wanted(cells, why))
        return self.file.read().addCallback(
            lambda code: Wanted((Piece(self._title, code), *cells), why)
        )

    @property
    def _title(self) -> str:
        return os.path.basename(self.file.path)

    def _pieces(self, cells: tuple[InitCell, ...]) -> tuple[Piece, ...]:
        """Return them with their numbers among all."""
        return tuple(
            Piece(f"init cell {self.cells.index(cell) + 1}", cell.code, "init cell")
            for cell in cells
        )
