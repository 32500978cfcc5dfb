"""What the next kernel starts with."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from unittest import mock

import attrs
from twisted.internet import defer
from twisted.internet.defer import Deferred

from ipr.boot import codefile
from ipr.boot.first import Plan
from ipr.boot.kernels import find
from ipr.daemon.nextkernel import NextKernel, NotRestarted
from ipr.jupyter.magics import Changes
from ipr.kernel import apart, startable
from ipr.kernel.surroundings import Surroundings, WrongChange
from ipr.lifecycle.causes import Cause, Ending
from ipr.relay.codefile import NO_FILE, CodeFile
from ipr.relay.pieces import Piece
from ipr.relay.restartcells import Prepared
from tests.case import Case
from tests.fakes import FakeReactor

LAUNCH = find(
    ["/bin/true", "{connection_file}"], resource_dir="", kernel="", interrupt_mode=""
)


class FakeStarter:
    """Notes what is started."""

    def __init__(self) -> None:
        self.started: list[tuple[Any, ...]] = []

    def start(self, *args: Any, **_called: Any) -> object:
        self.started.append(args)
        return self


class NextKernelCase(Case):
    def setUp(self) -> None:
        self.starter: Any = FakeStarter()
        self.new_commands: list[bool] = []

    def next_kernel(
        self, launch: Any = LAUNCH, problem: str = "", init: CodeFile = NO_FILE
    ) -> NextKernel:
        outer: Any = None
        reactor: Any = FakeReactor()
        return NextKernel(
            reactor,
            Plan(outer, launch, problem, None),
            self.starter,
            lambda: self.new_commands.append(True),
            init=init,
        )

    def start(self, kernel: NextKernel) -> None:
        def nothing(_told: object) -> None:
            raise AssertionError

        kernel.start(1, nothing, nothing, nothing)


class NameTests(NextKernelCase):
    def test_name_is_that_of_the_kernelspec(self) -> None:
        for launch, name in (
            (None, ""),
            (LAUNCH, "true"),
            (LAUNCH._replace(resource_dir="/x/kernels/ir/"), "ir"),
            (LAUNCH._replace(resource_dir="/x/kernels/ir/", name="other"), "other"),
        ):
            self.assertEqual(self.next_kernel(launch).name, name)

    def test_notebook_is_what_the_server_says(self) -> None:
        self.environment(JPY_SESSION_NAME=None)
        self.assertEqual(self.next_kernel().notebook, "")
        self.environment(JPY_SESSION_NAME="a/b.ipynb")
        self.assertEqual(self.next_kernel().notebook, "a/b.ipynb")


class StartTests(NextKernelCase):
    def test_starts_with_its_surroundings(self) -> None:
        kernel = self.next_kernel()
        kernel.surroundings = attrs.evolve(
            kernel.surroundings, env=(("IPR_TEST", "1"),), cwd="/tmp"
        )
        self.start(kernel)
        number, launch, environment, cwd = self.starter.started[0]
        self.assertEqual(
            (number, launch, environment["IPR_TEST"], cwd), (1, LAUNCH, "1", "/tmp")
        )

    def test_problem_of_the_plan_is_told_once(self) -> None:
        """After that a start is tried, since something may have been mended."""
        kernel = self.next_kernel(problem="no place")
        error = self.raised(ValueError, self.start, kernel)
        self.assertEqual(str(error), "no place")
        self.start(kernel)
        self.assertEqual(len(self.starter.started), 1)

    def test_without_a_command_nothing_starts(self) -> None:
        kernel = self.next_kernel(None)
        self.assertEqual(
            str(self.raised(ValueError, self.start, kernel)), "it has no command"
        )
        self.assertFalse(kernel.may_queue)


class WordsTests(NextKernelCase):
    def cause(self, **fields: Any) -> Cause:
        return Cause(Ending.NEVER_STARTED, "no such file", **fields)

    def test_remedy_is_reset_after_changes(self) -> None:
        kernel = self.next_kernel()
        self.assertEqual(kernel.remedy(self.cause()), self.cause().remedy)
        kernel.surroundings = attrs.evolve(kernel.surroundings, cwd="/nowhere")
        self.assertEqual(
            kernel.remedy(self.cause()),
            "run %restart --reset to start one without these changes",
        )

    def test_remedy_names_the_kernelspec_of_a_hopeless_command(self) -> None:
        kernel = self.next_kernel(LAUNCH._replace(resource_dir="/specs/x"))
        said = kernel.remedy(self.cause(hopeless=True))
        self.assertTrue(
            said.startswith("its command is in /specs/x/kernel.json; "), said
        )

    def test_info_says_why_there_is_no_kernel(self) -> None:
        kernel = self.next_kernel(LAUNCH._replace(language="R"))
        content = kernel.info("it crashed").content
        self.assertEqual(content["language_info"]["name"], "R")
        self.assertTrue(content["banner"].endswith(": it crashed"))
        self.assertFalse(":" in str(self.next_kernel(None).info("").content["banner"]))


class ChangesCase(NextKernelCase):
    def setUp(self) -> None:
        super().setUp()

        def at_once(_: object, _seconds: float, call: Callable[[], object]) -> object:
            return defer.execute(call)

        patched = mock.patch.object(apart, "run", at_once)
        patched.start()
        self.addCleanup(patched.stop)

    def prepare(self, kernel: NextKernel, **changes: Any) -> Prepared:
        found: list[Prepared] = []
        kernel.prepare(Changes(**changes)).addCallback(found.append)
        return found[0]

    def problem(self, checking: Deferred[None]) -> str:
        untyped: Any = self
        return str(untyped.failureResultOf(checking, NotRestarted).value)


class FilesToRunTests(ChangesCase):
    """The files that the next kernel is to run."""

    def wrong(self, kernel: NextKernel, **changes: Any) -> str:
        untyped: Any = self
        preparing = kernel.prepare(Changes(**changes))
        return str(untyped.failureResultOf(preparing, WrongChange).value)

    def test_the_file_of_run_is_found_from_the_kernels_folder(self) -> None:
        folder = self.folder()
        path = os.path.join(folder, "once.py")
        with open(path, "w") as file:
            file.write("x = 1")
        kernel = self.next_kernel()
        prepared = self.prepare(kernel, cwd=folder, run="./once.py")
        self.assertEqual(prepared.pieces, (Piece("once.py", "x = 1"),))
        self.assertEqual(self.prepare(kernel, run=path).pieces, prepared.pieces)
        self.assertEqual(kernel.unchanged().pieces, ())

    def test_what_cells_before_the_restart_have_written_is_run(self) -> None:
        path = os.path.join(self.folder(), "once.py")
        untyped: Any = self
        with open(path, "w") as file:
            file.write("x = 1")
        prepared = self.prepare(self.next_kernel(), run=path)
        with open(path, "w") as file:
            file.write("x = 2")
        untyped.successResultOf(prepared.check())
        self.assertEqual(prepared.pieces, (Piece("once.py", "x = 2"),))
        os.unlink(path)
        self.assertEqual(
            self.problem(prepared.check()),
            f"the kernel was not restarted: cannot read {path}: No such file or"
            " directory; '%restart now' restarts it all the same",
        )

    def test_a_file_of_run_that_cannot_be_run_is_said_in_one_sentence(self) -> None:
        folder = self.folder()
        for name, content in (("latin", b"\xe9"), ("large", b" " * (2 << 20))):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        os.mkfifo(os.path.join(folder, "fifo"))
        for name, said in (
            ("gone", "cannot read {path}: No such file or directory"),
            ("fifo", "cannot read {path}: it is a FIFO, not a regular file"),
            ("large", "cannot read {path}: it is larger than 1024 KiB"),
            ("latin", "{path} is not UTF-8 (byte 0)"),
            ("", "cannot read {path}: it is a directory, not a regular file"),
            ("\0", "cannot read {path}: its name holds a NUL character"),
        ):
            path = os.path.join(folder, name).rstrip("/")
            found = self.wrong(self.next_kernel(), run=path)
            self.assertEqual(found, f"--run: {said.format(path=path)}")
        found = self.wrong(self.next_kernel(), run="/dev/zero")
        said = "--run: cannot read /dev/zero: it is a device, not a regular file"
        self.assertEqual(found, said)

    def test_the_file_of_init_is_looked_at_before_the_kernel_is_touched(self) -> None:
        why = codefile.BadCode("cannot read /init.py")
        kernel = self.next_kernel(init=CodeFile("/init.py", lambda: defer.fail(why)))
        self.assertEqual(
            self.problem(kernel.unchanged().check()),
            "the kernel was not restarted: cannot read /init.py; '%restart now'"
            " restarts it all the same",
        )


class PrepareTests(ChangesCase):
    def test_changes_are_in_force_when_applied(self) -> None:
        kernel = self.next_kernel()
        prepared = self.prepare(kernel, env=(("A", "1"),))
        self.assertEqual(kernel.surroundings.env, ())
        prepared.apply()
        self.assertEqual(kernel.surroundings.env, (("A", "1"),))
        self.assertEqual(self.new_commands, [])

    def test_two_restarts_at_once_both_change_something(self) -> None:
        kernel = self.next_kernel()
        first = self.prepare(kernel, env=(("A", "1"),))
        second = self.prepare(kernel, env=(("B", "2"),))
        plain = kernel.unchanged()
        for prepared in (first, second, plain):
            prepared.apply()
        self.assertEqual(dict(kernel.surroundings.env), {"A": "1", "B": "2"})

    def test_another_command_is_told(self) -> None:
        """Its kernel_info is another one."""
        kernel = self.next_kernel()
        kernel.surroundings = Surroundings(LAUNCH._replace(language="R"))
        self.prepare(kernel, reset=True).apply()
        self.assertEqual(kernel.surroundings, Surroundings(LAUNCH))
        self.assertEqual(self.new_commands, [True])

    def test_a_kernel_that_can_be_started_is_restarted(self) -> None:
        untyped: Any = self
        untyped.successResultOf(self.next_kernel().unchanged().check())
        untyped.successResultOf(self.next_kernel(None).unchanged().check())

    def test_a_command_that_is_gone_is_said_with_its_kernelspec(self) -> None:
        kernel = self.next_kernel(LAUNCH._replace(argv=("/gone",), resource_dir="/s"))
        self.assertEqual(
            self.problem(kernel.unchanged().check()),
            "the kernel was not restarted, since no new one could be started: there"
            " is no command '/gone'; its command is in /s/kernel.json; run %restart"
            " again when it can be run",
        )

    def test_what_earlier_restarts_changed_can_be_reset(self) -> None:
        """Their folder is gone; --reset does not need it."""
        kernel = self.next_kernel()
        kernel.surroundings = attrs.evolve(kernel.surroundings, cwd="/gone")
        self.assertEqual(
            self.problem(kernel.unchanged().check()),
            "the kernel was not restarted, since no new one could be started: there"
            " is no folder /gone; run %restart --reset to start one without these"
            " changes",
        )
        untyped: Any = self
        untyped.successResultOf(self.prepare(kernel, reset=True).check())

    def test_a_file_system_that_hangs_is_said(self) -> None:
        def never(*_: object) -> Deferred[None]:
            return defer.fail(defer.TimeoutError())

        with mock.patch.object(apart, "run", never):
            found = self.problem(self.next_kernel().unchanged().check())
        self.assertTrue("'%restart now' restarts it all the same" in found, found)


class FollowTests(ChangesCase):
    """What a kernel manager changes lies under what %restart changes."""

    def follow(
        self, kernel: NextKernel, cwd: str = "", **env: str | None
    ) -> tuple[str, ...]:
        found: list[Callable[[], tuple[str, ...]]] = []
        kernel.follow(env, cwd).addCallback(found.append)
        return found[0]()

    def started(self, kernel: NextKernel) -> tuple[str | None, str]:
        """Start it; give its variable A, and its folder."""
        self.start(kernel)
        _, _, environment, cwd = self.starter.started.pop()
        return environment.get("A"), cwd

    def test_next_kernel_starts_with_it(self) -> None:
        kernel = self.next_kernel()
        folder = self.folder()
        self.assertEqual(self.follow(kernel, folder, A="1"), ())
        self.assertEqual(self.started(kernel), ("1", folder))
        self.follow(kernel, A=None)
        self.assertEqual(self.started(kernel), (None, folder))

    def test_restarts_changes_are_on_top_of_it(self) -> None:
        kernel = self.next_kernel()
        own, other = self.folder(), self.folder()
        self.prepare(kernel, env=(("A", "mine"),), cwd=own).apply()
        self.follow(kernel, other, A="theirs")
        self.assertEqual(self.started(kernel), ("mine", own))

    def test_reset_does_not_take_it_back(self) -> None:
        kernel = self.next_kernel()
        other = self.folder()
        reset = self.prepare(kernel, reset=True)
        self.follow(kernel, other, A="theirs")
        reset.apply()
        self.assertEqual(self.started(kernel), ("theirs", other))
        self.prepare(kernel, reset=True).apply()
        self.assertEqual(self.started(kernel), ("theirs", other))

    def test_restart_that_was_worked_out_before_it_keeps_it(self) -> None:
        kernel = self.next_kernel()
        prepared = self.prepare(kernel, env=(("B", "1"),))
        self.follow(kernel, A="theirs")
        prepared.apply()
        self.assertEqual(self.started(kernel), ("theirs", ""))

    def test_kernelspecs_own_variables_are_on_top_of_it(self) -> None:
        """As when the daemon was started."""
        kernel = self.next_kernel(LAUNCH._replace(env=(("A", "spec ${B}"),)))
        self.follow(kernel, A="theirs", B="1")
        self.assertEqual(self.started(kernel)[0], "spec 1")

    def test_missing_folder_is_ignored(self) -> None:
        kernel = self.next_kernel()
        folder = self.folder()
        self.follow(kernel, folder)
        gone = os.path.join(folder, "gone")
        self.assertEqual(self.follow(kernel, gone, A="1"), ("cwd",))
        self.assertEqual(self.started(kernel), ("1", folder))

    def test_nothing_is_changed_by_what_cannot_be_had(self) -> None:
        kernel = self.next_kernel()
        before = kernel.surroundings
        many = {f"A{number}": "x" * 100_000 for number in range(70)}
        wrong: list[dict[str, str | None]] = [{"A": "\0"}, {**many}]
        untyped: Any = self
        for env in wrong:
            untyped.failureResultOf(kernel.follow(env, ""), startable.NotStartable)
        self.assertEqual(kernel.surroundings, before)
