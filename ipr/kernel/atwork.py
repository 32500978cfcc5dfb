"""What the processes of a kernel do, in any language.

Knows procfs (proc(5): stat, wchan, comm, cmdline), and what Linux calls the places in
which a thread waits. Must not know languages, nor how it is shown.

Nothing of it can hang: of a process that is in the middle of a system call that cannot
be interrupted only what Linux has at hand is read, not its command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import attrs

#: Processes that are looked at.
MOST = 64
#: Characters of a command line.
LONGEST = 400

#: By the beginning of what wchan(5) says: what the thread waits for.
_WAITS = (
    ("futex", "waiting for a lock or another thread"),
    ("hrtimer_nanosleep", "sleeping"),
    ("do_nanosleep", "sleeping"),
    ("clock_nanosleep", "sleeping"),
    ("ep_poll", "waiting for input (epoll)"),
    ("do_epoll_wait", "waiting for input (epoll)"),
    ("poll_", "waiting for input (poll)"),
    ("do_poll", "waiting for input (poll)"),
    ("do_sys_poll", "waiting for input (poll)"),
    ("do_select", "waiting for input (select)"),
    ("do_wait", "waiting for a process that it has started"),
    ("kernel_wait4", "waiting for a process that it has started"),
    ("do_sigtimedwait", "waiting for a signal"),
    ("sigsuspend", "waiting for a signal"),
    ("do_sigsuspend", "waiting for a signal"),
    ("anon_pipe_read", "waiting for data from a pipe"),
    ("pipe_read", "waiting for data from a pipe"),
    ("pipe_wait", "waiting for a pipe"),
    ("anon_pipe_write", "waiting for the reader of a full pipe"),
    ("pipe_write", "waiting for the reader of a full pipe"),
    ("n_tty_read", "waiting for input from a terminal"),
    ("wait_woken", "waiting for input from a terminal or a socket"),
    ("unix_stream", "waiting for data from a local socket"),
    ("inet_csk_accept", "waiting for a connection"),
    ("tcp_", "waiting for data from the network"),
    ("sk_wait_data", "waiting for data from the network"),
    ("locks_lock", "waiting for a file's lock"),
    ("flock_lock", "waiting for a file's lock"),
    ("fcntl_setlk", "waiting for a file's lock"),
    ("request_wait_answer", "waiting for a file system (FUSE)"),
    ("rpc_wait", "waiting for a file server (NFS)"),
    ("nfs", "waiting for a file server (NFS)"),
    ("io_schedule", "waiting for the disk"),
    ("folio_wait", "waiting for the disk"),
    ("wait_on_page", "waiting for the disk"),
    ("do_exit", "ending"),
)
_STATES = {
    "R": "running",
    "S": "waiting",
    "D": "waiting for a disk or file system",
    "T": "stopped (SIGSTOP)",
    "t": "stopped by a debugger",
    "Z": "ended",
    "X": "ended",
    "I": "idle",
}


@attrs.frozen
class Process:
    """One process.

    :ivar command: its command line, or its name alone.
    :ivar doing: in words, of its main thread.
    :ivar share: of one core since the first look, 1.0 is all of it; all threads.
    """

    pid: int
    command: str
    doing: str
    share: float


def used(pids: Iterable[int], proc: str = "/proc") -> dict[int, float]:
    """Return the seconds of CPU that each process has used: the first look."""
    found = ((pid, _stat(f"{proc}/{pid}")) for pid in tuple(pids)[:MOST])
    return {pid: _cpu(stat) for pid, stat in found if stat}


def look(
    before: Mapping[int, float], seconds: float, proc: str = "/proc"
) -> list[Process]:
    """Look again, in the same order.

    :param before: from :func:`used`.
    :param seconds: how long ago that was.
    :returns: those that are still there.
    """
    found = []
    for pid, cpu in before.items():
        folder = f"{proc}/{pid}"
        stat = _stat(folder)
        if not stat or stat[0] in "ZX":
            continue
        found.append(
            Process(
                pid,
                _command(folder, stat[0]),
                _doing(f"{folder}/task/{pid}", stat[0]),
                max(_cpu(stat) - cpu, 0.0) / max(seconds, 0.01),
            )
        )
    return found


def is_python(pid: int, proc: str = "/proc") -> bool:
    """Whether it is CPython, by the name of its program."""
    try:
        program = os.readlink(f"{proc}/{pid}/exe")
    except OSError:
        return False
    return os.path.basename(program).startswith("python")


def _doing(folder: str, state: str) -> str:
    words = _STATES.get(state, f"in state {state}")
    if state not in "SD":
        return words
    place = _text(f"{folder}/wchan").strip().lstrip("_")
    for start, waits in _WAITS:
        if place.startswith(start):
            return waits
    return f"{words} ({place[:40]})" if place not in ("", "0") else words


def _command(folder: str, state: str) -> str:
    # A command line is in the memory of the process, which may be locked just then.
    line = "" if state == "D" else _text(f"{folder}/cmdline")
    program, *words = line.rstrip("\0").split("\0")
    # Of the program the name says enough.
    whole = " ".join(" ".join([os.path.basename(program), *words]).split())
    return whole[:LONGEST] or _text(f"{folder}/comm").strip()


def _cpu(stat: list[str]) -> float:
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def _stat(folder: str) -> list[str]:
    """Return the fields after the name, which may hold anything; empty: it is gone."""
    fields = _text(f"{folder}/stat").rpartition(")")[2].split()
    return fields if len(fields) > 12 else []


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(4096)
    except OSError:
        return ""
