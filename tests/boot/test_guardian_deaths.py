"""The daemon dies, the guardian dies, at any moment: nothing of the kernel is left."""

from __future__ import annotations

import os
import shutil
import signal
import time
import unittest
from typing import TYPE_CHECKING

from ipr.boot import guardian
from tests.boot.guardian_case import Guarded, GuardianCase, spawn_guardian
from tests.boot.trees import (
    MARK,
    PROMISED,
    TREES,
    is_gone,
    kill_marked,
    marked_pids,
    program_of,
    state_of,
    status_field,
    wait_until,
    wait_until_gone,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class DeathTests(GuardianCase):
    """Whoever dies by SIGKILL, and whenever: nothing is left."""

    def runtime(self) -> str:
        """Return a private runtime directory with a file in it."""
        folder = self.folder()
        with open(f"{folder}/kernel.json", "w") as file:
            file.write("{}")
        return folder

    def until_all_gone(self, what: str, guardian_pid: int, folder: str) -> None:
        deadline = time.monotonic() + PROMISED
        wait_until_gone(f"{what}: the guardian", guardian_pid, PROMISED)
        self.assertEqual(marked_pids(self.mark), [], what)
        self.assertFalse(os.path.exists(folder), what)
        self.assertLess(time.monotonic(), deadline, what)

    def test_the_daemon_is_killed_while_the_kernel_runs(self) -> None:
        for tree in TREES:
            self.mark_anew()
            folder = self.runtime()

            def body(
                tell: Callable[[object], None], tree: str = tree, folder: str = folder
            ) -> None:
                guarded = self.fork(program_of(tree), remove=folder)
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
                    start: Callable[..., Guarded] = start,
                    delay: float = delay,
                    folder: str = folder,
                ) -> None:
                    program = program_of("a child in a session of its own")
                    guarded = start(program, remove=folder)
                    now = time.monotonic()
                    tell(guarded.pid)
                    while time.monotonic() < now + delay / 1000:
                        pass
                    os.kill(os.getpid(), signal.SIGKILL)

                daemon = self.daemon(body)
                pid = int(daemon.said.line())
                wait_until_gone("the daemon", daemon.pid)
                self.until_all_gone(f"{start.__name__} and {delay} ms", pid, folder)

    def test_what_hits_the_group_of_the_daemon_does_not_hit_the_kernel(self) -> None:
        for start in (self.fork, self.spawn):
            self.mark_anew()
            folder = self.runtime()

            def body(
                tell: Callable[[object], None],
                start: Callable[..., Guarded] = start,
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
            self.assertEqual(len(marked_pids(self.mark)), 1)
            os.killpg(daemon.pid, signal.SIGKILL)
            self.until_all_gone(start.__name__, pid, folder)

    def test_what_hits_the_group_while_the_guardian_settles(self) -> None:
        """A spawner that blocks its signals, as `start` does, loses no guardian."""

        def spawn(argv: list[str]) -> Guarded:
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
            wait_until("it was stopped", lambda: state_of(guarded.pid) == "T")
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
        self.assertFalse(is_gone(holder))

    def test_the_daemon_is_killed_while_a_guardian_has_no_order_yet(self) -> None:
        def body(tell: Callable[[object], None]) -> None:
            tell(spawn_guardian(guardian.command_line(), b"").pid)

        daemon = self.daemon(body)
        pid = int(daemon.said.line())
        daemon.kill()
        wait_until_gone("the guardian", pid, PROMISED)

    def test_sweep_takes_what_a_killed_guardian_left(self) -> None:
        for tree in TREES:
            self.mark_anew()
            other = f"{self.mark}-other"
            self.addCleanup(kill_marked, other)

            def body(
                tell: Callable[[object], None], tree: str = tree, other: str = other
            ) -> None:
                assert guardian.become_subreaper()
                doomed = self.fork(program_of(tree))
                doomed.started()
                assert doomed.stderr.line() == "ready"
                self.until_stands(tree)
                self.env[MARK] = other
                kept = self.fork(program_of("a daemon, forked twice"))
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
                tell(marked_pids(self.mark))
                tell(guardian.sweep(keep))
                wait_until("the child slept", lambda: len(marked_pids(other)) == 3)
                tell([is_gone(pid) for pid in (kept.pid, child)])
                guardian._spared.clear()
                # Without anything to keep, all of it goes.
                tell(guardian.sweep(frozenset()) >= 4)
                tell(marked_pids(other))

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
            wait_until(
                "it was root's", lambda: status_field(root, "Uid").split() == ["0"] * 4
            )
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
