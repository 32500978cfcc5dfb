"""What the options of %restart make of the next kernel's start."""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.internet.defer import Deferred

from ipr.launch import Launch
from ipr.magics import Changes
from ipr.surroundings import Surroundings, WrongChange, changed, kernel, read_env_file
from tests.case import Case

LAUNCH = Launch(("k",), env=(("A", "spec"),))
FIRST = Surroundings(LAUNCH)


class SurroundingsCase(Case):
    def setUp(self) -> None:
        self.base = self.folder()
        self.environment(JUPYTER_PATH=self.base, JUPYTER_NO_CONFIG="1")

    def file(self, name: str, text: str) -> str:
        path = os.path.join(self.base, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def spec(self, name: str) -> None:
        self.file(f"kernels/{name}/kernel.json", json.dumps({"argv": [name]}))

    def result(self, changes: Changes, now: Surroundings = FIRST) -> Surroundings:
        untyped: Any = self
        made: Deferred[Surroundings] = changed(None, FIRST, now, changes)
        found: Surroundings = untyped.successResultOf(made)
        return found

    def wrong(self, changes: Changes) -> str:
        untyped: Any = self
        made = changed(None, FIRST, FIRST, changes)
        return str(untyped.failureResultOf(made, WrongChange).value)


class EnvironmentTests(SurroundingsCase):
    def test_environment(self) -> None:
        """The kernelspec's, then what was changed; None takes out."""
        made = Surroundings(LAUNCH, env=(("B", "1"), ("C", None), ("D", None)))
        self.assertEqual(
            made.environment({"C": "x", "B": "old"}), {"A": "spec", "B": "1"}
        )

    def test_without_a_command(self) -> None:
        """The daemon's own."""
        self.assertEqual(Surroundings(None).environment({"X": "1"}), {"X": "1"})

    def test_folder(self) -> None:
        """The daemon's own, where nothing else is said."""
        self.assertEqual(FIRST.folder(), os.getcwd())
        self.assertEqual(Surroundings(LAUNCH, cwd="/data").folder(), "/data")

    def test_folder_that_is_gone(self) -> None:
        """``%restart --cwd`` is the way out."""
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        gone = os.path.join(self.base, "gone")
        os.mkdir(gone)
        os.chdir(gone)
        os.rmdir(gone)
        self.assertEqual(FIRST.folder(), "")
        self.assertEqual(self.result(Changes(cwd=self.base)).cwd, self.base)
        self.assertEqual(
            self.wrong(Changes(cwd="here")), "--cwd: there is no folder here"
        )


class ChangedTests(SurroundingsCase):
    def test_env_and_unset(self) -> None:
        """Set and taken out; and told as they were asked for."""
        made = self.result(Changes(env=(("X", "1"),), unset=("Y",)))
        self.assertEqual(
            made,
            Surroundings(
                LAUNCH,
                env=(("X", "1"), ("Y", None)),
                told=("--env X=1", "--unset Y"),
            ),
        )

    def test_kept(self) -> None:
        """Later restarts keep what earlier ones changed; the last word counts."""
        made = self.result(Changes(env=(("X", "1"), ("Z", "1"))))
        made = self.result(Changes(env=(("X", "2"),)), made)
        self.assertEqual(dict(made.env), {"X": "2", "Z": "1"})

    def test_reset(self) -> None:
        """All is forgotten, and the others of the same line are applied."""
        made = self.result(Changes(env=(("X", "1"),), cwd=self.base))
        self.assertEqual(self.result(Changes(reset=True), made), FIRST)
        made = self.result(Changes(reset=True, env=(("Z", "1"),)), made)
        self.assertEqual(
            made, Surroundings(LAUNCH, env=(("Z", "1"),), told=("--env Z=1",))
        )

    def test_cwd(self) -> None:
        """Relative to the folder that counts now."""
        os.makedirs(os.path.join(self.base, "a", "b"))
        made = self.result(Changes(cwd=os.path.join(self.base, "a")))
        made = self.result(Changes(cwd="b"), made)
        self.assertEqual(made.cwd, os.path.join(self.base, "a", "b"))
        made = self.result(Changes(cwd=".."), made)
        self.assertEqual(made.cwd, os.path.join(self.base, "a"))

    def test_no_such_folder(self) -> None:
        """It is found out before anything is done."""
        missing = os.path.join(self.base, "not")
        self.assertEqual(
            self.wrong(Changes(cwd=missing)), f"--cwd: there is no folder {missing}"
        )

    def test_env_file(self) -> None:
        """In the new folder; what the line itself sets counts more."""
        self.file("x.env", "A=file\nB=file\n")
        made = self.result(
            Changes(cwd=self.base, env_file="x.env", env=(("B", "line"),))
        )
        self.assertEqual(dict(made.env), {"A": "file", "B": "line"})

    def test_kernel(self) -> None:
        """By its name, or by how it begins; the environment's changes stay."""
        self.spec("special-3")
        made = self.result(Changes(env=(("X", "1"),)))
        for name in ("special-3", "SPECIAL-3", "spec"):
            found = self.result(Changes(kernel=name), made)
            assert found.launch is not None
            self.assertEqual((found.launch.argv, found.env), (("special-3",), made.env))

    def test_kernel_that_may_be_two(self) -> None:
        """Both are named."""
        self.spec("zz-one")
        self.spec("zz-two")
        self.assertEqual(
            self.wrong(Changes(kernel="zz")), "--kernel: 'zz' may be zz-one or zz-two"
        )

    def test_unknown_kernel(self) -> None:
        """Those that there are are named."""
        error = self.raised(WrongChange, kernel, "nope")
        self.assertIn("--kernel: no kernelspec is called 'nope'", str(error))


class EnvFileTests(SurroundingsCase):
    def test_lines(self) -> None:
        """As dotenv files are: comments, export, quotes."""
        path = self.file(
            "x.env",
            "# comment\n\nA=1\nexport B='two words'\nC=\"x\" # why\nD=\nE=a=b\n",
        )
        self.assertEqual(
            read_env_file(path),
            [("A", "1"), ("B", "two words"), ("C", "x"), ("D", ""), ("E", "a=b")],
        )

    def test_wrong_lines(self) -> None:
        """The line is named."""
        for text in ("A=1\nB C=2\n", "A=1\nB\n", "A=1\n1B=2\n", "A=1\nB=two words\n"):
            path = self.file("x.env", text)
            error = self.raised(WrongChange, read_env_file, path)
            self.assertEqual(
                str(error),
                f"--env-file: {path}, line 2 is not NAME=VALUE"
                " (quote a value with blanks)",
            )

    def test_open_quote(self) -> None:
        """The line is named, too."""
        path = self.file("x.env", "A='1\n")
        error = self.raised(WrongChange, read_env_file, path)
        self.assertEqual(
            str(error), f"--env-file: {path}, line 1: No closing quotation"
        )

    def test_no_file(self) -> None:
        """One sentence."""
        path = os.path.join(self.base, "not.env")
        error = self.raised(WrongChange, read_env_file, path)
        self.assertTrue(str(error).startswith(f"--env-file: cannot read {path}: "))
