"""Kernels that end beside the one that came after them.

Knows how long each may take, and whether any is left. Must not know why it may end
beside another one. Nobody hears what a kernel still does then, but it has as much time
for it as with any ``%restart``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ipr.lifecycle.limits import Limits
from ipr.lifecycle.ports import Kernel
from ipr.sockets.reactor import Clock


class Retired:
    """All of them; there is seldom more than one.

    :param limits: of which the polite ladder counts.
    """

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._timers: dict[int, tuple[IDelayedCall, ...]] = {}
        self._kernels: dict[int, Kernel] = {}
        self._when_gone: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._timers)

    def add(self, kernel: Kernel) -> None:
        """Let it end by itself, or else by the ladder."""
        kernel.retire()
        ladder = self._limits.ladders.polite
        killed = ladder.terminate + ladder.kill
        self._kernels[kernel.generation] = kernel
        self._timers[kernel.generation] = (
            self._clock.callLater(ladder.terminate, kernel.terminate, ""),
            self._clock.callLater(killed, kernel.kill),
            self._clock.callLater(
                killed + self._limits.gone_time, partial(self._stuck, kernel)
            ),
        )

    def ended(self, generation: int) -> None:
        """It is gone, if it is one of them."""
        kernel = self._kernels.pop(generation, None)
        if kernel is None:
            return
        for timer in self._timers.pop(generation):
            if timer.active():
                timer.cancel()
        kernel.close()
        if not self._timers and self._when_gone is not None:
            call, self._when_gone = self._when_gone, None
            call()

    def when_gone(self, call: Callable[[], None]) -> None:
        """Call it when none is left: now, or soon."""
        if self._timers:
            self._when_gone = call
        else:
            call()

    def _stuck(self, kernel: Kernel) -> None:
        _log.error("Kernel {pid} has stopped, and cannot be killed", pid=kernel.pid)
        self.ended(kernel.generation)


_log = Logger()
