"""What holds for a guardian, whether it is forked or spawned."""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import sys
import textwrap
import unittest
from typing import TYPE_CHECKING

from ipr.boot import guardian
from tests.boot.guardian_case import (
    Guarded,
    GuardianCase,
    forget_origin,
    guardians_with,
)
from tests.boot.trees import (
    LINUX,
    PRELUDE,
    PROMISED,
    TREES,
    marked_pids,
    open_descriptors,
    proc_file,
    program_of,
    state_of,
    status_field,
    wait_until,
    wait_until_gone,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Contract:
    """Holds the tests that are run once for each way to get a guardian."""

    class Tests(GuardianCase):
        def guard(
            self, argv: Sequence[str], cwd: str = "", remove: str = ""
        ) -> Guarded:
            raise NotImplementedError

        def waiting(self, folders: Sequence[str] = ()) -> Guarded:
            """Return a guardian that has no order yet."""
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
            guarded = self.guard([sys.executable, "-I", "-S", "-c", PRELUDE + code])
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

        def trees(self) -> Iterator[tuple[str, Guarded, int]]:
            """Start a kernel with each kind of tree; give name, guardian, pid."""
            for name in TREES:
                self.mark_anew()
                guarded = self.guard(program_of(name))
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
                self.assertEqual(marked_pids(self.mark), [], name)

        @unittest.skipUnless(LINUX, "a subreaper and /proc")
        def test_nothing_is_left_after_kill(self) -> None:
            for name, guarded, _ in self.trees():
                guarded.tell("kill")
                self.assertEqual(guarded.exited(), signal.SIGKILL, name)
                self.assertEqual(marked_pids(self.mark), [], name)

        @unittest.skipUnless(LINUX, "a subreaper and /proc")
        def test_nothing_is_left_when_the_daemon_hangs_up(self) -> None:
            for name, guarded, _ in self.trees():
                guarded.hang_up()
                self.assertEqual(guarded.code(), 0, name)
                self.assertEqual(guarded.report.all(), b"", name)
                self.assertEqual(marked_pids(self.mark), [], name)

        @unittest.skipUnless(LINUX, "/proc")
        def test_a_stopped_kernel_is_killed_too(self) -> None:
            guarded = self.guard(["sleep", "1000"])
            kernel = guarded.started()
            guarded.tell(f"signal {signal.SIGSTOP:d}")
            wait_until("the kernel was stopped", lambda: state_of(kernel) == "T")
            guarded.tell("kill")
            self.assertEqual(guarded.exited(), signal.SIGKILL)

        @unittest.skipUnless(LINUX, "/proc")
        def test_orphans_are_reaped_while_the_kernel_runs(self) -> None:
            code = "(sleep 0 & echo $! >&2; exec true); exec sleep 1000"
            guarded = self.guard(["sh", "-c", code])
            guarded.started()
            orphan = int(guarded.stderr.line())
            wait_until("the orphan was reaped", lambda: state_of(orphan) == "")
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
            wait_until(
                f"{stdin}, {stdout} and {stderr} were all that is open",
                lambda: open_descriptors(kernel) == {0: stdin, 1: stdout, 2: stderr},
            )
            # All but the two that glibc keeps for itself: its posix_spawn() has
            # them ignored, and nobody can undo that through glibc.
            usable = sum(1 << (number - 1) for number in signal.valid_signals())
            for field in ("SigIgn", "SigBlk", "SigCgt", "SigPnd", "ShdPnd"):
                self.assertEqual(
                    int(status_field(kernel, field), 16) & usable, 0, field
                )
            self.assertEqual(os.getsid(kernel), kernel)
            self.assertEqual(os.getpgid(kernel), kernel)
            self.assertEqual(int(status_field(kernel, "PPid")), guarded.pid)
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
            ignored = int(status_field(kernel, "SigIgn"), 16) & usable
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
                forget_origin()
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
                    int(status_field(kernel, field), 16) & usable,
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

        def with_orphan(self, orphan: str) -> tuple[Guarded, int]:
            """Return a guardian and its kernel, which has such a child."""
            code = f"{PRELUDE}\n{textwrap.dedent(orphan)}\nready()\nwait()\n"
            guarded = self.guard([sys.executable, "-I", "-S", "-c", code])
            kernel = guarded.started()
            self.assertEqual(guarded.stderr.line(), "ready")
            return guarded, kernel

        def crashed(self, orphan: str) -> Guarded:
            """Return a guardian whose kernel has just crashed."""
            guarded, kernel = self.with_orphan(orphan)
            os.kill(kernel, signal.SIGSEGV)
            return guarded

        @unittest.skipUnless(LINUX, "a subreaper and /proc")
        def test_what_a_crashed_kernel_leaves_is_asked_to_end(self) -> None:
            """Also when it is stopped; and once it has gone nobody waits."""
            stop = "done(); os.kill(os.getpid(), signal.SIGSTOP); wait()"
            with guardians_with("GRACE_SECONDS", 1000.0):
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
                with guardians_with("GRACE_SECONDS", 1000.0):
                    guarded = self.crashed(deaf)
                self.assertEqual(guarded.stderr.line(), "tidied")
                if end == "kill":
                    guarded.tell("kill")
                    self.assertEqual(guarded.exited() & ~0x80, signal.SIGSEGV)
                else:
                    guarded.hang_up()
                self.assertEqual(guarded.code(), 0)
                self.assertEqual(marked_pids(self.mark), [])

        @unittest.skipUnless(LINUX, "a subreaper and /proc")
        def test_what_does_not_end_is_killed_in_the_end(self) -> None:
            guarded = self.crashed(self.ORPHAN.replace("os._exit(0)", "pass"))
            self.assertEqual(guarded.stderr.line(), "tidied")
            self.assertEqual(guarded.exited() & ~0x80, signal.SIGSEGV)
            self.assertEqual(marked_pids(self.mark), [])

        #: Two children, of which one has a session of its own with a child in it.
        DETACHED = """
            if born():
                os.setsid()
                if deaf: signal.signal(signal.SIGTERM, signal.SIG_IGN)
                os.write(2, b"%d\\n" % os.getpid())
                told = done
                if born(): done(); wait()
                told()
                wait()
            if born(): done(); wait()
            """

        def spared(
            self, end: str = "crash", *, deaf: bool = False
        ) -> tuple[Guarded, int]:
            """Return a guardian that keeps one of its kernel's children, and that."""
            body = f"deaf = {deaf}\n{textwrap.dedent(self.DETACHED)}"
            code = f"{PRELUDE}\n{body}\nready()\nwait()\n"
            guarded = self.guard([sys.executable, "-I", "-S", "-c", code])
            kernel = guarded.started()
            guarded.tell("spare")
            child = int(guarded.stderr.line())
            self.assertEqual(guarded.stderr.line(), "ready")
            if end == "crash":
                os.kill(kernel, signal.SIGSEGV)
            else:
                guarded.tell(end)
            word, *pids = guarded.report.line().split()
            self.assertEqual(word, "spared")
            self.assertIn(str(child), pids)
            self.assertEqual(len(pids), 2)
            guarded.exited()
            self.assertEqual(sorted(marked_pids(self.mark)), sorted(map(int, pids)))
            return guarded, child

        @unittest.skipUnless(LINUX, "a subreaper and /proc")
        def test_what_has_a_session_of_its_own_is_spared_on_demand(self) -> None:
            """And goes with the daemon; also where it hears no SIGTERM."""
            with guardians_with("GRACE_SECONDS", 0.1):
                for end in ("crash", "kill"):
                    guarded, _ = self.spared(end, deaf=True)
                    guarded.hang_up()
                    self.assertEqual(guarded.code(), 0)
                    self.assertEqual(marked_pids(self.mark), [])

        @unittest.skipUnless(LINUX, "a subreaper and /proc")
        def test_what_was_spared_is_asked_to_end_by_sweep(self) -> None:
            with guardians_with("GRACE_SECONDS", 1000.0):
                guarded, _ = self.spared()
                guarded.tell("sweep")
                self.assertEqual(guarded.code(), 0)
                self.assertEqual(marked_pids(self.mark), [])

        @unittest.skipUnless(LINUX, "a subreaper and /proc")
        def test_the_guardian_ends_with_the_last_that_it_has_spared(self) -> None:
            guarded, child = self.spared()
            os.killpg(child, signal.SIGKILL)
            self.assertEqual(guarded.code(), 0)

        @unittest.skipUnless(LINUX, "a subreaper and /proc")
        def test_nothing_is_spared_once_that_is_taken_back(self) -> None:
            guarded, kernel = self.with_orphan(self.ORPHAN)
            guarded.tell("spare")
            guarded.tell("sweep")
            os.kill(kernel, signal.SIGSEGV)
            self.assertEqual(guarded.stderr.line(), "tidied")
            self.assertEqual(guarded.exited() & ~0x80, signal.SIGSEGV)
            self.assertEqual(marked_pids(self.mark), [])

        @unittest.skipUnless(LINUX, "a subreaper and /proc")
        def test_nothing_is_spared_when_the_daemon_dies(self) -> None:
            guarded, _ = self.with_orphan(self.ORPHAN)
            guarded.tell("spare")
            guarded.hang_up()
            self.assertEqual(guarded.code(), 0)
            self.assertEqual(marked_pids(self.mark), [])

        @unittest.skipUnless(LINUX, "/proc")
        def test_the_guardian_holds_on_to_nothing(self) -> None:
            guarded = self.guard(["sleep", "1000"])
            guarded.started()
            pid = guarded.pid
            fds = list(open_descriptors(pid).values())
            # stdin, stdout; stderr, command, report, and both ends of the wake-up.
            self.assertEqual(fds.count(os.devnull), 2)
            self.assertEqual(len([fd for fd in fds if fd.startswith("pipe:")]), 5)
            self.assertEqual(len(fds), 7)
            self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
            self.assertEqual(os.getsid(pid), pid)
            self.assertEqual(proc_file(pid, "comm"), guardian.PROCESS_NAME + b"\n")
            guarded.tell("kill")
            guarded.exited()

        @unittest.skipUnless(LINUX, "/proc")
        def test_an_idle_guardian_never_wakes_up(self) -> None:
            guarded = self.guard(["sleep", "1000"])
            guarded.started()
            wait_until("the guardian slept", lambda: state_of(guarded.pid) == "S")
            before = status_field(guarded.pid, "voluntary_ctxt_switches")
            ready, _, _ = select.select([guarded.report.fd], [], [], 0.5)
            self.assertEqual(ready, [])
            self.assertEqual(
                status_field(guarded.pid, "voluntary_ctxt_switches"), before
            )
            guarded.tell("kill")
            guarded.exited()

        @unittest.skipUnless(LINUX, "prctl")
        def test_a_killed_guardian_takes_its_kernel_along(self) -> None:
            guarded = self.guard(["sleep", "1000"])
            kernel = guarded.started()
            os.kill(guarded.pid, signal.SIGKILL)
            wait_until_gone("the kernel", kernel, PROMISED)
