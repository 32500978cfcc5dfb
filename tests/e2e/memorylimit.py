"""Knows how a kernel is started with a limit of memory that the system enforces, like
that of a job, and cells that use it up; must not know what is tested of it. The limit
takes root, and cgroup v1 or v2.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.harness import Place

#: Where a group is made, and the file with its limit.
PLACES = (
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
    ("/sys/fs/cgroup", "memory.max"),
)

#: Fills memory, so many mebibytes at a time; what the test stops is the first loop.
LEAK = """\
import time
kept = []
print("runs", flush=True)
while True:
    kept.append(bytes([1]) * ({step} << 20))
    time.sleep({pause})"""
#: Fills the page cache, twice the limit.
FILES = """\
with open("big", "wb") as file:
    for _ in range({count}):
        _ = file.write(bytes(1 << 20))
for _ in range(2):
    with open("big", "rb") as file:
        while file.read(1 << 20):
            pass"""


def missing() -> str:
    """Say what keeps a limit from being set here; ``""``: nothing does."""
    return "" if _place() else "needs root, and the memory controller of cgroups"


def _place() -> tuple[str, str] | None:
    for folder, name in PLACES:
        mounted = os.path.exists(os.path.join(folder, "cgroup.procs"))
        has = name == "memory.limit_in_bytes" or _has_controller(folder)
        if mounted and has and os.access(folder, os.W_OK) and os.geteuid() == 0:
            return folder, name
    return None


def _has_controller(folder: str) -> bool:
    try:
        told = Path(folder, "cgroup.subtree_control").read_text(encoding="ascii")
    except OSError:
        return False
    return "memory" in told.split()


@dataclass(frozen=True)
class Watched:
    """A group with a limit."""

    folder: Path

    def usage(self) -> tuple[int, int]:
        """:return: bytes in use, and how many of them are page cache of files."""
        first = (self.folder / "memory.usage_in_bytes").exists()
        name, total = ("usage_in_bytes", "total_") if first else ("current", "")
        usage = int((self.folder / f"memory.{name}").read_text(encoding="ascii"))
        lines = (self.folder / "memory.stat").read_text(encoding="ascii").splitlines()
        stat = dict(line.split() for line in lines)
        halves = ("inactive_file", "active_file")
        return usage, sum(int(stat[total + half]) for half in halves)


@contextlib.contextmanager
def limited(place: Place, spec: str, mebibytes: int) -> Iterator[Watched]:
    """Have what a kernelspec starts use no more than that.

    :param spec: the name of the kernelspec; its kernel.json is changed.
    :return: its group.
    """
    found = _place()
    assert found is not None
    folder, name = found
    group = Path(folder, f"ipr-test-{uuid.uuid4().hex[:8]}")
    group.mkdir()
    try:
        (group / name).write_text(str(mebibytes << 20), encoding="ascii")
        path = Path(place.specs_of(spec), "kernel.json")
        content = json.loads(path.read_text(encoding="utf-8"))
        joins = f'echo $$ > {group}/cgroup.procs && exec "$@"'
        content["argv"][:0] = ["sh", "-c", joins, "sh"]
        path.write_text(json.dumps(content), encoding="utf-8")
        yield Watched(group)
    finally:
        _remove(group)


def _remove(group: Path) -> None:
    """Remove a group when the last process has left it."""
    end = time.monotonic() + 20
    while True:
        try:
            group.rmdir()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
