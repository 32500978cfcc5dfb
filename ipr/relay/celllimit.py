"""How long a cell may run: a pure table.

Knows how long the running cell has run, and what follows when that is too long. Must
not know cells beyond their names, clocks or messages. It is ``step(state, event) ->
(state, effects)`` over frozen values, as :mod:`ipr.relay.turntable` is.

A limit is looked at now and then, not at each message: whoever calls says which cell
runs by then. Time in which a cell waits for a person, or for a restart, is its own
affair and does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import attrs

#: Seconds that a cell has to end once it was interrupted.
GRACE = 10.0


@attrs.frozen
class Off:
    """There is no limit."""


@attrs.frozen
class Free:
    """No cell runs."""

    limit: float


@attrs.frozen
class Running:
    """A cell runs.

    :ivar ran: for so many seconds, those that count.
    """

    limit: float
    cell: object
    ran: float = 0.0


@attrs.frozen
class Stopping:
    """A cell was interrupted, and runs on.

    :ivar since: seconds since then.
    """

    limit: float
    cell: object
    since: float = 0.0


@attrs.frozen
class Ending:
    """The kernel of a cell is being restarted, since it ran on."""

    limit: float
    cell: object


State = Off | Free | Running | Stopping | Ending


# --- events -----------------------------------------------------------------


@attrs.frozen
class Set:
    """Somebody wants a limit."""

    limit: float


@attrs.frozen
class Unset:
    """Somebody wants none any more."""


@attrs.frozen
class Seen:
    """A cell runs, or none does (None).

    :ivar seconds: since the last look, those that count.
    """

    cell: object
    seconds: float = 0.0


Event = Set | Unset | Seen


# --- effects ----------------------------------------------------------------


@attrs.frozen
class Interrupt:
    """Say in the cell why, and interrupt it."""

    cell: object
    limit: float


@attrs.frozen
class Restart:
    """Say in the cell why, and restart its kernel without waiting."""

    cell: object


Effect = Interrupt | Restart
Outcome = tuple[State, tuple[Effect, ...]]


def _set(_state: State, event: Set) -> Outcome:
    return Free(event.limit), ()


def _unset(_state: State, _event: Unset) -> Outcome:
    return Off(), ()


def _same(state: State, _event: Event) -> Outcome:
    return state, ()


def _free(state: Free | Running | Stopping | Ending, event: Seen) -> Outcome:
    if event.cell is None:
        return Free(state.limit), ()
    # It has begun since the last look: what of that was its own is not known.
    return Running(state.limit, event.cell), ()


def _running(state: Running, event: Seen) -> Outcome:
    if event.cell is not state.cell:
        return _free(state, event)
    ran = state.ran + event.seconds
    if ran < state.limit:
        return attrs.evolve(state, ran=ran), ()
    stop = Interrupt(state.cell, state.limit)
    return Stopping(state.limit, state.cell), (stop,)


def _stopping(state: Stopping, event: Seen) -> Outcome:
    if event.cell is not state.cell:
        return _free(state, event)
    since = state.since + event.seconds
    if since < GRACE:
        return attrs.evolve(state, since=since), ()
    return Ending(state.limit, state.cell), (Restart(state.cell),)


def _ending(state: Ending, event: Seen) -> Outcome:
    return (state, ()) if event.cell is state.cell else _free(state, event)


_S = TypeVar("_S", bound=State)
_E = TypeVar("_E", bound=Event)
_Pair = tuple[type[State], type[Event]]
_Row = tuple[_Pair, Callable[[State, Event], Outcome]]


def _row(
    state: type[_S], event: type[_E], transition: Callable[[_S, _E], Outcome]
) -> _Row:
    """Return a row of the table; that the three fit is checked here."""
    return cast(_Row, ((state, event), transition))


# fmt: off
TABLE = dict((
    #    state     event  what it does    -> state
    _row(Off,      Set,   _set),        # -> free
    _row(Off,      Unset, _same),
    _row(Off,      Seen,  _same),

    _row(Free,     Set,   _set),        # -> free
    _row(Free,     Unset, _unset),      # -> off
    _row(Free,     Seen,  _free),       # -> free, running

    _row(Running,  Set,   _set),        # -> free: it counts from then on
    _row(Running,  Unset, _unset),      # -> off
    _row(Running,  Seen,  _running),    # -> running, stopping; of another cell:
                                        #    free, running

    _row(Stopping, Set,   _set),        # -> free
    _row(Stopping, Unset, _unset),      # -> off
    _row(Stopping, Seen,  _stopping),   # -> stopping, ending; likewise

    _row(Ending,   Set,   _set),        # -> free
    _row(Ending,   Unset, _unset),      # -> off
    _row(Ending,   Seen,  _ending),     # -> ending; likewise
))
# fmt: on


def step(state: State, event: Event) -> Outcome:
    """Take one event; each may come in each state.

    :returns: the state that follows, and the effects to perform in this order.
    """
    return TABLE[type(state), type(event)](state, event)
