"""The inner kernel's process, as its guardian reports it, fed by hand."""

from __future__ import annotations

import signal
from typing import Any

from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.python.failure import Failure

from ipr.boot import guardian
from ipr.kernel.process import (
    LAST_WORDS_TIME,
    PIPES_TIME,
    SWEEP_AT_ONCE,
    SWEEP_TIME,
    Ended,
    InnerProcess,
)
from tests.case import Case
from tests.fakes import Done

REPORT, STDERR = guardian.REPORT_FD, 2
GONE = Failure(ProcessDone(0))


class Transport:
    """The pipes to the guardian."""

    def __init__(self, done: Done) -> None:
        self._done = done

    def writeToChild(self, child: int, data: bytes) -> None:
        self._done.append(("write", child, data))

    def loseConnection(self) -> None:
        self._done.append(("lose",))

    def signalProcess(self, number: int) -> None:
        self._done.append(("guardian", number))

    def closeChildFD(self, child: int) -> None:
        self._done.append(("close", child))


class ProcessCase(Case):
    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.done: Done = []
        self.process = self.made()
        #: What each sweep is to find; nothing when there is no more.
        self.found: list[int] = []
        typeless: Any = super()
        typeless.patch(guardian, "sweep", self.sweep)

    def sweep(self, keep: frozenset[int], seconds: float) -> int:
        self.done.append(("sweep", keep, seconds))
        return self.found.pop(0) if self.found else 0

    def made(self) -> InnerProcess:
        return InnerProcess(
            self.clock,
            lambda pid: self.done.append(("started", pid)),
            lambda how: self.done.append(("ended", how)),
            lambda data: self.done.append(("stderr", data)),
        )

    def connect(self) -> InnerProcess:
        untyped: Any = self.process
        untyped.makeConnection(Transport(self.done))
        return self.process

    def report(self, text: bytes) -> None:
        self.process.childDataReceived(REPORT, text)

    def ends(self) -> list[Ended]:
        return [what[1] for what in self.done if what[0] == "ended"]


class OrderTests(ProcessCase):
    def test_order_is_written(self) -> None:
        """The guardian is there before it is known what to run."""
        self.connect().give(b"order")
        self.assertEqual(self.done, [("write", guardian.COMMAND_FD, b"order")])

    def test_dismissed_guardian_reports_nothing(self) -> None:
        """Its command pipe ends; nothing is reported, and no timer is left."""
        self.connect().dismiss()
        self.process.processExited(GONE)
        self.process.processEnded(GONE)
        self.assertEqual(self.done, [("close", guardian.COMMAND_FD)])

    def test_signals_are_lines_to_the_guardian(self) -> None:
        """Lines to the guardian; before a kill nobody has it stopped."""
        self.connect()
        self.process.signal(2)
        self.process.signal(15)
        self.process.kill()
        self.assertEqual(
            self.done,
            [
                ("write", guardian.COMMAND_FD, b"signal 2\n"),
                ("write", guardian.COMMAND_FD, b"signal 15\n"),
                ("guardian", signal.SIGCONT),
                ("write", guardian.COMMAND_FD, b"kill\n"),
                ("guardian", signal.SIGCONT),
            ],
        )

    def test_to_spare_is_a_line_to_the_guardian(self) -> None:
        self.connect().spare()
        self.assertEqual(self.done, [("write", guardian.COMMAND_FD, b"spare\n")])

    def test_signals_to_nobody(self) -> None:
        """Before there are pipes, and after the end, nothing is written."""
        self.process.signal(2)
        self.connect()
        self.process.processEnded(GONE)
        self.done.clear()
        self.process.signal(2)
        self.process.kill()
        self.assertEqual(self.done, [])


class ReportTests(ProcessCase):
    def setUp(self) -> None:
        super().setUp()
        self.connect()

    def test_reported_pid_is_that_of_the_program(self) -> None:
        """The pid of the kernel's program, not the guardian's."""
        self.report(b"started 4711\n")
        self.assertEqual(self.done, [("started", 4711)])
        self.assertEqual(self.process.pid, 4711)

    def test_in_pieces(self) -> None:
        """A report may come in pieces, and two in one."""
        for piece in (b"star", b"ted 47", b"11\nexited 9 20", b"48\n"):
            self.report(piece)
        self.process.processEnded(GONE)
        self.assertEqual(
            self.done,
            [("started", 4711), ("lose",), ("ended", Ended(9, "", 2048))],
        )

    def test_report_has_wait_status_and_peak_memory(self) -> None:
        """The raw wait status and the peak memory."""
        self.report(b"started 4711\nexited 256 1024\n")
        self.process.processEnded(GONE)
        self.assertEqual(self.ends(), [Ended(256, "", 1024)])

    def test_processes_that_are_left_are_named(self) -> None:
        """Processes that could not be killed are named."""
        self.report(b"started 4711\nleft 12 13\nexited 9 0\n")
        self.process.processEnded(GONE)
        self.assertEqual(self.ends(), [Ended(9, "", 0, (), (12, 13))])

    def test_spared_processes_keep_the_guardian_and_its_pipes(self) -> None:
        """The end is reported all the same, when the last words have been read."""
        self.report(b"started 4711\nspared 12 13\nexited 11 2048\n")
        self.process.childDataReceived(STDERR, b"the end\n")
        self.assertEqual(self.ends(), [])
        self.clock.advance(LAST_WORDS_TIME)
        ended = Ended(11, "", 2048, ("the end",), spared=(12, 13))
        self.assertEqual(self.ends(), [ended])
        self.assertFalse(("lose",) in self.done)
        self.process.processExited(GONE)
        self.assertEqual(self.ends(), [ended])

    def test_spared_processes_have_all_ended_by_then(self) -> None:
        """The guardian ends between its report and ours."""
        self.report(b"spared 12\nexited 0 9\n")
        self.process.processExited(GONE)
        self.process.processEnded(GONE)
        self.assertEqual(self.ends(), [Ended(0, "", 9)])

    def test_report_says_why_it_does_not_run(self) -> None:
        """Why it does not run; there is no status."""
        self.report("failed 2 no such file: /bin/kérnel\n".encode())
        self.process.processEnded(GONE)
        self.assertEqual(self.ends(), [Ended(None, "no such file: /bin/kérnel")])

    def test_guardian_killed(self) -> None:
        """A guardian that ends without a word: what it guarded is swept up."""
        self.report(b"started 4711\n")
        self.fails(ProcessTerminated(None, 9, 9))
        self.assertEqual(self.swept(), [SWEEP_AT_ONCE])
        self.assertEqual(
            self.ends(),
            [
                Ended(
                    None, "its guardian process was killed by signal 9", unguarded=True
                )
            ],
        )

    def test_guardian_failed(self) -> None:
        """Nobody killed it."""
        self.fails(ProcessTerminated(1, None, 256))
        self.assertEqual(
            [how.problem for how in self.ends()],
            ["its guardian process failed, exit code 1"],
        )

    def test_what_a_killed_guardian_left(self) -> None:
        """It takes a while to go: all else is done in between."""
        self.found = [3, 2, 2]
        self.fails(ProcessTerminated(None, 9, 9))
        self.assertEqual(self.ends(), [])
        self.clock.pump([0.01, 0.02])
        self.assertEqual(self.ends(), [])
        self.clock.advance(0.04)
        self.assertEqual(len(self.ends()), 1)
        self.assertEqual(self.swept(), [SWEEP_AT_ONCE, 0, 0, 0])

    def test_what_cannot_be_killed(self) -> None:
        """Another user's: for so long, and not for ever."""
        self.found = [1] * 1000
        self.fails(ProcessTerminated(None, 9, 9))
        self.clock.pump([0.01] * int(100 * SWEEP_TIME - 50))
        self.assertEqual(self.ends(), [])
        self.clock.pump([0.01] * 50)
        self.assertEqual(len(self.ends()), 1)

    def fails(self, how: Exception) -> None:
        self.process.processExited(Failure(how))
        self.process.processEnded(Failure(how))

    def swept(self) -> list[float]:
        """How long each sweep may have blocked."""
        return [what[2] for what in self.done if what[0] == "sweep"]

    def test_word_of_a_newer_guardian(self) -> None:
        """A report that nobody knows is passed over."""
        self.report(b"greetings 1 2 3\nstarted 4711\n")
        self.assertEqual(self.done, [("started", 4711)])


class EndTests(ProcessCase):
    def setUp(self) -> None:
        super().setUp()
        self.connect()

    def test_pipes_end_first(self) -> None:
        """Exited, then all read: once, and no timer is left."""
        self.process.processExited(GONE)
        self.assertEqual(self.ends(), [])
        self.process.processEnded(GONE)
        self.assertEqual(len(self.ends()), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_pipes_that_somebody_holds(self) -> None:
        """A stray that holds the pipes open delays the end by a moment only."""
        self.process.processExited(GONE)
        self.clock.advance(PIPES_TIME - 0.1)
        self.assertEqual(self.ends(), [])
        self.clock.advance(0.1)
        self.assertEqual(len(self.ends()), 1)
        self.process.processEnded(GONE)
        self.assertEqual(len(self.ends()), 1)

    def test_last_words_between(self) -> None:
        """What comes between exit and end still counts."""
        self.process.processExited(GONE)
        self.report(b"exited 9 0\n")
        self.process.childDataReceived(STDERR, b"last words\n")
        self.process.processEnded(GONE)
        self.assertEqual(self.ends(), [Ended(9, "", 0, ("last words",))])

    def test_stderr_is_passed_on_and_its_end_kept(self) -> None:
        """It goes on as it comes, and its last lines are kept."""
        self.process.childDataReceived(STDERR, b"one\ntw")
        self.process.childDataReceived(STDERR, b"o\n")
        self.assertEqual(self.process.tail(), ("one", "two"))
        self.assertEqual(self.done, [("stderr", b"one\ntw"), ("stderr", b"o\n")])
