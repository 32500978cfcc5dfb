"""Which daemons run on this machine, and which process is below which.

Knows procfs (proc_pid_cmdline(5), proc_pid_stat(5)), and what a daemon's command line
looks like. Must not know what is in a connection file, nor talk to anybody.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import attrs

from ipr.boot import guardian
from ipr.boot.launch import is_python

#: Steps from a process to the first one at most: a pid may be reused meanwhile.
_MOST_STEPS = 1000
#: What ``twistd ipr`` makes for itself.
_OWN_FILE = re.compile(r"kernel-ipr-.+\.json")
_GUARDIAN = guardian.PROCESS_NAME.decode()


@attrs.frozen
class Daemon:
    """One that runs.

    :ivar path: of its clients' connection file, absolute.
    """

    pid: int
    path: str


def daemons(proc: str = "/proc") -> list[Daemon]:
    """Return those of this user, each file once, the oldest first."""
    found: dict[str, Daemon] = {}
    for pid in sorted(_own(proc)):
        try:
            path = _file_of(os.path.join(proc, str(pid)))
        except OSError:
            continue  # It has ended, or is somebody else's by now.
        # A process that is just being started has its parent's command line.
        if path and (path not in found or found[path].pid not in above(pid, proc)):
            found[path] = Daemon(pid, path)
    return list(found.values())


def above(pid: int, proc: str = "/proc") -> list[int]:
    """Return the processes above one, its parent first; 0 is none."""
    found: list[int] = []
    while len(found) < _MOST_STEPS:
        pid = parent(pid, proc)
        if not pid:
            break
        found.append(pid)
    return found


def parent(pid: int, proc: str = "/proc") -> int:
    """Return the parent of a process; 0 when there is none that can be seen."""
    try:
        with open(os.path.join(proc, str(pid), "stat"), "rb") as file:
            # The name stands in parentheses and may hold anything.
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def is_guardian(pid: int, proc: str = "/proc") -> bool | None:
    """Whether a process is the parent of one of our kernels; None: there is none."""
    try:
        return _name(os.path.join(proc, str(pid))) == _GUARDIAN
    except OSError:
        return None


def runs(pid: int, proc: str = "/proc") -> bool:
    """Whether there is such a process."""
    return os.path.isdir(os.path.join(proc, str(pid)))


def owner(pid: str, proc: str = "/proc") -> int | None:
    """Return whose process that is; None: it is none."""
    try:
        return os.stat(os.path.join(proc, pid)).st_uid if pid.isdecimal() else None
    except OSError:
        return None


def _own(proc: str) -> Iterator[int]:
    for name in os.listdir(proc):
        if name.isdecimal():
            try:
                owner = os.stat(os.path.join(proc, name)).st_uid
            except OSError:
                continue
            if owner == os.geteuid():
                yield int(name)


def _name(folder: str) -> str:
    with open(os.path.join(folder, "comm"), "rb") as file:
        return file.read().rstrip(b"\n").decode(errors="replace")


def _file_of(folder: str) -> str:
    """Return a daemon's connection file, ``""`` for any other process."""
    with open(os.path.join(folder, "cmdline"), "rb") as file:
        words = [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
    ours = options_of(words)
    # A guardian that was forked has its daemon's command line.
    if ours is None or _name(folder) == _GUARDIAN:
        return ""
    path = file_among(ours) or _own_file(folder)
    return os.path.normpath(os.path.join(os.readlink(f"{folder}/cwd"), path))


def options_of(words: list[str]) -> list[str] | None:
    """Return the words after ``python -m ipr`` or ``twistd ipr``; None: another one."""
    if not words or not is_python(os.path.basename(words[0])):
        return None
    at = 1
    while at < len(words) and words[at].startswith("-") and words[at] != "-m":
        at += 2 if words[at] in ("-W", "-X") else 1
    rest = words[at:]
    if rest[:2] == ["-m", "ipr"]:
        options = rest[2:]
        return options if options and options[0].startswith("-") else None
    if rest and os.path.basename(rest[0]) == "twistd" and "ipr" in rest:
        return rest[rest.index("ipr") + 1 :]
    return None


def file_among(options: list[str]) -> str:
    """Return the connection file that a daemon's options name, or ``""``."""
    for at, word in enumerate(options):
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if name in ("-f", "--connection-file"):
            return value if equals else "".join(options[at + 1 : at + 2])
    return ""


def _own_file(folder: str) -> str:
    """Return the file that ``twistd ipr`` made: it holds it open, for its lock."""
    for name in os.listdir(f"{folder}/fd"):
        path = os.readlink(f"{folder}/fd/{name}")
        if _OWN_FILE.fullmatch(os.path.basename(path)):
            return path
    return ""
