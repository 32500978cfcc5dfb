"""The shell around the machine: its state, its timers, one event after another.

Knows who feeds it, and in which order events and effects are taken. Must not decide
anything itself, nor know how an effect is performed (:mod:`ipr.lifecycle.performing`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.logger import Logger

from ipr.lifecycle import effects as fx
from ipr.lifecycle import events, machine, wording
from ipr.lifecycle.causes import Cause
from ipr.lifecycle.current import Current
from ipr.lifecycle.history import History
from ipr.lifecycle.limits import CLEAN, Leave, Limits, Pace
from ipr.lifecycle.performing import Performing
from ipr.lifecycle.ports import Kernel, Messenger, Start, Supply
from ipr.lifecycle.reserve import Reserve, patience
from ipr.lifecycle.retired import Retired
from ipr.lifecycle.states import (
    PUBLIC_NAMES,
    Aim,
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
    """Feeds the machine, and has its effects performed.

    :param clock: for the timers.
    :param limits: the machine's numbers.
    :param messenger: the relay.
    :param start: makes an inner kernel.
    :param supply: makes a standby.
    :param oom_kills: how often the cgroup's OOM killer fired so far.
    :param memory_limit: returns how many bytes the job may use, if that is known.
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
        memory_limit: Callable[[], int | None],
        leave: Callable[[], None],
        remedy: Callable[[Cause], str] = lambda cause: cause.remedy,
    ) -> None:
        self.state: State = Stopped(0)
        self.history = History()
        self._limits = limits
        self._messenger = messenger
        self._current = Current(
            start,
            oom_kills,
            memory_limit,
            Retired(clock, limits),
            Reserve(clock, supply, messenger, self._quiet, patience(limits)),
        )
        self._timers = Timers(clock, self.feed)
        self._performing = Performing(
            self._current,
            messenger,
            self._timers,
            self.history,
            leave,
            remedy,
            limits.overlap,
            lambda: self.state,
            self.feed,
        )
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

    def restart(self, pace: Pace) -> None:
        """A %restart has its turn."""
        self.feed(events.RestartAsked(self.state.generation, pace))

    def shut_down(self, how: Leave = Leave.REQUESTED) -> None:
        """End the inner kernel, then the daemon."""
        self.feed(events.ShutdownAsked(self.state.generation, how))

    def signal(self, number: int) -> None:
        """Send a signal to the inner kernel, if there is one."""
        if self.kernel is not None:
            self.kernel.signal(number)

    def spare(self) -> None:
        """The end of the inner kernel spares what has a session of its own."""
        if self.kernel is not None:
            self.kernel.spare()

    def ready(self, generation: int) -> None:
        """The inner kernel answers, and its iopub is heard."""
        if isinstance(self.state, Starting):
            self.feed(events.Ready(generation))

    def distrust(self, generation: int) -> None:
        """Messages of that inner kernel are not signed with our key."""
        self.feed(events.Impostor(generation))

    def leaving(self) -> bool:
        """Whether the daemon is ending, so that no restart is carried out."""
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

    def _perform_all(self, effects: fx.Effects) -> None:
        for effect in effects:
            try:
                self._performing.perform(effect)
            except Exception:
                # The effects after it keep clients from hanging.
                _log.failure("Could not perform {effect}", effect=effect)

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


_log = Logger()
