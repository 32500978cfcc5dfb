"""The imperative shell around the machine.

Knows how to perform each effect that :mod:`ipr.lifecycle.machine` returns, and keeps
its timers. Must not decide anything itself, and must not know files, argv or
the global reactor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import attrs
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ipr.kernel.process import Ended
from ipr.lifecycle import causes, machine
from ipr.lifecycle.machine import (
    After,
    Cancel,
    Cause,
    Ending,
    Event,
    Leave,
    Limits,
    State,
)
from ipr.lifecycle.ports import Clock, Kernel


class Messenger(Protocol):
    """What the restarter tells the relay."""

    def opened(self, kernel: Kernel) -> None:
        """A new inner kernel is coming up."""

    def hold(self, *, coming: bool) -> None:
        """There is none for now; whether another one is coming."""

    def finish(self, generation: int, cause: Cause) -> None:
        """Answer what it left unanswered."""

    def release(self, generation: int) -> None:
        """It is ready."""

    def refuse(self, cause: Cause) -> None:
        """None is coming."""

    def end(self, cause: Cause) -> None:
        """The daemon goes."""

    def ask_to_go(self) -> None:
        """Interrupt what it runs, then tell it to end."""

    def phase(self, text: str) -> None:
        """Show what the restart is doing."""


#: Starts a generation: its number, then what is called when its channel is
#: lost, when it runs, when it ended. Raises OSError or ValueError.
Start = Callable[
    [int, Callable[[str], None], Callable[[int], None], Callable[[Ended], None]],
    Kernel,
]


class Restarter:
    """Feeds the machine and does what it says.

    :param clock: for the timers.
    :param limits: the machine's numbers.
    :param messenger: the relay.
    :param start: makes a generation.
    :param oom_kills: how often the cgroup's OOM killer fired so far.
    :param leave: called once, when the daemon may end.
    :param remedy: says what to do about a cause for which no kernel follows.
    """

    def __init__(
        self,
        clock: Clock,
        limits: Limits,
        messenger: Messenger,
        start: Start,
        oom_kills: Callable[[], int],
        leave: Callable[[], None],
        remedy: Callable[[Cause], str] = lambda cause: cause.remedy,
    ) -> None:
        self._clock = clock
        self.limits = limits
        self._messenger = messenger
        self._start = start
        self._oom_kills = oom_kills
        self._oom_before = 0
        self._leave = leave
        self._remedy = remedy
        self._timers: dict[type[Event], IDelayedCall] = {}
        self._events: deque[Event] = deque()
        self._stepping = False
        self.kernel: Kernel | None = None
        self.state: State = machine.Stopped(0)
        #: When each generation began and why the one before it ended, newest
        #: last: (seconds since the epoch of the clock, generation, reason).
        self.history: deque[tuple[float, int, str]] = deque(maxlen=100)
        self._last_cause = "first start"
        self._perform: dict[type, Callable[[Any], None]] = {
            machine.Spawn: self._spawn,
            machine.AskToGo: self._ask_to_go,
            machine.Terminate: self._terminate,
            machine.Kill: self._kill,
            machine.Drain: self._drain,
            machine.Finish: self._finish,
            machine.Hold: self._hold,
            machine.Release: self._release,
            machine.Refuse: self._refuse,
            machine.Exit: self._exit,
            machine.After: self._after,
            machine.Cancel: self._cancel,
        }

    # --- what others call ---------------------------------------------------

    def begin(self) -> None:
        """Start generation 1."""
        self.state, effects = machine.first(self.limits)
        self._stepping = True
        try:
            # A start that fails at once is an event: it comes after these.
            self._do(effects)
        finally:
            self._stepping = False
        self._take_events()

    def restart(self, *, urgent: bool) -> None:
        """A %restart has its turn."""
        self.feed(machine.RestartAsked(self.state.generation, urgent))

    def shut_down(self, how: Leave = Leave.REQUESTED) -> None:
        """End the inner kernel, then the daemon."""
        self.feed(machine.ShutdownAsked(self.state.generation, how))

    def signal(self, number: int) -> None:
        """Send a signal to the inner kernel, if there is one."""
        if self.kernel is not None:
            self.kernel.signal(number)

    def ready(self, generation: int) -> None:
        """The inner kernel answers, and its iopub is heard."""
        if isinstance(self.state, machine.Starting):
            self.feed(machine.Ready(generation))

    def distrust(self, generation: int) -> None:
        """What that inner kernel says is not signed with our key."""
        self.feed(machine.Impostor(generation))

    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.seconds()

    def public_state(self) -> str:
        """``running``, ``restarting``, ``dead`` or ``stopped``."""
        return machine.PUBLIC_NAMES[type(self.state)]

    def feed(self, event: Event) -> None:
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
                self.state, effects = machine.step(before, event, self.limits)
                _log.debug(
                    "{event}: {before} -> {after}",
                    event=event,
                    before=before,
                    after=self.state,
                )
                self._do(effects)
        finally:
            self._stepping = False

    # --- effects ------------------------------------------------------------

    def _do(self, effects: machine.Effects) -> None:
        for effect in effects:
            try:
                self._perform[type(effect)](effect)
            except Exception:
                # The effects after it are what keeps clients from hanging.
                _log.failure("Could not perform {effect}", effect=effect)

    def _spawn(self, effect: machine.Spawn) -> None:
        generation = effect.generation
        self._messenger.phase("starting a new kernel ...")
        self.history.append((self._clock.seconds(), generation, self._last_cause))
        self._oom_before = self._oom_kills()

        def lost(channel: str) -> None:
            self.feed(machine.ChannelLost(generation, channel))

        def started(pid: int) -> None:
            _log.info(
                "Inner kernel {generation} runs, pid {pid}",
                generation=generation,
                pid=pid,
            )
            self._messenger.phase(f"starting a new kernel, pid {pid} ...")

        def ended(how: Ended) -> None:
            self._ended(generation, how)

        try:
            self.kernel = self._start(generation, lost, started, ended)
        except Exception as error:
            if not isinstance(error, OSError | ValueError):
                # ZeroMQ, for instance, has errors of its own. Whoever waits
                # must be told all the same.
                _log.failure("Could not start {generation}", generation=generation)
            self.kernel = None
            cause = Cause(
                Ending.NEVER_STARTED,
                f"the kernel could not be started: {error}",
                hopeless=True,
            )
            self.feed(machine.Exited(generation, cause))
            return
        self._messenger.opened(self.kernel)

    def _ended(self, generation: int, how: Ended) -> None:
        kernel = self.kernel
        if kernel is None or kernel.generation != generation:
            return
        facts = causes.Facts(
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
        cause = causes.cause(facts)
        if how.left:
            _log.error("Could not kill {left}", left=how.left)
        self.feed(machine.Exited(generation, cause))

    def _ask_to_go(self, effect: machine.AskToGo) -> None:
        pid = self.kernel.pid if self.kernel is not None else 0
        self._messenger.phase(f"stopping the kernel, pid {pid} ...")
        self._messenger.ask_to_go()

    def _terminate(self, effect: machine.Terminate) -> None:
        if self.kernel is not None:
            self.kernel.terminate(effect.because)

    def _kill(self, effect: machine.Kill) -> None:
        if self.kernel is not None:
            self.kernel.kill()

    def _drain(self, effect: machine.Drain) -> None:
        drained = machine.Drained(effect.generation)
        if self.kernel is None:
            self.feed(drained)
        else:
            self.kernel.drain(lambda: self.feed(drained))

    def _finish(self, effect: machine.Finish) -> None:
        self._last_cause = effect.cause.text
        if effect.cause.ending in (Ending.DIED, Ending.NEVER_STARTED):
            _log.warn(
                "Inner kernel {generation}: {cause}",
                generation=effect.generation,
                cause="; ".join((effect.cause.text, *effect.cause.details)),
            )
        kernel, self.kernel = self.kernel, None
        # The state is the next one already.
        followed = not isinstance(self.state, machine.Dead | machine.Stopped)
        cause = attrs.evolve(effect.cause, followed=followed)
        try:
            self._messenger.finish(effect.generation, cause)
        finally:
            if kernel is not None:
                kernel.close()

    def _hold(self, effect: machine.Hold) -> None:
        self._messenger.hold(coming=effect.coming)

    def _release(self, effect: machine.Release) -> None:
        if self.kernel is not None:
            self.kernel.ready = True
        self._messenger.release(effect.generation)

    def _refuse(self, effect: machine.Refuse) -> None:
        cause = effect.cause
        self._messenger.refuse(attrs.evolve(cause, remedy=self._remedy(cause)))

    def _exit(self, effect: machine.Exit) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        try:
            self._messenger.end(Cause(Ending.SHUT_DOWN, "the kernel was shut down"))
        finally:
            self._leave()

    def _after(self, effect: After) -> None:
        kind = type(effect.event)
        self._cancel(Cancel(kind))

        def due() -> None:
            del self._timers[kind]
            self.feed(effect.event)

        self._timers[kind] = self._clock.callLater(effect.seconds, due)

    def _cancel(self, effect: Cancel) -> None:
        timer = self._timers.pop(effect.kind, None)
        if timer is not None:
            timer.cancel()


_log = Logger()
