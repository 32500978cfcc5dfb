"""py-spy: found, asked, and its answer read."""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.internet.defer import Deferred

from ipr.kernel import pyspy
from ipr.kernel.asking import NoAnswer
from ipr.kernel.frames import MOST_THREADS, Frame, Thread
from tests.kernel.test_asking import AskingCase

MAIN: dict[str, Any] = {
    "pid": 7,
    "thread_id": 140,
    "thread_name": "MainThread",
    "os_thread_id": 7,
    "active": True,
    "owns_gil": True,
    "frames": [
        {"name": "sleep", "filename": "/lib/time.py", "line": 9, "locals": None},
        {"name": "f", "filename": "/tmp/ipykernel_1/2.py", "line": 3},
    ],
}
OTHER: dict[str, Any] = {"os_thread_id": 8, "thread_name": None, "frames": []}


def printed(*threads: object) -> bytes:
    return json.dumps(threads).encode()


class ParseTests(AskingCase):
    def test_main_thread_comes_first_and_its_newest_call_last(self) -> None:
        calls = (
            Frame("/tmp/ipykernel_1/2.py", 3, "f"),
            Frame("/lib/time.py", 9, "sleep"),
        )
        self.assertEqual(
            pyspy.parse(printed(OTHER, MAIN), 7),
            (
                Thread("MainThread", True, calls, "has the GIL"),
                Thread("thread 8", False, ()),
            ),
        )

    def test_what_cannot_be_read_is_no_answer(self) -> None:
        for output in (
            b"",
            b"\xff",
            b"[]",
            b"{}",
            printed(7),
            printed({"frames": []}),
            printed({"os_thread_id": 7, "frames": [{"name": "f"}]}),
            b"[" + b" " * pyspy.LONGEST + b"]",
        ):
            self.raised(NoAnswer, pyspy.parse, output, 7)

    def test_of_too_many_threads_the_first_are_taken(self) -> None:
        found = pyspy.parse(printed(*[OTHER] * (MOST_THREADS + 9)), 7)
        self.assertEqual(len(found), MOST_THREADS)


class FindTests(AskingCase):
    def program(self, name: str = "py-spy", mode: int = 0o755) -> str:
        path = os.path.join(self.folder(), name)
        with open(path, "w", encoding="utf-8"):
            os.chmod(path, mode)
        return path

    def test_path_comes_first_then_beside_the_pythons(self) -> None:
        first, second = self.program(), self.program()
        python = os.path.join(os.path.dirname(second), "python")
        environ = {"PATH": os.path.dirname(first)}
        self.assertEqual(pyspy.find(environ, (python,)), first)
        self.assertEqual(pyspy.find({"PATH": "/nowhere"}, (python,)), second)

    def test_what_cannot_be_run_or_has_no_folder_is_not_found(self) -> None:
        python = os.path.join(os.path.dirname(self.program(mode=0o644)), "python")
        self.assertEqual(pyspy.find({"PATH": "/nowhere"}, (python, "python")), "")


class DumpTests(AskingCase):
    def dump(self) -> Any:
        reactor: Any = self.clock
        dumping: Deferred[tuple[Thread, ...]] = pyspy.dump(
            reactor, "/bin/py-spy", {}, 7
        )
        return dumping

    def over(self, status: int, said: str = "") -> None:
        self.protocol.childDataReceived(2, said.encode())
        self.says(b"started 12\nexited %d 1000\n" % status)
        self.ends()

    def test_its_answer_is_read(self) -> None:
        asked = self.dump()
        self.protocol.childDataReceived(1, printed(MAIN))
        self.over(0)
        (main,) = self.untyped().successResultOf(asked)
        self.assertEqual(main.name, "MainThread")

    def test_it_does_not_stop_the_kernel(self) -> None:
        self.dump().addErrback(lambda _failure: None)
        self.assertIn(b"--nonblocking", b"".join(self.transport.written))
        self.ends()

    def test_why_it_failed_is_one_line(self) -> None:
        for said, why in (
            ("Error: Permission Denied: Try running again", "ptrace is not permitted"),
            (
                "Error: Failed to find it\n\nStack backtrace:\n 0: x",
                "Failed to find it",
            ),
            ("", "without saying why"),
        ):
            asked = self.dump()
            self.over(256, said)
            failure = self.untyped().failureResultOf(asked, NoAnswer)
            self.assertIn(why, str(failure.value))
            self.assertEqual(len(str(failure.value).splitlines()), 1)

    def test_one_that_hangs_is_ended(self) -> None:
        asked = self.dump()
        self.clock.advance(pyspy.TIME)
        failure = self.untyped().failureResultOf(asked, NoAnswer)
        self.assertIn("not done", str(failure.value))
        self.ends()
