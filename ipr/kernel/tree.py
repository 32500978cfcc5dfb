"""The processes of an inner kernel: itself, and all that is below its guardian.

Knows procfs. Must not know what somebody wants of them. What a kernel has started and
left to itself has the guardian as its parent, a subreaper: so it is found there.
"""

from __future__ import annotations

import os

#: Processes that are listed at most: a kernel with more of them is looked at in part.
MOST = 1024


def of(kernel: int) -> tuple[int, ...]:
    """Return the pids of a kernel's tree, its own first.

    :param kernel: its pid; its parent is its guardian, or ourselves where that was
        killed.
    """
    parent = _parent(kernel)
    top = parent if parent not in (0, 1, os.getpid()) else kernel
    found = dict.fromkeys((kernel, *below(top)))
    return tuple(found)[:MOST]


def below(top: int) -> tuple[int, ...]:
    """Return the pids of what a process has started, and of what those have."""
    found: dict[int, None] = {}
    waiting = [top]
    while waiting and len(found) < MOST:
        pid = waiting.pop()
        for child in _children(pid):
            if child not in found:
                found[child] = None
                waiting.append(child)
    return tuple(found)


def is_zombie(pid: int) -> bool:
    """Whether a process has ended, or is not there: it holds nothing any more."""
    fields = _stat(pid)
    return not fields or fields[0] in ("Z", "X", "x")


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _children(pid: int) -> list[int]:
    """Return those of all threads: each has its own list."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
        except OSError:
            # The thread has ended; its children are another thread's by now.
            continue
    return found


def _stat(pid: int) -> list[str]:
    """Return the fields after the name, which may hold anything; empty: it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []
