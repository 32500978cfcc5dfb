"""The frames of a Python process, as py-spy tells them.

Knows where that program is looked for, how it is called, and what it prints. Must not
know what a cell is. It reads the memory of the process, which needs no help from it and
does not stop it, so it has an answer where Python itself can give none: while C code
keeps the GIL. It may not be allowed to (ptrace(2), Yama's ``ptrace_scope``).

Source: py-spy's own help; its ``dump --json``.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ipr.kernel.asking import Answer, NoAnswer, ask
from ipr.kernel.frames import MOST_FRAMES, MOST_THREADS, Frame, Thread
from ipr.kernel.reactor import Asking

NAME = "py-spy"
#: Seconds that it has.
TIME = 1.2
#: Characters of an answer, and of a text in it that are kept.
LONGEST = 4 << 20
LONGEST_TEXT = 4096
#: Characters of what it complains of.
LONGEST_REASON = 120


def find(environ: Mapping[str, str], pythons: Sequence[str]) -> str:
    """Return the path of the program; ``""`` where there is none.

    :param pythons: interpreters beside which it may be installed, absolute.
    """
    path = environ.get("PATH", os.defpath)
    beside = [os.path.dirname(each) for each in pythons if os.path.isabs(each)]
    return shutil.which(NAME, path=os.pathsep.join((path, *beside))) or ""


def dump(
    reactor: Asking, program: str, environ: Mapping[str, str], pid: int
) -> Deferred[tuple[Thread, ...]]:
    """Look at a process; the main thread comes first.

    :returns: fails with :class:`ipr.kernel.asking.NoAnswer`, in words.
    """
    argv = (program, "dump", "--nonblocking", "--json", "--pid", str(pid))
    asking = ask(reactor, argv, environ, TIME)

    def answered(answer: Answer) -> tuple[Thread, ...]:
        if answer.status:
            raise NoAnswer(_reason(answer.said))
        return parse(answer.output, pid)

    def failed(failure: Failure) -> tuple[Thread, ...]:
        failure.trap(defer.TimeoutError)
        raise NoAnswer(f"it was not done after {TIME:g} s")

    return asking.addCallbacks(answered, failed)


def _reason(said: str) -> str:
    """Return why it failed; its own words are followed by a trace of itself."""
    words = said.partition("Stack backtrace")[0].replace("Error: ", "")
    text = " ".join(words.split())
    if "ermission" in text or "not permitted" in text:
        return "it may not look into the process (ptrace is not permitted here)"
    return text[:LONGEST_REASON] or "it failed without saying why"


def parse(output: bytes, pid: int) -> tuple[Thread, ...]:
    """Read what ``py-spy dump --json`` prints.

    :raises NoAnswer: it is something else, or too much.
    """
    if len(output) > LONGEST:
        raise NoAnswer("its answer is too long")
    try:
        found = json.loads(output)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not found:
        raise NoAnswer("its answer cannot be read")
    threads = [_thread(each, pid) for each in found[:MOST_THREADS]]
    return tuple(sorted(threads, key=lambda thread: not thread.main))


def _thread(found: Any, pid: int) -> Thread:
    match found:
        case {"os_thread_id": number, "frames": [*frames]}:
            name = found.get("thread_name")
            return Thread(
                str(name or f"thread {number}")[:LONGEST_TEXT],
                number == pid,
                # The newest comes first there.
                tuple(map(_frame, frames[:MOST_FRAMES][::-1])),
                "has the GIL" if found.get("owns_gil") is True else "",
            )
    raise NoAnswer("its answer holds something else than threads")


def _frame(found: Any) -> Frame:
    match found:
        case {"filename": str(path), "name": str(name), "line": int(line)}:
            return Frame(path[:LONGEST_TEXT], line, name[:LONGEST_TEXT])
    raise NoAnswer("its answer holds something else than frames")
