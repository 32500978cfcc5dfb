"""What the effects of the machine do to the inner kernel, and who hears of it.

Knows how to perform each effect that :mod:`ipr.lifecycle.machine` returns. Must not
decide anything itself, and must not know files, argv or the global reactor.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import assert_never

import attrs
from twisted.logger import Logger

from ipr.lifecycle import effects as fx
from ipr.lifecycle import events
from ipr.lifecycle.causes import SHUT_DOWN, Cause, Ending
from ipr.lifecycle.current import Current
from ipr.lifecycle.history import History
from ipr.lifecycle.ports import Kernel, Messenger
from ipr.lifecycle.states import Dead, Halting, State, Stopped
from ipr.lifecycle.timers import Timers


class Performing:
    """Performs all of them.

    :param current: the inner kernel.
    :param messenger: the relay.
    :param leave: called once, when the daemon may end.
    :param remedy: returns what to do about a cause for which no kernel follows.
    :param overlap: whether a kernel may end beside the next one.
    :param state: returns the machine's.
    :param feed: takes an event for it.
    """

    def __init__(
        self,
        current: Current,
        messenger: Messenger,
        timers: Timers,
        history: History,
        leave: Callable[[], None],
        remedy: Callable[[Cause], str],
        overlap: bool,
        state: Callable[[], State],
        feed: Callable[[events.Event], None],
    ) -> None:
        self._current = current
        self._messenger = messenger
        self._timers = timers
        self._history = history
        self._leave = leave
        self._remedy = remedy
        self._overlap = overlap
        self._state = state
        self._feed = feed

    def perform(self, effect: fx.Effect) -> None:
        """Perform one."""
        kernel = self._current.kernel
        match effect:
            case fx.After():
                self._timers.set(effect)
            case fx.Cancel():
                self._timers.cancel(effect.kind)
            case fx.Spawn():
                self._spawn(effect.generation)
            case fx.AskToGo():
                self._ask_to_go(effect.generation)
            case fx.Terminate():
                if kernel is not None:
                    kernel.terminate(effect.because)
                else:
                    self._current.give_up()
            case fx.Kill():
                if kernel is not None:
                    kernel.kill()
            case fx.Retire():
                self._current.retire()
            case fx.Drain():
                self._drain(events.Drained(effect.generation))
            case fx.Finish():
                self._finish(effect)
            case fx.Hold():
                self._messenger.hold()
            case fx.HoldUntilExit():
                self._messenger.hold_until_end()
            case fx.Release():
                if kernel is not None:
                    kernel.settle()
                self._messenger.release(effect.generation)
            case fx.Refuse():
                remedy = self._remedy(effect.cause)
                self._messenger.refuse(attrs.evolve(effect.cause, remedy=remedy))
            case fx.Exit():
                try:
                    self._messenger.end(SHUT_DOWN)
                finally:
                    self._current.reserve.close()
                    self._current.retired.when_gone(self._leave)
            case _:
                assert_never(effect)

    def _spawn(self, generation: int) -> None:
        self._messenger.phase("starting a new kernel ...")
        self._history.began(self._timers.now(), generation)

        def lost(channel: str) -> None:
            self._feed(events.ChannelLost(generation, channel))

        def started(pid: int) -> None:
            _log.info(
                "Inner kernel {generation} runs, pid {pid}",
                generation=generation,
                pid=pid,
            )
            self._messenger.phase(f"starting a new kernel, pid {pid} ...")

        def ended(cause: Cause) -> None:
            self._feed(events.Exited(generation, cause))

        self._current.start(generation, lost, started, ended, self._messenger.opened)

    def _ask_to_go(self, generation: int) -> None:
        kernel = self._current.kernel
        pid = kernel.pid if kernel is not None else 0
        self._messenger.phase(f"stopping the kernel, pid {pid} ...")
        self._messenger.ask_to_go()
        if kernel is not None and self._overlap:
            kernel.when_parted(partial(self._parted, kernel))

    def _parted(self, kernel: Kernel, why: str) -> None:
        """Tell the machine, unless the next kernel should not meet this one."""
        if kernel is not self._current.kernel or not isinstance(self._state(), Halting):
            return
        if len(self._current.retired):
            why = "the kernel before it has not ended yet"
        if why:
            _log.debug("The next kernel waits for the end of this one: {why}", why=why)
        else:
            self._feed(events.Parted(kernel.generation))

    def _drain(self, drained: events.Drained) -> None:
        if self._current.kernel is None:
            self._feed(drained)
        else:
            self._current.kernel.drain(lambda: self._feed(drained))

    def _finish(self, effect: fx.Finish) -> None:
        cause = effect.cause
        self._history.ended(cause.text)
        if cause.ending in (Ending.DIED, Ending.NEVER_STARTED):
            _log.warn(
                "Inner kernel {generation}: {cause}",
                generation=effect.generation,
                cause="; ".join((cause.text, *cause.details)),
            )
            self._current.reserve.died()
        kernel = self._current.take()
        # The state is the next one already.
        state = self._state()
        if isinstance(state, Dead):
            remedy = self._remedy(state.cause)
            cause = attrs.evolve(state.cause, followed=False, remedy=remedy)
        elif not isinstance(state, Stopped):
            cause = attrs.evolve(cause, followed=True)
        try:
            self._messenger.finish(effect.generation, cause)
        finally:
            if kernel is not None:
                kernel.close()


_log = Logger()
