"""Frames of a Python kernel's threads, and which of them are the user's.

Knows where an ipykernel's own code ends and a cell begins. Must not know how frames
are found out, nor how they are shown.

Pure: it asks nothing of the system itself.
"""

from __future__ import annotations

import re

import attrs

#: Threads that are looked at, and frames of each, the newest ones.
MOST_THREADS = 64
MOST_FRAMES = 200

#: What a cell's code is called: by ipykernel, by IPython outside of it.
_CELL = re.compile(r"(?:^|/)ipykernel_\d+/\d+\.py$|^<ipython-input-")
#: The packages that make a kernel, and serve its channels.
_PLUMBING = re.compile(
    r"(?:^|/)(?:ipykernel|ipykernel_launcher\.py|IPython|debugpy|pydevd_?\w*"
    r"|_pydevd_bundle|tornado|zmq|jupyter_client|jupyter_core|traitlets|comm)(?:/|$)"
)


@attrs.frozen
class Frame:
    """One call.

    :ivar path: of the file, as Python has it.
    :ivar line: 0: not known.
    :ivar cell: ``"In[5]"`` where it is known; ``""``.
    :ivar text: the line itself, ``""`` where it is not known.
    """

    path: str
    line: int
    function: str
    cell: str = ""
    text: str = ""

    @property
    def is_cell(self) -> bool:
        """Whether it is a cell's own code."""
        return bool(self.cell) or _CELL.search(self.path) is not None


@attrs.frozen
class Thread:
    """One thread.

    :ivar main: whether it is the one that cells run in.
    :ivar frames: the newest last.
    :ivar doing: what is known beside, ``""`` or ``"has the GIL"``.
    """

    name: str
    main: bool
    frames: tuple[Frame, ...]
    doing: str = ""


@attrs.frozen
class Shown:
    """What of the threads is the user's.

    :ivar frames_left_out: of the kernel, below a cell.
    :ivar threads_left_out: of the kernel.
    """

    threads: tuple[Thread, ...]
    frames_left_out: int = 0
    threads_left_out: int = 0


def users(threads: tuple[Thread, ...]) -> Shown:
    """Leave out what belongs to the kernel.

    The main thread is always there: without a cell in it, it has no frames.
    """
    shown: list[Thread] = []
    frames_left_out = threads_left_out = 0
    for thread in threads:
        first = next((n for n, each in enumerate(thread.frames) if each.is_cell), None)
        if first is not None:
            frames_left_out += first
            shown.append(attrs.evolve(thread, frames=thread.frames[first:]))
        elif not any(_PLUMBING.search(each.path) for each in thread.frames):
            shown.append(thread)
        elif thread.main:
            frames_left_out += len(thread.frames)
            shown.append(attrs.evolve(thread, frames=()))
        else:
            threads_left_out += 1
    shown.sort(key=lambda thread: not thread.main)
    return Shown(tuple(shown), frames_left_out, threads_left_out)


def with_cell(
    threads: tuple[Thread, ...], code: str, number: int
) -> tuple[Thread, ...]:
    """Fill in what is known of the running cell: its number, and its lines.

    :param code: of that cell, which the main thread's first frame of a cell runs.
    :param number: its execution_count, 0: not known.
    """
    main = next((thread for thread in threads if thread.main), None)
    every = main.frames if main is not None else ()
    path = next((each.path for each in every if each.is_cell), None)
    lines = code.splitlines()

    def known(frame: Frame) -> Frame:
        if frame.path != path:
            return frame
        text = lines[frame.line - 1] if 0 < frame.line <= len(lines) else ""
        return attrs.evolve(
            frame, cell=f"In[{number}]" if number else "", text=text.strip()
        )

    return tuple(
        attrs.evolve(thread, frames=tuple(map(known, thread.frames)))
        for thread in threads
    )
