"""Programs that play the kernel, and looking at their processes.

A tree is recognised by a variable that all of it inherits, so a process counts
wherever it hid.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import sys
import termios
import textwrap
import time
from typing import TYPE_CHECKING

from ipr.boot import guardian

if TYPE_CHECKING:
    from collections.abc import Callable


LINUX = sys.platform == "linux"
ROOT = os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(guardian.__file__)))
)
PATH = os.defpath

#: Bound, in seconds, of a wait for something that takes milliseconds.
PATIENCE = 10.0
#: What the design promises: the daemon gone by any means, all is gone in time.
PROMISED = 3.0

MARK = "IPR_TEST_TREE"


def proc_file(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:
        return b""


def state_of(pid: int) -> str:
    """Return the state letter of a process; empty when there is none."""
    return proc_file(pid, "stat").rpartition(b")")[2][1:2].decode()


def is_gone(pid: int) -> bool:
    return state_of(pid) in ("", "Z", "X")


def status_field(pid: int, field: str) -> str:
    for line in proc_file(pid, "status").decode().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return value.strip()
    raise AssertionError(f"process {pid} has no {field}")


def marked_pids(mark: str) -> list[int]:
    """Return the pids that live and carry the mark in their environment."""
    wanted = f"{MARK}={mark}".encode()
    return [
        int(name)
        for name in os.listdir("/proc")
        if name.isdigit()
        and wanted in proc_file(int(name), "environ").split(b"\0")
        and not is_gone(int(name))
    ]


def open_descriptors(pid: int) -> dict[int, str]:
    """Return what each open fd of a process is."""
    fds = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed in the meantime
            fds[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return fds


def kill_marked(mark: str) -> None:
    for pid in marked_pids(mark):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def bytes_waiting(pipe: int) -> int:
    """Return how many bytes nobody has read yet."""
    answer = fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))
    return int.from_bytes(answer, sys.byteorder)


def wait_until(what: str, true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain until {what}")
        select.select([], [], [], 0.002)


def wait_until_gone(what: str, pid: int, seconds: float = PATIENCE) -> None:
    wait_until(f"{what} (pid {pid}) was gone", lambda: is_gone(pid), seconds)


# -- programs that play the kernel -------------------------------------------

# Each has written "ready" to stderr when its tree stands, and then waits.
PRELUDE = """
import os, signal, sys
def ready(): os.write(2, b"ready\\n")
def wait():
    while True: signal.pause()
def born():
    r, w = os.pipe()
    if os.fork(): os.read(r, 1); return False
    os.close(r)
    global done
    done = lambda: os.write(w, b".")
    return True
"""

# By name: the program, and of how many processes its tree is made at least.
TREES = {
    "a child in the group": (
        """
        if born(): done(); wait()
        """,
        2,
    ),
    "a child in a session of its own": (
        """
        if born(): os.setsid(); done(); wait()
        """,
        2,
    ),
    "a grandchild in a session of its own": (
        """
        if born():
            if os.fork() == 0: os.setsid(); done(); wait()
            wait()
        """,
        3,
    ),
    "a daemon, forked twice": (
        """
        if born():
            os.setsid()
            if os.fork(): os._exit(0)
            os.chdir("/"); os.umask(0); done(); wait()
        """,
        2,
    ),
    "a child that ignores what can be ignored": (
        """
        if born():
            os.setsid()
            for n in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(n, signal.SIG_IGN)
            done(); wait()
        """,
        2,
    ),
    "a stopped child in a session of its own": (
        """
        if born(): os.setsid(); done(); os.kill(os.getpid(), signal.SIGSTOP)
        """,
        2,
    ),
    "a supervisor that replaces its child": (
        """
        if born():
            os.setsid()
            while True:
                if os.fork() == 0: os.setsid(); done(); wait()
                os.wait()
        """,
        3,
    ),
    # Only the last link of the chain is alive, and never for long.
    "a chain of daemons that never rests": (
        """
        if born():
            done()
            while True:
                if os.fork(): os._exit(0)
                os.setsid()
        """,
        2,
    ),
    "a storm of forks in sessions of their own": (
        """
        if born():
            for _ in range(5):
                if os.fork() == 0: os.setsid()
            done(); wait()
        """,
        33,
    ),
}


def program_of(tree: str) -> list[str]:
    code = f"{PRELUDE}\n{textwrap.dedent(TREES[tree][0])}\nready()\nwait()\n"
    return [sys.executable, "-I", "-S", "-c", code]
