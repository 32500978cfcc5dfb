"""The current inner kernel.

Knows how one is started, and finds the cause when it ends. Must not know the
machine, nor when a kernel is wanted.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from ipr.kernel.process import Ended
from ipr.lifecycle.causes import RESTARTED, Cause, Ending, Facts, Shortage, cause
from ipr.lifecycle.ports import Kernel, Start
from ipr.lifecycle.reserve import Handover, Line, Reserve
from ipr.lifecycle.retired import Retired


class Current:
    """The inner kernel, if there is one.

    :param start: makes a kernel.
    :param oom_kills: how often the cgroup's OOM killer fired so far.
    :param memory_limit: returns how many bytes the job may use, if that is known.
    :param retired: earlier ones that are still ending.
    :param reserve: has the standby.
    :ivar kernel: None before the first start, and after each end.
    """

    def __init__(
        self,
        start: Start,
        oom_kills: Callable[[], int],
        memory_limit: Callable[[], int | None],
        retired: Retired,
        reserve: Reserve,
    ) -> None:
        self.kernel: Kernel | None = None
        self.reserve = reserve
        self.retired = retired
        self._start = start
        self._oom_kills = oom_kills
        self._memory_limit = memory_limit
        self._oom_before = 0
        self._coming = 0
        self._not_come: Callable[[Cause], None] = _nobody

    def start(
        self,
        generation: int,
        lost: Callable[[str], None],
        started: Callable[[int], None],
        ended: Callable[[Cause], None],
        opened: Callable[[Kernel], None],
    ) -> None:
        """Start a kernel, or have the standby take over.

        :param opened: called with it, if it could be started; otherwise ``ended`` is
            called with why.
        """
        self._coming = generation
        self._not_come = ended

        def begin(standby: Handover | None) -> None:
            if self._coming != generation:
                # It was given up meanwhile.
                if standby is not None:
                    _dismiss(*standby)
                return
            self._coming = 0
            has_ended = self._begin(generation, ended)
            if standby is None:
                self._start_new(generation, lost, started, has_ended, ended)
            else:
                self.kernel, line = standby
                self.kernel.generation = generation
                line.lost, line.started, line.ended = lost, started, has_ended
            if self.kernel is not None:
                opened(self.kernel)

        self.reserve.take(begin)

    def give_up(self) -> None:
        """Stop waiting for a standby that is still starting."""
        if self._coming and self.kernel is None:
            self._coming = 0
            self._not_come(RESTARTED)

    def _start_new(
        self,
        generation: int,
        lost: Callable[[str], None],
        started: Callable[[int], None],
        has_ended: Callable[[Ended], None],
        ended: Callable[[Cause], None],
    ) -> None:
        try:
            self.kernel = self._start(generation, lost, started, has_ended)
        except Exception as error:
            if not isinstance(error, OSError | ValueError):
                # ZeroMQ, for instance, has errors of its own. Whoever waits
                # must hear of it all the same.
                _log.failure("Could not start {generation}", generation=generation)
            self.kernel = None
            text = f"the kernel could not be started: {error}"
            ended(Cause(Ending.NEVER_STARTED, text, hopeless=True))

    def _begin(
        self, generation: int, ended: Callable[[Cause], None]
    ) -> Callable[[Ended], None]:
        """Return what is called when it has ended."""
        self._oom_before = self._oom_kills()

        def has_ended(how: Ended) -> None:
            kernel = self.kernel
            if kernel is not None and kernel.generation == generation:
                ended(self._cause(kernel, how))
            else:
                self._log_left(how)
                self.retired.ended(generation)

        return has_ended

    def _cause(self, kernel: Kernel, how: Ended) -> Cause:
        self._log_left(how)
        return cause(
            Facts(
                how.status,
                how.problem,
                ready=kernel.ready,
                because=kernel.killed_because,
                shortage=Shortage(
                    self._oom_kills() - self._oom_before, self._memory_limit()
                ),
                peak_kib=how.peak_kib,
                pid=kernel.pid,
                tail=how.tail,
                command=kernel.command,
                interrupted=kernel.interrupted,
            )
        )

    def _log_left(self, how: Ended) -> None:
        if how.left:
            _log.error("Could not kill {left}", left=how.left)

    def retire(self) -> None:
        """Let the kernel end by itself: it is no longer the current one."""
        kernel = self.take()
        if kernel is not None:
            self.retired.add(kernel)

    def take(self) -> Kernel | None:
        """Return the kernel, to be closed: it is no longer the current one."""
        self._coming = 0
        kernel, self.kernel = self.kernel, None
        return kernel


def _nobody(_cause: Cause) -> None:
    """Nobody waits for a kernel."""


def _dismiss(kernel: Kernel, line: Line) -> None:
    def has_ended(_how: Ended) -> None:
        kernel.close()

    line.ended = has_ended
    kernel.kill()


_log = Logger()
