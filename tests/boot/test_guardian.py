"""The guardian against real processes: nothing of a kernel's tree outlives it.

What runs here is the guardian as it ships, in both of its ways (forked off the
caller, spawned with pipes at fd 3 and 4), against shells and small Python
programs that play the kernel.  A tree is recognised by a variable that all of it
inherits, so a process counts wherever it hid.  Every wait has a bound and says
what it waited for.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import textwrap
import time
import unittest
from typing import TYPE_CHECKING
from unittest import mock

from ipr.boot import guardian

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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


# -- looking at processes ---------------------------------------------------


def _proc(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _state(pid: int) -> str:
    """Return the state letter of a process; empty when there is none."""
    return _proc(pid, "stat").rpartition(b")")[2][1:2].decode()


def _gone(pid: int) -> bool:
    return _state(pid) in ("", "Z", "X")


def _status(pid: int, field: str) -> str:
    for line in _proc(pid, "status").decode().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return value.strip()
    raise AssertionError(f"process {pid} has no {field}")


def _marked(mark: str) -> list[int]:
    """Return the pids that live and carry the mark in their environment."""
    wanted = f"{MARK}={mark}".encode()
    return [
        int(name)
        for name in os.listdir("/proc")
        if name.isdigit()
        and wanted in _proc(int(name), "environ").split(b"\0")
        and not _gone(int(name))
    ]


def _open(pid: int) -> dict[int, str]:
    """Return what each open fd of a process is."""
    fds = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed in the meantime
            fds[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return fds


def _kill_marked(mark: str) -> None:
    for pid in _marked(mark):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _waiting(pipe: int) -> int:
    """Return how many bytes nobody has read yet."""
    answer = fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))
    return int.from_bytes(answer, sys.byteorder)


def _until(what: str, true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain until {what}")
        select.select([], [], [], 0.002)


def _until_gone(what: str, pid: int, seconds: float = PATIENCE) -> None:
    _until(f"{what} (pid {pid}) was gone", lambda: _gone(pid), seconds)


def _tell(fd: int, thing: object) -> None:
    os.write(fd, f"{thing}\n".encode())


class _Reader:
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


class _Guarded:
    """A guardian and its kernel, as the daemon has them."""

    def __init__(self, pid: int, command: int, report: int, stderr: int) -> None:
        self.pid = pid
        self.command = command
        self.report = _Reader(report, "the report pipe")
        self.stderr = _Reader(stderr, "the kernel's stderr")

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
        _until_gone("the guardian", self.pid)
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        if self.command >= 0:
            os.close(self.command)
        if self.pid:
            try:
                _until_gone("the guardian", self.pid)
            finally:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
        os.close(self.report.fd)
        os.close(self.stderr.fd)


class _Daemon:
    """A process that plays the daemon, to be killed."""

    def __init__(self, pid: int, said: _Reader) -> None:
        self.pid = pid
        self.said = said

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.said.fd)


def _high_pipe() -> tuple[int, int]:
    """Return a pipe whose fds are out of the way of 0 to 4."""
    ends = []
    for fd in os.pipe():
        ends.append(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20))
        os.close(fd)
    return ends[0], ends[1]


def _spawned(
    argv: list[str], order: bytes, env: Mapping[str, str] | None = None
) -> _Guarded:
    """Start a guardian as a program, and send it an order."""
    command, report, stderr = _high_pipe(), _high_pipe(), _high_pipe()
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
    return _Guarded(pid, command[1], report[0], stderr[0])


@contextlib.contextmanager
def _seconds(name: str, seconds: float) -> Iterator[None]:
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


# -- programs that play the kernel -------------------------------------------

# Each has written "ready" to stderr when its tree stands, and then waits.
_PRELUDE = """
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


def _program(tree: str) -> list[str]:
    code = f"{_PRELUDE}\n{textwrap.dedent(TREES[tree][0])}\nready()\nwait()\n"
    return [sys.executable, "-I", "-S", "-c", code]


class _Case(unittest.TestCase):
    """What all tests of this file share."""

    def setUp(self) -> None:
        self.env = {"PATH": PATH}
        self.mark_anew()

    def mark_anew(self) -> None:
        """What is started from now on is another tree."""
        self.mark = self.env[MARK] = f"{os.getpid()}-{time.monotonic_ns()}"
        if LINUX:
            self.addCleanup(_kill_marked, self.mark)

    def until_stands(self, tree: str) -> None:
        least = TREES[tree][1]
        _until(
            f"{least} processes made up {tree}",
            lambda: len(_marked(self.mark)) >= least,
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

    def daemon(self, body: Callable[[Callable[[object], None]], None]) -> _Daemon:
        """Run *body* in a process of its own, with a function that tells us things.

        When the body is done, the process stays until it is killed.
        """
        told, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setpgid(0, 0)
                body(lambda thing: _tell(tell, thing))
                while True:
                    signal.pause()
            except BaseException as error:
                os.write(tell, f"{type(error).__name__}: {error}\n".encode())
            finally:
                os._exit(1)
        os.close(tell)
        daemon = _Daemon(pid, _Reader(told, "the daemon's pipe"))
        self.addCleanup(daemon.close)
        return daemon

    def folder(self) -> str:
        path = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def fork(self, argv: Sequence[str], cwd: str = "", remove: str = "") -> _Guarded:
        order = guardian.encode_order(argv, self.env, cwd, remove)
        started = guardian.fork([remove] if remove else ())
        guardian.give(started, order)
        guarded = _Guarded(*started)
        self.addCleanup(guarded.close)
        return guarded

    def spawn(self, argv: Sequence[str], cwd: str = "", remove: str = "") -> _Guarded:
        order = guardian.encode_order(argv, self.env, cwd, remove)
        guarded = _spawned(guardian.command_line(), order)
        self.addCleanup(guarded.close)
        return guarded


# -- what holds in both ways ---------------------------------------------------


class _Contract:
    """Holds the tests that are run once for each way to get a guardian."""

    class Tests(_Case):
        def guard(
            self, argv: Sequence[str], cwd: str = "", remove: str = ""
        ) -> _Guarded:
            raise NotImplementedError

        def waiting(self, folders: Sequence[str] = ()) -> _Guarded:
            """Give a guardian that has no order yet."""
            raise NotImplementedError

        def test_an_exit_status_is_told_exactly(self) -> None:
            for code in (0, 1, 7, 255):
                guarded = self.guard(["sh", "-c", f"exit {code}"])
                guarded.started()
                self.assertEqual(guarded.exited(), code << 8)
                self.assertEqual(guarded.code(), 0)

        def test_a_death_by_signal_is_told_exactly(self) -> None:
            for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1):
                guarded = self.guard(["sh", "-c", f"kill -{number:d} $$"])
                guarded.started()
                self.assertEqual(guarded.exited(), number)

        def test_peak_memory_is_that_of_the_kernel(self) -> None:
            # More than this process ever had: until its exec a child counts with
            # that. In pages that are really there.
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            size = (most // 4096 + 16) * 4096
            code = f"x = bytearray({size} << 10); x[::4096] = b'b' * ({size} >> 2)"
            guarded = self.guard([sys.executable, "-I", "-S", "-c", code])
            guarded.started()
            word, status, peak = guarded.report.line().split()
            self.assertEqual((word, status), ("exited", "0"))
            self.assertGreater(int(peak), size)
            self.assertLess(int(peak), size + (64 << 10))

        def test_arguments_arrive_as_they_are(self) -> None:
            words = ["", "a b", "line\nline", "ü", "caf\udce9", "a=b", "{x}", "-"]
            code = "import os, sys; os.write(2, repr(sys.argv[1:]).encode())"
            guarded = self.guard([sys.executable, "-I", "-S", "-c", code, *words])
            guarded.started()
            self.assertEqual(guarded.stderr.all().decode(), repr(words))

        def test_the_environment_is_the_given_one_and_the_parent(self) -> None:
            self.env |= {
                "EMPTY": "",
                "TWO": "a\nb",
                "EQUALS": "=a=",
                "RAW": "caf\udce9",
                # More than a pipe holds.
                "LONG": "x" * 100_000,
                "LONG2": "y" * 100_000,
                "JPY_PARENT_PID": "1",
            }
            code = (
                "import os\n"
                "os.write(2, b'%d\\n' % os.getppid())\n"
                "os.write(2, repr(sorted(os.environb.items())).encode())"
            )
            guarded = self.guard([sys.executable, "-I", "-S", "-c", code])
            guarded.started()
            parent = guarded.stderr.line()
            expected = self.env | {"JPY_PARENT_PID": parent}
            self.assertEqual(int(parent), guarded.pid)
            told = eval(guarded.stderr.all())
            # Python sets this one itself when it finds the locale to be "C".
            told = {name: value for name, value in told if name != b"LC_CTYPE"}
            self.assertEqual(
                told, {os.fsencode(k): os.fsencode(v) for k, v in expected.items()}
            )

        def test_a_command_is_looked_up_in_its_own_path_and_cwd(self) -> None:
            cwd = self.folder()
            os.mkdir(f"{cwd}/tools")
            with open(f"{cwd}/tools/thing", "w") as file:
                file.write("#!/bin/sh\npwd >&2\n")
            os.chmod(f"{cwd}/tools/thing", 0o755)
            self.env["PATH"] = "nowhere:tools"
            for command in ("thing", "tools/thing", f"{cwd}/tools/thing"):
                guarded = self.guard([command], cwd=cwd)
                guarded.started()
                self.assertEqual(guarded.stderr.all().decode(), cwd + "\n")

        def test_what_cannot_be_started_is_said(self) -> None:
            cwd = self.folder()
            for name, text in {"data": "x", "lost": "#!/no/such\n", "odd": "x"}.items():
                with open(f"{cwd}/{name}", "w") as file:
                    file.write(text)
                os.chmod(file.name, 0o644 if name == "data" else 0o755)
            self.env["PATH"] = "/no/such"
            missing, not_one = "No such file or directory", "Not a directory"
            lost = "is there, but not the interpreter that it names"
            no_cwd = f"the working directory '{cwd}"
            for argv, where, expected in [
                (["thing"], "", "2 command not found: 'thing' (PATH is /no/such)"),
                (["./thing"], "", "2 command not found: './thing'"),
                (
                    ["./data"],
                    "",
                    "13 command './data' cannot be run: Permission denied",
                ),
                (["./odd"], "", "8 command './odd' cannot be run: Exec format error"),
                (["./lost"], "", f"2 command './lost' {lost}: {missing}"),
                (["sh"], "/gone", f"2 {no_cwd}/gone' cannot be entered: {missing}"),
                (["sh"], "/data", f"20 {no_cwd}/data' cannot be entered: {not_one}"),
            ]:
                guarded = self.guard(argv, cwd=cwd + where)
                self.assertEqual(guarded.report.line(), f"failed {expected}")
                self.assertEqual(guarded.report.all(), b"")
                self.assertEqual(guarded.stderr.all(), b"")
                self.assertEqual(guarded.code(), 0)

        def test_a_signal_reaches_the_whole_group_exactly_once(self) -> None:
            # Queued signals are counted one by one; the next higher one, sent
            # after them, is delivered after them.
            code = (
                "counted, last = signal.SIGRTMIN, signal.SIGRTMIN + 1\n"
                "signal.pthread_sigmask(signal.SIG_BLOCK, [counted, last])\n"
                "child = os.fork()\n"
                "ready()\n"
                "n = 0\n"
                "while signal.sigwait([counted, last]) == counted: n += 1\n"
                "if child: os.wait()\n"
                "os.write(2, b'%d\\n' % n)\n"
            )
            guarded = self.guard([sys.executable, "-I", "-S", "-c", _PRELUDE + code])
            guarded.started()
            for _ in range(2):
                self.assertEqual(guarded.stderr.line(), "ready")
            for _ in range(3):
                guarded.tell(f"signal {signal.SIGRTMIN:d}")
            guarded.tell(f"signal {signal.SIGRTMIN + 1:d}")
            self.assertEqual(guarded.stderr.line(), "3")
            self.assertEqual(guarded.stderr.line(), "3")
            self.assertEqual(guarded.exited(), 0)

        def test_a_signal_that_comes_early_waits_for_the_kernel(self) -> None:
            guarded = self.guard(["sleep", "1000"])
            guarded.tell(f"signal {signal.SIGUSR2:d}")
            guarded.started()
            self.assertEqual(guarded.exited(), signal.SIGUSR2)

        def test_nonsense_is_complained_about_and_does_no_harm(self) -> None:
            guarded = self.guard(["sleep", "1000"])
            guarded.started()
            for line in ("signal", "signal x", "signal 0", "signal 9999", "dance", ""):
                guarded.tell(line)
                self.assertEqual(
                    guarded.stderr.line(),
                    f"ipr guardian: not a command: {line.encode()!r}",
                )
            guarded.tell(f"signal {signal.SIGTERM:d}")
            self.assertEqual(guarded.exited(), signal.SIGTERM)

        def test_kill_takes_the_kernel(self) -> None:
            guarded = self.guard(["sh", "-c", "trap '' TERM INT; echo >&2; sleep 1000"])
            guarded.started()
            guarded.stderr.line()
            guarded.tell("kill")
            self.assertEqual(guarded.exited(), signal.SIGKILL)
            self.assertEqual(guarded.code(), 0)

        def test_kill_is_not_held_up_by_what_must_wait(self) -> None:
            guarded = self.guard(["sleep", "1000"])
            guarded.tell(f"signal {signal.SIGUSR1:d}\nkill")
            *_, last = guarded.report.all().splitlines()
            self.assertEqual(last.split()[:2], [b"exited", b"%d" % signal.SIGKILL])

        def test_the_guardian_does_not_heed_signals(self) -> None:
            guarded = self.guard(["sleep", "1000"])
            guarded.started()
            for number in (
                signal.SIGINT,
                signal.SIGTERM,
                signal.SIGHUP,
                signal.SIGQUIT,
                signal.SIGUSR1,
                signal.SIGUSR2,
                signal.SIGPIPE,
                signal.SIGTSTP,
                signal.SIGALRM,
                signal.SIGXCPU,
            ):
                os.kill(guarded.pid, number)
            guarded.tell(f"signal {signal.SIGTERM:d}")
            self.assertEqual(guarded.exited(), signal.SIGTERM)
            self.assertEqual(guarded.stderr.all(), b"")
            self.assertEqual(guarded.code(), 0)

        def test_the_private_folder_goes_with_the_kernel(self) -> None:
            """Before it is told: a daemon that is killed then leaves none."""
            for command in (["true"], ["/no/such"]):
                folder = self.folder()
                guarded = self.guard(command, remove=folder)
                guarded.report.all()
                self.assertFalse(os.path.exists(folder), command)
                guarded.code()

        def test_the_private_folder_goes_without_an_order(self) -> None:
            """The daemon was killed while it was at making it."""
            base = self.folder()
            places = [f"{base}/absent/ipr-1", f"{base}/ipr-1", f"{base}/ipr-2"]
            guarded = self.waiting(places)
            os.mkdir(places[1], 0o700)
            with open(f"{places[1]}/kernel.json", "w") as file:
                file.write("{}")
            guarded.hang_up()
            self.assertEqual(guarded.code(), 0)
            self.assertEqual(os.listdir(base), [])
            self.assertEqual(guarded.stderr.all(), b"")

        def test_the_private_folder_goes_with_the_daemon(self) -> None:
            outside = self.folder()
            with open(f"{outside}/precious", "w") as file:
                file.write("x")
            folder = self.folder()
            os.symlink(outside, f"{folder}/link-to-folder")
            os.symlink(f"{outside}/precious", f"{folder}/link-to-file")
            with open(f"{folder}/kernel.json", "w") as file:
                file.write("{}")
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(f"{folder}/socket")
            guarded = self.guard(["sleep", "1000"], remove=folder)
            guarded.started()
            guarded.hang_up()
            self.assertEqual(guarded.code(), 0)
            self.assertFalse(os.path.exists(folder))
            self.assertEqual(os.listdir(outside), ["precious"])

        def test_it_goes_too_when_the_kernel_cannot_start(self) -> None:
            """The daemon is gone before it can be told so."""
            folder = self.folder()
            guarded = self.waiting()
            os.kill(guarded.pid, signal.SIGSTOP)
            order = guardian.encode_order(["/no/such"], self.env, "", folder)
            os.write(guarded.command, order)
            guarded.hang_up()
            os.kill(guarded.pid, signal.SIGCONT)
            self.assertEqual(guarded.code(), 0)
            self.assertFalse(os.path.exists(folder))

        def test_a_directory_that_is_not_the_private_one_stays(self) -> None:
            shared = self.folder()
            os.chmod(shared, 0o755)
            target = self.folder()
            link = f"{self.folder()}/link"
            os.symlink(target, link)
            folders = [shared, target]
            paths = [shared, link]
            if os.getuid() == 0:
                foreign = self.folder()
                os.chown(foreign, 12345, 12345)
                folders.append(foreign)
                paths.append(foreign)
            for folder in folders:
                with open(f"{folder}/precious", "w") as file:
                    file.write("x")
            for path in paths:
                guarded = self.guard(["sleep", "1000"], remove=path)
                guarded.started()
                guarded.hang_up()
                guarded.code()
            for folder in folders:
                self.assertEqual(os.listdir(folder), ["precious"])

        def test_a_directory_inside_goes_too(self) -> None:
            outside = self.folder()
            with open(f"{outside}/precious", "w") as file:
                file.write("x")
            folder = self.folder()
            os.mkdir(f"{folder}/inside")
            os.symlink(outside, f"{folder}/inside/link")
            guarded = self.guard(["sleep", "1000"], remove=folder)
            guarded.hang_up()
            guarded.code()
            self.assertFalse(os.path.exists(folder))
            self.assertEqual(os.listdir(outside), ["precious"])

        def test_another_directory_in_its_place_stays(self) -> None:
            """What got its name since the kernel was started is not it."""
            base = self.folder()
            folder = f"{base}/private"
            os.mkdir(folder, 0o700)
            with open(f"{folder}/kernel.json", "w") as file:
                file.write("{}")
            guarded = self.guard(["sleep", "1000"], remove=folder)
            guarded.started()
            os.rename(folder, f"{base}/moved")
            os.mkdir(folder, 0o700)
            with open(f"{folder}/precious", "w") as file:
                file.write("x")
            guarded.hang_up()
            guarded.code()
            self.assertEqual(os.listdir(folder), ["precious"])
            self.assertEqual(os.listdir(f"{base}/moved"), [])

        def trees(self) -> Iterator[tuple[str, _Guarded, int]]:
            """Start a kernel with each kind of tree; give name, guardian, pid."""
            for name in TREES:
                self.mark_anew()
                guarded = self.guard(_program(name))
                kernel = guarded.started()
                self.assertEqual(guarded.stderr.line(), "ready", name)
                self.until_stands(name)
                yield name, guarded, kernel

        @unittest.skipUnless(LINUX, "a subreaper and /proc")
        def test_nothing_is_left_of_a_kernel_that_crashed(self) -> None:
            for name, guarded, kernel in self.trees():
                os.kill(kernel, signal.SIGSEGV)
                status = guarded.exited()
                self.assertEqual(status & ~0x80, signal.SIGSEGV, name)
                self.assertEqual(_marked(self.mark), [], name)

        @unittest.skipUnless(LINUX, "a subreaper and /proc")
        def test_nothing_is_left_after_kill(self) -> None:
            for name, guarded, _ in self.trees():
                guarded.tell("kill")
                self.assertEqual(guarded.exited(), signal.SIGKILL, name)
                self.assertEqual(_marked(self.mark), [], name)

        @unittest.skipUnless(LINUX, "a subreaper and /proc")
        def test_nothing_is_left_when_the_daemon_hangs_up(self) -> None:
            for name, guarded, _ in self.trees():
                guarded.hang_up()
                self.assertEqual(guarded.code(), 0, name)
                self.assertEqual(guarded.report.all(), b"", name)
                self.assertEqual(_marked(self.mark), [], name)

        @unittest.skipUnless(LINUX, "/proc")
        def test_a_stopped_kernel_is_killed_too(self) -> None:
            guarded = self.guard(["sleep", "1000"])
            kernel = guarded.started()
            guarded.tell(f"signal {signal.SIGSTOP:d}")
            _until("the kernel was stopped", lambda: _state(kernel) == "T")
            guarded.tell("kill")
            self.assertEqual(guarded.exited(), signal.SIGKILL)

        @unittest.skipUnless(LINUX, "/proc")
        def test_orphans_are_reaped_while_the_kernel_runs(self) -> None:
            code = "(sleep 0 & echo $! >&2; exec true); exec sleep 1000"
            guarded = self.guard(["sh", "-c", code])
            guarded.started()
            orphan = int(guarded.stderr.line())
            _until("the orphan was reaped", lambda: _state(orphan) == "")
            guarded.tell("kill")
            guarded.exited()

        @unittest.skipUnless(LINUX, "/proc")
        def test_the_kernel_starts_clean(self) -> None:
            # What could leak into it: a descriptor, a handled and a blocked signal.
            for fd in os.pipe():
                os.set_inheritable(fd, True)
                self.addCleanup(os.close, fd)
            was = signal.signal(signal.SIGUSR1, lambda *_: None)
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
            try:
                guarded = self.guard(["sleep", "1000"])
                self.assertEqual(
                    signal.pthread_sigmask(signal.SIG_BLOCK, []),
                    mask | {signal.SIGUSR2},
                )
            finally:
                signal.signal(signal.SIGUSR1, was)
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            kernel = guarded.started()
            stderr = os.readlink(f"/proc/self/fd/{guarded.stderr.fd}")
            stdin, stdout = (os.readlink(f"/proc/self/fd/{fd}") for fd in (0, 1))
            # "started" comes with the exec; after that the dynamic loader has
            # its own files open for a moment.
            _until(
                f"{stdin}, {stdout} and {stderr} were all that is open",
                lambda: _open(kernel) == {0: stdin, 1: stdout, 2: stderr},
            )
            # All but the two that glibc keeps for itself: its posix_spawn() has
            # them ignored, and nobody can undo that through glibc.
            usable = sum(1 << (number - 1) for number in signal.valid_signals())
            for field in ("SigIgn", "SigBlk", "SigCgt", "SigPnd", "ShdPnd"):
                self.assertEqual(int(_status(kernel, field), 16) & usable, 0, field)
            self.assertEqual(os.getsid(kernel), kernel)
            self.assertEqual(os.getpgid(kernel), kernel)
            self.assertEqual(int(_status(kernel, "PPid")), guarded.pid)
            guarded.tell("kill")
            guarded.exited()

        @unittest.skipUnless(LINUX, "/proc")
        def test_below_nohup_the_kernel_ignores_a_hangup_and_nothing_else(self) -> None:
            was = signal.signal(signal.SIGHUP, signal.SIG_IGN)
            try:
                guarded = self.guard(["sleep", "1000"])
            finally:
                signal.signal(signal.SIGHUP, was)
            kernel = guarded.started()
            usable = sum(1 << (number - 1) for number in signal.valid_signals())
            ignored = int(_status(kernel, "SigIgn"), 16) & usable
            self.assertEqual(ignored, 1 << (signal.SIGHUP - 1))
            guarded.tell("kill")
            guarded.exited()

        @unittest.skipUnless(LINUX, "/proc")
        def test_the_kernel_ignores_and_blocks_what_the_daemon_did(self) -> None:
            """What the daemon changed since it was started does not count."""
            numbers = (signal.SIGINT, signal.SIGUSR1, signal.SIGPIPE)
            was = [signal.signal(number, signal.SIG_IGN) for number in numbers]
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
            try:
                guardian.note_origin([signal.SIGALRM])
                signal.pthread_sigmask(signal.SIG_SETMASK, [signal.SIGWINCH])
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                guarded = self.guard(["sleep", "1000"])
            finally:
                guardian._ignored, guardian._blocked = None, frozenset()
                guardian._inherited.clear()
                for number, how in zip(numbers, was, strict=True):
                    signal.signal(number, how)
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            kernel = guarded.started()
            usable = sum(1 << (number - 1) for number in signal.valid_signals())
            for field, expected in (
                ("SigIgn", (signal.SIGINT, signal.SIGUSR1, signal.SIGALRM)),
                ("SigBlk", (signal.SIGUSR2,)),
            ):
                self.assertEqual(
                    int(_status(kernel, field), 16) & usable,
                    sum(1 << (number - 1) for number in expected),
                    field,
                )
            guarded.tell("kill")
            guarded.exited()

        @unittest.skipUnless(LINUX, "/proc")
        def test_the_oom_killer_prefers_the_kernel(self) -> None:
            def score(pid: int | str) -> int:
                with open(f"/proc/{pid}/oom_score_adj") as file:
                    return int(file.read())

            own = score("self")
            guarded = self.guard(["sleep", "1000"])
            kernel = guarded.started()
            self.assertEqual(score(guarded.pid), own)
            self.assertEqual(score(kernel), min(own + 500, 1000))
            guarded.tell("kill")
            guarded.exited()

        def test_an_independent_kernel_has_no_parent_to_watch(self) -> None:
            guarded = self.guard(["sh", "-c", "echo ${JPY_PARENT_PID-none} >&2"])
            guarded.started()
            self.assertEqual(guarded.stderr.line(), "none")

        #: A child in a session of its own that tells of SIGTERM, and its own death.
        ORPHAN = """
            if born():
                os.setsid()
                def tidy(number, frame): os.write(2, b"tidied\\n"); os._exit(0)
                signal.signal(signal.SIGTERM, tidy)
                done(); wait()
            """

        def crashed(self, orphan: str) -> _Guarded:
            """Give a guardian whose kernel has just crashed."""
            code = f"{_PRELUDE}\n{textwrap.dedent(orphan)}\nready()\nwait()\n"
            guarded = self.guard([sys.executable, "-I", "-S", "-c", code])
            kernel = guarded.started()
            self.assertEqual(guarded.stderr.line(), "ready")
            os.kill(kernel, signal.SIGSEGV)
            return guarded

        @unittest.skipUnless(LINUX, "a subreaper and /proc")
        def test_what_a_crashed_kernel_leaves_is_asked_to_end(self) -> None:
            """Also when it is stopped; and once it has gone nobody waits."""
            stop = "done(); os.kill(os.getpid(), signal.SIGSTOP); wait()"
            with _seconds("GRACE_SECONDS", 1000.0):
                for orphan in (
                    self.ORPHAN,
                    self.ORPHAN.replace("done(); wait()", stop),
                ):
                    guarded = self.crashed(orphan)
                    self.assertEqual(guarded.stderr.line(), "tidied")
                    self.assertEqual(guarded.exited() & ~0x80, signal.SIGSEGV)

        @unittest.skipUnless(LINUX, "a subreaper and /proc")
        def test_what_does_not_end_is_killed_when_the_daemon_wants_it(self) -> None:
            deaf = self.ORPHAN.replace("os._exit(0)", "pass")
            for end in ("kill", "hang up"):
                with _seconds("GRACE_SECONDS", 1000.0):
                    guarded = self.crashed(deaf)
                self.assertEqual(guarded.stderr.line(), "tidied")
                if end == "kill":
                    guarded.tell("kill")
                    self.assertEqual(guarded.exited() & ~0x80, signal.SIGSEGV)
                else:
                    guarded.hang_up()
                self.assertEqual(guarded.code(), 0)
                self.assertEqual(_marked(self.mark), [])

        @unittest.skipUnless(LINUX, "a subreaper and /proc")
        def test_what_does_not_end_is_killed_in_the_end(self) -> None:
            guarded = self.crashed(self.ORPHAN.replace("os._exit(0)", "pass"))
            self.assertEqual(guarded.stderr.line(), "tidied")
            self.assertEqual(guarded.exited() & ~0x80, signal.SIGSEGV)
            self.assertEqual(_marked(self.mark), [])

        @unittest.skipUnless(LINUX, "/proc")
        def test_the_guardian_holds_on_to_nothing(self) -> None:
            guarded = self.guard(["sleep", "1000"])
            guarded.started()
            pid = guarded.pid
            fds = list(_open(pid).values())
            # stdin, stdout; stderr, command, report, and both ends of the wake-up.
            self.assertEqual(fds.count(os.devnull), 2)
            self.assertEqual(len([fd for fd in fds if fd.startswith("pipe:")]), 5)
            self.assertEqual(len(fds), 7)
            self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
            self.assertEqual(os.getsid(pid), pid)
            self.assertEqual(_proc(pid, "comm"), guardian.PROCESS_NAME + b"\n")
            guarded.tell("kill")
            guarded.exited()

        @unittest.skipUnless(LINUX, "/proc")
        def test_an_idle_guardian_never_wakes_up(self) -> None:
            guarded = self.guard(["sleep", "1000"])
            guarded.started()
            _until("the guardian slept", lambda: _state(guarded.pid) == "S")
            before = _status(guarded.pid, "voluntary_ctxt_switches")
            ready, _, _ = select.select([guarded.report.fd], [], [], 0.5)
            self.assertEqual(ready, [])
            self.assertEqual(_status(guarded.pid, "voluntary_ctxt_switches"), before)
            guarded.tell("kill")
            guarded.exited()

        @unittest.skipUnless(LINUX, "prctl")
        def test_a_killed_guardian_takes_its_kernel_along(self) -> None:
            guarded = self.guard(["sleep", "1000"])
            kernel = guarded.started()
            os.kill(guarded.pid, signal.SIGKILL)
            _until_gone("the kernel", kernel, PROMISED)


class ForkedTests(_Contract.Tests):
    """`guardian.fork`: forked off the daemon."""

    def guard(self, argv: Sequence[str], cwd: str = "", remove: str = "") -> _Guarded:
        return self.fork(argv, cwd, remove)

    def waiting(self, folders: Sequence[str] = ()) -> _Guarded:
        guarded = _Guarded(*guardian.fork(folders))
        self.addCleanup(guarded.close)
        return guarded

    def test_an_order_may_come_late(self) -> None:
        started = guardian.fork()
        guarded = _Guarded(*started)
        self.addCleanup(guarded.close)
        time.sleep(0.05)
        large = {**self.env, "LARGE": "x" * 100_000}
        guardian.give(started, guardian.encode_order(["sh", "-c", "exit 6"], large))
        guarded.started()
        self.assertEqual(guarded.exited(), 6 << 8)

    def test_the_order_for_one_that_was_killed(self) -> None:
        """Its report pipe has ended; to give the order changes nothing."""
        started = guardian.fork()
        guarded = _Guarded(*started)
        self.addCleanup(guarded.close)
        os.kill(guarded.pid, signal.SIGKILL)
        self.assertEqual(guarded.report.all(), b"")
        guardian.give(started, guardian.encode_order(["true"], self.env))
        self.assertEqual(guarded.code(), -signal.SIGKILL)

    def test_one_that_is_dismissed_is_gone(self) -> None:
        before = os.listdir("/dev/fd")
        started = guardian.fork()
        guardian.dismiss(started)
        self.assertEqual(os.listdir("/dev/fd"), before)
        self.assertRaises(ChildProcessError, os.waitpid, started[0], 0)

    def test_the_daemon_dies_before_it_gave_an_order(self) -> None:
        driver = self.driver(
            """
            import time
            print(guardian.fork()[0], flush=True)
            time.sleep(1000)
            """,
        )
        assert driver.stdout is not None
        pid = int(driver.stdout.readline())
        driver.kill()
        _until_gone("the guardian", pid, PROMISED)

    def test_an_order_that_cannot_be_run_is_refused(self) -> None:
        for argv, env, remove, words in [
            ([], {}, "", "empty"),
            ([""], {}, "", "empty"),
            (["a\0b"], {}, "", "NUL"),
            (["a"], {"b": "\0"}, "", "NUL"),
            (["a"], {"b=c": "d"}, "", "variable"),
            (["a"], {}, "relative/path", "absolute"),
        ]:
            with self.assertRaisesRegex(ValueError, words):
                guardian.encode_order(argv, env, "", remove)

    def test_the_caller_goes_on_alone(self) -> None:
        """The child runs neither the caller's code nor its exit functions."""
        driver = self.driver(
            """
            import atexit
            atexit.register(print, "farewell")
            print("unflushed")
            order = guardian.encode_order(["true"], dict(os.environ))
            try:
                pid, _, report, _ = started = guardian.fork()
            finally:
                print("returned")
            guardian.give(started, order)
            while os.read(report, 100): pass
            os.waitpid(pid, 0)
            """,
        )
        out, _ = driver.communicate(timeout=PATIENCE)
        self.assertEqual(out.split(), [b"unflushed", b"returned", b"farewell"])

    def test_nothing_interrupts_a_guardian_before_it_has_settled(self) -> None:
        blocked = []

        def fork() -> int:
            blocked.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
            raise BlockingIOError(11, "Resource temporarily unavailable")

        before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        with mock.patch.object(os, "fork", fork):
            self.assertIsNone(guardian.try_fork())
        self.assertLessEqual({signal.SIGINT, signal.SIGTERM}, blocked[0])
        self.assertEqual(signal.pthread_sigmask(signal.SIG_BLOCK, ()), before)

    def test_a_guardian_that_dies_before_the_kernel_could_be_bound_to_it(self) -> None:
        """Its child has another parent by then, and does not become the kernel."""
        order = guardian._decoded(
            guardian.encode_order(["true"], self.env).partition(b":")[2][:-1]
        )
        assert order is not None
        pid = os.fork()
        if pid == 0:
            try:
                guardian._become_kernel(order, os.getppid() + 1, {})
            finally:
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 127)

    def test_a_guardian_without_daemon_goes_on_for_longer(self) -> None:
        """Nobody else will: with what it could not kill within its usual time."""

        def fell(kernel: guardian._Kernel, wake: int, seconds: float) -> list[int]:
            kernel.slay()
            os.write(2, f"{seconds}\n".encode())
            return [1]

        with mock.patch.object(guardian, "_fell", fell):
            guarded = self.fork(["sleep", "1000"])
        guarded.started()
        guarded.hang_up()
        self.assertEqual(
            guarded.stderr.all().split(),
            [
                str(seconds).encode()
                for seconds in (guardian.FELL_SECONDS, guardian.LONE_SECONDS)
            ],
        )

    def test_the_newest_is_killed_first(self) -> None:
        """Pids begin anew at their end: what is above the newest is the oldest."""
        killed: list[int] = []
        about = {pid: (1000, pid, pid, b"S") for pid in (5, 12, 30, 40, 41)}
        with (
            mock.patch.object(guardian, "_newest", return_value=30),
            mock.patch.object(guardian, "_stat", about.get),
            mock.patch.object(guardian, "_kill", lambda pid, _: killed.append(pid)),
            mock.patch.object(os, "listdir", return_value=[*map(str, about), "x"]),
        ):
            guardian._hunt(1000, ())
        self.assertEqual([pid for pid in killed if pid > 0], [30, 12, 5, 41, 40])

    def test_without_a_list_of_open_descriptors(self) -> None:
        """Where /dev/fd is missing all but the few that are kept are closed."""
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        listdir = os.listdir

        def no_fds(path: str = ".") -> list[str]:
            if path == "/dev/fd":
                raise FileNotFoundError(2, "No such file or directory", path)
            return listdir(path)

        with mock.patch.object(os, "listdir", no_fds):
            guarded = self.fork(["sh", "-c", "echo told >&2; exit 3"])
        os.close(writing)
        guarded.started()
        self.assertEqual(guarded.stderr.line(), "told")
        self.assertEqual(guarded.exited(), 3 << 8)
        # The guardian had it, too.
        self.assertEqual(os.read(reading, 1), b"")
        os.close(reading)

    def test_a_path_that_holds_more_than_strings(self) -> None:
        """Python passes over it, and so does the guardian."""
        sys.path.insert(0, pathlib.Path("/data"))  # type: ignore[arg-type]
        try:
            guarded = self.fork(["true"])
        finally:
            del sys.path[0]
        guarded.started()
        self.assertEqual(guarded.exited(), 0)

    def test_what_the_daemon_inherited_is_there_and_nothing_else(self) -> None:
        driver = self.driver(
            """
            for fd in (3, 4, 9): os.dup2(1, fd)
            guardian.note_origin()
            os.dup2(1, 10)  # not given to us
            code = "for fd in 3 4 9 10; do test -e /dev/fd/$fd && echo $fd; done"
            pid, _, report, _ = started = guardian.fork()
            order = guardian.encode_order(["sh", "-c", code], dict(os.environ))
            guardian.give(started, order)
            while os.read(report, 100): pass
            os.waitpid(pid, 0)
            """,
        )
        out, _ = driver.communicate(timeout=PATIENCE)
        self.assertEqual(out.split(), [b"3", b"4", b"9"])

    def test_a_daemon_with_many_children(self) -> None:
        """Their list is longer than what one read gives."""

        def body(tell: Callable[[object], None]) -> None:
            guardian._spared.clear()
            born = set()
            reading, _ = os.pipe()
            for _ in range(200):
                pid = os.fork()
                if pid == 0:
                    # As long as the daemon has the other end open.
                    guardian._close_all_but((reading,))
                    os.read(reading, 1)
                    os._exit(0)
                born.add(pid)
            guardian.spare_children()
            tell(guardian._spared == born)

        self.assertEqual(self.daemon(body).said.line(), "True")

    def test_a_file_of_proc_is_read_to_its_end(self) -> None:
        path = os.path.join(self.folder(), "children")
        text = b"1234567 " * 2000
        with open(path, "wb") as file:
            file.write(text)
        self.assertEqual(guardian._read(path), text)

    def test_a_daemon_without_standard_descriptors(self) -> None:
        driver = self.driver(
            """
            answer = os.dup(1)
            for fd in (0, 1, 2): os.close(fd)
            argv = ["sh", "-c", "echo out; echo err >&2; cat; exit 3"]
            pid, command, report, stderr = started = guardian.fork()
            guardian.give(started, guardian.encode_order(argv, dict(os.environ)))
            while chunk := os.read(report, 100): os.write(answer, chunk)
            os.write(answer, os.read(stderr, 100))
            """,
        )
        out, _ = driver.communicate(timeout=PATIENCE)
        started, exited, err = out.decode().splitlines()
        self.assertEqual(started.split()[0], "started")
        self.assertEqual(exited.split()[:2], ["exited", "768"])
        self.assertEqual(err, "err")


class SpawnedTests(_Contract.Tests):
    """`guardian.command_line`: a program, with an order to follow."""

    def guard(self, argv: Sequence[str], cwd: str = "", remove: str = "") -> _Guarded:
        return self.spawn(argv, cwd, remove)

    def waiting(self, folders: Sequence[str] = ()) -> _Guarded:
        return self.bare(b"", guardian.command_line(None, folders))

    def bare(self, order: bytes, argv: list[str] | None = None) -> _Guarded:
        guarded = _spawned(argv or guardian.command_line(), order, self.env)
        self.addCleanup(guarded.close)
        return guarded

    def test_the_file_itself_can_be_run(self) -> None:
        argv = [sys.executable, "-I", "-S", guardian.__file__]
        order = guardian.encode_order(["sh", "-c", "exit 5"], self.env)
        guarded = self.bare(order, argv)
        guarded.started()
        self.assertEqual(guarded.exited(), 5 << 8)

    def test_an_order_may_come_late_and_in_pieces(self) -> None:
        guarded = self.bare(b"")
        order = guardian.encode_order(["sh", "-c", "exit 6"], self.env)
        for at in range(0, len(order), 7):
            os.write(guarded.command, order[at : at + 7])
            # Let it be read before the next piece comes.
            _until("the piece was taken", lambda: _waiting(guarded.command) == 0)
        guarded.started()
        self.assertEqual(guarded.exited(), 6 << 8)

    def test_a_daemon_that_gives_no_order(self) -> None:
        for order in (b"", b"12", b"1000:half of it"):
            guarded = self.bare(order)
            guarded.hang_up()
            self.assertEqual(guarded.report.all(), b"")
            self.assertEqual(guarded.stderr.all(), b"")
            self.assertEqual(guarded.code(), 0)

    def test_an_order_that_cannot_be_read(self) -> None:
        for order in (
            b"nonsense:",
            b":",
            b"5:hello,",
            b"12:\0\0/\0x\0a\0B=c\0,",
            b"8:\0\0/\x002\0a\0,",
            b"12:\0\0x/\x001\0a\0b=c\0,",
            guardian.encode_order(["true"], {"A": "b"})[:-1] + b";",
        ):
            guarded = self.bare(order)
            self.assertEqual(
                guarded.report.line(),
                "failed 22 the guardian was given an order it cannot read",
            )
            self.assertEqual(guarded.report.all(), b"")
            self.assertEqual(guarded.code(), 0)

    def test_held_code_needs_no_files(self) -> None:
        """As after an upgrade, or when the package has been removed."""
        driver = self.driver(
            """
            guardian.hold()
            argv, places = guardian.to_spawn({3: 6})
            assert guardian.__file__ not in " ".join(argv), argv
            assert os.path.dirname(guardian.__file__) not in " ".join(argv), argv
            for fd, high in ((places[5], 50), (1, 51)): os.dup2(fd, high)
            pipes = [os.pipe() for _ in range(2)]
            actions = [(pipes[0][0], 53), (pipes[1][1], 54)]
            actions += [(53, 3), (54, 4), (50, 5), (51, 6)]
            for fd in (50, 51): os.set_inheritable(fd, False)
            pid = os.posix_spawn(
                argv[0], argv, {},
                file_actions=[(os.POSIX_SPAWN_DUP2, *pair) for pair in actions],
            )
            os.close(pipes[1][1])
            order = guardian.encode_order(
                ["sh", "-c", "echo told >&3; test -e /dev/fd/5 || exit 7"],
                dict(os.environ),
            )
            os.write(pipes[0][1], order)
            while chunk := os.read(pipes[1][0], 100): os.write(1, chunk)
            os.waitpid(pid, 0)
            """,
        )
        out, _ = driver.communicate(timeout=PATIENCE)
        # From two processes: the first two in any order.
        *first, last = out.decode().splitlines()
        self.assertEqual({line.split()[0] for line in first}, {"told", "started"})
        self.assertEqual(last.split()[:2], ["exited", str(7 << 8)])

    def test_what_the_daemon_inherited_keeps_its_number(self) -> None:
        """Also where that is one of the guardian's own pipes."""
        told, tell = _high_pipe()
        inherited = {3: 5, 4: 7, 9: 9}
        code = (
            "for fd in 3 4 9; do echo $fd >&$fd; done;"
            " for fd in 5 6 7 8; do test -e /dev/fd/$fd && echo $fd >&2; done"
        )
        command, report, stderr = _high_pipe(), _high_pipe(), _high_pipe()
        argv = guardian.command_line(inherited)
        actions = [(command[0], 3), (report[1], 4), (stderr[1], 2)]
        actions += [(tell, there) for there in inherited.values()]
        pid = os.posix_spawn(
            argv[0],
            argv,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, *pair) for pair in actions],
        )
        for fd in (command[0], report[1], stderr[1], tell):
            os.close(fd)
        os.write(command[1], guardian.encode_order(["sh", "-c", code], self.env))
        guarded = _Guarded(pid, command[1], report[0], stderr[0])
        self.addCleanup(guarded.close)
        guarded.started()
        # To the end of the pipe: the guardian has closed its copies.
        self.assertEqual(_Reader(told, "the pipe").all(), b"3\n4\n9\n")
        os.close(told)
        self.assertEqual(guarded.exited(), 1 << 8)
        self.assertEqual(guarded.stderr.all(), b"")

    def test_started_by_hand_it_says_what_it_is(self) -> None:
        done = subprocess.run(
            guardian.command_line(), capture_output=True, timeout=PATIENCE, check=False
        )
        self.assertEqual(done.returncode, 2)
        self.assertEqual(
            done.stderr,
            b"ipr guardian: the guardian is started by ipr, with pipes at fd 3 and 4\n",
        )

    def test_its_start_imports_next_to_nothing(self) -> None:
        code = guardian.command_line()[-1].replace(
            "guardian.main({})", "print(*sorted(sys.modules))"
        )
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", code], capture_output=True, check=True
        )
        modules = set(done.stdout.decode().split())
        self.assertIn("guardian", modules)
        heavy = {"enum", "signal", "re", "typing", "collections", "functools"}
        heavy |= {"subprocess", "json", "ctypes", "warnings", "contextlib", "types"}
        self.assertEqual(modules & heavy, set())


# -- the daemon dies, the guardian dies ------------------------------------------


@unittest.skipUnless(LINUX, "prctl and /proc")
class DeathTests(_Case):
    """Whoever dies by SIGKILL, and whenever: nothing is left."""

    def runtime(self) -> str:
        """Return a private runtime directory with a file in it."""
        folder = self.folder()
        with open(f"{folder}/kernel.json", "w") as file:
            file.write("{}")
        return folder

    def until_all_gone(self, what: str, guardian_pid: int, folder: str) -> None:
        deadline = time.monotonic() + PROMISED
        _until_gone(f"{what}: the guardian", guardian_pid, PROMISED)
        self.assertEqual(_marked(self.mark), [], what)
        self.assertFalse(os.path.exists(folder), what)
        self.assertLess(time.monotonic(), deadline, what)

    def test_the_daemon_is_killed_while_the_kernel_runs(self) -> None:
        for tree in TREES:
            self.mark_anew()
            folder = self.runtime()

            def body(
                tell: Callable[[object], None], tree: str = tree, folder: str = folder
            ) -> None:
                guarded = self.fork(_program(tree), remove=folder)
                guarded.started()
                assert guarded.stderr.line() == "ready"
                tell(guarded.pid)

            daemon = self.daemon(body)
            pid = int(daemon.said.line())
            self.until_stands(tree)
            daemon.kill()
            self.until_all_gone(tree, pid, folder)

    def test_the_daemon_is_killed_at_any_moment_of_the_start(self) -> None:
        for start in (self.fork, self.spawn):
            for delay in (0, 0.5, 1, 2, 3, 4, 6, 8, 10, 12, 15, 20, 30):
                self.mark_anew()
                folder = self.runtime()

                def body(
                    tell: Callable[[object], None],
                    start: Callable[..., _Guarded] = start,
                    delay: float = delay,
                    folder: str = folder,
                ) -> None:
                    program = _program("a child in a session of its own")
                    guarded = start(program, remove=folder)
                    now = time.monotonic()
                    tell(guarded.pid)
                    while time.monotonic() < now + delay / 1000:
                        pass
                    os.kill(os.getpid(), signal.SIGKILL)

                daemon = self.daemon(body)
                pid = int(daemon.said.line())
                _until_gone("the daemon", daemon.pid)
                self.until_all_gone(f"{start.__name__} and {delay} ms", pid, folder)

    def test_what_hits_the_group_of_the_daemon_does_not_hit_the_kernel(self) -> None:
        for start in (self.fork, self.spawn):
            self.mark_anew()
            folder = self.runtime()

            def body(
                tell: Callable[[object], None],
                start: Callable[..., _Guarded] = start,
                folder: str = folder,
            ) -> None:
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, lambda number, _: tell(f"got {number}"))
                guarded = start(["sleep", "1000"], remove=folder)
                tell(guarded.pid)
                tell(guarded.report.line().split()[0])
                # Nothing but our own signals ends this wait.
                tell(guarded.report.line(3600))

            daemon = self.daemon(body)
            pid = int(daemon.said.line())
            self.assertEqual(daemon.said.line(), "started")
            for number in (signal.SIGINT, signal.SIGTERM):
                os.killpg(daemon.pid, number)
                self.assertEqual(daemon.said.line(), f"got {number:d}")
            self.assertEqual(len(_marked(self.mark)), 1)
            os.killpg(daemon.pid, signal.SIGKILL)
            self.until_all_gone(start.__name__, pid, folder)

    def test_what_hits_the_group_while_the_guardian_settles(self) -> None:
        """A spawner that blocks its signals, as `start` does, loses no guardian."""

        def spawn(argv: list[str]) -> _Guarded:
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            try:
                return self.spawn(argv)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)

        def body(tell: Callable[[object], None]) -> None:
            daemon = os.getpid()
            # A copy of the daemon that heeds its signals would end here.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: os.getpid() == daemon or os._exit(9))
            for start in (self.fork, spawn) * 5:
                guarded = start(["true"])
                os.killpg(daemon, signal.SIGINT)
                os.killpg(daemon, signal.SIGTERM)
                guarded.started()
                tell(guarded.exited())

        said = self.daemon(body).said
        self.assertEqual([said.line() for _ in range(10)], ["0"] * 10)

    def test_the_daemon_is_killed_while_its_guardian_is_stopped(self) -> None:
        """Whoever stopped it: it is woken by the death, and does its duty."""
        folder = self.runtime()

        def body(tell: Callable[[object], None]) -> None:
            guarded = self.fork(["sleep", "1000"], remove=folder)
            guarded.started()
            os.kill(guarded.pid, signal.SIGSTOP)
            _until("it was stopped", lambda: _state(guarded.pid) == "T")
            tell(guarded.pid)

        daemon = self.daemon(body)
        pid = int(daemon.said.line())
        daemon.kill()
        self.until_all_gone("stopped", pid, folder)

    def test_somebody_else_holds_a_copy_of_the_command_pipe(self) -> None:
        folder = self.runtime()

        def body(tell: Callable[[object], None]) -> None:
            guarded = self.fork(["sleep", "1000"], remove=folder)
            guarded.started()
            holder = os.fork()
            if holder:
                tell(holder)
                tell(guarded.pid)
            # The copy of this process goes on, with all that is open here.

        daemon = self.daemon(body)
        holder, pid = int(daemon.said.line()), int(daemon.said.line())
        self.addCleanup(os.kill, holder, signal.SIGKILL)
        daemon.kill()
        self.until_all_gone("a copy", pid, folder)
        self.assertFalse(_gone(holder))

    def test_the_daemon_is_killed_while_a_guardian_has_no_order_yet(self) -> None:
        def body(tell: Callable[[object], None]) -> None:
            tell(_spawned(guardian.command_line(), b"").pid)

        daemon = self.daemon(body)
        pid = int(daemon.said.line())
        daemon.kill()
        _until_gone("the guardian", pid, PROMISED)

    def test_sweep_takes_what_a_killed_guardian_left(self) -> None:
        for tree in TREES:
            self.mark_anew()
            other = f"{self.mark}-other"
            self.addCleanup(_kill_marked, other)

            def body(
                tell: Callable[[object], None], tree: str = tree, other: str = other
            ) -> None:
                assert guardian.become_subreaper()
                doomed = self.fork(_program(tree))
                doomed.started()
                assert doomed.stderr.line() == "ready"
                self.until_stands(tree)
                self.env[MARK] = other
                kept = self.fork(_program("a daemon, forked twice"))
                kept.started()
                assert kept.stderr.line() == "ready"
                child = os.fork()
                if child == 0:
                    os.execvpe("sleep", ["sleep", "1000"], self.env)
                # As if it had been there before the daemon was.
                guardian._spared.clear()
                guardian.spare_children()
                tell(guardian._spared == {doomed.pid, kept.pid, child})
                guardian._spared.intersection_update({child})
                os.kill(doomed.pid, signal.SIGKILL)
                os.waitpid(doomed.pid, 0)
                keep = frozenset((kept.pid,))
                tell(guardian.sweep(keep) >= TREES[tree][1] - 1)
                tell(_marked(self.mark))
                tell(guardian.sweep(keep))
                _until("the child slept", lambda: len(_marked(other)) == 3)
                tell([_gone(pid) for pid in (kept.pid, child)])
                guardian._spared.clear()
                # Without anything to keep, all of it goes.
                tell(guardian.sweep(frozenset()) >= 4)
                tell(_marked(other))

            said = self.daemon(body).said
            self.assertEqual(
                [said.line() for _ in range(7)],
                ["True", "True", "[]", "0", "[False, False]", "True", "[]"],
                tree,
            )

    def test_who_cannot_be_killed_is_named(self) -> None:
        """As nobody, with a process that a setuid program made root's."""
        setpriv = shutil.which("setpriv")
        if os.getuid() != 0 or setpriv is None:
            raise unittest.SkipTest("needs root, and setpriv of util-linux")
        folder = self.folder()
        os.chmod(folder, 0o755)
        if os.statvfs(folder).f_flag & os.ST_NOSUID:
            raise unittest.SkipTest("setuid does not work in the temporary folder")
        shutil.copy(setpriv, f"{folder}/become")
        os.chmod(f"{folder}/become", 0o4755)

        def body(tell: Callable[[object], None]) -> None:
            # Nobody may be unable to read this Python's files: load them now.
            import resource  # noqa: F401

            guardian.become_subreaper()
            os.setgid(65534)
            os.setuid(65534)
            guardian.FELL_SECONDS = 0.2
            become = f"{folder}/become --reuid=0 --clear-groups sleep 1000"
            guarded = self.fork(
                ["sh", "-c", f"{become} & echo $! >&2; exec sleep 1000"]
            )
            guarded.started()
            root = int(guarded.stderr.line())
            _until("it was root's", lambda: _status(root, "Uid").split() == ["0"] * 4)
            tell(root)
            guarded.tell("kill")
            tell(guarded.report.line())
            tell(guarded.report.line().split()[:2])
            tell(guarded.code())

        said = self.daemon(body).said
        root = int(said.line())
        self.addCleanup(os.kill, root, signal.SIGKILL)
        self.assertEqual(said.line(), f"left {root}")
        self.assertEqual(said.line(), "['exited', '9']")
        self.assertEqual(said.line(), "0")
