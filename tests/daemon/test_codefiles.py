"""How files of code are read."""

from __future__ import annotations

import os
import threading
from typing import Any

from ipr.boot import codefile
from ipr.daemon import codefiles
from ipr.kernel.surroundings import FILES_TIME
from tests.case import Case
from tests.fakes import FakeReactor


class Threaded(FakeReactor):
    """Calls at once what a thread has to say."""

    def __init__(self) -> None:
        super().__init__()
        self.said = threading.Event()

    def callFromThread(self, call: Any, *args: Any) -> None:
        call(*args)
        self.said.set()


class ReadTests(Case):
    def setUp(self) -> None:
        self.reactor = Threaded()
        self.path = os.path.join(self.folder(), "code.py")

    def read(self) -> tuple[list[str], list[str]]:
        """Read it; what was read, and what was said."""
        found: list[str] = []
        errors: list[str] = []
        reading = codefiles.made(self.reactor, self.path).read()
        reading.addCallbacks(
            found.append, lambda why: errors.append(why.getErrorMessage())
        )
        self.reactor.said.wait(10)
        return found, errors

    def test_it_is_read_for_each_kernel(self) -> None:
        for code in ("x = 1", "x = 2"):
            with open(self.path, "w") as file:
                file.write(code)
            self.reactor.said.clear()
            self.assertEqual(self.read(), ([code], []))

    def test_missing_file_is_told(self) -> None:
        sentence = f"cannot read {self.path}: No such file or directory"
        self.assertEqual(self.read(), ([], [sentence]))

    def test_file_system_that_does_not_answer(self) -> None:
        blocked = threading.Event()
        self.addCleanup(blocked.set)
        untyped: Any = self
        untyped.patch(codefile, "read", lambda _path: blocked.wait(10))
        errors: list[str] = []
        reading = codefiles.made(self.reactor, "/far/code.py").read()
        reading.addErrback(lambda why: errors.append(why.getErrorMessage()))
        self.reactor.advance(FILES_TIME)
        self.assertEqual(errors, ["the file system of /far/code.py does not answer"])
