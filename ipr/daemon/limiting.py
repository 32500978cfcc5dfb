"""The limit of a cell's time, kept: ``%ipr limit 10m``.

Knows the clock, which cell runs, what does not count, and how a cell is told. Must not
know what follows when (:mod:`ipr.relay.celllimit`).
"""

from __future__ import annotations

from collections.abc import Callable

from ipr.daemon.status import Row
from ipr.jupyter import durations, messages
from ipr.kernel.reactor import Reactor
from ipr.lifecycle.limits import Pace
from ipr.lifecycle.restarter import Restarter
from ipr.relay import celllimit as table
from ipr.relay.answers import Publish
from ipr.relay.gate import Open
from ipr.relay.relay import Relay
from ipr.relay.request import Request
from ipr.relay.timer import Timer

#: Seconds between two looks at what runs, while there is a limit.
LOOK_TIME = 0.5


class CellTime:
    """The time of cells, while there is a limit.

    :param parts: returns the relay and the restarter.
    """

    def __init__(
        self, reactor: Reactor, parts: Callable[[], tuple[Relay, Restarter]]
    ) -> None:
        self._reactor = reactor
        self._parts = parts
        self._state: table.State = table.Off()
        self._timer = Timer(reactor.callLater)
        self._looked = 0.0

    def set(self, limit: int) -> None:
        """Limit the time of each cell, in seconds; one that runs counts from now."""
        self._feed(table.Set(limit))
        self._look_later()

    def stop(self) -> None:
        """There is no limit any more."""
        self._timer.stop()
        self._feed(table.Unset())

    def described(self) -> str:
        """Say what the limit is."""
        match self._state:
            case table.Off():
                return "none"
            case table.Running(limit=limit, ran=ran):
                left = durations.written(limit - ran)
                return f"{durations.written(limit)}, {left} left for the running cell"
            case state:
                return durations.written(state.limit)

    def rows(self) -> list[Row]:
        """Return the row of ``%ipr status``, while there is a limit."""
        if isinstance(self._state, table.Off):
            return []
        return [Row("time limit of a cell", self.described())]

    def _look_later(self) -> None:
        self._looked = self._reactor.seconds()
        self._timer.start(LOOK_TIME, self._look)

    def _look(self) -> None:
        relay, _ = self._parts()
        cell = _running(relay)
        passed = self._reactor.seconds() - self._looked
        # A cell that waits for a person, or for a kernel, is not at work.
        waits = bool(relay.ledger.inputs) or not isinstance(relay.gate.state, Open)
        self._look_later()
        self._feed(table.Seen(cell, 0.0 if waits else passed))

    def _feed(self, event: table.Event) -> None:
        self._state, effects = table.step(self._state, event)
        for effect in effects:
            self._perform(effect)

    def _perform(self, effect: table.Effect) -> None:
        relay, restarter = self._parts()
        cell = effect.cell
        assert isinstance(cell, Request)
        match effect:
            case table.Interrupt():
                limit = durations.written(effect.limit)
                _say(relay, cell, f"stopped after {limit}: %ipr limit {limit}")
                relay.inbound.business.interrupt()
            case table.Restart():
                _say(
                    relay,
                    cell,
                    f"the cell went on for {table.GRACE:g} s after it was interrupted:"
                    " the kernel is restarted (%ipr limit)",
                )
                restarter.restart(Pace.URGENT)


def _say(relay: Relay, cell: Request, text: str) -> None:
    relay.voice.post(cell, (Publish(messages.stream(f"{text}\n", "stderr")),))


def _running(relay: Relay) -> Request | None:
    """Return the cell that runs on the main shell, if one does."""
    for request in relay.ledger.unfinished():
        if (
            request.msg_type == "execute_request"
            and request.channel == "shell"
            and not request.header.get("subshell_id")
            and request.progress.status == "busy"
        ):
            return request
    return None
