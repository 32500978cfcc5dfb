"""How guardians are spawned by the reactor, and ended with the daemon."""

from __future__ import annotations

import ast
import os
import signal
import sys
from typing import Any

from twisted.internet import process as twisted_process

from ipr.boot import guardian
from ipr.kernel import guardians
from tests.case import Case
from tests.fakes import Done


class Protocol:
    def makeConnection(self, _transport: object) -> None:
        """Nothing is to be done."""


class EndAllTests(Case):
    def end(self, left: frozenset[int]) -> Done:
        """Return what is done at the end of the daemon."""
        done: Done = []
        typeless: Any = super()
        typeless.patch(guardians, "children", lambda: left)
        typeless.patch(os, "kill", lambda *what: done.append(what))
        typeless.patch(guardian, "sweep", lambda *what: done.append(what))
        guardians.end_all()
        return done

    def test_guardians_that_are_left(self) -> None:
        """They are killed, and then all that they guarded."""
        self.assertEqual(
            self.end(frozenset({7})), [(7, signal.SIGKILL), (frozenset(), 1.0)]
        )

    def test_usual_end(self) -> None:
        """There is none."""
        self.assertEqual(self.end(frozenset()), [])


class SpawnTests(Case):
    def test_guardian_has_three_pipes_and_little_environment(self) -> None:
        """A guardian with its three pipes; almost nothing of our environment."""
        done: Done = []
        blocked: list[set[int]] = []

        def start(*args: Any, **kwargs: Any) -> None:
            done.append((args, kwargs))
            blocked.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

        self.environment(
            LD_LIBRARY_PATH="/opt/python/lib", PYTHONHOME=None, PYTHONPATH="/mine"
        )
        typeless: Any = super()
        typeless.patch(guardian, "inherited", lambda: {3: 5, 9: 9})
        typeless.patch(guardian, "_held", None)
        typeless.patch(guardians, "Spawned", start)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        reactor: Any = object()
        protocol: Any = object()
        guardians.spawn(reactor, protocol, ["/run/a", "/run/b"])
        self.assertTrue(blocked[0] >= {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        self.assertEqual(signal.pthread_sigmask(signal.SIG_BLOCK, ()), mask)
        argv = guardian.command_line({3: 5, 9: 9}, ["/run/a", "/run/b"])
        self.assertEqual(argv[-2:], ["/run/a", "/run/b"])
        self.assertEqual(
            done,
            [
                (
                    (
                        reactor,
                        argv[0],
                        argv,
                        {
                            "PATH": os.defpath,
                            "LC_ALL": "C",
                            # A site's Python may not even start without.
                            "LD_LIBRARY_PATH": "/opt/python/lib",
                        },
                        None,
                        protocol,
                    ),
                    {"childFDs": {0: 0, 1: 1, 2: "r", 3: "w", 4: "r", 5: 3, 9: 9}},
                )
            ],
        )


#: Says what it has: its session, the numbers of its descriptors, ignored signals.
PROGRAM = """
import os, signal
os.write(4, repr((
    os.getsid(0) == os.getpid(),
    [fd for fd in range(64) if os.path.exists("/proc/self/fd/%d" % fd)],
    os.read(6, 9),
    signal.getsignal(signal.SIGHUP) == signal.SIG_IGN,
)).encode())
"""


class SpawnedTests(Case):
    def run_program(self, given: dict[int, int]) -> tuple[Any, int]:
        """Return what it says, and its session as soon as it has been started."""
        said, tell = os.pipe()
        start: Any = guardians.Spawned
        protocol: Any = Protocol()
        started = start(
            object(),
            sys.executable,
            [sys.executable, "-I", "-S", "-c", PROGRAM],
            {},
            None,
            protocol,
            childFDs={0: 0, 1: 1, 2: 2, 4: tell, **given},
        )
        session = os.getsid(started.pid)
        os.close(tell)
        with os.fdopen(said, "rb") as file:
            answer = ast.literal_eval(file.read().decode())
        os.waitpid(started.pid, 0)
        vars(twisted_process)["reapProcessHandlers"].pop(started.pid, None)
        return answer, session - started.pid

    def test_session_and_descriptors_from_its_first_instruction_on(self) -> None:
        """Whatever else we have, and however the numbers cross over."""
        folder = self.folder()
        first, second = (os.path.join(folder, name) for name in "ab")
        for path in (first, second):
            with open(path, "w") as file:
                file.write(path[-1])
        kept = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGHUP, kept)
        fds = [os.open(path, os.O_RDONLY) for path in (first, second)]
        for fd in fds:
            self.addCleanup(os.close, fd)
            os.set_inheritable(fd, True)
        answer, between = self.run_program({5: fds[1], 6: fds[0]})
        self.assertEqual(answer, (True, [0, 1, 2, 4, 5, 6], b"a", False))
        self.assertEqual(between, 0)

    def test_a_c_library_that_can_make_no_session_leaves_it_to_the_program(
        self,
    ) -> None:
        def refuse(*_args: Any, **_options: Any) -> int:
            raise NotImplementedError

        typeless: Any = super()
        typeless.patch(os, "posix_spawn", refuse)
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        os.write(write, b"given")
        os.close(write)
        answer, _ = self.run_program({6: read})
        self.assertEqual(answer, (False, [0, 1, 2, 4, 6], b"given", False))
