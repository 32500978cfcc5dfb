"""A guardian and a daemon to play with, in both ways to start a guardian."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from typing import TYPE_CHECKING

from ipr.boot import guardian
from tests.boot.trees import (
    LINUX,
    MARK,
    PATH,
    PATIENCE,
    ROOT,
    TREES,
    kill_marked,
    marked_pids,
    wait_until,
    wait_until_gone,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


def tell_through(fd: int, thing: object) -> None:
    os.write(fd, f"{thing}\n".encode())


class Reader:
    """Lines out of a pipe, each within a bound."""

    def __init__(self, fd: int, name: str) -> None:
        self.fd = fd
        self.name = name
        self.rest = b""

    def _more(self, what: str, seconds: float) -> bytes:
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            raise AssertionError(
                f"waited {seconds} s in vain for {what} on {self.name};"
                f" so far: {self.rest!r}"
            )
        return os.read(self.fd, 65536)

    def line(self, seconds: float = PATIENCE) -> str:
        """Return the next line without its end; empty at the end of file."""
        while b"\n" not in self.rest:
            chunk = self._more("a line", seconds)
            if not chunk:
                line, self.rest = self.rest, b""
                return line.decode("utf-8", "surrogateescape")
            self.rest += chunk
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode("utf-8", "surrogateescape")

    def all(self, seconds: float = PATIENCE) -> bytes:
        """Return everything up to the end of file."""
        while chunk := self._more("the end", seconds):
            self.rest += chunk
        data, self.rest = self.rest, b""
        return data


class Guarded:
    """A guardian and its kernel, as the daemon has them."""

    def __init__(self, pid: int, command: int, report: int, stderr: int) -> None:
        self.pid = pid
        self.command = command
        self.report = Reader(report, "the report pipe")
        self.stderr = Reader(stderr, "the kernel's stderr")

    def tell(self, line: str) -> None:
        os.write(self.command, line.encode() + b"\n")

    def hang_up(self) -> None:
        os.close(self.command)
        self.command = -1

    def started(self) -> int:
        """Return the kernel's pid."""
        word, pid = self.report.line().split()
        assert word == "started"
        return int(pid)

    def exited(self) -> int:
        """Return the raw wait status, and see that nothing follows."""
        word, status, _ = self.report.line().split()
        assert word == "exited"
        assert self.report.all() == b""
        return int(status)

    def code(self) -> int:
        """Return the guardian's own exit code, once it has ended."""
        wait_until_gone("the guardian", self.pid)
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        if self.command >= 0:
            os.close(self.command)
        if self.pid:
            try:
                wait_until_gone("the guardian", self.pid)
            finally:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
        os.close(self.report.fd)
        os.close(self.stderr.fd)


class PlayedDaemon:
    """A process that plays the daemon, to be killed."""

    def __init__(self, pid: int, said: Reader) -> None:
        self.pid = pid
        self.said = said

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.said.fd)


def high_pipe() -> tuple[int, int]:
    """Return a pipe whose fds are out of the way of 0 to 4."""
    ends = []
    for fd in os.pipe():
        ends.append(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20))
        os.close(fd)
    return ends[0], ends[1]


def spawn_guardian(
    argv: list[str], order: bytes, env: Mapping[str, str] | None = None
) -> Guarded:
    """Start a guardian as a program, and send it an order."""
    command, report, stderr = high_pipe(), high_pipe(), high_pipe()
    pid = os.posix_spawn(
        argv[0],
        argv,
        os.environ if env is None else env,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, command[0], 3),
            (os.POSIX_SPAWN_DUP2, report[1], 4),
            (os.POSIX_SPAWN_DUP2, stderr[1], 2),
        ],
    )
    for fd in (command[0], report[1], stderr[1]):
        os.close(fd)
    while order:
        order = order[os.write(command[1], order) :]
    return Guarded(pid, command[1], report[0], stderr[0])


@contextlib.contextmanager
def guardians_with(name: str, seconds: float) -> Iterator[None]:
    """Guardians that are started meanwhile have another patience."""
    before, line = getattr(guardian, name), guardian.command_line

    def changed(
        inherited: Mapping[int, int] | None = None, folders: Sequence[str] = ()
    ) -> list[str]:
        setting = f"import guardian;guardian.{name}={seconds};"
        return [
            word.replace("import guardian;", setting)
            for word in line(inherited, folders)
        ]

    setattr(guardian, name, seconds)
    guardian.command_line = changed
    try:
        yield
    finally:
        setattr(guardian, name, before)
        guardian.command_line = line


def forget_origin() -> None:
    """As long as nothing is noted, what holds now counts (`guardian.note_origin`).

    Tests that make a whole daemon in this process note something.
    """
    guardian._ignored, guardian._blocked = None, frozenset()
    guardian._inherited.clear()


class GuardianCase(unittest.TestCase):
    """What all tests of this file share."""

    def setUp(self) -> None:
        forget_origin()
        self.env = {"PATH": PATH}
        self.mark_anew()

    def mark_anew(self) -> None:
        """What is started from now on is another tree."""
        self.mark = self.env[MARK] = f"{os.getpid()}-{time.monotonic_ns()}"
        if LINUX:
            self.addCleanup(kill_marked, self.mark)

    def until_stands(self, tree: str) -> None:
        least = TREES[tree][1]
        wait_until(
            f"{least} processes made up {tree}",
            lambda: len(marked_pids(self.mark)) >= least,
        )

    def driver(self, code: str) -> subprocess.Popen[bytes]:
        """Start a Python program that has the guardian imported."""
        prelude = f"import os, sys; sys.path.insert(0, {ROOT!r})"
        code = f"{prelude}; from ipr.boot import guardian\n{textwrap.dedent(code)}"
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, env=self.env
        )
        self.addCleanup(process.__exit__, None, None, None)
        return process

    def daemon(self, body: Callable[[Callable[[object], None]], None]) -> PlayedDaemon:
        """Run *body* in a process of its own, with a function that tells us things.

        When the body is done, the process stays until it is killed.
        """
        told, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setpgid(0, 0)
                body(lambda thing: tell_through(tell, thing))
                while True:
                    signal.pause()
            except BaseException as error:
                os.write(tell, f"{type(error).__name__}: {error}\n".encode())
            finally:
                os._exit(1)
        os.close(tell)
        daemon = PlayedDaemon(pid, Reader(told, "the daemon's pipe"))
        self.addCleanup(daemon.close)
        return daemon

    def folder(self) -> str:
        path = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def fork(self, argv: Sequence[str], cwd: str = "", remove: str = "") -> Guarded:
        order = guardian.encode_order(argv, self.env, cwd, remove)
        started = guardian.fork([remove] if remove else ())
        guardian.give(started, order)
        guarded = Guarded(*started)
        self.addCleanup(guarded.close)
        return guarded

    def spawn(self, argv: Sequence[str], cwd: str = "", remove: str = "") -> Guarded:
        order = guardian.encode_order(argv, self.env, cwd, remove)
        guarded = spawn_guardian(guardian.command_line(), order)
        self.addCleanup(guarded.close)
        return guarded
