"""When the daemon ends, and how its kernel then goes."""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

import attrs
from twisted.internet.defer import succeed

from ipr.boot.first import Plan
from ipr.boot.options import OPTIONS
from ipr.daemon import slurm
from ipr.daemon.log import Log
from ipr.daemon.service import Daemon
from ipr.lifecycle.limits import Leave
from tests.case import Case
from tests.fakes import FakeReactor


class FakeRestarter:
    """Notes how the kernel is to go."""

    def __init__(self) -> None:
        self.asked: list[Leave] = []

    def leaving(self) -> bool:
        return bool(self.asked)

    def shut_down(self, how: Leave) -> None:
        self.asked.append(how)


class FakeRelay:
    """Nobody is there, and nothing runs."""

    subscribers = 0
    working = False


@attrs.frozen
class FakeParts:
    """What the daemon was started with."""

    relay: FakeRelay
    restarter: FakeRestarter


class EndTests(Case):
    def setUp(self) -> None:
        self.reactor: Any = FakeReactor()
        self.restarter: Any = FakeRestarter()

    def daemon(self, **given: Any) -> Daemon:
        """Make one that counts as started, as far as its end is concerned."""
        outer: Any = None
        options = {**{option.key: option.default for option in OPTIONS}, **given}
        made = Daemon(
            self.reactor,
            Plan(outer, None, "", None),
            options,
            Log(lambda _text: None),
            lambda: None,
            os.getppid(),
        )
        parts: Any = FakeParts(FakeRelay(), self.restarter)
        made._parts = parts
        return made

    def test_an_abandoned_kernel_has_time_for_its_exit_handlers(self) -> None:
        daemon = self.daemon(abandoned_timeout=5.0)
        daemon._watch.start()
        self.addCleanup(daemon._watch.stop)
        with mock.patch.object(slurm, "give_back", return_value=succeed(None)):
            for _ in range(6):
                self.reactor.advance(1)
        self.assertEqual(self.restarter.asked, [Leave.REQUESTED])

    def test_who_works_is_not_abandoned(self) -> None:
        daemon = self.daemon(abandoned_timeout=5.0)
        relay: Any = daemon._parts.relay
        relay.working = True
        daemon._watch.start()
        self.addCleanup(daemon._watch.stop)
        self.reactor.pump([1.0] * 20)
        self.assertEqual(self.restarter.asked, [])

    def test_a_signal_terminates_the_kernel(self) -> None:
        self.daemon().terminate(15)
        self.assertEqual(self.restarter.asked, [Leave.TERMINATED])

    def test_stop_is_quick_and_fires_at_the_end(self) -> None:
        daemon = self.daemon()
        ended: list[object] = []
        daemon.stop().addCallback(ended.append)
        self.assertEqual((self.restarter.asked, ended), ([Leave.QUICKLY], []))
        daemon.leave()
        self.assertEqual(ended, [None])
        self.assertTrue(daemon.ended)
        daemon.stop().addCallback(ended.append)
        self.assertEqual(len(ended), 2)
