"""What a kernel holds that the next one should not meet: with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from ipr.kernel import tree
from ipr.kernel.parting import Own, in_the_way, own
from tests.case import Case

#: Says that it is ready, then does what it is told, then says so.
_PROGRAM = """
import os, sys, socket, subprocess, time
log = open(sys.argv[1], "a")
print("ready", flush=True)
exec(sys.stdin.readline())
print("done", flush=True)
sys.stdin.read()
"""


class InTheWayTests(Case):
    def setUp(self) -> None:
        self.folder_path = self.folder()
        self.log = os.path.join(self.folder_path, "log")

    def found(self, code: str) -> str:
        """Have a process do something, and look at what is in the way then."""
        with subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, self.log],
            cwd=self.folder_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), "ready\n")
            before = own(process.pid)
            process.stdin.write(f"{code}\n")
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), "done\n")
            found = in_the_way(process.pid, before)
            os.killpg(process.pid, signal.SIGKILL)
        return found

    def test_what_it_had_when_it_was_ready_is_not(self) -> None:
        """Its history, a log: each kernel has that open."""
        self.assertEqual(self.found("x = 1"), "")

    def test_file_open_for_reading_is_not(self) -> None:
        self.assertEqual(self.found("f = open(sys.argv[1])"), "")

    def test_file_open_for_writing_is(self) -> None:
        """It is written to the end when the interpreter ends."""
        found = self.found("f = open('result', 'w'); f.write('x')")
        path = os.path.realpath(os.path.join(self.folder_path, "result"))
        self.assertEqual(found, f"{path}, which is open for writing")

    def test_port_is(self) -> None:
        code = "s = socket.create_server(('127.0.0.1', 0))"
        self.assertRegex(self.found(code), r"^tcp port \d+$")

    def test_lock_is(self) -> None:
        code = "import fcntl; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX)"
        self.assertEqual(self.found(code), f"a lock on {os.path.realpath(self.log)}")

    def test_process_that_it_has_started_is(self) -> None:
        code = "p = subprocess.Popen(['sleep', '60'], stdin=-1, stdout=-3)"
        self.assertEqual(self.found(code), "processes that it has started")

    def test_one_that_is_gone_is_waited_for(self) -> None:
        """What its tree still holds is its guardian's to find out."""
        with subprocess.Popen(["true"]) as process:
            end = time.monotonic() + 10
            while not tree.is_zombie(process.pid):
                self.assertLess(time.monotonic(), end)
                time.sleep(0.01)
            self.assertIn("has ended", in_the_way(process.pid, Own()))
