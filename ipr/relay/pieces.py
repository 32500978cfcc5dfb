"""Pieces of code that a new kernel runs, and how they are named.

Knows what a person calls them. Must not know how they are run.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Piece:
    """Some code.

    :ivar title: how a person knows it: ``"setup.py"``, ``"init cell 2"``.
    :ivar code: in the kernel's language.
    :ivar kind: where several are counted: ``"init cell"``; ``""``: by its title only.
    """

    title: str
    code: str
    kind: str = ""


def described(pieces: tuple[Piece, ...]) -> str:
    """Name pieces in a few words: ``"setup.py and 2 init cells"``."""
    names: list[str] = []
    for number, piece in enumerate(pieces):
        if not piece.kind:
            names.append(piece.title)
        elif not number or pieces[number - 1].kind != piece.kind:
            count = sum(other.kind == piece.kind for other in pieces)
            names.append(f"{count} {piece.kind}{'s' if count > 1 else ''}")
    *rest, last = names
    return f"{', '.join(rest)} and {last}" if rest else last
