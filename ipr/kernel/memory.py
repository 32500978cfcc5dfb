"""What the kernel of the operating system says about memory.

Knows procfs, and the files of the memory controller. Must not know why somebody asks.
Everything here returns 0 or None where the system does not tell. ``root`` is
where the file systems ``proc`` and ``sys`` are mounted.

Sources: the Linux documentation, "Control Group v2" (memory.events,
memory.max, memory.stat) and "Memory Resource Controller" for version 1.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import attrs

from ipr.kernel import cgroup

#: Bytes of resident memory up to which the share of others in it is worked out. The
#: system walks through all pages for that, 20 to 60 ms for 2 GB, and the process must
#: wait where it wants more memory meanwhile.
MOST_COUNTED = 1 << 30


def oom_kills(root: str = "/") -> int:
    """How often the OOM killer has killed something in our cgroup.

    Whoever ran out of memory, the kill is counted where the victim was; in a
    cgroup above ours it may have been another job's.
    """
    for folder in cgroup.folders("memory", root):
        for name in ("memory.events", "memory.oom_control"):
            path = os.path.join(folder, name)
            if os.path.exists(path):
                return _field(path, "oom_kill")
    return 0


@attrs.frozen
class Usage:
    """What a job uses.

    :ivar used: bytes without those of files that can be dropped at any time, which
        is what the OOM killer looks at in the end.
    :ivar limit: bytes that it may use, or None.
    """

    used: int
    limit: int | None


def job(root: str = "/") -> Usage | None:
    """Return what the job uses; None where no cgroup says so.

    The limit that counts is the smallest of our cgroup's and those above it, and
    what is used is read where that limit is: a step's or a task's own cgroup does
    not see what the job's other steps use.
    """
    found: Usage | None = None
    for folder in cgroup.folders("memory", root):
        used = _working_set(folder)
        if used is None:
            continue
        limit = _limit(folder)
        # Of two that are equal the upper one sees more.
        if found is None or (
            limit is not None and (found.limit is None or limit <= found.limit)
        ):
            found = Usage(used, limit)
    return found


def limit(root: str = "/") -> int | None:
    """Return how many bytes the job may use; None: no cgroup says so."""
    found = job(root)
    return None if found is None else found.limit


def _limit(folder: str) -> int | None:
    for name in ("memory.max", "memory.limit_in_bytes"):
        value = _number(os.path.join(folder, name))
        # Version 1 says "no limit" by a number that nobody has.
        if value is not None and value < 1 << 60:
            return value
    return None


def _working_set(folder: str) -> int | None:
    """Return what is used without page cache, the active half of it included.

    That half is what was read more than once: a data set, epoch by epoch. It is dropped
    as well before anybody is killed.
    """
    for name, total in (("memory.current", ""), ("memory.usage_in_bytes", "total_")):
        value = _number(os.path.join(folder, name))
        if value is not None:
            stat = os.path.join(folder, "memory.stat")
            for half in ("inactive_file", "active_file"):
                value -= _field(stat, total + half)
            return max(value, 0)
    return None


def resident(pid: int) -> tuple[int, int]:
    """Return the resident memory of a process, now and at its peak, in bytes."""
    path = f"/proc/{pid}/status"
    return _field(path, "VmRSS:") * 1024, _field(path, "VmHWM:") * 1024


def proportional(pids: Iterable[int], root: str = "/") -> int:
    """Return the memory of processes, in bytes, a page that n share as one n-th (PSS).

    Where that is not to be had, or would take long, all that is resident.
    """
    return sum(_proportional(os.path.join(root, f"proc/{pid}")) for pid in pids)


def _proportional(folder: str) -> int:
    whole = _field(os.path.join(folder, "status"), "VmRSS:") * 1024
    if whole > MOST_COUNTED:
        return whole
    return _field(os.path.join(folder, "smaps_rollup"), "Pss:") * 1024 or whole


def address_space(pids: Iterable[int], root: str = "/") -> int:
    """Return the address space of processes, in bytes: what ``ulimit -v`` counts."""
    return sum(
        _field(os.path.join(root, f"proc/{pid}/status"), "VmSize:") * 1024
        for pid in pids
    )


def available(root: str = "/") -> int | None:
    """Return the bytes that the machine has left for new programs."""
    found = _field(os.path.join(root, "proc/meminfo"), "MemAvailable:") * 1024
    return found or None


def _number(path: str) -> int | None:
    try:
        with open(path, encoding="utf-8") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _field(path: str, name: str) -> int:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                words = line.split()
                if words and words[0] == name:
                    return int(words[1])
    except (OSError, ValueError, IndexError):
        pass
    return 0
