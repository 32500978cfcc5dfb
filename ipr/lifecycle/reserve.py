"""The shell around the table of the standby.

Knows how each effect is performed, and how a standby is handed over. Must not decide
when there is one, nor know what makes it stale.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import assert_never

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ipr.kernel.process import Ended
from ipr.lifecycle import standby as sb
from ipr.lifecycle import standbytable
from ipr.lifecycle.limits import Limits
from ipr.lifecycle.ports import Kernel, Listener, Supply
from ipr.sockets.reactor import Clock


class Line:
    """Who is told of what becomes of a kernel: its keeper changes.

    :ivar lost: called with the channel that it closed.
    :ivar started: called with its pid.
    :ivar ended: called with how it ended.
    """

    def __init__(self, ended: Callable[[Ended], None]) -> None:
        self.lost: Callable[[str], None] = _ignore
        self.started: Callable[[int], None] = _ignore
        self.ended = ended


def _ignore(_told: object) -> None:
    """A kernel that only waits may say so."""


PATIENCE = sb.Patience()


def patience(limits: Limits) -> sb.Patience:
    """Return the numbers: it may take as long to start as any kernel."""
    return sb.Patience(boot=limits.start_timeout or PATIENCE.boot)


#: A standby, and who is told of it.
Handover = tuple[Kernel, Line]

#: Takes it, or None: there is none that is as good as a new kernel.
Take = Callable[[Handover | None], None]


class Reserve:
    """At most one standby.

    :param supply: starts one, and knows whether it is stale.
    :param listener: hears it before it takes over: the relay.
    :param quiet: returns for how many seconds nothing has run in the kernel, and
        whether anything has; negative while there is no kernel that could be idle.
    :ivar state: of the table.
    :ivar since: when the last change of state was.
    """

    def __init__(
        self,
        clock: Clock,
        supply: Supply,
        listener: Listener,
        quiet: Callable[[], tuple[float, bool]],
        patience: sb.Patience = PATIENCE,
    ) -> None:
        self.state: sb.State = sb.Off("it was not asked for (--standby)")
        self.since = clock.seconds()
        self._held: Handover | None = None
        self._pending: Take | None = None
        self._clock = clock
        self._supply = supply
        self._listener = listener
        self._quiet = quiet
        self._patience = patience
        self._timer: IDelayedCall | None = None

    # --- what others call ---------------------------------------------------

    def want(self, *, careful: bool = False) -> None:
        """Keep one from now on, if there can be one.

        :param careful: but none that turns out too large for the memory there is.
        """
        self._supply.careful = careful
        why = self._supply.refused()
        self.feed(sb.Unwanted(why) if why else sb.Wanted())

    def drop(self, why: str) -> None:
        """Keep none from now on."""
        self.feed(sb.Unwanted(why))

    def close(self) -> None:
        """The daemon ends."""
        self.drop("the daemon ends")
        if self.kernel is not None:
            self.kernel.close()

    def age(self) -> float:
        """Return for how many seconds its state has been what it is."""
        return self._clock.seconds() - self.since

    def died(self) -> None:
        """The kernel has died."""
        self.feed(sb.Died())

    @property
    def kernel(self) -> Kernel | None:
        """The standby, from its start until it takes over or is gone."""
        return self._held[0] if self._held is not None else None

    def take(self, done: Take) -> None:
        """Hand the standby over, if there is one that is as good as a new kernel.

        :param done: called at once, or when it has been looked at; one that is
            still starting is waited for, since a new one would take longer.
        """
        if isinstance(self.state, sb.Waiting):
            self._check(done)
        elif isinstance(self.state, sb.Booting):
            self._pending = done
        else:
            done(None)

    def _check(self, done: Take) -> None:
        held = self._held

        def checked(why: str) -> None:
            ours = held is not None and held is self._held
            # It may have been dropped meanwhile, and is not gone yet.
            if not ours or not isinstance(self.state, sb.Waiting):
                done(None)
            elif why:
                self.feed(sb.Stale(why))
                done(None)
            else:
                self._held = None
                self.feed(sb.Taken())
                done(held)

        self._supply.check(self._patience.check, checked)

    def feed(self, event: sb.Event) -> None:
        """Take one event."""
        before = self.state
        self.state, effects = standbytable.step(before, event, self._patience)
        if type(self.state) is not type(before):
            _log.debug("{before} -> {after}", before=before, after=self.state)
            self.since = self._clock.seconds()
            self._stop_timer()
        for effect in effects:
            self._perform(effect)
        if self._pending is not None and not isinstance(self.state, sb.Booting):
            done, self._pending = self._pending, None
            self.take(done)

    # --- effects ------------------------------------------------------------

    def _perform(self, effect: sb.Effect) -> None:
        match effect:
            case sb.After():
                self._stop_timer()
                self._timer = self._clock.callLater(
                    effect.seconds, self._due, effect.event
                )
            case sb.Start():
                self._start()
            case sb.Discard():
                self._discard()
            case sb.LookWhetherQuiet():
                seconds, ran = self._quiet()
                over = self.age() >= effect.pause
                if over and seconds >= self._patience.idle:
                    self.feed(sb.Quiet(ran))
            case sb.LookWhetherStale():
                looked = partial(self._looked, self.kernel)
                self._supply.check(self._patience.boot, looked)
            case sb.Log():
                _log.warn("There will be no standby: {why}", why=effect.why)
            case _:
                assert_never(effect)

    def _due(self, event: sb.Event) -> None:
        self._timer = None
        self.feed(event)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _looked(self, kernel: Kernel | None, why: str) -> None:
        # The look may take long, and there may be another standby by then.
        if why and kernel is self.kernel:
            self.feed(sb.Stale(why))

    def _start(self) -> None:
        why = self._supply.refused()
        if why:
            self.feed(sb.Unwanted(why))
            return
        line = Line(self._ended)
        try:
            kernel = self._supply.start(
                lambda channel: line.lost(channel),
                lambda pid: line.started(pid),
                lambda how: line.ended(how),
            )
        except Exception as error:
            if not isinstance(error, OSError | ValueError):
                _log.failure("Could not start a standby")
            self.feed(sb.Ended(f"it could not be started: {error}"))
            return
        self._held = kernel, line
        self._listener.expect(
            kernel,
            self._supply.question(),
            partial(self._supply.learn, done=partial(self._learnt, kernel)),
            lambda: self.feed(sb.Stale("its messages are not signed with our key")),
        )

    def _learnt(self, kernel: Kernel, why: str) -> None:
        """It has said what it has loaded, or never will."""
        if kernel is self.kernel:
            self.feed(sb.Unwanted(why) if why else sb.Settled())

    def _discard(self) -> None:
        if self.kernel is not None:
            self._listener.forget(self.kernel)
            self.kernel.kill()

    def _ended(self, how: Ended) -> None:
        kernel, self._held = self.kernel, None
        if kernel is not None:
            self._listener.forget(kernel)
            kernel.close()
        said = how.problem or f"it ended by itself, status {how.status}"
        self.feed(sb.Ended("; ".join((said, *how.tail[-1:]))))


_log = Logger()
