"""Our control groups: where they are, and how many processors they leave us.

Knows the layout of cgroups, versions 1 and 2. Must not know what is read there of
memory (see :mod:`ipr.kernel.memory`). ``root`` is where the file systems ``proc`` and
``sys`` are mounted.

Sources: the Linux documentation, "Control Group v2" (cpu.max), "CFS Bandwidth Control"
for version 1.
"""

from __future__ import annotations

import os

CGROUPS = "sys/fs/cgroup"


def folders(controller: str, root: str = "/") -> list[str]:
    """Return our cgroup's folder and those above it, nearest first.

    :param controller: ``"memory"``, ``"cpu"``; in version 2 all share one tree.
    """
    try:
        path = os.path.join(root, "proc/self/cgroup")
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        base = os.path.join(root, CGROUPS, controller if controllers else "")
        while True:
            folder = os.path.join(base, path.lstrip("/"))
            if os.path.isdir(folder):
                found.append(folder)
            if path in ("/", ""):
                break
            path = os.path.dirname(path)
    return found


def cores(root: str = "/") -> float:
    """Return how many processors our processes may use at once: 1.5, for instance.

    That is those that we may run on, of a cpuset as well, and no more than the quota of
    our cgroup and of those above it.
    """
    quotas = [_quota(folder) for folder in folders("cpu", root)]
    return min([float(len(os.sched_getaffinity(0))), *filter(None, quotas)])


def _quota(folder: str) -> float | None:
    # Version 2: "150000 100000", or "max 100000".
    words = _words(folder, "cpu.max")
    if not words:
        words = _words(folder, "cpu.cfs_quota_us") + _words(folder, "cpu.cfs_period_us")
    try:
        quota, period = map(int, words)
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _words(folder: str, name: str) -> list[str]:
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return file.read(256).split()
    except (OSError, ValueError):
        return []
