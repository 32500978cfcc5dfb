"""The imperative shell around the machine.

Knows how to perform each effect that :mod:`ipr.lifecycle.machine` returns. Must not
decide anything itself, and must not know files, argv or the global reactor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import assert_never

import attrs
from twisted.logger import Logger

from ipr.lifecycle import effects as fx
from ipr.lifecycle import events, machine, wording
from ipr.lifecycle.causes import SHUT_DOWN, Cause, Ending
from ipr.lifecycle.current import Current
from ipr.lifecycle.history import History
from ipr.lifecycle.limits import CLEAN, Leave, Limits
from ipr.lifecycle.ports import Kernel, Messenger, Start, Supply
from ipr.lifecycle.reserve import Reserve, patience
from ipr.lifecycle.retired import Retired
from ipr.lifecycle.states import (
    PUBLIC_NAMES,
    Aim,
    Dead,
    Draining,
    Halting,
    Running,
    Starting,
    State,
    Stopped,
)
from ipr.lifecycle.timers import Timers
from ipr.sockets.reactor import Clock


class Restarter:
    """Feeds the machine and performs its effects.

    :param clock: for the timers.
    :param limits: the machine's numbers.
    :param messenger: the relay.
    :param start: makes an inner kernel.
    :param supply: makes a standby.
    :param oom_kills: how often the cgroup's OOM killer fired so far.
    :param leave: called once, when the daemon may end.
    :param remedy: returns what to do about a cause for which no kernel follows.
    """

    def __init__(
        self,
        clock: Clock,
        limits: Limits,
        messenger: Messenger,
        start: Start,
        supply: Supply,
        oom_kills: Callable[[], int],
        leave: Callable[[], None],
        remedy: Callable[[Cause], str] = lambda cause: cause.remedy,
    ) -> None:
        self.state: State = Stopped(0)
        self.history = History()
        self._limits = limits
        self._messenger = messenger
        self._leave = leave
        self._remedy = remedy
        self._current = Current(
            start,
            oom_kills,
            Retired(clock, limits),
            Reserve(clock, supply, messenger, self._quiet, patience(limits)),
        )
        self._timers = Timers(clock, self.feed)
        self._events: deque[events.Event] = deque()
        self._stepping = False

    @property
    def kernel(self) -> Kernel | None:
        """The inner kernel, if there is one."""
        return self._current.kernel

    @property
    def reserve(self) -> Reserve:
        """A kernel that waits, if one is wanted."""
        return self._current.reserve

    # --- what others call ---------------------------------------------------

    def begin(self) -> None:
        """Start generation 1."""
        self.state, effects = machine.first(self._limits)
        self._stepping = True
        try:
            # A start that fails at once is an event: it comes after these.
            self._perform_all(effects)
        finally:
            self._stepping = False
        self._take_events()

    def restart(self, *, urgent: bool) -> None:
        """A %restart has its turn."""
        self.feed(events.RestartAsked(self.state.generation, urgent))

    def shut_down(self, how: Leave = Leave.REQUESTED) -> None:
        """End the inner kernel, then the daemon."""
        self.feed(events.ShutdownAsked(self.state.generation, how))

    def signal(self, number: int) -> None:
        """Send a signal to the inner kernel, if there is one."""
        if self.kernel is not None:
            self.kernel.signal(number)

    def ready(self, generation: int) -> None:
        """The inner kernel answers, and its iopub is heard."""
        if isinstance(self.state, Starting):
            self.feed(events.Ready(generation))

    def distrust(self, generation: int) -> None:
        """Messages of that inner kernel are not signed with our key."""
        self.feed(events.Impostor(generation))

    def leaving(self) -> bool:
        """Whether the daemon ends, and no restart is carried out any more."""
        state = self.state
        return isinstance(state, Stopped) or (
            isinstance(state, Halting | Draining) and state.aim is Aim.EXIT
        )

    def generation(self) -> int:
        """Return the number of the inner kernel that there is, or was last."""
        return self.state.generation

    def now(self) -> float:
        """Return monotonic seconds."""
        return self._timers.now()

    def public_state(self) -> str:
        """Return ``running``, ``restarting``, ``dead`` or ``stopped``."""
        return PUBLIC_NAMES[type(self.state)]

    def feed(self, event: events.Event) -> None:
        """Take one event; those that its effects cause come after it."""
        self._events.append(event)
        if not self._stepping:
            self._take_events()

    def _take_events(self) -> None:
        self._stepping = True
        try:
            while self._events:
                event = self._events.popleft()
                before = self.state
                self.state, effects = machine.step(before, event, self._limits)
                said = wording.step(event, before, self.state)
                _log.debug("{said}", said=said)
                self._perform_all(effects)
        finally:
            self._stepping = False

    # --- effects ------------------------------------------------------------

    def _perform_all(self, effects: fx.Effects) -> None:
        for effect in effects:
            try:
                self._perform(effect)
            except Exception:
                # The effects after it are what keeps clients from hanging.
                _log.failure("Could not perform {effect}", effect=effect)

    def _perform(self, effect: fx.Effect) -> None:
        kernel = self.kernel
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
                self._messenger.hold(coming=effect.coming)
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
                    self.reserve.close()
                    self._current.retired.when_gone(self._leave)
            case _:
                assert_never(effect)

    def _spawn(self, generation: int) -> None:
        self._messenger.phase("starting a new kernel ...")
        self.history.began(self.now(), generation)

        def lost(channel: str) -> None:
            self.feed(events.ChannelLost(generation, channel))

        def started(pid: int) -> None:
            _log.info(
                "Inner kernel {generation} runs, pid {pid}",
                generation=generation,
                pid=pid,
            )
            self._messenger.phase(f"starting a new kernel, pid {pid} ...")

        def ended(cause: Cause) -> None:
            self.feed(events.Exited(generation, cause))

        self._current.start(generation, lost, started, ended, self._messenger.opened)

    def _quiet(self) -> tuple[float, bool]:
        """Return for how long nobody needs the CPU, and whether a cell has run."""
        state = self.state
        if (
            not isinstance(state, Running)
            or state.ending
            or state.tally != CLEAN
            or len(self._current.retired)
        ):
            return -1.0, False
        return self._messenger.quiet()

    def _ask_to_go(self, generation: int) -> None:
        kernel = self.kernel
        pid = kernel.pid if kernel is not None else 0
        self._messenger.phase(f"stopping the kernel, pid {pid} ...")
        self._messenger.ask_to_go()
        if kernel is not None and self._limits.overlap:
            kernel.when_parted(partial(self._parted, kernel))

    def _parted(self, kernel: Kernel, why: str) -> None:
        """Tell the machine, unless the next kernel should not meet this one."""
        if kernel is not self.kernel or not isinstance(self.state, Halting):
            return
        if len(self._current.retired):
            why = "the kernel before it has not ended yet"
        if why:
            _log.debug("The next kernel waits for the end of this one: {why}", why=why)
        else:
            self.feed(events.Parted(kernel.generation))

    def _drain(self, drained: events.Drained) -> None:
        if self.kernel is None:
            self.feed(drained)
        else:
            self.kernel.drain(lambda: self.feed(drained))

    def _finish(self, effect: fx.Finish) -> None:
        cause = effect.cause
        self.history.ended(cause.text)
        if cause.ending in (Ending.DIED, Ending.NEVER_STARTED):
            _log.warn(
                "Inner kernel {generation}: {cause}",
                generation=effect.generation,
                cause="; ".join((cause.text, *cause.details)),
            )
            self.reserve.died()
        kernel = self._current.take()
        # The state is the next one already.
        state = self.state
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
