"""Questions that an ipykernel answers by a program of ours.

Knows how a program is put into an expression, and how its answer is read. Must not know
what is asked, nor how a question is sent. The answer comes from a kernel, whose startup
files and cells may have done anything to it: whoever asks looks at what it holds.

Pure: it asks nothing of the system itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: Characters that an answer may have.
LONGEST = 4 << 20

#: The name of the expression in ``user_expressions``.
NAME = "ipr"

# Hexadecimal digits pass every formatter as they are.
_ANSWER = "json.dumps(answer, sort_keys=True).encode('ascii').hex()"


class NoAnswer(ValueError):
    """The kernel has not said what it was asked; the text says why."""


def asking(program: str) -> dict[str, str]:
    """Return the ``user_expressions`` that ask for what a program calls ``answer``.

    :param program: imports ``json``; it runs in a dictionary of its own, and leaves
        nothing in the kernel.
    """
    return {NAME: running(f"{program}\nanswer = {_ANSWER}", "names['answer']")}


def running(program: str, value: str = "None") -> str:
    """Return an expression that runs a program in a dictionary of its own.

    :param value: an expression for its value, of that dictionary: ``names``.
    """
    return (
        "(lambda names: (__import__('builtins').exec("
        f"{program!r}, names), {value})[1])({{}})"
    )


_LEAVE_OUT = r"""
import sys, threading
shell = sys.modules["IPython"].get_ipython()
mine = threading.get_ident()
def leave_out(owner, name, instead):
    def once(*args, **names):
        if threading.get_ident() != mine:
            return getattr(type(owner), name)(owner, *args, **names)
        vars(owner).pop(name, None)
        return instead
    vars(owner)[name] = once
leave_out(shell.events, "trigger", None)
leave_out(shell.payload_manager, "read_payload", [])
leave_out(shell.payload_manager, "clear_payload", None)
"""

#: An expression for code that runs in an ipykernel beside a cell. A request that runs
#: code ends with what belongs to a cell's end: matplotlib shows the figures that are
#: half made, and what a cell has for the pager is taken. Of the request that this is
#: in, and of no other thread's, that is left out, once.
ASIDE = running(_LEAVE_OUT)


def gives_back(header: Mapping[str, object]) -> str:
    """Return an expression that has a cell's other threads print into that cell again.

    Their output goes where the request belongs that came last, also to a subshell.

    :param header: the cell's.
    """
    plain = {key: value for key, value in header.items() if isinstance(value, str)}
    program = f"""
import sys
for stream in sys.stdout, sys.stderr:
    if hasattr(stream, "_parent_header_global"):
        stream._parent_header_global = {plain!r}
"""
    return running(_LEAVE_OUT + program)


def answer(content: Mapping[str, object]) -> Any:
    """Read the answer in a reply's content.

    :returns: what JSON has for it, whatever that is.
    :raises NoAnswer: there is none, or one that is too long.
    """
    found: Any = content
    for name in ("user_expressions", NAME, "data", "text/plain"):
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, str):
        raise NoAnswer("it did not say what it was asked")
    if len(found) > LONGEST:
        raise NoAnswer("its answer is longer than can be looked at")
    try:
        return json.loads(bytes.fromhex(found.strip("'\"")))
    except (ValueError, RecursionError):
        raise NoAnswer("its answer cannot be read") from None
