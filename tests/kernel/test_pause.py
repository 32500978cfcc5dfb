"""A process that waits while another one works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from twisted.internet.task import Clock

from ipr.kernel.pause import MOMENT, Pause
from tests.case import Case


class Process:
    """A real process in a group of its own, as a kernel is.

    :ivar signals: those that it was sent.
    """

    def __init__(self, code: str, folder: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", f"{code}\nprint(1, flush=True)\nwork()"],
            start_new_session=True,
            stdout=subprocess.PIPE,
            cwd=folder,
        )
        self.pid = self._process.pid
        self.signals: list[int] = []
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def signal(self, number: int) -> None:
        self.signals.append(number)
        os.killpg(self._process.pid, number)

    def state(self) -> str:
        with open(f"/proc/{self._process.pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


WORKS = "def work():\n    while True: pass"
LOCKS = (
    "import fcntl, os, time\nf = open('history', 'w'); fcntl.lockf(f, 2)\n"
    "def work():\n"
    "    while not os.path.exists('enough'): time.sleep(0.002)\n"
    "    f.close()\n"
    "    time.sleep(100)"
)


class PauseTests(Case):
    def start(self, code: str) -> tuple[Process, Pause, Clock]:
        self.root = self.folder()
        clock = self.make_clock()
        process = Process(code, self.root)
        self.addCleanup(process.end)
        return process, Pause(process, clock), clock

    def test_waits_and_goes_on(self) -> None:
        process, pause, clock = self.start(WORKS)
        pause.begin()
        until(lambda: process.state() == "T")
        clock.advance(MOMENT)
        self.assertTrue(pause.on)
        pause.end()
        until(lambda: process.state() in "RS")
        self.assertFalse(pause.on)

    def test_goes_on_at_once(self) -> None:
        """In the very moment; nothing is left that would stop it again."""
        process, pause, _ = self.start(WORKS)
        pause.begin()
        pause.end()
        self.assertEqual(process.signals, [signal.SIGSTOP, signal.SIGCONT])

    def test_signals_only_where_it_waits(self) -> None:
        process, pause, clock = self.start(WORKS)
        pause.end()
        self.assertEqual(process.signals, [])
        pause.begin()
        clock.advance(MOMENT)
        pause.begin()
        self.assertEqual(process.signals, [signal.SIGSTOP])

    def test_lock_is_not_kept_while_it_waits(self) -> None:
        process, pause, clock = self.start(LOCKS)
        pause.begin()
        for _ in range(3):
            until(lambda: process.state() == "T")
            clock.advance(MOMENT)
            until(lambda: process.state() in "RS")
            clock.advance(MOMENT)
        with open(f"{self.root}/enough", "w"):
            pass
        pause.end()
        until(lambda: not locked(process.pid))
        pause.begin()
        until(lambda: process.state() == "T")
        clock.advance(MOMENT)
        clock.advance(MOMENT)
        self.assertEqual(process.state(), "T")

    def test_go_on_between_two_stops(self) -> None:
        process, pause, clock = self.start(LOCKS)
        pause.begin()
        until(lambda: process.state() == "T")
        clock.advance(MOMENT)
        pause.end()
        clock.advance(10 * MOMENT)
        self.assertEqual(process.signals[-1], signal.SIGCONT)

    def test_one_that_does_not_run_yet(self) -> None:
        """The signal reaches it as soon as it does."""
        process, pause, clock = self.start(WORKS)
        pid, process.pid = process.pid, 0
        pause.begin()
        clock.advance(MOMENT)
        clock.advance(MOMENT)
        process.pid = pid
        clock.advance(MOMENT)
        self.assertEqual(clock.getDelayedCalls(), [])


def locked(pid: int) -> bool:
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{name}") as file:
            if "lock:" in file.read():
                return True
    return False


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited 20 s"
        time.sleep(0.002)
