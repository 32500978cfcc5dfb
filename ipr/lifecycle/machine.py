"""The restart machine: running, restarting, dead.

Everything about the inner kernel is decided here, and nothing is carried out here. It
knows states, events, effects and numbers; it must not know the clock, the process, the
sockets or the messages. It is ``step(state, event) -> (state, effects)`` over frozen
values.

*Restarting*, as users see it, has four phases that are states here: the old
kernel is stopped (:class:`Halting`), its last messages are read (:class:`Draining`),
a pause after a death (:class:`Pausing`), and the new kernel comes up
(:class:`Starting`). ``TABLE`` says which event does what in which state. A pair that
is not in it raises :class:`NoTransition`. An event of a generation that is gone
changes nothing, in any state: that is the one rule beside the table.

A timer belongs to the states that ``TIMERS`` names: ``step`` takes it back when the
next state is none of them, or is about another kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from ipr.lifecycle import endings as end
from ipr.lifecycle import transitions as do
from ipr.lifecycle.effects import After, Cancel, Effects
from ipr.lifecycle.endings import Outcome
from ipr.lifecycle.events import (
    ChannelLost,
    DrainDue,
    Drained,
    Event,
    Exited,
    GoneDue,
    Impostor,
    KillDue,
    Parted,
    PauseDue,
    Ready,
    RestartAsked,
    ShutdownAsked,
    StableDue,
    StartDue,
    TerminateDue,
)
from ipr.lifecycle.limits import CLEAN, Limits
from ipr.lifecycle.states import (
    Dead,
    Draining,
    Halting,
    Pausing,
    Running,
    Starting,
    State,
    Stopped,
)


class NoTransition(Exception):
    """An event came that cannot come in this state: a bug, never a user's."""


_S = TypeVar("_S", bound=State)
_E = TypeVar("_E", bound=Event)
_Pair = tuple[type[State], type[Event]]
_Transition = Callable[[State, Event, Limits], Outcome]
_Row = tuple[_Pair, _Transition]


def _row(
    state: type[_S], event: type[_E], transition: Callable[[_S, _E, Limits], Outcome]
) -> _Row:
    """Return a row of the table; that its three parts fit is checked here."""
    return cast(_Row, ((state, event), transition))


# fmt: off
TABLE: dict[_Pair, _Transition] = dict((
    #    state     event          what it does           -> next state
    _row(Starting, Ready,         do.ready),           # -> Running
    _row(Starting, Exited,        do.start_failed),    # -> Draining
    _row(Starting, StartDue,      do.start_late),      # -> Starting, terminated
    _row(Starting, KillDue,       end.kill),           # -> Starting, killed
    _row(Starting, GoneDue,       do.start_stuck),     # -> Draining
    _row(Starting, ChannelLost,   do.ignore),          # it was never there
    _row(Starting, Impostor,      do.impostor_starts), # -> Starting, terminated
    _row(Starting, RestartAsked,  do.restart_start),   # -> Halting
    _row(Starting, ShutdownAsked, do.leave_start),     # -> Halting to exit

    _row(Running,  Exited,        do.died),            # -> Draining
    _row(Running,  RestartAsked,  do.restart),         # -> Halting
    _row(Running,  StableDue,     do.stable),          # -> Running, clean
    _row(Running,  ChannelLost,   do.unreachable),     # -> Running, terminated
    _row(Running,  Impostor,      do.impostor),        # -> Running, terminated
    _row(Running,  KillDue,       end.kill),           # -> Running, killed
    _row(Running,  GoneDue,       do.stuck),           # -> Draining
    _row(Running,  ShutdownAsked, do.leave),           # -> Halting to exit

    _row(Halting,  Exited,        end.halted),         # -> Draining
    _row(Halting,  Parted,        end.parted),         # -> Starting
    _row(Halting,  TerminateDue,  end.terminate),      # -> Halting
    _row(Halting,  KillDue,       end.kill),           # -> Halting
    _row(Halting,  GoneDue,       end.halted),         # -> Draining
    _row(Halting,  RestartAsked,  end.hurry),          # -> Halting
    _row(Halting,  ShutdownAsked, end.leave_halting),  # -> Halting to exit
    _row(Halting,  Ready,         do.ignore),          # it was starting
    _row(Halting,  ChannelLost,   do.ignore),          # it is going
    _row(Halting,  Impostor,      do.ignore),

    _row(Draining, Drained,       end.drained),        # -> Starting, Pausing,
    _row(Draining, DrainDue,      end.drained),        #    Dead or Stopped
    _row(Draining, RestartAsked,  end.want),           # -> Draining, then
                                                       #    surely Starting
    _row(Draining, ShutdownAsked, end.leave_draining), # -> Draining to exit
    _row(Draining, Ready,         do.ignore),          # read while draining
    _row(Draining, Exited,        do.ignore),          # after GoneDue
    _row(Draining, ChannelLost,   do.ignore),
    _row(Draining, Impostor,      do.ignore),

    _row(Pausing,  PauseDue,      end.resume),         # -> Starting
    _row(Pausing,  RestartAsked,  end.resume_now),     # -> Starting
    _row(Pausing,  ShutdownAsked, end.leave_nothing),  # -> Stopped

    _row(Dead,     RestartAsked,  end.revive),         # -> Starting
    _row(Dead,     ShutdownAsked, end.leave_nothing),  # -> Stopped
    _row(Dead,     Exited,        do.ignore),          # after GoneDue
    _row(Dead,     Drained,       do.ignore),          # after DrainDue
    _row(Dead,     ChannelLost,   do.ignore),
    _row(Dead,     Impostor,      do.ignore),

    _row(Stopped,  RestartAsked,  do.ignore),
    _row(Stopped,  ShutdownAsked, do.ignore),
    _row(Stopped,  Exited,        do.ignore),
    _row(Stopped,  Drained,       do.ignore),
    _row(Stopped,  ChannelLost,   do.ignore),
    _row(Stopped,  Impostor,      do.ignore),
))
# fmt: on

#: The timers that may be set in each state.
TIMERS: dict[type[State], tuple[type[Event], ...]] = {
    Starting: (StartDue, KillDue, GoneDue),
    Running: (StableDue, KillDue, GoneDue),
    Halting: (TerminateDue, KillDue, GoneDue),
    Draining: (DrainDue,),
    Pausing: (PauseDue,),
    Dead: (),
    Stopped: (),
}

#: The rungs of a ladder from the top down. Who goes straight to a lower one skips
#: those above it, and their timers are taken back.
RUNGS = (TerminateDue, KillDue, GoneDue)


def first(limits: Limits) -> Outcome:
    """Return the state and effects with which everything begins."""
    return end.spawn(1, CLEAN, limits)


def step(state: State, event: Event, limits: Limits) -> Outcome:
    """Take one event.

    :returns: the next state, and the effects to perform in this order.
    :raises NoTransition: when the event cannot come in this state.
    """
    if event.generation < state.generation:
        return state, ()
    try:
        transition = TABLE[type(state), type(event)]
    except KeyError:
        raise NoTransition(f"{event} in {state}") from None
    following, effects = transition(state, event, limits)
    over = _timers_over(state, event, following, effects)
    return following, (*over, *effects)


def _timers_over(
    state: State, event: Event, following: State, effects: Effects
) -> Effects:
    """Take back the timers that may be set and have nothing to do any more."""
    new = {type(effect.event) for effect in effects if isinstance(effect, After)}
    owned = TIMERS[type(following)]
    if following.generation != state.generation:
        owned = ()
    skipped: tuple[type[Event], ...] = ()
    if new and not isinstance(event, RUNGS):
        lowest = max((RUNGS.index(kind) for kind in new if kind in RUNGS), default=0)
        skipped = RUNGS[:lowest]
    return tuple(
        Cancel(kind)
        for kind in TIMERS[type(state)]
        if (kind not in owned or kind in skipped)
        and kind not in new
        and type(event) is not kind
    )
