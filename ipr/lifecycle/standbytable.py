"""What each event does to a standby, as a table.

Knows, for one event in one state, the next state and the effects. Must not know how an
effect is performed. A pair that is not in ``TABLE`` changes nothing: what is told of a
standby may be old by the time that it is heard. The timer is that of the state: it is
taken back when the next state is of another kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import attrs

from ipr.lifecycle.standby import (
    Absent,
    After,
    BootDue,
    Booting,
    Died,
    Discard,
    Effects,
    Ended,
    Event,
    Going,
    Log,
    LookDue,
    LookWhetherQuiet,
    LookWhetherStale,
    Off,
    Patience,
    Quiet,
    Settled,
    Stale,
    Start,
    State,
    Taken,
    Unwanted,
    Waiting,
    Wanted,
)

Outcome = tuple[State, Effects]
_There = Booting | Waiting


def first(patience: Patience) -> Outcome:
    """Return the state and effects with which a wanted standby begins."""
    return _absent(Absent(), patience)


def _absent(state: Absent, patience: Patience) -> Outcome:
    return state, (After(patience.look, LookDue()),)


def _wanted(state: Off, event: Wanted, patience: Patience) -> Outcome:
    return first(patience)


def _not_wanted(state: Off | Absent, event: Unwanted, patience: Patience) -> Outcome:
    return Off(event.why), ()


def _drop(state: _There, event: Unwanted, patience: Patience) -> Outcome:
    return Going(Off(event.why)), (Discard(),)


def _none_after(state: Going, event: Unwanted, patience: Patience) -> Outcome:
    return Going(Off(event.why)), ()


def _some_after(state: Going, event: Wanted, patience: Patience) -> Outcome:
    return (Going(Absent()) if isinstance(state.then, Off) else state), ()


def _look(state: Absent, event: LookDue, patience: Patience) -> Outcome:
    look = LookWhetherQuiet(patience.pause(state.wasted))
    return state, (After(patience.look, LookDue()), look)


def _start_one(state: Absent, event: Quiet, patience: Patience) -> Outcome:
    if state.bereaved and not event.ran:
        return state, ()
    # The timer first: a start may fail at once, and its end be an event of its own.
    effects = After(patience.boot, BootDue()), Start()
    return Booting(state.failures, wasted=state.wasted), effects


def _bereft(state: Absent | _There, event: Died, patience: Patience) -> Outcome:
    return attrs.evolve(state, bereaved=True), ()


def _bereft_going(state: Going, event: Died, patience: Patience) -> Outcome:
    then = state.then
    if isinstance(then, Absent):
        then = attrs.evolve(then, bereaved=True)
    return Going(then), ()


def _settled(state: Booting, event: Settled, patience: Patience) -> Outcome:
    after = Waiting(state.failures, state.bereaved, state.wasted)
    return after, (After(patience.stale, LookDue()),)


def _look_at_it(state: Waiting, event: LookDue, patience: Patience) -> Outcome:
    return state, (After(patience.stale, LookDue()), LookWhetherStale())


def _stale(state: _There, event: Stale, patience: Patience) -> Outcome:
    then = Absent(state.failures, state.bereaved, event.why, state.wasted + 1)
    return Going(then), (Discard(),)


def _late(state: Booting, event: BootDue, patience: Patience) -> Outcome:
    why = f"it was not ready within {patience.boot:g} s"
    then, effects = _failed(state, why, patience)
    said = tuple(effect for effect in effects if isinstance(effect, Log))
    return Going(then), (*said, Discard())


def _ended(state: _There, event: Ended, patience: Patience) -> Outcome:
    return _failed(state, event.why, patience)


def _failed(
    state: _There, why: str, patience: Patience
) -> tuple[Off | Absent, Effects]:
    failures = state.failures + 1
    if failures >= patience.failures:
        return Off(why), (Log(why),)
    after = Absent(failures, state.bereaved, why, state.wasted)
    return after, (After(patience.look, LookDue()),)


def _gone(state: Going, event: Ended, patience: Patience) -> Outcome:
    if isinstance(state.then, Absent):
        return _absent(state.then, patience)
    return state.then, ()


def _taken(state: _There, event: Taken, patience: Patience) -> Outcome:
    return _absent(Absent(bereaved=state.bereaved), patience)


_S = TypeVar("_S", bound=State)
_E = TypeVar("_E", bound=Event)
_Pair = tuple[type[State], type[Event]]
_Transition = Callable[[State, Event, Patience], Outcome]


def _row(
    state: type[_S], event: type[_E], does: Callable[[_S, _E, Patience], Outcome]
) -> tuple[_Pair, _Transition]:
    """Return a row of the table; that its three parts fit is checked here."""
    return cast(tuple[_Pair, _Transition], ((state, event), does))


# fmt: off
TABLE: dict[_Pair, _Transition] = dict((
    #    state    event     what it does     -> next state
    _row(Off,     Wanted,   _wanted),      # -> Absent
    _row(Off,     Unwanted, _not_wanted),  # -> Off, for another reason

    _row(Absent,  LookDue,  _look),        # -> Absent
    _row(Absent,  Quiet,    _start_one),   # -> Booting
    _row(Absent,  Died,     _bereft),      # -> Absent
    _row(Absent,  Unwanted, _not_wanted),  # -> Off

    _row(Booting, Settled,  _settled),     # -> Waiting
    _row(Booting, Taken,    _taken),       # -> Absent
    _row(Booting, Stale,    _stale),       # -> Going
    _row(Booting, BootDue,  _late),        # -> Going
    _row(Booting, Ended,    _ended),       # -> Absent; Off at the second time
    _row(Booting, Died,     _bereft),      # -> Booting
    _row(Booting, Unwanted, _drop),        # -> Going

    _row(Waiting, LookDue,  _look_at_it),  # -> Waiting
    _row(Waiting, Taken,    _taken),       # -> Absent
    _row(Waiting, Stale,    _stale),       # -> Going
    _row(Waiting, Ended,    _ended),       # -> Absent; Off at the second time
    _row(Waiting, Died,     _bereft),      # -> Waiting
    _row(Waiting, Unwanted, _drop),        # -> Going

    _row(Going,   Ended,    _gone),        # -> Absent or Off
    _row(Going,   Died,     _bereft_going),
    _row(Going,   Wanted,   _some_after),
    _row(Going,   Unwanted, _none_after),
))
# fmt: on


def step(state: State, event: Event, patience: Patience) -> Outcome:
    """Take one event.

    :returns: the next state, and the effects to perform in this order.
    """
    transition = TABLE.get((type(state), type(event)))
    return transition(state, event, patience) if transition else (state, ())
