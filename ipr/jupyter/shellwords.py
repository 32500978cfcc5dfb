"""A line cut into words, as a shell does.

Knows quotes, backslashes and comments. Must not know what the words mean.
"""

from __future__ import annotations

import re


def shell_words(text: str) -> list[str]:
    """Split a line as a shell does; ``#`` begins a comment only where a word may.

    As :func:`shlex.split` has it, which puts each word together letter by letter
    and so takes the square of its length: half a minute for 1 MB.

    :raises ValueError: a quote is not closed.
    """
    words: list[str] = []
    parts: list[str] | None = None  # of the word that is being read
    at = 0
    while at < len(text):
        found = _PIECE.match(text, at)
        if found is None:
            if text[at] == "\\":
                raise ValueError("No escaped character")
            raise ValueError("No closing quotation")
        kind, piece, at = found.lastgroup, found.group(), found.end()
        if kind == "blank":
            if parts is not None:
                words.append("".join(parts))
            parts = None
            continue
        if kind == "plain" and piece.startswith("#") and parts is None:
            break
        parts = parts if parts is not None else []
        if kind == "double":
            parts.append(_ESCAPED.sub(r"\1", piece[1:-1]))
        elif kind == "single":
            parts.append(piece[1:-1])
        elif kind == "escaped":
            parts.append(piece[1:])
        else:
            parts.append(piece)
    if parts is not None:
        words.append("".join(parts))
    return words


_PIECE = re.compile(
    r"""(?P<blank>[ \t\r\n]+)
    |(?P<plain>[^ \t\r\n"'\\]+)
    |(?P<single>'[^']*')
    |(?P<double>"[^"\\]*(?:\\.[^"\\]*)*")
    |(?P<escaped>\\.)""",
    re.DOTALL | re.VERBOSE,
)
#: What a backslash takes its meaning from between double quotes.
_ESCAPED = re.compile(r"""\\(["\\])""")
