"""The inner kernel that there is now.

Knows how one is started, and finds the cause when it ends. Must not know the
machine, nor when a kernel is wanted.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from ipr.kernel.process import Ended
from ipr.lifecycle.causes import Cause, Ending, Facts, cause
from ipr.lifecycle.ports import Kernel, Start
from ipr.lifecycle.retired import Retired


class Current:
    """The inner kernel, if there is one.

    :param start: makes a kernel.
    :param oom_kills: how often the cgroup's OOM killer fired so far.
    :param retired: those before it that still end.
    :ivar kernel: None before the first start, and after each end.
    """

    def __init__(
        self, start: Start, oom_kills: Callable[[], int], retired: Retired
    ) -> None:
        self.kernel: Kernel | None = None
        self.retired = retired
        self._start = start
        self._oom_kills = oom_kills
        self._oom_before = 0

    def start(
        self,
        generation: int,
        lost: Callable[[str], None],
        started: Callable[[int], None],
        ended: Callable[[Cause], None],
    ) -> Kernel | None:
        """Start a kernel.

        :returns: None when it could not be started; ``ended`` was called with why.
        """
        self._oom_before = self._oom_kills()

        def has_ended(how: Ended) -> None:
            kernel = self.kernel
            if kernel is not None and kernel.generation == generation:
                ended(self._cause(kernel, how))
            else:
                self._log_left(how)
                self.retired.ended(generation)

        try:
            self.kernel = self._start(generation, lost, started, has_ended)
        except Exception as error:
            if not isinstance(error, OSError | ValueError):
                # ZeroMQ, for instance, has errors of its own. Whoever waits
                # must be told all the same.
                _log.failure("Could not start {generation}", generation=generation)
            self.kernel = None
            text = f"the kernel could not be started: {error}"
            ended(Cause(Ending.NEVER_STARTED, text, hopeless=True))
        return self.kernel

    def _cause(self, kernel: Kernel, how: Ended) -> Cause:
        self._log_left(how)
        return cause(
            Facts(
                how.status,
                how.problem,
                ready=kernel.ready,
                because=kernel.killed_because,
                out_of_memory=self._oom_kills() > self._oom_before,
                peak_kib=how.peak_kib,
                tail=how.tail,
                command=kernel.command,
                interrupted=kernel.interrupted,
            )
        )

    def _log_left(self, how: Ended) -> None:
        if how.left:
            _log.error("Could not kill {left}", left=how.left)

    def retire(self) -> None:
        """Let the kernel end by itself: there is none any more."""
        kernel = self.take()
        if kernel is not None:
            self.retired.add(kernel)

    def take(self) -> Kernel | None:
        """Return the kernel, to be closed: there is none any more."""
        kernel, self.kernel = self.kernel, None
        return kernel


_log = Logger()
