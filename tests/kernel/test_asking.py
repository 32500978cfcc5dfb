"""Other programs that are asked something: each under a guardian of its own."""

from __future__ import annotations

import os
import signal
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ProcessDone
from twisted.python.failure import Failure

from ipr.boot import guardian
from ipr.kernel import asking, guardians
from ipr.kernel.asking import MOST_OUTPUT, Answer, NoAnswer
from tests.case import Case

OVER = Failure(ProcessDone(0))


class Transport:
    """The pipes to a guardian."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def writeToChild(self, child: int, data: bytes) -> None:
        self.written.append(data)

    def loseConnection(self) -> None:
        pass

    def signalProcess(self, number: int) -> None:
        assert number == signal.SIGCONT


class AskingCase(Case):
    def setUp(self) -> None:
        self.clock = self.make_clock()
        typeless: Any = super()
        typeless.patch(guardians, "Spawned", self.spawn)
        self.transport = Transport()
        self.protocol: Any = None
        self.fds: dict[int, Any] = {}
        self.refusal: OSError | None = None

    def spawn(self, *args: Any, **options: Any) -> None:
        protocol = args[-1]
        if self.refusal is not None:
            raise self.refusal
        self.protocol, self.fds = protocol, options["childFDs"]
        self.stdin = os.readlink(f"/dev/fd/{self.fds[0]}")
        protocol.makeConnection(self.transport)

    def ask(self) -> Any:
        reactor: Any = self.clock
        asked: Deferred[Answer] = asking.ask(
            reactor, ["squeue", "-h"], {"A": "b"}, 5.0, "/data"
        )
        return asked

    def says(self, report: bytes) -> None:
        self.protocol.childDataReceived(guardian.REPORT_FD, report)

    def ends(self) -> None:
        self.protocol.processEnded(OVER)

    def untyped(self) -> Any:
        return self


class AskTests(AskingCase):
    def test_answer_is_stdout_stderr_and_status(self) -> None:
        """All of stdout, the last of stderr, and how it ended."""
        asked = self.ask()
        self.assertEqual(self.fds[1], "r")
        self.assertEqual(self.stdin, os.devnull)
        self.assertEqual(
            self.transport.written,
            [guardian.encode_order(["squeue", "-h"], {"A": "b"}, "/data")],
        )
        self.protocol.childDataReceived(1, b"two ")
        self.protocol.childDataReceived(2, b"slurm_load_jobs error\n")
        self.protocol.childDataReceived(1, b"pieces")
        self.says(b"started 12\nexited 256 1000\n")
        self.untyped().assertNoResult(asked)
        self.ends()
        self.assertEqual(
            self.untyped().successResultOf(asked),
            Answer(256, b"two pieces", "slurm_load_jobs error"),
        )
        self.assertEqual(os.waitstatus_to_exitcode(256), 1)

    def test_not_there(self) -> None:
        """The guardian's own words."""
        asked = self.ask()
        self.says(b"failed 2 command not found: 'squeue'\n")
        self.ends()
        why = self.untyped().failureResultOf(asked, NoAnswer)
        self.assertEqual(why.getErrorMessage(), "command not found: 'squeue'")

    def test_no_process(self) -> None:
        """One sentence, and no timer."""
        self.refusal = OSError(11, "Resource temporarily unavailable")
        why = self.untyped().failureResultOf(self.ask(), NoAnswer)
        self.assertIn("Resource temporarily unavailable", why.getErrorMessage())

    def test_too_slow(self) -> None:
        """It is killed with all that it started; its end comes too late."""
        asked = self.ask()
        self.says(b"started 12\n")
        self.clock.advance(5.0)
        self.untyped().failureResultOf(asked, defer.TimeoutError)
        self.assertEqual(self.transport.written[-1], b"kill\n")
        self.says(b"exited 9 1000\n")
        self.ends()

    def test_too_much(self) -> None:
        """It is killed, and what more it writes is not kept."""
        asked = self.ask()
        self.says(b"started 12\n")
        for _ in range(3):
            self.protocol.childDataReceived(1, bytes(MOST_OUTPUT // 2 + 1))
        why = self.untyped().failureResultOf(asked, NoAnswer)
        self.assertEqual(why.getErrorMessage(), "it wrote more than 8 MiB")
        self.assertEqual(self.transport.written[1:], [b"kill\n"])
        self.says(b"exited 9 1000\n")
        self.ends()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nobody_waits(self) -> None:
        """The same."""
        asked = self.ask()
        asked.cancel()
        self.untyped().failureResultOf(asked, CancelledError)
        self.assertEqual(self.transport.written[-1], b"kill\n")
        self.ends()
