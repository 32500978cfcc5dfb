"""When the daemon ends, and how its kernel then goes."""

from __future__ import annotations

import os
import signal
from typing import Any
from unittest import mock

import attrs
from twisted.internet.defer import maybeDeferred, succeed

from ipr.boot.first import Plan
from ipr.boot.options import OPTIONS
from ipr.daemon import slurm
from ipr.daemon.log import Log
from ipr.daemon.service import Daemon
from ipr.kernel import apart
from ipr.lifecycle.limits import Leave
from tests.case import Case
from tests.daemon.allocation_case import FakeRunner
from tests.fakes import FakeReactor


class FakeRestarter:
    """Notes how the kernel is to go."""

    def __init__(self) -> None:
        self.asked: list[Leave] = []
        self.signals: list[int] = []

    def signal(self, number: int) -> None:
        self.signals.append(number)

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


class DaemonCase(Case):
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


class EndTests(DaemonCase):
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


class NoticeTests(DaemonCase):
    """A job of Grid Engine that was submitted with ``-notify``."""

    def setUp(self) -> None:
        super().setUp()
        folder = self.folder()
        with open(os.path.join(folder, "config"), "w", encoding="utf-8") as file:
            file.write("notify=60\n")
        self.environment(JOB_ID="7", SGE_ROOT="/sge", SGE_JOB_SPOOL_DIR=folder)
        self.explained: list[tuple[str, bool]] = []
        self.runner = FakeRunner()

    def noticed(self, **given: Any) -> Daemon:
        """Make a daemon that has got the notice."""
        made = self.daemon(**given)
        relay: Any = made._parts.relay
        relay.inbound, relay.beside = mock.Mock(), self.runner
        relay.inbound.business.notices.last_words = lambda text, shown: (
            self.explained.append((text, shown))
        )
        self.addCleanup(made._watch.stop)
        made.signal(signal.SIGUSR2)
        return made

    def test_without_a_checkpoint_the_kernel_gets_it_and_the_cell_says_why(
        self,
    ) -> None:
        self.noticed()
        why = "Grid Engine job 7 is being ended: cancelled, preempted, or shut down."
        self.assertEqual(self.explained, [(why, True)])
        self.assertEqual(self.restarter.signals, [signal.SIGUSR2])
        self.assertEqual(self.restarter.asked, [])

    def test_another_signal_is_no_notice(self) -> None:
        daemon = self.noticed()
        self.explained.clear()
        daemon.signal(signal.SIGUSR1)
        self.assertEqual(self.explained, [])
        self.assertEqual(self.restarter.signals, [signal.SIGUSR2, signal.SIGUSR1])

    def test_checkpoint_runs_first_though_the_parent_has_died_of_it(self) -> None:
        with open(os.path.join(self.folder(), "save.py"), "w") as file:
            file.write("save()")
        # A file is read in a thread.
        untyped: Any = self
        untyped.patch(apart, "run", lambda _reactor, _time, call: maybeDeferred(call))
        daemon = self.noticed(before_end=file.name)
        self.assertTrue(self.explained)
        with mock.patch.object(os, "getppid", return_value=1):
            daemon._watch._look()
            daemon.terminate(signal.SIGTERM)
            daemon.signal(signal.SIGUSR2)
            self.assertEqual(self.restarter.asked, [])
            # Ours are ten of the 60 s.
            self.reactor.advance(50)
            self.assertEqual(self.restarter.asked, [Leave.QUICKLY])
        self.assertEqual(self.restarter.signals, [])
