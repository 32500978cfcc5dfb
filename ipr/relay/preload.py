"""What each kernel runs before anybody's cell: the file of ``--preload``.

Knows when it is read and run, for which kernels, and how it went. Must not know where
the file is read, nor when a kernel that has run it takes over.

It is part of a kernel's start: what clients send is held until it has run, also when
it fails. So it is there in a kernel that was started in advance, and nobody waits.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.python.failure import Failure

from ipr.relay.codefile import CodeFile
from ipr.relay.errands import Errands
from ipr.relay.readiness import Readiness
from ipr.relay.silently import Outcome, Silently
from ipr.relay.timer import CallLater


class Beforehand:
    """What one kernel runs first.

    :ivar outcome: how it went; None until it is over.
    """

    def __init__(
        self,
        preload: CodeFile,
        readiness: Readiness,
        errands: Errands,
        call_later: CallLater,
    ) -> None:
        self.outcome = None if preload.path else Outcome()
        self._preload = preload
        self._readiness = readiness
        self._errands = errands
        self._call_later = call_later
        self._then: Callable[[], None] | None = None
        self._begun = False
        self._running: Silently | None = None

    def before(self, then: Callable[[], None]) -> None:
        """The kernel answers: run it, and call ``then``; the last one only.

        At once, if it has run, or there is nothing to run.
        """
        self._then = then
        if self.outcome is not None:
            self._over(self.outcome)
        elif not self._begun:
            self._begin()

    def stop(self) -> None:
        """The kernel is of no interest any more."""
        self._begun, self._then = True, None
        if self._running is not None:
            self._running.stop()

    def _begin(self) -> None:
        self._begun = True
        # It would have to answer each probe afterwards.
        self._readiness.stop()
        misfit = self._preload.misfit(self._readiness.info)
        if misfit:
            self._over(Outcome(error=f"not run: {misfit}"))
        else:
            self._preload.read().addCallback(self._run).addErrback(self._unread)

    def _run(self, code: str) -> None:
        # It may have gone meanwhile.
        if self._then is not None:
            self._running = Silently(self._errands, self._call_later, code, self._over)

    def _unread(self, why: Failure) -> None:
        self._over(Outcome(error=f"not run: {why.getErrorMessage()}"))

    def _over(self, outcome: Outcome) -> None:
        self.outcome = outcome
        then, self._then = self._then, None
        if then is not None:
            then()
