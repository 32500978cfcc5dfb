"""Where in a cell a ``%restart`` stands, when it is not in the first line.

Knows lines, in any language; must not know what is done about them. A kernel's language
is not known here, so a last line counts only where it can be nothing else: not
indented (it would depend on an ``if``), not continued from the line before, not the
body of a cell magic (``%%writefile``), and with no quote that was opened before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from ipr.jupyter.shellwords import shell_words

#: What comments begin with in the languages of kernels.
COMMENTS = ("#", "//", "--", ";")

WORD = "%restart"

#: What a cell is told whose ``%restart`` the kernel did not understand.
MISPLACED = (
    "%restart must be the first or the last line of its cell, unindented: ipr left"
    " this one to the kernel.\n"
)


@attrs.frozen
class LastLine:
    """A ``%restart`` in the last line.

    :ivar before: the lines before it, which run in the old kernel.
    :ivar argument: the words after it.
    """

    before: str
    argument: str


def last_line(code: str) -> LastLine | None:
    """Find a ``%restart`` in the last line, blank lines and comments aside.

    :param code: a cell that does not begin with a magic of ours.
    """
    rows = [row for _, row in lines(code)]
    while rows and _says_nothing(rows[-1]):
        rows.pop()
    if len(rows) < 2 or not _is_restart(rows[-1]) or rows[-1][0].isspace():
        return None
    *before, last = rows
    argument = last.strip()[len(WORD) :].strip()
    first = next((row for row in before if not _says_nothing(row)), "")
    if not first or first.startswith("%%") or _goes_on(before[-1]):
        return None
    return LastLine("".join(before), argument) if _quotes_fit(argument) else None


def misplaced(code: str) -> bool:
    """Whether a line after the first begins with ``%restart``."""
    return any(_is_restart(row) for _, row in lines(code))


def lines(code: str) -> Iterator[tuple[int, str]]:
    """Go through the lines of a cell, each with the place where it ends.

    Not :meth:`str.splitlines`: that takes a form feed for an end, and U+2028,
    which may stand in a string.
    """
    for found in _LINE.finditer(code):
        yield found.end(), found.group()


_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")


def _is_restart(row: str) -> bool:
    return row.split(None, 1)[:1] == [WORD]


def _says_nothing(row: str) -> bool:
    text = row.strip()
    return not text or text.startswith(COMMENTS)


def _goes_on(row: str) -> bool:
    return row.rstrip("\r\n").endswith("\\")


def _quotes_fit(argument: str) -> bool:
    if "`" in argument:
        return False
    try:
        shell_words(argument)
    except ValueError:
        return False
    return True
