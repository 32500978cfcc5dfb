"""Has a kernel that is being started wait while a cell runs in another one.

Knows signals, and when it is safe to stop a process. Must not know cells. The process
is stopped (SIGSTOP), because nothing weaker can be taken back by an ordinary user, and
a kernel that takes over must have its full priority at once. Seen on Linux 6.18 with
RLIMIT_NICE 0, as everywhere:

* nice 19, and back to 0: EACCES. SCHED_IDLE, and back: EPERM. RLIMIT_NICE would have to
  allow it.
* The nice value of its session's *autogroup* can be set back, but not within a tenth of
  a second of any other such change on the machine (EAGAIN); and it means nothing where
  the cpu controller of cgroups is in use.

An ipykernel that starts takes 0.4 s of one core in all. Next to it, on two cores, a
cell that uses one took 1.04 of its time, one that uses both 1.18 (the least of ten and
of six runs). With a kernel that imports for seconds it would be those seconds.

Who is stopped keeps its locks, and while IPython starts it writes into the history that
all kernels of a user share: in 2 of 100 moments it holds that lock. So one that holds
a lock goes on for a moment, and is stopped again.
"""

from __future__ import annotations

import signal
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall

from ipr.kernel import holdings, tree
from ipr.sockets.reactor import Clock

#: Seconds until a signal has worked for sure, and for which one with a lock goes on.
MOMENT = 0.02


class Signalled(Protocol):
    """A kernel, of which this much is needed."""

    @property
    def pid(self) -> int:
        """Its process; 0 until it runs."""

    def signal(self, number: int) -> None:
        """Send a signal to its process group."""


class Pause:
    """Of one kernel that is being started.

    :ivar on: whether it has to wait.
    """

    def __init__(self, kernel: Signalled, clock: Clock) -> None:
        self.on = False
        self._kernel = kernel
        self._clock = clock
        self._look: IDelayedCall | None = None

    def begin(self) -> None:
        """Stop it: a cell runs."""
        if not self.on:
            self.on = True
            self._stop()

    def end(self) -> None:
        """Let it go on, at full priority; it may have to take over at once."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        if self.on:
            self.on = False
            self._kernel.signal(signal.SIGCONT)

    def _stop(self) -> None:
        self._kernel.signal(signal.SIGSTOP)
        self._look = self._clock.callLater(MOMENT, self._check)

    def _check(self) -> None:
        self._look = None
        if not self._kernel.pid:
            # The signal is kept until it runs, and works then.
            self._look = self._clock.callLater(MOMENT, self._check)
        elif any(map(holdings.locks, tree.of(self._kernel.pid))):
            self._kernel.signal(signal.SIGCONT)
            self._look = self._clock.callLater(MOMENT, self._stop)
