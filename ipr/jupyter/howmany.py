"""How many of the cells that have run somebody means: ``12``, ``all``.

Knows the words. Must not know which cells there are, nor what is done with them.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

#: More digits than any number of cells has.
_DIGITS = 9


@attrs.frozen
class HowMany:
    """Those since the kernel started, unless more is said.

    :ivar last: only so many of them, the last ones; None: each.
    :ivar everywhere: those of the kernels before, too.
    """

    last: int | None = None
    everywhere: bool = False


#: Each since the kernel started.
SINCE_START = HowMany()


def how_many(words: Sequence[str]) -> HowMany:
    """Read a number, or ``all``, or both, or nothing.

    :raises ValueError: something else; the text says what is right.
    """
    last: int | None = None
    everywhere = False
    for word in words:
        if word in ("all", "--all") and not everywhere:
            everywhere = True
        elif last is None and _is_number(word):
            last = int(word)
        else:
            raise ValueError(f"write how many cells, from 1 on, or all, not {word!r}")
    return HowMany(last, everywhere)


def count(argument: str) -> int:
    """Read a number of cells; nothing: the last one.

    :raises ValueError: something else; the text says what is right.
    """
    if argument and not _is_number(argument):
        raise ValueError(f"write how many cells, from 1 on, not {argument[:40]!r}")
    return int(argument or 1)


def _is_number(word: str) -> bool:
    digits = word.isascii() and word.isdigit() and len(word) <= _DIGITS
    return digits and int(word) > 0
