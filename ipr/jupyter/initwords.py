"""What follows ``%ipr init``, and which cell it stands in.

Knows the words, and by what a cell is known again. Must not know what is done with it.
"""

from __future__ import annotations

from ipr.jupyter.wire import METADATA, Envelope, Malformed, parse_object


def problem(argument: str, rest: str) -> str:
    """Say what is wrong with a cell that begins with ``%ipr init``; ``""``: nothing.

    :param argument: the words after it.
    :param rest: the lines after it.
    """
    word, *more = argument.split() or [""]
    if not word:
        return "" if rest else "it is followed by the lines that each kernel is to run"
    if rest:
        return f"lines after 'init {argument}' would not run: move them to another cell"
    if word == "list" and not more:
        return ""
    if word == "clear" and (not more or number(argument)):
        return ""
    return f"it is followed by list, clear or clear NUMBER, not {argument!r}"


def number(argument: str) -> int:
    """Return the number in ``clear NUMBER``; 0: there is none."""
    words = argument.split()[1:]
    good = len(words) == 1 and words[0].isascii() and words[0].isdigit()
    return int(words[0][:9]) if good else 0


def key_of(envelope: Envelope, code: str) -> str:
    """Return by what a cell is known when it is run again.

    Notebooks name it in the metadata; of any other, it is what stands in it.
    """
    if b'"cellId"' in envelope.body[METADATA]:
        try:
            name = parse_object(envelope.body[METADATA], "metadata").get("cellId")
        except Malformed:
            name = None
        if isinstance(name, str) and name:
            return f"cell {name}"
    return f"code {code.strip()}"
