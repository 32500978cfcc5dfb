"""The file of ``--before-end``: when it runs, how often, and what is said of it.

Knows words for how it went. Must not know when the job ends, nor how code gets into a
kernel. It runs once for each end that the job has: when so much time is left, or, where
that has not been, when the job is told to go.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Protocol

from twisted.python.failure import Failure

from ipr.daemon import preloading
from ipr.daemon.status import Row, span
from ipr.relay.beside import Order
from ipr.relay.codefile import CodeFile
from ipr.relay.silently import Outcome
from ipr.relay.timer import Timer
from ipr.sockets.reactor import Clock

#: What is said of it before it is over: in a kernel without subshells it may have to
#: wait for a cell.
DUE, RUNS = "is due", "is running"
#: Characters of an error that a notice shows.
LONGEST = 300


class Runner(Protocol):
    """What runs code in the kernel: :class:`ipr.relay.beside.Beside`."""

    def run(self, order: Order) -> None:
        """Run it in the kernel that there is."""

    def stop(self) -> None:
        """Its time is over."""


class BeforeEnd:
    """The file, for all kernels and all ends of a job.

    :param file: its path is ``""``: there is none.
    :param interrupts: whether the running cell is interrupted first.
    :param runner: returns what runs code in the kernel.
    :param changed: called when there is more to say.
    :ivar before: seconds before the end at which it is due.
    """

    def __init__(
        self,
        clock: Clock,
        file: CodeFile,
        before: float,
        interrupts: bool,
        runner: Callable[[], Runner],
        changed: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._file = file
        self.before = before
        self._interrupts = interrupts
        self._runner = runner
        self._changed = changed
        self._limit = Timer(clock.callLater)
        #: When it was due or began; None: it does not run.
        self._since: float | None = None
        self._told = ""
        self._then: Callable[[bool], None] | None = None

    @property
    def wanted(self) -> bool:
        """Whether there is a file."""
        return bool(self._file.path)

    @property
    def running(self) -> bool:
        """Whether it runs, or is about to."""
        return self._since is not None

    def run(self, seconds: float, *, waits: bool = True) -> None:
        """Run it, if there is one; what runs already goes on.

        :param seconds: that it may take.
        :param waits: as in :class:`Order`.
        """
        if not self.wanted or self.running:
            return
        self._since = self._clock.seconds()
        self._told = DUE
        self._limit.start(seconds, partial(self._late, seconds))

        def read(code: str) -> None:
            if self.running:
                order = Order(code, self._interrupts, waits, self._begun, self._ran)
                self._runner().run(order)

        self._file.read().addCallback(read).addErrback(self._unread)

    def when_over(self, seconds: float, then: Callable[[bool], None]) -> None:
        """Call it when nothing runs: at once, or after so many seconds at most.

        :param then: called with whether it was over by itself.
        """
        if not self.running:
            then(True)
            return
        if self._then is None:
            self._limit.start(seconds, partial(self._late, seconds))
        self._then = then

    def close(self) -> None:
        """Do nothing more."""
        self._then = None
        self._since = None
        self._limit.stop()

    # --- what is said of it -------------------------------------------------

    def words(self) -> str:
        """Return the sentence that a notice ends with; ``""``: there is none."""
        name = os.path.basename(self._file.path)
        told = self._told.partition("\n")[0][:LONGEST]
        return f"Checkpoint {name} {told}." if told else ""

    def rows(self, when: str) -> list[Row]:
        """Return the row of ``%ipr status``, none where there is no file.

        :param when: it is going to run.
        """
        if not self.wanted:
            return []
        said = f"it {self._told}" if self.running else self._told or when
        return [Row("before the end", f"{self._file.path}: {said}")]

    # --- how it went --------------------------------------------------------

    def _begun(self) -> None:
        if self.running:
            # A wait for the cell is none of its time.
            self._since = self._clock.seconds()
            self._told = RUNS

    def _ran(self, outcome: Outcome) -> None:
        took = span_of(self._clock.seconds() - (self._since or 0.0))
        if not outcome.error:
            self._over(f"ran, {took}", outcome.output)
        elif outcome.error.startswith("not run: "):
            self._over(f"was NOT run: {outcome.error[9:]}", "")
        else:
            self._over(f"FAILED after {took}: {outcome.error}", outcome.output)

    def _unread(self, why: Failure) -> None:
        self._ran(Outcome(error=f"not run: {why.getErrorMessage()}"))

    def _late(self, limit: float) -> None:
        # It was due a moment before it began.
        took = span_of(max(limit, self._clock.seconds() - (self._since or 0.0)))
        self._runner().stop()
        told = f"did NOT end in {took}"
        if self._told == DUE:
            told = f"was NOT run: the kernel did not get to it in {took}"
        self._over(told, "", ended=False)

    def _over(self, told: str, output: str, *, ended: bool = True) -> None:
        if not self.running:
            return
        self._since = None
        self._limit.stop()
        lines = output.split("\n")[-preloading.MOST_LINES :] if output else []
        self._told = "\n".join((told, *lines))
        then, self._then = self._then, None
        try:
            self._changed()
        finally:
            if then is not None:
                then(ended)


def span_of(seconds: float) -> str:
    """``1.234`` -> ``"1.2 s"``; longer ones as everywhere."""
    return f"{seconds:.1f} s" if seconds < 60 else span(seconds)
