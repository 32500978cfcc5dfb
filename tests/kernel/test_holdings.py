"""What real processes hold: devices, sockets, locks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from unittest import mock, skipUnless

from ipr.kernel import holdings, tree
from tests.case import Case

ROOT = os.geteuid() == 0


class Holding(Case):
    def setUp(self) -> None:
        self.root = self.folder()

    def process(self, code: str, *, own: bool = True) -> int:
        """Run ``code`` in a Python that then waits; give its pid once it has.

        :param own: it is in the end a child of ours, and not of init.
        """
        text = (
            f"import os, sys\n{code}\nprint(os.getpid(), flush=True)\nsys.stdin.read()"
        )
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", text],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self.root,
        )

        def end() -> None:
            for pid in tree.below(process.pid):
                os.kill(pid, signal.SIGKILL)
            process.kill()
            process.communicate()

        self.addCleanup(end)
        assert process.stdout is not None
        return int(process.stdout.readline())

    def held(self, code: str) -> list[str]:
        pid = self.process(code)
        return list(holdings.held((pid,), ()))


class DeviceTests(Holding):
    def test_plain_process_holds_nothing(self) -> None:
        code = (
            "kept = [open(p) for p in ('/dev/null', '/dev/zero', '/dev/full',"
            "'/dev/urandom', '/dev/random', '/etc/passwd')]\n"
            "import mmap, pty, socket\n"
            "kept += [pty.openpty(), mmap.mmap(-1, 4096), os.pipe()]\n"
            "kept += [socket.socketpair(), os.memfd_create('x')]\n"
            "open('/dev/shm/ipr-%d' % os.getpid(), 'wb').write(bytes(4096))\n"
            "f = open('/dev/shm/ipr-%d' % os.getpid(), 'rb')\n"
            "kept += [f, mmap.mmap(f.fileno(), 4096, prot=mmap.PROT_READ)]\n"
            "os.remove(f.name)"
        )
        self.assertEqual(self.held(code), [])

    @skipUnless(ROOT, "opens a device of root's")
    def test_device_is_held(self) -> None:
        device = next(d for d in ("/dev/fuse", "/dev/loop-control") if _opens(d))
        self.assertEqual(self.held(f"f = os.open({device!r}, os.O_RDWR)"), [device])

    def test_mapped_device_is_held_when_it_was_closed(self) -> None:
        """/dev/zero, as another device's number has it."""
        with mock.patch.object(holdings, "_HARMLESS", frozenset()):
            held = self.held(
                "import mmap\nf = open('/dev/zero', 'r+b', buffering=0)\n"
                "m = mmap.mmap(f.fileno(), 4096, flags=mmap.MAP_PRIVATE)\n"
                "os.close(f.fileno())"
            )
        self.assertIn("/dev/zero", held)


class SocketTests(Holding):
    def test_listening_sockets_are_held(self) -> None:
        code = (
            "import socket\n"
            "a = socket.create_server(('127.0.0.1', 0))\n"
            "b = socket.create_server(('::1', 0), family=socket.AF_INET6)\n"
            "c = socket.socket(type=socket.SOCK_DGRAM); c.bind(('', 0))\n"
            "d = socket.socket(socket.AF_UNIX); d.bind('my socket'); d.listen()\n"
            "e = socket.socket(socket.AF_UNIX); e.bind(b'\\0ipr%d' % os.getpid())\n"
            "e.listen()\n"
            "open('ports', 'w').write('%d %d %d' % tuple("
            "x.getsockname()[1] for x in (a, b, c)))"
        )
        held = self.held(code)
        with open(f"{self.root}/ports") as file:
            a, b, c = file.read().split()
        self.assertEqual(
            held[:4],
            [f"tcp port {a}", f"tcp port {b}", f"udp port {c}", "the socket my socket"],
        )
        self.assertTrue(held[4].startswith("the socket @ipr"), held)

    def test_connections_are_not(self) -> None:
        code = (
            "import socket\n"
            "a = socket.create_server(('127.0.0.1', 0))\n"
            "b = socket.create_connection(a.getsockname()); c = a.accept(); a.close()\n"
            "d = socket.socket(type=socket.SOCK_DGRAM); d.connect(('127.0.0.1', 9))\n"
            "e = socket.socket(); e.bind(('127.0.0.1', 0))"
        )
        self.assertEqual(self.held(code), [])

    def test_those_it_had_when_it_was_ready_are_not(self) -> None:
        pid = self.process(
            "import socket, threading, time\n"
            "a = socket.create_server(('127.0.0.1', 0))\n"
            "def more():\n"
            " global b\n"
            " while not os.path.exists('more'): time.sleep(0.01)\n"
            " b = socket.create_server(('127.0.0.1', 0))\n"
            "threading.Thread(target=more, daemon=True).start()"
        )
        own = holdings.sockets(pid)
        self.assertEqual(len(own), 1)
        self.assertEqual(holdings.held((pid,), own), ())
        with open(f"{self.root}/more", "w"):
            pass
        _until(lambda: bool(holdings.held((pid,), own)))
        (words,) = holdings.held((pid,), own)
        self.assertTrue(words.startswith("tcp port "), words)


class LockTests(Holding):
    def test_locks_of_all_kinds_are_held(self) -> None:
        kinds = (
            "fcntl.flock(f, fcntl.LOCK_EX)",
            "fcntl.flock(f, fcntl.LOCK_SH)",
            "fcntl.lockf(f, fcntl.LOCK_EX)",
            "fcntl.fcntl(f, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))",
        )
        for number, kind in enumerate(kinds):
            with self.subTest(kind):
                code = f"import fcntl, struct\nf = open('{number}', 'w')\n{kind}"
                words = f"a lock on {self.root}/{number}"
                self.assertEqual(self.held(code), [words])

    def test_lock_on_the_history_is_not(self) -> None:
        """All kernels of a user write into one, each for a moment."""
        code = "import fcntl\nf = open('history.sqlite', 'w'); fcntl.lockf(f, 2)"
        self.assertEqual(self.held(code), [])

    def test_lock_of_somebody_else_is_not(self) -> None:
        self.process("import fcntl\nf = open('x', 'w'); fcntl.lockf(f, fcntl.LOCK_EX)")
        self.assertEqual(self.held("f = open('x')"), [])

    def test_lock_of_a_removed_file_is_held(self) -> None:
        held = self.held(
            "import fcntl\nf = open('x', 'w'); fcntl.flock(f, 2); os.remove('x')"
        )
        self.assertEqual(held, [f"a lock on {self.root}/x"])


class ProcessesTests(Holding):
    def test_what_children_hold_is_held(self) -> None:
        pid = self.process(
            "import subprocess\n"
            'code = \'import fcntl, sys; f = open("x", "w"); fcntl.flock(f, 2);\'\n'
            "code += 'print(1, flush=True); sys.stdin.read()'\n"
            "p = subprocess.Popen([sys.executable, '-S', '-c', code],"
            " stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
            "p.stdout.readline()"
        )
        self.assertEqual(holdings.held((pid,), ()), ())
        pids = (pid, *tree.below(pid))
        self.assertEqual(holdings.held(pids, ()), (f"a lock on {self.root}/x",))

    def test_process_that_is_gone_holds_nothing(self) -> None:
        self.assertEqual(holdings.held((2**22 + 1,), ()), ())
        self.assertEqual(holdings.sockets(2**22 + 1), frozenset())

    def test_zombie_holds_nothing(self) -> None:
        pid = self.process(
            "global p\np = os.fork()\nif not p: os._exit(0)\n"
            "import time\nos.waitid(os.P_PID, p, os.WEXITED | os.WNOWAIT)"
        )
        (child,) = tree.below(pid)
        self.assertTrue(tree.is_zombie(child))
        self.assertEqual(holdings.held((pid, child), ()), ())

    def test_what_cannot_be_looked_at_is_held(self) -> None:
        """A process of another user's, as a setuid program makes it."""
        pid = self.process("")
        with mock.patch("os.scandir", side_effect=PermissionError(13, "no")):
            held = holdings.held((pid,), ())
        self.assertEqual(held, (f"unknown descriptors of process {pid}",))

    def test_too_many_descriptors_are_held(self) -> None:
        pid = self.process("kept = [os.dup(0) for _ in range(100)]")
        with mock.patch.object(holdings, "MOST_DESCRIPTORS", 50):
            held = holdings.held((pid,), ())
        self.assertEqual(held, (f"too many descriptors of process {pid}",))

    def test_a_hundred_thousand_descriptors_take_a_bounded_time(self) -> None:
        pid = self.process(
            "import resource as r\nsoft, hard = r.getrlimit(r.RLIMIT_NOFILE)\n"
            "r.setrlimit(r.RLIMIT_NOFILE, (hard, hard))\n"
            "n = min(hard - 20, 100_000)\n"
            "f = open('x', 'w')\nkept = [os.dup(f.fileno()) for _ in range(n)]"
        )
        began = time.process_time()
        held = holdings.held((pid,), ())
        took = time.process_time() - began
        if held:
            self.assertEqual(held, (f"too many descriptors of process {pid}",))
        # Processor time, so that a busy machine does not count.
        self.assertTrue(took < 5, took)


class TreeTests(Holding):
    def test_kernel_comes_first_and_its_orphans_are_found(self) -> None:
        """Below a subreaper, as a guardian is one."""
        guardian = self.process(
            "import ctypes; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
            "r, w = os.pipe()\n"
            "kernel = os.fork()\n"
            "if not kernel:\n"
            "    if not os.fork():\n"
            "        if os.fork(): os._exit(0)\n"
            "        os.write(w, b'x'); sys.stdin.read(); os._exit(0)\n"
            "    os.wait(); os.write(w, b'x'); sys.stdin.read(); os._exit(0)\n"
            "os.read(r, 1); os.read(r, 1)\n"
            "open('kernel', 'w').write(str(kernel))"
        )
        with open(f"{self.root}/kernel") as file:
            kernel = int(file.read())
        found = tree.of(kernel)
        self.assertEqual(found[0], kernel)
        self.assertEqual(len(found), 2)
        self.assertFalse(guardian in found)

    def test_kernel_whose_guardian_is_gone(self) -> None:
        """It is our own child then: our other children are not of its tree."""
        kernel, _other = self.process(""), self.process("")
        self.assertEqual(tree.of(kernel), (kernel,))

    def test_children_of_a_thread_are_found(self) -> None:
        pid = self.process(
            "import subprocess, threading\n"
            "def start():\n"
            "    subprocess.Popen(['sleep', '100']); done.set()\n"
            "    threading.Event().wait()\n"
            "done = threading.Event()\n"
            "threading.Thread(target=start, daemon=True).start(); done.wait()"
        )
        self.assertEqual(len(tree.below(pid)), 1)


def _opens(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError:
        return False
    return True


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited 20 s"
        time.sleep(0.01)
