"""The guardian against real processes: nothing of a kernel's tree outlives it.

What runs here is the guardian as it ships, in both of its ways (forked off the
caller, spawned with pipes at fd 3 and 4), against shells and small Python
programs that play the kernel.  A tree is recognised by a variable that all of it
inherits, so a process counts wherever it hid.  Every wait has a bound and says
what it waited for.
"""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from unittest import mock

from ipr.boot import guardian
from tests.boot.guardian_case import Guarded, Reader, high_pipe, spawn_guardian
from tests.boot.guardian_contract import Contract
from tests.boot.trees import (
    PATIENCE,
    PROMISED,
    bytes_waiting,
    wait_until,
    wait_until_gone,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class ForkedTests(Contract.Tests):
    """`guardian.fork`: forked off the daemon."""

    def guard(self, argv: Sequence[str], cwd: str = "", remove: str = "") -> Guarded:
        return self.fork(argv, cwd, remove)

    def waiting(self, folders: Sequence[str] = ()) -> Guarded:
        guarded = Guarded(*guardian.fork(folders))
        self.addCleanup(guarded.close)
        return guarded

    def test_an_order_may_come_late(self) -> None:
        started = guardian.fork()
        guarded = Guarded(*started)
        self.addCleanup(guarded.close)
        time.sleep(0.05)
        large = {**self.env, "LARGE": "x" * 100_000}
        guardian.give(started, guardian.encode_order(["sh", "-c", "exit 6"], large))
        guarded.started()
        self.assertEqual(guarded.exited(), 6 << 8)

    def test_the_order_for_one_that_was_killed(self) -> None:
        """Its report pipe has ended; to give the order changes nothing."""
        started = guardian.fork()
        guarded = Guarded(*started)
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
        wait_until_gone("the guardian", pid, PROMISED)

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

        def fell(
            kernel: guardian._Kernel, wake: int, seconds: float, only: int = 0
        ) -> list[int]:
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
        """Pids start over at their end: what is above the newest is the oldest."""
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


class SpawnedTests(Contract.Tests):
    """`guardian.command_line`: a program, with an order to follow."""

    def guard(self, argv: Sequence[str], cwd: str = "", remove: str = "") -> Guarded:
        return self.spawn(argv, cwd, remove)

    def waiting(self, folders: Sequence[str] = ()) -> Guarded:
        return self.bare(b"", guardian.command_line(None, folders))

    def bare(self, order: bytes, argv: list[str] | None = None) -> Guarded:
        guarded = spawn_guardian(argv or guardian.command_line(), order, self.env)
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
            wait_until(
                "the piece was taken", lambda: bytes_waiting(guarded.command) == 0
            )
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
        told, tell = high_pipe()
        inherited = {3: 5, 4: 7, 9: 9}
        code = (
            "for fd in 3 4 9; do echo $fd >&$fd; done;"
            " for fd in 5 6 7 8; do test -e /dev/fd/$fd && echo $fd >&2; done"
        )
        command, report, stderr = high_pipe(), high_pipe(), high_pipe()
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
        guarded = Guarded(pid, command[1], report[0], stderr[0])
        self.addCleanup(guarded.close)
        guarded.started()
        # To the end of the pipe: the guardian has closed its copies.
        self.assertEqual(Reader(told, "the pipe").all(), b"3\n4\n9\n")
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
