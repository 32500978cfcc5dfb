"""What the threads of a Python kernel do: the question, and what an answer says.

Knows the code that an ipykernel runs for it beside a busy cell, and how its answer is
written and bounded. Must not know how it is sent, nor how frames are shown. The answer
comes from a kernel, where a cell may have done anything: what is not exactly as asked
for is no answer.

It goes over control, which ipykernel serves by a thread of its own: it is answered
while a cell runs, unless that cell keeps the GIL. A subshell would do the same, but
takes the output of the cell's other threads away from it.

Pure: it asks nothing of the system itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ipr.jupyter import messages
from ipr.jupyter.messages import Draft
from ipr.kernel import pythonquestion
from ipr.kernel.frames import MOST_FRAMES, MOST_THREADS, Frame, Thread
from ipr.kernel.pythonquestion import NoAnswer

#: Characters of a path, a name or a line that are kept.
LONGEST_TEXT = 4096

_PROGRAM = rf"""
import json, linecache, sys, threading
shell = sys.modules["IPython"].get_ipython()
label = getattr(shell.compile, "format_code_name", lambda path: None)
main = threading.main_thread().ident
names = {{each.ident: each.name for each in threading.enumerate()}}
threads = []
for ident, frame in sys._current_frames().items():
    if ident == threading.get_ident():
        continue
    frames = []
    while frame is not None and len(frames) < {MOST_FRAMES}:
        code, line = frame.f_code, frame.f_lineno or 0
        path, cell = code.co_filename, label(code.co_filename)
        text = linecache.getline(path, line, frame.f_globals).strip()
        frames.append([path, line, code.co_name, cell[1] if cell else "", text[:1024]])
        frame = frame.f_back
    threads.append([names.get(ident) or "", ident == main, frames])
threads.sort(key=lambda thread: not thread[1])
answer = threads[:{MOST_THREADS}]
"""


def question(*, allow_stdin: bool) -> Draft:
    """Return the request that asks for it; nobody sees it, and it counts no cell.

    :param allow_stdin: as the running cell has it: ipykernel goes by what came last.
    """
    draft = messages.silent(pythonquestion.ASIDE, pythonquestion.asking(_PROGRAM))
    return attrs.evolve(draft, content={**draft.content, "allow_stdin": allow_stdin})


def parse(content: Mapping[str, object]) -> tuple[Thread, ...]:
    """Read the reply's content; the main thread is the first.

    :raises NoAnswer: it is not what was asked for, or is too large.
    """
    found = pythonquestion.answer(content)
    if not isinstance(found, list) or len(found) > MOST_THREADS:
        raise NoAnswer("its answer is no list, or one too long")
    return tuple(map(_thread, found))


def _thread(found: Any) -> Thread:
    match found:
        case [str(name), bool(main), [*frames]] if len(frames) <= MOST_FRAMES:
            # The newest comes first there.
            return Thread(name[:LONGEST_TEXT], main, tuple(map(_frame, frames[::-1])))
    raise NoAnswer("its answer holds something else than threads")


def _frame(found: Any) -> Frame:
    match found:
        case [str(path), int(line), str(function), str(cell), str(text)]:
            return Frame(
                path[:LONGEST_TEXT],
                line,
                function[:LONGEST_TEXT],
                cell[:LONGEST_TEXT],
                text[:LONGEST_TEXT],
            )
    raise NoAnswer("its answer holds something else than frames")
