"""The service that twistd runs: what it starts, says and leaves."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred

from ipr.boot.first import Plan
from ipr.daemon import byhand, service
from ipr.daemon.byhand import ByHand
from ipr.daemon.log import Log
from ipr.daemon.ownfile import OwnFile
from ipr.daemon.parts import CannotListen
from ipr.lifecycle.limits import Leave
from tests.case import Case
from tests.fakes import FakeReactor


class EntryReactor(FakeReactor):
    """A reactor that is stopped, and called from signal handlers."""

    def __init__(self) -> None:
        super().__init__()
        self.running = True
        self.at_start: list[tuple[Any, ...]] = []

    def callWhenRunning(self, *call: Any) -> None:
        self.at_start.append(call)

    def callFromThread(self, call: Callable[..., None], *args: Any) -> None:
        call(*args)

    def stop(self) -> None:
        self.running = False


class FakeDaemon:
    """It begins, or cannot."""

    problem: Exception | None = None

    def __init__(self, *given: Any) -> None:
        self.over: Callable[[], None] = given[4]
        self.signals: list[int] = []
        self.ends: list[Leave] = []
        self.stopped: Deferred[None] = Deferred()

    def start(self) -> None:
        if self.problem is not None:
            raise self.problem

    def signal(self, number: int) -> None:
        self.signals.append(number)

    def stop(self, how: Leave) -> Deferred[None]:
        self.ends.append(how)
        return self.stopped

    def shut_down(self, _why: str, how: Leave) -> None:
        self.ends.append(how)


class ByHandCase(Case):
    def setUp(self) -> None:
        self.reactor = EntryReactor()
        self.leaves_nothing(self.reactor)
        FakeDaemon.problem = None
        for patched in (
            mock.patch.object(service, "Daemon", FakeDaemon),
            # It changes the log of the whole process, and so of all later tests.
            mock.patch.object(Log, "join"),
        ):
            patched.start()
            self.addCleanup(patched.stop)
        self.said, self.complained = io.StringIO(), io.StringIO()
        self.path = os.path.join(self.folder(), "made.json")
        self.own = OwnFile.make(self.path)
        self.addCleanup(self.own.remove)
        outer: Any = mock.Mock(path=self.path)
        self.plan = Plan(outer, None, "", None)

    def started(self, **more: bool) -> tuple[ByHand, FakeDaemon]:
        made = ByHand(self.plan, {"log_level": "INFO"}, self.own, **more)
        modules = {"twisted.internet.reactor": self.reactor}
        package = sys.modules["twisted.internet"]
        with (
            mock.patch.dict(sys.modules, modules),
            mock.patch.object(package, "reactor", self.reactor, create=True),
            redirect_stdout(self.said),
            redirect_stderr(self.complained),
        ):
            made.startService()
        daemon: Any = made._daemon
        return made, daemon


class ServiceTests(ByHandCase):
    def test_start_says_how_to_connect(self) -> None:
        self.started()
        self.assertEqual(
            self.said.getvalue(),
            f"Connect with:\n    jupyter console --existing {self.path}\n",
        )

    def test_start_says_nothing_when_the_terminal_is_left(self) -> None:
        """It was said before the fork."""
        self.started(says=False)
        self.assertEqual(self.said.getvalue(), "")

    def test_an_address_that_is_taken_is_one_sentence_and_leaves_no_file(self) -> None:
        for error in (CannotListen("taken"), ValueError("no such scheme")):
            FakeDaemon.problem = error
            self.assertEqual(self.raised(SystemExit, self.started).code, 1)
            self.assertIn(f"ipr: {error}\n", self.complained.getvalue())
            self.assertFalse(os.path.exists(self.path))

    def test_a_daemon_that_ended_removes_the_file_and_stops_the_reactor(self) -> None:
        _, daemon = self.started()
        daemon.over()
        self.assertFalse(os.path.exists(self.path))
        self.assertTrue(self.reactor.running, "twistd is told after our turn")
        self.reactor.advance(0)
        self.assertFalse(self.reactor.running)

    def test_stop_fires_when_the_daemon_has_stopped(self) -> None:
        made, daemon = self.started()
        fired: list[object] = []
        made.stopService().addCallback(fired.append)
        self.assertEqual(fired, [])
        daemon.stopped.callback(None)
        self.assertEqual(fired, [None])

    def test_stop_without_start_is_done_at_once(self) -> None:
        made = ByHand(self.plan, {"log_level": "INFO"}, None)
        self.assertEqual(self.successResultOf(made.stopService()), None)


class SignalsTests(ByHandCase):
    def setUp(self) -> None:
        super().setUp()
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            before = signal.getsignal(number)
            if before is not None:
                self.addCleanup(signal.signal, number, before)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    def heard(self) -> FakeDaemon:
        """Start, and let the reactor run."""
        self.made, daemon = self.started()
        for call, *args in self.reactor.at_start:
            call(*args)
        return daemon

    def test_ctrl_c_a_terminal_that_goes_and_sigterm_end_in_order(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.heard()
            self.reactor.running = True
            signal.raise_signal(number)
            self.assertFalse(self.reactor.running, number)

    def test_only_who_waits_gives_the_kernel_time(self) -> None:
        """A batch system does; a person does not, nor who says it twice."""
        for number, how in (
            (signal.SIGINT, Leave.QUICKLY),
            (signal.SIGTERM, Leave.TERMINATED),
            (signal.SIGHUP, Leave.TERMINATED),
        ):
            daemon = self.heard()
            self.reactor.running = True
            signal.raise_signal(number)
            self.made.stopService()
            self.assertEqual(daemon.ends, [how])
            signal.raise_signal(signal.SIGTERM)
            self.assertEqual(daemon.ends, [how, Leave.QUICKLY])

    def test_nohup_is_respected(self) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.heard()
        self.assertEqual(signal.getsignal(signal.SIGHUP), signal.SIG_IGN)

    def test_another_signal_goes_to_the_kernel(self) -> None:
        signal.signal(signal.SIGUSR2, signal.SIG_DFL)
        daemon = self.heard()
        signal.raise_signal(signal.SIGUSR2)
        self.assertEqual(daemon.signals, [signal.SIGUSR2])

    def test_a_signal_of_twistd_is_left_to_it(self) -> None:
        """SIGUSR1 may begin a new log file."""
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        self.heard()
        self.assertEqual(signal.getsignal(signal.SIGUSR1), signal.SIG_IGN)

    def test_ctrl_z_is_left_to_the_terminal(self) -> None:
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self.heard()
        self.assertEqual(signal.getsignal(signal.SIGTSTP), signal.SIG_DFL)


class LinesTests(Case):
    def test_the_path_that_is_printed_is_absolute(self) -> None:
        said = io.StringIO()
        with redirect_stdout(said):
            byhand.say_how_to_connect("made.json")
        self.assertIn(os.path.abspath("made.json"), said.getvalue())
