"""A kernel's process, sockets and files: whenever the daemon is killed, all go.

The daemon is a process of its own that stops at a named moment, and is killed
there: nothing depends on who is quicker.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time

from ipr.boot.connection import Inner
from ipr.boot.launch import Launch
from ipr.kernel import generation
from tests.case import Case

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

#: Bound, in seconds, of a wait for something that takes milliseconds.
PATIENCE = 20.0

# Each says where it is, and goes no further.
PRELUDE = f"""
import os, signal, sys
sys.path.insert(0, {ROOT!r})
from ipr.boot import connection, guardian, private

def stop(*_args, **_options):
    os.write(1, b"here\\n")
    while True:
        signal.pause()

def stop_after(module, name):
    real = getattr(module, name)
    def call(*args, **options):
        real(*args, **options)
        stop()
    setattr(module, name, call)

def stop_before(module, name):
    setattr(module, name, stop)

path = os.path.join(os.environ["IPR_TEST_OUTER"], "kernel.json")
connection.write_private(path, connection.fresh())
outer = connection.read(path)
"""

#: The first kernel, started before anything heavy is imported.
FIRST = """
from ipr.__main__ import main
sys.exit(main(["-f", path, "--inner-transport", "ipc", "--", *COMMAND]))
"""

#: Every other one.
LATER = """
from twisted.internet import reactor
from ipr.sockets.factory import Factory
from ipr.kernel.generation import Generation, Starter
from ipr.boot.launch import Launch
from ipr.kernel.process import InnerProcess

def start():
    starter.start(
        2, Launch(COMMAND), dict(os.environ), "",
        lost=print, started=started, ended=ended,
    )

started = ended = lambda _what: None
{moment}
starter = Starter(reactor, Factory(reactor), outer, "ipc", lambda _data: None, None)
reactor.callWhenRunning(start)
reactor.run()
"""

#: Where the daemon is killed while it makes a folder.
MAKING = (
    'stop_after(os, "mkdir")',
    'stop_before(private.Folder, "lock")',
    'stop_before(private.Folder, "write")',
    'stop_after(private.Folder, "write")',
)


class KilledDaemonTests(Case):
    def setUp(self) -> None:
        self.base = os.path.realpath(self.folder())
        self.mark = os.urandom(8).hex()
        self.ours = {
            **os.environ,
            "XDG_RUNTIME_DIR": self.base,
            "IPR_TEST_OUTER": self.folder(),
            "IPR_TEST_MARK": self.mark,
        }

    def killed(self, moment: str, code: str, command: list[str]) -> list[str]:
        """Kill a daemon at a moment; give what lay in the base at that moment."""
        self.ours["IPR_TEST_OUTER"] = self.folder()
        code = f"{PRELUDE}\nCOMMAND = {command!r}\n{code}"
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, env=self.ours
        ) as daemon:
            try:
                assert daemon.stdout is not None
                ready, _, _ = select.select([daemon.stdout], [], [], PATIENCE)
                self.assertTrue(ready, f"{moment}: never reached")
                self.assertEqual(os.read(daemon.stdout.fileno(), 5), b"here\n", moment)
                there = os.listdir(self.base)
            finally:
                daemon.send_signal(signal.SIGKILL)
        return there

    def processes(self) -> list[int]:
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    environment = file.read()
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    words = file.read()
            except OSError:
                continue
            # A guardian has none of our environment, but is told the folder.
            if self.mark.encode() in environment or self.base.encode() in words:
                found.append(int(name))
        return found

    def nothing_is_left(self, moment: str) -> None:
        deadline = time.monotonic() + PATIENCE
        left: tuple[list[str], list[int]] = ([], [])
        while time.monotonic() < deadline:
            left = os.listdir(self.base), self.processes()
            if left == ([], []):
                return
            select.select([], [], [], 0.01)
        self.assertEqual(left, ([], []), moment)

    def test_while_the_first_folder_is_made(self) -> None:
        for moment in (*MAKING, 'stop_before(guardian, "give")'):
            there = self.killed(moment, moment + FIRST, ["sleep", "1000"])
            self.assertEqual(len(there), 1, moment)
            self.nothing_is_left(moment)

    def test_while_another_folder_is_made(self) -> None:
        for moment in (*MAKING, 'stop_before(InnerProcess, "give")'):
            code = LATER.format(moment=moment)
            there = self.killed(moment, code, ["sleep", "1000"])
            self.assertEqual(len(there), 1, moment)
            self.nothing_is_left(moment)

    def test_while_the_kernel_runs(self) -> None:
        code = LATER.format(moment="started = stop")
        there = self.killed("started", code, ["sleep", "1000"])
        self.assertEqual(len(there), 1)
        self.nothing_is_left("started")

    def test_after_the_kernel_ended(self) -> None:
        """The daemon has been told, and has removed nothing yet."""
        code = LATER.format(moment="ended = stop")
        self.assertEqual(self.killed("ended", code, ["true"]), [])
        self.nothing_is_left("ended")

    def test_when_the_kernel_cannot_be_started(self) -> None:
        code = LATER.format(moment="ended = stop")
        self.assertEqual(self.killed("failed", code, ["/no/such"]), [])
        self.nothing_is_left("failed")

    def test_a_folder_that_cannot_be_made(self) -> None:
        """The error comes out of start; the guardian goes."""
        moment = """
def no(*_args): raise OSError(28, "full")
connection.make_inner = no
begin = start
def start():
    try:
        begin()
    except OSError:
        stop_after_next_turn()
def stop_after_next_turn():
    from ipr.kernel.guardians import children
    def look():
        stop() if not children() else reactor.callLater(0.01, look)
    look()
"""
        code = LATER.format(moment=moment)
        self.assertEqual(self.killed("full", code, ["true"]), [])
        self.nothing_is_left("full")


class PartsInSightTests(Case):
    def test_who_may_end_beside_the_next_kernel(self) -> None:
        """What is an ipykernel, or said to be one; never what is reached by tcp."""
        ipykernel = ("python", "-m", "ipykernel_launcher", "-f", "x")
        for argv, transport, expected in (
            (ipykernel, "ipc", True),
            (ipykernel, "tcp", False),
            # ipr-spec new --module adds --inner-transport ipc.
            (("bash", "-c", "module load x; exec python"), "ipc", True),
            (("python", "-m", "bash_kernel", "-f", "x"), "ipc", False),
            (("R", "-e", "IRkernel::main()", "--args", "x"), "ipc", False),
        ):
            inner = Inner("/f", "/f/k.json", transport, "/f/c", {})
            seen = generation._parts_in_sight(inner, Launch(argv))
            self.assertEqual(seen, expected, argv)
