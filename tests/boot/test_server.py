"""Which interpreter a bare ``python`` means to the manager that has started us."""

from __future__ import annotations

import os
import subprocess
import sys

from ipr.boot import server
from tests.case import Case

#: Reads its stdin to the end, whatever name it is given.
CAT = "/bin/cat"


class ServerTests(Case):
    def setUp(self) -> None:
        self.folder_ = os.path.realpath(self.folder())
        os.mkdir(os.path.join(self.folder_, "bin"))
        self.path = os.path.join(self.folder_, "bin", "python3.11")
        os.symlink(os.path.realpath(sys.executable), self.path)

    def manager(self, program: str, cwd: str = "/") -> int:
        """Start what may be one; its command line begins with a program's name."""
        started = subprocess.Popen(
            [program],
            executable=CAT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=cwd,
        )
        self.addCleanup(started.communicate)
        assert started.stdin is not None
        assert started.stdout is not None
        # Only when it runs does it have a command line.
        started.stdin.write(b"?\n")
        started.stdin.flush()
        self.assertEqual(started.stdout.readline(), b"?\n")
        return started.pid

    def said(self, word: str, pid: int, named: int | None = None) -> str:
        environ = {"JPY_PARENT_PID": str(pid if named is None else named)}
        return server.python(word, environ, pid)

    def test_interpreter_that_it_was_started_with(self) -> None:
        """Not where that leads to: a virtual environment is known by its path."""
        pid = self.manager(self.path)
        self.assertEqual(self.said("python3.11", pid), self.path)
        for word in ("python", "python3"):
            self.assertEqual(self.said(word, pid), self.path)
        # Another version is not the server's.
        self.assertEqual(self.said("python3.99", pid), "")

    def test_path_from_the_folder_that_it_was_started_in(self) -> None:
        pid = self.manager("bin/python3.11", cwd=self.folder_)
        self.assertEqual(self.said("python3", pid), self.path)

    def test_one_of_the_very_name_comes_first(self) -> None:
        pid = self.manager(self.path)
        other = os.path.join(self.folder_, "bin", "python3")
        os.symlink(os.path.realpath(sys.executable), other)
        self.assertEqual(self.said("python3", pid), other)

    def test_not_where_it_is_unknown(self) -> None:
        """No manager, one on another machine, no Python, one that has ended."""
        pid = self.manager(self.path)
        self.assertEqual(server.python("python3", {}, pid), "")
        self.assertEqual(self.said("python3", pid, named=pid + 1), "")
        # From the path: which one that was, its command line does not tell.
        self.assertEqual(self.said("python3", self.manager("python3.11")), "")
        self.assertEqual(self.said("python3", self.manager("/bin/sh")), "")
        gone = self.manager("/gone/bin/python3")
        self.assertEqual(self.said("python3", gone), "")
        self.assertEqual(self.said("python3", 2**22 + 1), "")
