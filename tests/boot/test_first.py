"""The first moments: a guardian is forked ahead, and then used or dismissed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any
from unittest import mock

from ipr.boot import connection, first, guardian, options
from ipr.boot.launch import Launch
from tests.case import Case

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class PlanTests(Case):
    """What is to be started."""

    def test_appended_words(self) -> None:
        """They follow the command, with the inner kernel's own connection file."""
        path = os.path.join(self.folder(), "kernel.json")
        connection.write_private(path, connection.fresh())
        values = dict(options.parse(["-f", path], "")[0])
        made = first.plan(
            values, ["k", path], connection.read(path), ["--odd", f"--at={path}"]
        )
        assert made.launch is not None
        self.assertEqual(
            made.launch.command("/inner"), ["k", "/inner", "--odd", "--at=/inner"]
        )


class LocaleTests(Case):
    """A kernel gets the environment that the daemon was given."""

    def forgotten(self, given: bytes, ours: str | None) -> str | None:
        path = os.path.join(self.folder(), "environ")
        with open(path, "wb") as file:
            file.write(given)
        self.environment(LC_CTYPE=ours)
        first.forget_made_up_locale(path)
        return os.environ.get("LC_CTYPE")

    def test_made_up(self) -> None:
        self.assertEqual(self.forgotten(b"A=b\0XLC_CTYPE=x\0", "C.UTF-8"), None)
        self.assertEqual(self.forgotten(b"LC_CTYPE=C\0A=b\0", "C.UTF-8"), "C")

    def test_given_locale_stays(self) -> None:
        """What was not made up stays."""
        for value in ("C.UTF-8", "de_DE.UTF-8", None):
            given = b"" if value is None else b"LC_CTYPE=" + value.encode() + b"\0"
            self.assertEqual(self.forgotten(given, value), value)

    def test_nobody_can_tell(self) -> None:
        self.environment(LC_CTYPE="C.UTF-8")
        first.forget_made_up_locale("/not/there")
        self.assertEqual(os.environ["LC_CTYPE"], "C.UTF-8")


class PrepareTests(Case):
    """What cannot be started is said in the plan, and leaves nothing."""

    def setUp(self) -> None:
        """Make a folder in which all that is written lies."""
        self.base = self.folder()
        self.environment(XDG_RUNTIME_DIR=self.base, TMPDIR=self.base)
        path = os.path.join(self.folder(), "kernel.json")
        connection.write_private(path, connection.fresh())
        self.outer = connection.read(path)
        self.places = connection.folders_for(self.outer)

    def prepare(self, launch: Launch | None, **forked: Any) -> first.Plan:
        """Do what the entry does, with a guardian of the test's own."""
        if not forked:
            forked = {"forked": guardian.fork(self.places)}
            self.guardian = forked["forked"][0]
        before = first.Plan(self.outer, launch, "" if launch else "none", None)
        return first.prepare(before, "ipc", self.places, **forked)

    def nothing_is_left(self) -> None:
        """The guardian is gone and reaped, and there is no folder."""
        self.raised(ChildProcessError, os.waitpid, self.guardian, os.WNOHANG)
        self.assertEqual(os.listdir(self.base), [])

    def ends_well(self, plan: first.Plan) -> None:
        """The kernel runs ``true``; the folder goes with it."""
        assert plan.prepared is not None
        self.guardian = plan.prepared.started[0]
        pid, command, report, stderr = plan.prepared.started
        said = b""
        while chunk := os.read(report, 1000):
            said += chunk
        self.assertEqual(
            [line.split()[0] for line in said.splitlines()], [b"started", b"exited"]
        )
        self.assertEqual(os.waitpid(pid, 0), (pid, 0))
        for fd in (command, report, stderr):
            os.close(fd)
        self.nothing_is_left()
        connection.remove_inner(plan.prepared.inner)

    def test_a_kernel(self) -> None:
        self.ends_well(self.prepare(Launch(("true",))))

    def test_no_command(self) -> None:
        self.assertEqual(self.prepare(None).problem, "none")
        self.nothing_is_left()

    def test_an_impossible_command(self) -> None:
        plan = self.prepare(Launch(("a\0b",)))
        self.assertIs(plan.prepared, None)
        self.assertIn("NUL", plan.problem)
        self.nothing_is_left()

    def test_no_place(self) -> None:
        with mock.patch.object(connection, "make_inner", side_effect=OSError("full")):
            plan = self.prepare(Launch(("true",)))
        self.assertIs(plan.prepared, None)
        self.assertIn("full", plan.problem)
        self.nothing_is_left()

    def test_there_was_no_process_to_be_had(self) -> None:
        """There is another try, and its error is the one that is told."""
        with mock.patch.object(os, "fork", side_effect=OSError(11, "no process")):
            self.assertIs(guardian.try_fork(), None)
            plan = self.prepare(Launch(("true",)), forked=None)
        self.assertIn("no process", plan.problem)
        self.assertEqual(os.listdir(self.base), [])
        self.ends_well(self.prepare(Launch(("true",)), forked=None))

    def test_the_entry_complains(self) -> None:
        """A connection file that cannot be read: no guardian is left, either."""
        done = subprocess.run(
            [sys.executable, "-m", "ipr", "-f", os.path.join(self.base, "none.json")],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
            # Any guardian would hold these open.
            timeout=20,
        )
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertIn("none.json", done.stderr)
