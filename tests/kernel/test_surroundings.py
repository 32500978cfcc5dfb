"""What the options of %restart make of the next kernel's start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred

from ipr.boot.launch import Launch
from ipr.jupyter.magics import Changes
from ipr.kernel import apart, envfile, startable
from ipr.kernel.startable import LONGEST_WORD
from ipr.kernel.surroundings import (
    Surroundings,
    WrongChange,
    changed,
    kernel,
    read_env_file,
)
from tests.case import Case

LAUNCH = Launch((sys.executable,), env=(("A", "spec"),))
FIRST = Surroundings(LAUNCH)


class SurroundingsCase(Case):
    def setUp(self) -> None:
        self.base = self.folder()
        self.environment(JUPYTER_PATH=self.base, JUPYTER_NO_CONFIG="1")

        def at_once(_: object, _seconds: float, call: Callable[[], object]) -> object:
            return defer.execute(call)

        self.patch(apart, "run", at_once)

    def file(self, name: str, text: str) -> str:
        path = os.path.join(self.base, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def patch(self, owner: object, name: str, value: object) -> None:
        untyped: Any = super()
        untyped.patch(owner, name, value)

    def spec(self, name: str, command: str = sys.executable) -> None:
        spec = {"argv": [command, name]}
        self.file(f"kernels/{name}/kernel.json", json.dumps(spec))

    def result(self, changes: Changes, now: Surroundings = FIRST) -> Surroundings:
        untyped: Any = self
        reactor: Any = None  # nothing waits here
        made: Deferred[Surroundings] = changed(reactor, FIRST, now, changes)
        found: Surroundings = untyped.successResultOf(made)
        return found

    def wrong(self, changes: Changes) -> str:
        untyped: Any = self
        reactor: Any = None
        made = changed(reactor, FIRST, FIRST, changes)
        return str(untyped.failureResultOf(made, WrongChange).value)


class EnvironmentTests(SurroundingsCase):
    def test_environment_is_the_kernelspecs_then_the_changes(self) -> None:
        """The kernelspec's, then what was changed; None takes out."""
        made = Surroundings(LAUNCH, env=(("B", "1"), ("C", None), ("D", None)))
        self.assertEqual(
            made.environment({"C": "x", "B": "old"}), {"A": "spec", "B": "1"}
        )

    def test_without_a_command(self) -> None:
        """The daemon's own."""
        self.assertEqual(Surroundings(None).environment({"X": "1"}), {"X": "1"})

    def test_folder_is_the_daemons_own_by_default(self) -> None:
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

    def test_later_restarts_keep_earlier_changes(self) -> None:
        """Later restarts keep what earlier ones changed; the last word counts."""
        made = self.result(Changes(env=(("X", "1"), ("Z", "1"))))
        made = self.result(Changes(env=(("X", "2"),)), made)
        self.assertEqual(dict(made.env), {"X": "2", "Z": "1"})

    def test_reset_forgets_all_but_its_own_line(self) -> None:
        """All is forgotten, and the others of the same line are applied."""
        made = self.result(Changes(env=(("X", "1"),), cwd=self.base))
        self.assertEqual(self.result(Changes(reset=True), made), FIRST)
        made = self.result(Changes(reset=True, env=(("Z", "1"),)), made)
        self.assertEqual(
            made, Surroundings(LAUNCH, env=(("Z", "1"),), told=("--env Z=1",))
        )

    def test_cwd_is_relative_to_the_current_one(self) -> None:
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

    def test_kernel_is_found_by_name_and_keeps_changes(self) -> None:
        """By its name, or by how it begins; the environment's changes stay."""
        self.spec("special-3")
        made = self.result(Changes(env=(("X", "1"),)))
        for name in ("special-3", "SPECIAL-3", "spec"):
            found = self.result(Changes(kernel=name), made)
            assert found.launch is not None
            self.assertEqual(found.launch.argv[1:], ("special-3",))
            self.assertEqual(found.env, made.env)

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

    def test_broken_kernel(self) -> None:
        """A kernel.json that is there and cannot be used: its own fault is told."""
        path = self.file("kernels/broken/kernel.json", "{")
        found = self.wrong(Changes(kernel="broken"))
        self.assertTrue(found.startswith(f"--kernel: {path} is not JSON: "), found)
        os.unlink(path)
        os.mkfifo(path)
        self.assertEqual(
            self.wrong(Changes(kernel="brok")),
            f"--kernel: cannot read {path}: it is a FIFO, not a regular file",
        )

    def test_kernel_of_ipython(self) -> None:
        """Where jupyter_client looks last."""
        self.environment(IPYTHONDIR=os.path.join(self.base, "ipython"))
        argv = json.dumps({"argv": [sys.executable, "own"]})
        self.file("ipython/kernels/zz-own/kernel.json", argv)
        self.assertEqual(kernel("zz-own").argv, (sys.executable, "own"))


class CannotBeStartedTests(SurroundingsCase):
    """All of it is found out before anybody touches the running kernel."""

    def test_missing_command_is_found_out(self) -> None:
        """Not there, or not to be executed, in the PATH of the new environment."""
        self.spec("zz-none", "no-such-command")
        self.assertEqual(
            self.wrong(Changes(kernel="zz-none", env=(("PATH", self.base),))),
            "no kernel could be started: there is no command 'no-such-command'"
            f" (PATH is {self.base})",
        )
        # A folder of that name is no command, though it may be searched.
        folder = os.path.join(self.base, "no-such-command")
        os.mkdir(folder)
        self.assertEqual(
            self.wrong(Changes(kernel="zz-none", env=(("PATH", self.base),))),
            "no kernel could be started: there is no command 'no-such-command'"
            f" (PATH is {self.base})",
        )
        os.rmdir(folder)
        path = self.file("no-such-command", "#!/bin/sh\n")
        self.assertEqual(
            self.wrong(Changes(kernel="zz-none", env=(("PATH", self.base),))),
            f"no kernel could be started: the command {path!r} may not be executed",
        )
        os.chmod(path, 0o700)
        self.result(Changes(kernel="zz-none", env=(("PATH", self.base),)))

    def test_impossible_characters_are_named(self) -> None:
        """In our words, not in Python's."""
        for changes, what in (
            (Changes(env=(("X", "a\0b"),)), "the value of 'X' holds a NUL"),
            (Changes(env=(("X\0", "a"),)), "the name 'X\\x00' holds a NUL"),
            (Changes(env=(("X", "\ud800"),)), "the value of 'X' holds half a"),
            (Changes(unset=("\ud800",)), "the name '\\ud800' holds half a"),
            (Changes(unset=("A=B",)), "'A=B' cannot be the name of a variable"),
            (Changes(env_file="a\0"), "the value of --env-file holds a NUL"),
            (Changes(cwd="\udfff"), "the value of --cwd holds half a"),
            (Changes(kernel="\0"), "the value of --kernel holds a NUL"),
            (Changes(modules=("a", "\0")), "the value of --module holds a NUL"),
        ):
            found = self.wrong(changes)
            self.assertTrue(found.startswith(what), found)

    def test_environment_that_is_too_large_is_found_out(self) -> None:
        """Of one variable, and of all together."""
        found = self.wrong(Changes(env=(("X", "x" * LONGEST_WORD),)))
        self.assertTrue(found.startswith("variable 'X' takes 128 KiB, and no "), found)
        many = tuple((f"X{n}", "x" * (LONGEST_WORD - 10)) for n in range(50))
        found = self.wrong(Changes(env=many))
        self.assertTrue("the environment and the command take 6" in found, found)

    def test_as_the_system_has_it(self) -> None:
        """The longest variable that passes can be passed on, and one more cannot."""
        for extra, can in ((0, True), (1, False)):
            value = "x" * (LONGEST_WORD - 3 + extra)
            try:
                startable.check([sys.executable], {"X": value}, "")
                passed = True
            except startable.NotStartable:
                passed = False
            try:
                subprocess.run(["/bin/true"], env={"X": value}, check=True)
                works = True
            except OSError:
                works = False
            self.assertEqual((passed, works), (can, can))


class EnvFileTests(SurroundingsCase):
    def read(self, path: str) -> str:
        return str(self.raised(WrongChange, read_env_file, path, {}))

    def test_env_file_is_read_against_the_kernels_environment(self) -> None:
        """As python-dotenv reads it, against the kernel's own environment."""
        path = self.file("x.env", "A=1\nexport B='two words'\nC=${A}${HOME}\n")
        self.assertEqual(
            read_env_file(path, {"HOME": "/h"}),
            {"A": "1", "B": "two words", "C": "1/h"},
        )

    def test_wrong_line_fails_the_restart_and_is_named(self) -> None:
        """The line is named."""
        path = self.file("x.env", "A=1\n=2\n")
        self.assertEqual(
            self.read(path), f"--env-file: {path}: line 2 is not NAME=VALUE"
        )

    def test_not_a_file(self) -> None:
        """One sentence each, and nobody waits for a writer."""
        fifo = os.path.join(self.base, "fifo")
        os.mkfifo(fifo)
        missing = os.path.join(self.base, "not.env")
        large = self.file("large.env", "#" * (envfile.LARGEST + 1))
        for path, why in (
            (fifo, "it is a FIFO, not a regular file"),
            ("/dev/zero", "it is a device, not a regular file"),
            ("/dev/tty", "it is a device, not a regular file"),
            (self.base, "it is a directory, not a regular file"),
            (missing, "No such file or directory"),
            (large, "it is larger than 256 KiB"),
        ):
            self.assertEqual(self.read(path), f"--env-file: cannot read {path}: {why}")

    def test_not_utf_8(self) -> None:
        """The byte is named."""
        path = os.path.join(self.base, "x.env")
        with open(path, "wb") as file:
            file.write(b"A=\xff\n")
        self.assertEqual(self.read(path), f"--env-file: {path} is not UTF-8 (byte 2)")


class WaitingTests(SurroundingsCase):
    def test_file_system_that_is_away(self) -> None:
        """Nobody waits for it longer than its time, and the reactor not at all."""
        self.patch(apart, "run", lambda *_: defer.fail(defer.TimeoutError()))
        self.assertEqual(
            self.wrong(Changes(cwd="/")),
            "--kernel and --cwd: a file system did not answer within 10 s",
        )
