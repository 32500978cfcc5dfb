"""What is asked of a daemon from a terminal or by code, and how it answers.

Knows the fields of these messages. Must not know who sends them, nor what follows.
Anybody who has the key may send one, over control::

    ipr_command_request   {"command": "restart", "options": [WORD, ...],
                           "inside": whether it comes from the kernel itself}
                          {"command": "interrupt"}
                          {"command": "facts"}
                          {"command": "stack"}
                          {"command": "status"}
                          {"command": "log", "after": NUMBER}
                          {"command": "output", "cells": NUMBER}
    ipr_command_reply     {"status": "ok", "generation": NUMBER, ...}, or an error

=========  ===================================================================
command    fields of the answer
=========  ===================================================================
restart    waits: whether cells come before it; left_out: whether nothing comes
           of it, since it was asked for by a cell that is being replayed
interrupt  --
facts      those of ``ipr ps --json``; failed: a restart that came to nothing
           after its answer, as {"request": ID, "why": SENTENCE}; and replay:
           the latest replay that a restart asked for, as {"request": ID,
           "line": HOW IT STANDS, "over": BOOLEAN, "failed": BOOLEAN}
stack      text: of ``%ipr stack``
status     rows: [NAME, VALUE] of the table
log        lines, and next: the number to ask for
output     text: what the last cells have shown, with colours
=========  ===================================================================

All are answered at once, but stack within 3 s, and a restart when its options have been
checked; its words are those of ``%restart``. Each request has one answer on control,
and no busy and idle on iopub: a front end would take the idle for that of its running
cell.
"""

from __future__ import annotations

import attrs

from ipr.jupyter import magics
from ipr.jupyter.wire import JSON

#: The type of these requests.
REQUEST = "ipr_command_request"
#: Those without arguments.
PLAIN = frozenset({"interrupt", "facts", "stack", "status"})


class Wrong(ValueError):
    """A request makes no sense; the text says why."""


@attrs.frozen
class Plain:
    """One of ``PLAIN``, by its word."""

    word: str


@attrs.frozen
class ReadLog:
    """The log's records from number ``after`` on."""

    after: int


@attrs.frozen
class ReadOutput:
    """What the last cells have shown, so many of them."""

    cells: int


@attrs.frozen
class Restart:
    """``%restart`` with these words.

    :ivar inside: whether a cell of the kernel asks for it.
    """

    magic: magics.Restart
    inside: bool = False


Command = Restart | Plain | ReadLog | ReadOutput


def command(content: JSON) -> Command:
    """Read an ipr_command_request.

    :raises Wrong: it makes no sense.
    """
    word = content.get("command")
    if word == "restart":
        magic = _restart(content.get("options", []))
        return Restart(magic, content.get("inside") is True)
    if word == "log":
        return ReadLog(_whole(content, "after", 0))
    if word == "output":
        return ReadOutput(_whole(content, "cells", 1))
    if isinstance(word, str) and word in PLAIN:
        return Plain(word)
    raise Wrong(f"this version of ipr knows no command {str(word)[:40]!r}")


def _whole(content: JSON, name: str, least: int) -> int:
    found = content.get(name, least)
    if not isinstance(found, int) or isinstance(found, bool) or found < least:
        raise Wrong(f'"{name}" has to be a whole number, {least} or more')
    return found


def _restart(options: object) -> magics.Restart:
    if not isinstance(options, list) or not all(
        isinstance(word, str) for word in options
    ):
        raise Wrong('"options" has to be a list of words')
    length = sum(map(len, options)) + len(options)
    if length > magics.LONGEST_LINE:
        raise Wrong(magics.too_long(length))
    try:
        return magics.restart(options)
    except ValueError as error:
        raise Wrong(str(error)) from None
