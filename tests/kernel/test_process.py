"""The inner kernel's process, as its guardian reports it, fed by hand."""

from __future__ import annotations

import fcntl
import os
import signal
from typing import Any

from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.python.failure import Failure

from ipr.boot import guardian
from ipr.kernel import process
from ipr.kernel.process import (
    PIPES_TIME,
    SWEEP_AT_ONCE,
    SWEEP_TIME,
    TAIL_BYTES,
    TAIL_LINES,
    Ended,
    InnerProcess,
    Stderr,
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
        self.process = self.made(b"")
        #: What each sweep is to find; nothing when there is no more.
        self.found: list[int] = []
        typeless: Any = super()
        typeless.patch(guardian, "sweep", self.sweep)

    def sweep(self, keep: frozenset[int], seconds: float) -> int:
        self.done.append(("sweep", keep, seconds))
        return self.found.pop(0) if self.found else 0

    def made(self, order: bytes) -> InnerProcess:
        return InnerProcess(
            self.clock,
            order,
            lambda pid: self.done.append(("started", pid)),
            lambda how: self.done.append(("ended", how)),
            lambda data: self.done.append(("stderr", data)),
        )

    def connect(self, made: InnerProcess | None = None) -> InnerProcess:
        made = made or self.process
        untyped: Any = made
        untyped.makeConnection(Transport(self.done))
        return made

    def report(self, text: bytes) -> None:
        self.process.childDataReceived(REPORT, text)

    def ends(self) -> list[Ended]:
        return [what[1] for what in self.done if what[0] == "ended"]


class OrderTests(ProcessCase):
    def test_order(self) -> None:
        """A guardian that was spawned gets its order; one that was forked has it."""
        self.connect(self.made(b"order"))
        self.assertEqual(self.done, [("write", guardian.COMMAND_FD, b"order")])
        self.done.clear()
        self.connect(self.made(b""))
        self.assertEqual(self.done, [])

    def test_order_later(self) -> None:
        """The guardian is there before it is known what it shall run."""
        self.connect().give(b"order")
        self.assertEqual(self.done, [("write", guardian.COMMAND_FD, b"order")])

    def test_dismissed(self) -> None:
        """Its command pipe ends; nothing is reported, and no timer is left."""
        self.connect().dismiss()
        self.process.processExited(GONE)
        self.process.processEnded(GONE)
        self.assertEqual(self.done, [("close", guardian.COMMAND_FD)])

    def test_signals(self) -> None:
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

    def test_signals_to_nobody(self) -> None:
        """Before there are pipes, and after the end, nothing is written."""
        self.process.signal(2)
        self.connect()
        self.process.processEnded(GONE)
        self.done.clear()
        self.process.signal(2)
        self.process.kill()
        self.assertEqual(self.done, [])

    def test_encoded_order(self) -> None:
        """The order is the guardian's own; what cannot be started raises."""
        self.assertEqual(
            process.order(["k"], {"A": "1"}, "/", "/run/x"),
            guardian.encode_order(["k"], {"A": "1"}, "/", "/run/x"),
        )
        self.raised(ValueError, process.order, [], {}, "/", "")


class ReportTests(ProcessCase):
    def setUp(self) -> None:
        super().setUp()
        self.connect()

    def test_started(self) -> None:
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

    def test_exited(self) -> None:
        """The raw wait status and the peak memory."""
        self.report(b"started 4711\nexited 256 1024\n")
        self.process.processEnded(GONE)
        self.assertEqual(self.ends(), [Ended(256, "", 1024)])

    def test_left(self) -> None:
        """Processes that could not be killed are named."""
        self.report(b"started 4711\nleft 12 13\nexited 9 0\n")
        self.process.processEnded(GONE)
        self.assertEqual(self.ends(), [Ended(9, "", 0, (), (12, 13))])

    def test_failed(self) -> None:
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


class TailTests(ProcessCase):
    def said(self, *pieces: bytes) -> tuple[str, ...]:
        for piece in pieces:
            self.process.childDataReceived(STDERR, piece)
        return self.process.tail()

    def test_passes_through(self) -> None:
        """stderr goes on as it comes, and its lines are kept."""
        self.assertEqual(self.said(b"one\ntw", b"o\n"), ("one", "two"))
        self.assertEqual(self.done, [("stderr", b"one\ntw"), ("stderr", b"o\n")])

    def test_unfinished_line(self) -> None:
        """A last line without its end counts; blanks alone do not."""
        self.assertEqual(self.said(b"one\ntwo"), ("one", "two"))
        self.process = self.made(b"")
        self.assertEqual(self.said(b"one\n  "), ("one",))

    def test_last_lines(self) -> None:
        """Only so many."""
        lines = [f"line {number}" for number in range(TAIL_LINES + 5)]
        text = "".join(f"{line}\n" for line in lines).encode()
        self.assertEqual(self.said(text), tuple(lines[-TAIL_LINES:]))

    def test_last_bytes(self) -> None:
        """And not more than so many bytes, with or without line ends."""
        self.assertEqual(self.said(b"a" * 50_000, b"b" * 50_000), ("b" * TAIL_BYTES,))
        self.process = self.made(b"")
        found = self.said(b"\n".join([b"x" * 1000] * 10) + b"\n")
        self.assertEqual(sum(map(len, found)) + len(found) - 1, TAIL_BYTES)

    def test_no_text(self) -> None:
        """Bytes that are no UTF-8 are replaced."""
        self.assertEqual(self.said(b"\xff\n"), ("\ufffd",))


class StderrTests(Case):
    def pipe(self) -> tuple[int, int]:
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        return reading, writing

    def test_writes(self) -> None:
        """What comes is passed on."""
        reading, writing = self.pipe()
        self.addCleanup(os.close, writing)
        stderr = Stderr(writing)
        stderr(b"one ")
        stderr(b"two")
        self.assertEqual((os.read(reading, 100), stderr.dropped), (b"one two", 0))

    def test_reader_that_does_not_read(self) -> None:
        """What does not fit is dropped; it never blocks."""
        reading, writing = self.pipe()
        self.addCleanup(os.close, writing)
        size = fcntl.fcntl(writing, 1032)  # F_GETPIPE_SZ
        stderr = Stderr(writing)
        stderr(b"x" * (size + 5000))
        self.assertEqual(stderr.dropped, 5000)
        os.read(reading, size)
        stderr(b"again")
        self.assertEqual((os.read(reading, 100), stderr.dropped), (b"again", 5000))

    def test_reader_that_is_gone(self) -> None:
        """No fault of ours."""
        reading, writing = os.pipe()
        os.close(reading)
        self.addCleanup(os.close, writing)
        stderr = Stderr(writing)
        stderr(b"12345")
        self.assertEqual(stderr.dropped, 5)


class EndAllTests(Case):
    def end(self, left: frozenset[int]) -> Done:
        """Give what is done at the end of the daemon."""
        done: Done = []
        typeless: Any = super()
        typeless.patch(process, "children", lambda: left)
        typeless.patch(os, "kill", lambda *what: done.append(what))
        typeless.patch(guardian, "sweep", lambda *what: done.append(what))
        process.end_all()
        return done

    def test_guardians_that_are_left(self) -> None:
        """They are killed, and then all that they guarded."""
        self.assertEqual(
            self.end(frozenset({7})), [(7, signal.SIGKILL), (frozenset(), 1.0)]
        )

    def test_usual_end(self) -> None:
        """There is none."""
        self.assertEqual(self.end(frozenset()), [])


class SpawnTests(Case):
    def test_spawn(self) -> None:
        """A guardian with its three pipes; almost nothing of our environment."""
        done: Done = []
        blocked: list[set[int]] = []

        class Reactor:
            def spawnProcess(self, *args: Any, **kwargs: Any) -> None:
                done.append((args, kwargs))
                # Until it has a session of its own, it is in our process group.
                blocked.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

        self.environment(
            LD_LIBRARY_PATH="/opt/python/lib", PYTHONHOME=None, PYTHONPATH="/mine"
        )
        typeless: Any = super()
        typeless.patch(guardian, "inherited", lambda: {3: 5, 9: 9})
        typeless.patch(guardian, "_held", None)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        protocol: Any = object()
        process.spawn(Reactor(), protocol, ["/run/a", "/run/b"])
        self.assertTrue(blocked[0] >= {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        self.assertEqual(signal.pthread_sigmask(signal.SIG_BLOCK, ()), mask)
        argv = guardian.command_line({3: 5, 9: 9}, ["/run/a", "/run/b"])
        self.assertEqual(argv[-2:], ["/run/a", "/run/b"])
        self.assertEqual(
            done,
            [
                (
                    (protocol, argv[0], argv),
                    {
                        "env": {
                            "PATH": os.defpath,
                            "LC_ALL": "C",
                            # A site's Python may not even start without.
                            "LD_LIBRARY_PATH": "/opt/python/lib",
                        },
                        "childFDs": {0: 0, 1: 1, 2: "r", 3: "w", 4: "r", 5: 3, 9: 9},
                    },
                )
            ],
        )
