"""What processes do, as /proc has it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from ipr.kernel import atwork
from tests.case import Case


class Proc:
    """A made-up /proc."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def add(
        self, pid: int, state: str, ticks: int = 0, wchan: str = "0", line: str = ""
    ) -> None:
        folder = os.path.join(self.folder, str(pid))
        task = os.path.join(folder, "task", str(pid))
        os.makedirs(task, exist_ok=True)
        fields = [state, *"0" * 10, str(ticks), "0", *"0" * 20]
        self.write(folder, "stat", f"{pid} (a ) b) {' '.join(fields)}")
        self.write(folder, "cmdline", line.replace(" ", "\0"))
        self.write(folder, "comm", "R\n")
        self.write(task, "wchan", wchan)

    def write(self, folder: str, name: str, text: str) -> None:
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


class MadeUpTests(Case):
    def setUp(self) -> None:
        self.proc = Proc(self.folder())

    def look(self, before: dict[int, float], seconds: float) -> list[atwork.Process]:
        return atwork.look(before, seconds, self.proc.folder)

    def doing(self, state: str, wchan: str = "0") -> str:
        self.proc.add(7, state, wchan=wchan)
        (found,) = self.look({7: 0.0}, 1.0)
        return found.doing

    def test_share_is_that_of_the_time_between_two_looks(self) -> None:
        tick = os.sysconf("SC_CLK_TCK")
        self.proc.add(7, "R", ticks=5 * tick, line="/usr/bin/R -e x")
        before = atwork.used((7, 8), self.proc.folder)
        self.assertEqual(before, {7: 5.0})
        self.proc.add(7, "R", ticks=6 * tick, line="/usr/bin/R -e x")
        (found,) = self.look(before, 2.0)
        self.assertEqual((found.command, found.share), ("R -e x", 0.5))

    def test_what_a_thread_waits_for_is_said_in_words(self) -> None:
        self.assertEqual(self.doing("R"), "running")
        self.assertEqual(self.doing("S", "hrtimer_nanosleep"), "sleeping")
        self.assertEqual(
            self.doing("S", "__futex_wait"), "waiting for a lock or another thread"
        )
        self.assertEqual(
            self.doing("D", "rpc_wait_bit_killable"),
            "waiting for a file server (NFS)",
        )
        self.assertEqual(self.doing("S", "0"), "waiting")
        self.assertEqual(self.doing("S", "some_place"), "waiting (some_place)")
        self.assertEqual(self.doing("T"), "stopped (SIGSTOP)")
        self.assertEqual(self.doing("?"), "in state ?")

    def test_the_command_line_of_one_that_cannot_be_interrupted_is_not_read(
        self,
    ) -> None:
        """Reading it may hang with it."""
        self.proc.add(7, "D", line="/usr/bin/R -e x")
        (found,) = self.look({7: 0.0}, 1.0)
        self.assertEqual(found.command, "R")

    def test_those_that_have_ended_are_left_out(self) -> None:
        self.proc.add(7, "Z")
        self.assertEqual(self.look({7: 0.0, 8: 0.0}, 1.0), [])


class RealTests(Case):
    def test_a_python_that_sleeps_is_one_that_sleeps(self) -> None:
        argv = [sys.executable, "-c", "print(flush=True); import time; time.sleep(60)"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            until = time.monotonic() + 20
            before = atwork.used([process.pid])
            doing = ""
            while doing != "sleeping" and time.monotonic() < until:
                (found,) = atwork.look(before, 1.0)
                doing = found.doing
            self.assertTrue(atwork.is_python(process.pid))
            process.kill()
        self.assertEqual(doing, "sleeping")
        self.assertIn("time.sleep(60)", found.command)
        self.assertFalse(atwork.is_python(process.pid))
