"""What has changed around the daemon since it was started."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from unittest import mock

from twisted.internet import defer
from twisted.internet.task import Clock

from ipr.kernel import apart, outer, startable
from ipr.kernel.outer import Outer
from tests.case import Case


class FollowedTests(Case):
    def test_later_changes_win(self) -> None:
        first = Outer().followed({"A": "1", "B": "1"}, "/one")
        self.assertEqual(first, Outer((("A", "1"), ("B", "1")), "/one"))
        self.assertEqual(
            first.followed({"B": "2"}, ""), Outer((("A", "1"), ("B", "2")), "/one")
        )

    def test_what_is_not_there_need_not_be_taken_out(self) -> None:
        """Else they would pile up."""
        self.environment(IPR_THERE="1")
        made = Outer((("A", "1"),)).followed({"A": None, "IPR_THERE": None}, "")
        self.assertEqual(made.env, (("IPR_THERE", None),))

    def test_changes_are_made(self) -> None:
        changes = (("A", None), ("B", "2"), ("D", None))
        self.assertEqual(
            outer.changed({"A": "1", "B": "1", "C": "1"}, changes),
            {"B": "2", "C": "1"},
        )


class CheckTests(Case):
    def test_what_a_program_can_be_given(self) -> None:
        outer.check({"A": "1", "B": None, "C": ""}, "/x")

    def test_what_it_cannot(self) -> None:
        for env, cwd, said in (
            ({"": "1"}, "", "cannot be the name of a variable"),
            ({"A=": "1"}, "", "cannot be the name of a variable"),
            ({"A\0": None}, "", "NUL character"),
            ({"A": "\0"}, "", "NUL character"),
            ({"A": "\ud800"}, "", "half a character"),
            ({"A": "x" * startable.LONGEST_WORD}, "", "KiB in one piece"),
            ({}, "/x\0", "the folder holds a NUL character"),
        ):
            error = self.raised(startable.NotStartable, outer.check, env, cwd)
            self.assertIn(said, str(error))


class FindTests(Case):
    def find(self, cwd: str) -> str:
        """Look without a thread."""

        def at_once(_: object, _seconds: float, call: Callable[[], object]) -> object:
            return defer.execute(call)

        reactor: Any = None
        found: list[str] = []
        with mock.patch.object(apart, "run", at_once):
            outer.find(reactor, cwd).addCallback(found.append)
        return found[0]

    def test_folder_that_is_there(self) -> None:
        folder = self.folder()
        self.assertEqual(self.find(folder + "/."), folder)

    def test_relative_one_is_below_ours(self) -> None:
        self.assertEqual(self.find("."), os.getcwd())

    def test_none_is_not_looked_for(self) -> None:
        reactor: Any = None
        found: list[str] = []
        outer.find(reactor, "").addCallback(found.append)
        self.assertEqual(found, [""])

    def test_folder_that_is_not(self) -> None:
        folder = self.folder()
        with open(os.path.join(folder, "file"), "w", encoding="utf-8"):
            pass
        for name in ("gone", "file"):
            self.assertEqual(self.find(os.path.join(folder, name)), "")

    def test_file_system_that_does_not_answer(self) -> None:
        """Who ordered waits for two seconds."""
        clock = Clock()
        reactor: Any = clock
        never: defer.Deferred[object] = defer.Deferred()

        def hangs(_: object, seconds: float, _call: object) -> object:
            return never.addTimeout(seconds, reactor)

        found: list[str] = []
        with mock.patch.object(apart, "run", hangs):
            outer.find(reactor, "/away").addCallback(found.append)
        clock.advance(outer.FOLDER_TIME)
        self.assertEqual(found, [""])
