"""The inner kernel's process.

Knows how to start it under a guardian, how to signal it, how it ended, and
the last lines of its stderr. Must not know ZeroMQ, or when a kernel is
restarted. The pipes to the guardian, and what goes through them, are those of
:mod:`ipr.boot.guardian`.
"""

from __future__ import annotations

import os
import select
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import attrs
from twisted.internet import process as twisted_process
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from ipr.boot import guardian

#: Lines and bytes of stderr that are kept for error reports.
TAIL_LINES = 20
TAIL_BYTES = 4096

#: Seconds for which what a killed guardian has left is looked for, and killed:
#: at once for as long as nobody notices, then from time to time, in between of
#: all else. What is still there then could not be killed (it is another user's).
SWEEP_AT_ONCE = 0.05
SWEEP_TIME = 5.0

#: Seconds for the guardian's pipes to end after it did: a stray process that
#: could not be killed may hold them open for ever.
PIPES_TIME = 0.5

_STDERR = 2


@attrs.frozen
class Ended:
    """How the inner kernel ended.

    :ivar status: the raw wait status; None when it never ran, or when its
        guardian was killed and nobody knows.
    :ivar problem: why it never ran, or what befell the guardian.
    :ivar peak_kib: peak resident memory, KiB; 0 when unknown.
    :ivar tail: its last lines on stderr.
    :ivar left: processes that could not be killed.
    :ivar unguarded: its guardian was killed, and so did not clean up.
    """

    status: int | None
    problem: str = ""
    peak_kib: int = 0
    tail: tuple[str, ...] = ()
    left: tuple[int, ...] = ()
    unguarded: bool = False


class InnerProcess(ProcessProtocol):
    """One inner kernel, as its guardian reports it.

    :param clock: for ``PIPES_TIME``, and for the pauses between sweeps.
    :param order: from :func:`ipr.boot.guardian.encode_order`; ``b""`` when the
        guardian has it already, or is given it later.
    :param started: called with the kernel's pid once its program runs.
    :param ended: called once, when nothing of it is left.
    :param stderr: gets its stderr as it comes.
    """

    def __init__(
        self,
        clock: Any,
        order: bytes,
        started: Callable[[int], None],
        ended: Callable[[Ended], None],
        stderr: Callable[[bytes], None],
    ) -> None:
        self.pid = 0
        self._clock = clock
        self._order = order
        self._started = started
        self._ended = ended
        self._stderr = stderr
        self._reports = b""
        self._tail: deque[bytes] = deque(maxlen=TAIL_LINES)
        self._line = b""
        self._outcome = Ended(None, "its guardian process was killed", unguarded=True)
        self._late: IDelayedCall | None = None
        self._over = False
        self._sweeps = 0

    # What the rest of ipr calls.

    def give(self, order: bytes) -> None:
        """Give the guardian its order, from :func:`ipr.boot.guardian.encode_order`."""
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

    def _wake(self) -> None:
        """Continue a guardian that somebody has stopped: it is needed now."""
        if self.transport is not None and not self._over:
            with suppress(ProcessExitedAlready):
                # By number: Twisted knows only a few by name, and this is none.
                self.transport.signalProcess(signal.SIGCONT)

    def tail(self) -> tuple[str, ...]:
        """Give the last lines of stderr."""
        lines = [*self._tail, *([self._line] if self._line.strip() else [])]
        text = b"\n".join(lines)[-TAIL_BYTES:].decode(errors="replace")
        return tuple(text.splitlines())

    def _command(self, line: bytes) -> None:
        if self.transport is not None and not self._over:
            # The pipe may have ended a moment before we hear that all has.
            with suppress(KeyError):
                self.transport.writeToChild(guardian.COMMAND_FD, line)

    # What Twisted calls.

    def connectionMade(self) -> None:
        """Send the order."""
        if self._order:
            self.give(self._order)
            self._order = b""

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Take stderr, or reports of the guardian."""
        if childFD == _STDERR:
            self._stderr(data)
            *lines, self._line = (self._line + data).split(b"\n")
            self._line = self._line[-TAIL_BYTES:]
            self._tail.extend(lines)
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
        elif word == b"left":
            left = tuple(int(pid) for pid in rest.split())
            self._outcome = attrs.evolve(self._outcome, left=left)
        elif word == b"exited":
            status, peak = rest.split()
            self._outcome = attrs.evolve(
                self._outcome,
                status=int(status),
                problem="",
                peak_kib=int(peak),
                unguarded=False,
            )

    def processExited(self, reason: Failure) -> None:
        """Give the pipes a moment to end, whoever holds them."""
        if self._over:
            return
        if self._outcome.unguarded:
            self._outcome = attrs.evolve(self._outcome, problem=_befell(reason))
        self._late = self._clock.callLater(PIPES_TIME, self._finish)

    def processEnded(self, reason: Failure) -> None:
        """All is read."""
        self._finish()

    def _finish(self) -> None:
        if self._over:
            return
        self._over = True
        if self._late is not None and self._late.active():
            self._late.cancel()
        if self.transport is not None:
            self.transport.loseConnection()
        if self._outcome.unguarded:
            # What it guarded is ours now.
            self._sweep(SWEEP_AT_ONCE, self._clock.seconds() + SWEEP_TIME)
        else:
            self._tell()

    def _sweep(self, seconds: float, until: float) -> None:
        pause = min(0.01 * 2**self._sweeps, 0.25)
        self._sweeps += 1
        found = guardian.sweep(children(), seconds)
        if found and self._clock.seconds() + pause < until:
            self._clock.callLater(pause, self._sweep, 0, until)
        else:
            self._tell()

    def _tell(self) -> None:
        self._ended(attrs.evolve(self._outcome, tail=self.tail()))


def _befell(reason: Failure) -> str:
    """Say what befell a guardian that reported no end."""
    number = getattr(reason.value, "signal", None)
    if number is not None:
        return f"its guardian process was killed by signal {number}"
    code = getattr(reason.value, "exitCode", None)
    return f"its guardian process failed, exit code {code}"


class Adopted(twisted_process.Process):
    """A guardian that was forked before Twisted was imported.

    Twisted's own class forks in its constructor; this one takes what
    :func:`ipr.boot.guardian.start` gave.
    """

    def __init__(
        self,
        reactor: Any,
        protocol: InnerProcess,
        started: tuple[int, int, int, int],
    ) -> None:
        twisted_process._BaseProcess.__init__(self, protocol)
        self._reactor = reactor
        self.proto = protocol
        self.pid, command, report, stderr = started
        self.status = -1
        reader: Any = self.processReaderFactory
        writer: Any = self.processWriterFactory
        self.pipes: dict[int, Any] = {}
        for child, descriptor in ((_STDERR, stderr), (guardian.REPORT_FD, report)):
            self.pipes[child] = reader(reactor, self, child, descriptor)
        self.pipes[guardian.COMMAND_FD] = writer(
            reactor, self, guardian.COMMAND_FD, command, forceReadHack=True
        )
        ProcessProtocol.makeConnection(protocol, self)
        twisted_process.registerReapProcessHandler(self.pid, self)


def spawn(reactor: Any, protocol: InnerProcess, folders: Sequence[str] = ()) -> None:
    """Start a guardian for ``protocol``; its program has our descriptors.

    :param folders: as for :func:`ipr.boot.guardian.fork`.
    :raises OSError: when no process can be made.
    """
    _spawn(reactor, protocol, guardian.inherited(), {0: 0, 1: 1}, folders)


def spawn_asked(reactor: Any, protocol: InnerProcess) -> None:
    """The same for a program without stdin whose stdout the protocol reads.

    :raises OSError: when no process can be made.
    """
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        _spawn(reactor, protocol, {}, {0: null, 1: "r"})
    finally:
        os.close(null)


def _spawn(
    reactor: Any,
    protocol: InnerProcess,
    inherited: Mapping[int, int],
    standard: Mapping[int, int | str],
    folders: Sequence[str] = (),
) -> None:
    argv, places = guardian.to_spawn(inherited, folders)
    # Until it has a session of its own it is in our process group: a signal to
    # that must not hit it. It empties its mask itself.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        reactor.spawnProcess(
            protocol,
            argv[0],
            argv,
            env=_environment(os.environ),
            childFDs={
                **standard,
                **places,
                2: "r",
                guardian.COMMAND_FD: "w",
                guardian.REPORT_FD: "r",
            },
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Give a guardian what this interpreter may need to start, and no more."""
    needed = {
        name: value
        for name, value in ours.items()
        # A site's Python may find its libraries by LD_LIBRARY_PATH only.
        if name.startswith(("LD_", "DYLD_")) or name == "PYTHONHOME"
    }
    return {**needed, "PATH": os.defpath, "LC_ALL": "C"}


def children() -> frozenset[int]:
    """Give the pids of what we have started by Twisted and not reaped yet."""
    return frozenset(twisted_process.reapProcessHandlers)


def end_all(seconds: float = 1.0) -> None:
    """Kill the guardians that there still are, and all that they guard.

    At the end of the daemon: only one that is frozen, or whose kernel is stuck in
    the file system, has outlived what was asked of it.
    """
    left = children()
    for pid in left:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    if left:
        guardian.sweep(frozenset(), seconds)


def order(
    argv: Sequence[str], environment: Mapping[str, str], cwd: str, remove: str
) -> bytes:
    """Encode what a guardian shall start; see there.

    :raises ValueError: when it cannot be started as it stands.
    """
    return guardian.encode_order(argv, environment, cwd, remove)


class Stderr:
    """Passes the inner kernel's stderr on to ipr's own, never blocking.

    Who reads our stderr may have stopped reading; then what does not fit is
    dropped, since a daemon that waits for that answers nobody.
    """

    def __init__(self, descriptor: int = _STDERR) -> None:
        self._descriptor = descriptor
        self.dropped = 0

    def __call__(self, data: bytes) -> None:
        """Write as much as can be written now."""
        view = memoryview(data)
        while view:
            try:
                ready = select.select((), (self._descriptor,), (), 0)[1]
                # A pipe that is writable has room for PIPE_BUF bytes.
                done = os.write(self._descriptor, view[:4096]) if ready else 0
            except (OSError, ValueError):
                done = 0
            if not done:
                self.dropped += len(view)
                return
            view = view[done:]
