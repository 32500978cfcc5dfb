"""Guardians that outlive their kernel, for what it has left on purpose.

Knows that each of them has processes of an earlier kernel below it, which end with the
daemon. Must not know why they were spared, nor how a guardian reports.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.error import ProcessDone
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.process import Process
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from ipr.boot import guardian
from ipr.kernel import tree
from ipr.kernel.guardians import children
from ipr.sockets.reactor import Clock

#: Seconds from the order to end what was spared until nobody waits for that any more;
#: the guardian needs ``GRACE_SECONDS`` of them for what does not heed SIGTERM.
SWEEP_TIME = guardian.GRACE_SECONDS + 0.5

#: Seconds, at most, for which nothing else goes on when a guardian was killed.
ORPHANS_TIME = 0.5

_STDERR = 2


class Keepers:
    """All of them.

    :param stderr: called with what spared processes write there.
    """

    def __init__(self, clock: Clock, stderr: Callable[[bytes], None]) -> None:
        self._clock = clock
        self._stderr = stderr
        self._keepers: set[_Keeper] = set()
        self._when_gone: Callable[[], None] | None = None
        self._late: IDelayedCall | None = None

    def add(self, guards: Process) -> None:
        """Take a guardian over from the protocol of its kernel's process."""
        self._keepers.add(_Keeper(guards, self._stderr, self._ended))

    @property
    def kept(self) -> tuple[int, ...]:
        """The processes that were spared, and what those have started."""
        pids = [keeper.pid for keeper in self._keepers]
        return tuple(kept for pid in pids if pid for kept in tree.below(pid))

    def sweep(self, done: Callable[[], None]) -> None:
        """End what was spared; call ``done`` when it has ended, or soon after."""
        if not self._keepers:
            done()
            return
        self._when_gone = done
        self._late = self._clock.callLater(SWEEP_TIME, self._gone)
        for keeper in self._keepers:
            keeper.sweep()

    def _ended(self, keeper: _Keeper) -> None:
        self._keepers.remove(keeper)
        if not self._keepers:
            self._gone()

    def _gone(self) -> None:
        if self._late is not None and self._late.active():
            self._late.cancel()
        call, self._when_gone = self._when_gone, None
        if call is not None:
            call()


class _Keeper(ProcessProtocol):
    """One guardian from the end of its kernel to its own.

    :param stderr: called with what comes; it is read on, since whoever writes into a
        pipe that nobody reads is killed.
    :param ended: called with this, when it has ended.
    """

    def __init__(
        self,
        guards: Process,
        stderr: Callable[[bytes], None],
        ended: Callable[[_Keeper], None],
    ) -> None:
        self._stderr = stderr
        self._ended = ended
        self._guards = guards
        # There is no other way to have somebody else told.
        guards.proto = self

    @property
    def pid(self) -> int:
        """Of the guardian; 0: it has ended."""
        return self._guards.pid or 0

    def sweep(self) -> None:
        """Have it end what it keeps, and then itself."""
        self._guards.writeToChild(guardian.COMMAND_FD, b"sweep\n")

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Pass on what is written."""
        if childFD == _STDERR:
            self._stderr(data)

    def processExited(self, reason: Failure) -> None:
        """Where it was killed, end what it kept: that is ours now."""
        self._guards.loseConnection()
        if not reason.check(ProcessDone):
            guardian.sweep(children(), ORPHANS_TIME)
        self._ended(self)
