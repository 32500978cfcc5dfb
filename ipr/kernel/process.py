"""The inner kernel's process, as its guardian reports it.

Knows how to signal it, how it ended, and the last lines of its stderr; the pipes to
the guardian, and what goes through them, are those of :mod:`ipr.boot.guardian`. Must
not know how a guardian is started, ZeroMQ, or when a kernel is restarted.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress

import attrs
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from ipr.boot import guardian
from ipr.kernel.guardians import children
from ipr.kernel.stderr import Tail
from ipr.sockets.reactor import Clock

#: Seconds for which what a killed guardian has left is looked for, and killed:
#: first without a break, for as long as nobody notices; then from time to time, while
#: the reactor goes on. What is still there then could not be killed (it is another
#: user's).
SWEEP_AT_ONCE = 0.05
SWEEP_TIME = 5.0
#: Seconds between two looks; each pause is twice as long as the one before.
FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.25

#: Seconds for the guardian's pipes to end after it did: a stray process that
#: could not be killed may hold them open for ever.
PIPES_TIME = 0.5
#: Seconds for what the kernel wrote last to be read, where its guardian goes on.
LAST_WORDS_TIME = 0.05

_STDOUT, _STDERR = 1, 2


@attrs.frozen
class Ended:
    """How the inner kernel ended.

    :ivar status: the raw wait status; None when it never ran, or when its
        guardian was killed and nobody knows.
    :ivar problem: why it never ran, or what happened to the guardian.
    :ivar peak_kib: peak resident memory, KiB; 0 when unknown.
    :ivar tail: its last lines on stderr.
    :ivar left: processes that could not be killed.
    :ivar spared: processes that go on, and their guardian with them.
    :ivar unguarded: its guardian was killed, and so did not clean up.
    """

    status: int | None
    problem: str = ""
    peak_kib: int = 0
    tail: tuple[str, ...] = ()
    left: tuple[int, ...] = ()
    spared: tuple[int, ...] = ()
    unguarded: bool = False


class InnerProcess(ProcessProtocol):
    """One inner kernel, as its guardian reports it.

    :param clock: for ``PIPES_TIME``, and for the pauses between sweeps.
    :param started: called with the kernel's pid once its program runs.
    :param ended: called once, when nothing of it is left; of what was spared, and of
        its guardian, which is connected by ``transport`` then, the caller takes care.
    :param stderr: called with its stderr as it comes.
    :param stdout: called with its stdout, where the guardian was told to send that.
    :ivar pid: of the kernel; 0 until it runs.
    """

    def __init__(
        self,
        clock: Clock,
        started: Callable[[int], None],
        ended: Callable[[Ended], None],
        stderr: Callable[[bytes], None],
        stdout: Callable[[bytes], None] | None = None,
    ) -> None:
        self.pid = 0
        self._clock = clock
        self._started = started
        self._ended = ended
        self._tail = Tail()
        self._outputs: dict[int, tuple[Callable[[bytes], None], ...]] = {
            _STDERR: (stderr, self._tail.add)
        }
        if stdout is not None:
            self._outputs[_STDOUT] = (stdout,)
        self._reports = b""  # what has come of the next one
        self._outcome = Ended(None, "its guardian process was killed", unguarded=True)
        self._late: IDelayedCall | None = None
        self._over = False

    # What the rest of ipr calls.

    def give(self, order: bytes) -> None:
        """Send the guardian its order, of :func:`ipr.boot.guardian.encode_order`."""
        if self.transport is not None:
            self.transport.writeToChild(guardian.COMMAND_FD, order)

    def dismiss(self) -> None:
        """End the guardian, and its kernel if there is one; nothing is reported."""
        self._over = True
        if self.transport is not None:
            self.transport.closeChildFD(guardian.COMMAND_FD)

    def signal(self, number: int) -> None:
        """Send a signal to the kernel's process group, if it still runs."""
        self._command(b"signal %d\n" % number)
        if number == signal.SIGTERM:
            self._wake()

    def kill(self) -> None:
        """SIGKILL the kernel and everything below it; wake a stopped guardian."""
        self._command(b"kill\n")
        self._wake()

    def spare(self) -> None:
        """Have its end spare what has made itself a session of its own."""
        self._command(b"spare\n")

    def _wake(self) -> None:
        """Continue a guardian that somebody has stopped: it is needed now."""
        if self.transport is not None and not self._over:
            with suppress(ProcessExitedAlready):
                # By number: Twisted knows only a few by name, and not this one.
                self.transport.signalProcess(signal.SIGCONT)

    def tail(self) -> tuple[str, ...]:
        """Return the last lines of stderr."""
        return self._tail.lines()

    def _command(self, line: bytes) -> None:
        if self.transport is not None and not self._over:
            # The pipe may have ended a moment before we hear that all has.
            with suppress(KeyError):
                self.transport.writeToChild(guardian.COMMAND_FD, line)

    # What Twisted calls.

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Take what it writes, or reports of the guardian."""
        if childFD in self._outputs:
            for take in self._outputs[childFD]:
                take(data)
            return
        *reports, self._reports = (self._reports + data).split(b"\n")
        for report in reports:
            self._take(report)

    def _take(self, report: bytes) -> None:
        word, _, rest = report.partition(b" ")
        if word == b"started":
            self.pid = int(rest)
            self._started(self.pid)
        elif word == b"failed":
            _, _, sentence = rest.partition(b" ")
            self._outcome = Ended(None, sentence.decode(errors="replace"))
        elif word in (b"left", b"spared"):
            pids = tuple(int(pid) for pid in rest.split())
            if word == b"left":
                self._outcome = attrs.evolve(self._outcome, left=pids)
            else:
                self._outcome = attrs.evolve(self._outcome, spared=pids)
        elif word == b"exited":
            status, peak = rest.split()
            self._outcome = attrs.evolve(
                self._outcome,
                status=int(status),
                problem="",
                peak_kib=int(peak),
                unguarded=False,
            )
            if self._outcome.spared:
                self._late = self._clock.callLater(LAST_WORDS_TIME, self._finish)

    def processExited(self, reason: Failure) -> None:
        """Wait a moment for the pipes to end, whoever holds them."""
        if self._over or self._late is not None:
            return
        if self._outcome.unguarded:
            self._outcome = attrs.evolve(self._outcome, problem=_befell(reason))
        self._late = self._clock.callLater(PIPES_TIME, self._finish)

    def processEnded(self, reason: Failure) -> None:
        """Report the end: everything is read."""
        self._finish()

    def _finish(self) -> None:
        if self._over:
            return
        self._over = True
        if self._late is not None and self._late.active():
            # Before its time: then its guardian has ended, and keeps nothing.
            self._late.cancel()
            self._outcome = attrs.evolve(self._outcome, spared=())
        if self.transport is not None and not self._outcome.spared:
            self.transport.loseConnection()
        if self._outcome.unguarded:
            # The daemon has inherited what it guarded.
            until = self._clock.seconds() + SWEEP_TIME
            self._sweep(SWEEP_AT_ONCE, FIRST_PAUSE, until)
        else:
            self._tell()

    def _sweep(self, seconds: float, pause: float, until: float) -> None:
        found = guardian.sweep(children(), seconds)
        if found and self._clock.seconds() + pause < until:
            following = min(2 * pause, LONGEST_PAUSE)
            self._clock.callLater(pause, self._sweep, 0, following, until)
        else:
            self._tell()

    def _tell(self) -> None:
        self._ended(attrs.evolve(self._outcome, tail=self.tail()))


def _befell(reason: Failure) -> str:
    """Return what happened to a guardian that reported no end."""
    number = getattr(reason.value, "signal", None)
    if number is not None:
        return f"its guardian process was killed by signal {number}"
    code = getattr(reason.value, "exitCode", None)
    return f"its guardian process failed, exit code {code}"
