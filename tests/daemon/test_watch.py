"""When nobody wants the daemon any more."""

from __future__ import annotations

import os
import subprocess
from typing import Any
from unittest import mock

from ipr.boot.options import OPTIONS
from ipr.daemon import watch
from ipr.daemon.allocation import Allocation
from ipr.daemon.watch import Watch, parent_of
from tests.case import Case
from tests.fakes import FakeReactor


class WatchTests(Case):
    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.wanted = False
        self.told: list[str] = []

    def watch(self, *, parent: int = 0, limit: float = 0.0) -> None:
        reactor: Any = FakeReactor()
        defaults = {option.key: option.default for option in OPTIONS}
        watch = Watch(
            self.clock,
            parent=parent,
            limit=limit,
            wanted=lambda: self.wanted,
            end=lambda why: self.told.append(f"end: {why}"),
            give_up=lambda why: self.told.append(f"give up: {why}"),
            allocation=Allocation(
                reactor, {}, defaults, self.fail, self.fail, self.fail, self.fail
            ),
        )
        watch.start()
        self.addCleanup(watch.stop)

    def lies_in(self, namespace: str) -> None:
        patched = mock.patch.object(watch, "_namespace", return_value=namespace)
        patched.start()
        self.addCleanup(patched.stop)

    def pass_by(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)

    def test_abandoned_after_its_time_and_again(self) -> None:
        """After its time, and again if nothing came of it."""
        self.watch(limit=10)
        self.pass_by(10)
        self.assertEqual(self.told, [])
        self.pass_by(1)
        why = "for 10 s no client has been connected and no cell has been running"
        self.assertEqual(self.told, [f"give up: {why}"])
        self.pass_by(10)
        self.assertEqual(len(self.told), 2)

    def test_time_starts_again_after_somebody_was_there(self) -> None:
        """From then on the time begins again."""
        self.watch(limit=10)
        self.pass_by(9)
        self.wanted = True
        self.pass_by(100)
        self.wanted = False
        self.pass_by(10)
        self.assertEqual(self.told, [])
        self.pass_by(1)
        self.assertEqual(len(self.told), 1)

    def test_ends_when_the_parent_has_changed(self) -> None:
        """Only a change counts, and only where it matters."""
        self.watch(parent=os.getppid())
        self.pass_by(5)
        self.assertEqual(self.told, [])
        self.watch(parent=os.getppid() + 1)
        self.pass_by(1)
        self.assertEqual(self.told, ["end: the Jupyter server that started us is gone"])

    def test_parent_that_was_gone_at_the_first_look_has_changed(self) -> None:
        gone = subprocess.Popen(["true"])
        gone.wait()
        self.lies_in(watch._FIRST_NAMESPACE)
        named = parent_of({"JPY_PARENT_PID": str(gone.pid)}, 1)
        self.assertEqual(named, gone.pid)
        self.watch(parent=named)
        self.pass_by(1)
        self.assertEqual(self.told, ["end: the Jupyter server that started us is gone"])

    def test_launcher_is_a_parent_whatever_the_environment_says(self) -> None:
        """The number may be another host's, or another container's."""
        gone = subprocess.Popen(["true"])
        gone.wait()
        self.lies_in(watch._FIRST_NAMESPACE)
        for named, first in (
            (gone.pid, 77),
            (os.getpid(), 77),
            # A launcher that has gone by itself, below a server that is there.
            (os.getpid(), 1),
            (1, 1),
            ("elsewhere", 1),
        ):
            self.assertEqual(parent_of({"JPY_PARENT_PID": str(named)}, first), first)
        self.lies_in("pid:[4026532000]")
        self.assertEqual(parent_of({"JPY_PARENT_PID": str(gone.pid)}, 1), 1)

    def test_parent_does_not_matter_to_an_independent_kernel(self) -> None:
        self.assertEqual(parent_of({}, 1), 0)
        self.assertEqual(parent_of({"JPY_PARENT_PID": ""}, 77), 0)

    def test_nothing_to_look_for(self) -> None:
        """Then nothing wakes the daemon every second."""
        self.watch()
        self.assertEqual(self.clock.getDelayedCalls(), [])
