"""The inner kernel's stderr: passed on as it comes, its last lines kept.

Knows lines and a descriptor that may be full. Must not know whose stderr it is.
"""

from __future__ import annotations

import os
import select
from collections import deque

#: Lines and bytes that are kept for error reports.
TAIL_LINES = 20
TAIL_BYTES = 4096


class Tail:
    """The last lines of a stream."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque(maxlen=TAIL_LINES)
        self._unfinished = b""

    def add(self, data: bytes) -> None:
        """Take what came, in whatever pieces."""
        *lines, rest = (self._unfinished + data).split(b"\n")
        self._unfinished = rest[-TAIL_BYTES:]
        self._lines.extend(lines)

    def lines(self) -> tuple[str, ...]:
        """Return the last lines; one that is not finished counts, blanks do not."""
        unfinished = [self._unfinished] if self._unfinished.strip() else []
        text = b"\n".join([*self._lines, *unfinished])[-TAIL_BYTES:]
        return tuple(text.decode(errors="replace").splitlines())


class Stderr:
    """Passes the inner kernel's stderr on to ipr's own, never blocking.

    The reader of our stderr may have stopped reading. What does not fit is then
    dropped: a daemon that waits for its stderr answers nobody.
    """

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor

    def __call__(self, data: bytes) -> None:
        """Write as much as can be written now."""
        view = memoryview(data)
        while view:
            try:
                ready = select.select((), (self._descriptor,), (), 0)[1]
                # A pipe that is writable has room for PIPE_BUF bytes.
                done = os.write(self._descriptor, view[:4096]) if ready else 0
            except (OSError, ValueError):
                done = 0
            if not done:
                return
            view = view[done:]
