"""What each event does once an inner kernel is to go, or is gone.

Knows, for one event in one state, the next state and the effects; the states before
that are those of :mod:`ipr.lifecycle.transitions`. Must not know which of these
functions is called when, nor write any :class:`~ipr.lifecycle.effects.Cancel`.
"""

from __future__ import annotations

import attrs

from ipr.lifecycle.causes import RESTARTED, SHUT_DOWN, Ending
from ipr.lifecycle.effects import (
    After,
    AskToGo,
    Drain,
    Effects,
    Exit,
    Finish,
    Hold,
    Kill,
    Refuse,
    Retire,
    Spawn,
    Terminate,
)
from ipr.lifecycle.events import (
    DrainDue,
    Drained,
    Event,
    Exited,
    GoneDue,
    KillDue,
    Parted,
    PauseDue,
    RestartAsked,
    ShutdownAsked,
    StartDue,
    TerminateDue,
)
from ipr.lifecycle.limits import CLEAN, Ladder, Leave, Limits, Pace, Tally
from ipr.lifecycle.states import (
    Aim,
    Dead,
    Draining,
    Halting,
    Pausing,
    Starting,
    State,
    Stopped,
)

Outcome = tuple[State, Effects]


def spawn(generation: int, tally: Tally, limits: Limits) -> Outcome:
    """Start a kernel."""
    effects: Effects = (Spawn(generation),)
    if limits.start_timeout:
        effects += (After(limits.start_timeout, StartDue(generation)),)
    return Starting(generation, tally), effects


def ask_to_go(generation: int, ladder: Ladder) -> Effects:
    """Ask it to end; SIGTERM and SIGKILL follow."""
    return (
        AskToGo(generation),
        After(ladder.terminate, TerminateDue(generation)),
        After(ladder.terminate + ladder.kill, KillDue(generation)),
    )


def drain(generation: int, limits: Limits) -> Effects:
    """Read its last messages."""
    return Drain(generation), After(limits.drain_time, DrainDue(generation))


# --- it is being stopped ----------------------------------------------------


def terminate(state: Halting, event: TerminateDue, limits: Limits) -> Outcome:
    """It did not go when asked."""
    return state, (Terminate(state.generation),)


def kill(state: State, event: Event, limits: Limits) -> Outcome:
    """It did not go at SIGTERM, or somebody will not wait for that."""
    g = state.generation
    return state, (Kill(g), After(limits.gone_time, GoneDue(g)))


def hurry(state: Halting, event: RestartAsked, limits: Limits) -> Outcome:
    """Kill it at once if this is ``%restart now``."""
    return kill(state, event, limits) if event.pace is Pace.URGENT else (state, ())


def leave_halting(state: Halting, event: ShutdownAsked, limits: Limits) -> Outcome:
    """Whoever asks now may be less patient than whoever asked first."""
    how = event.how
    if state.aim is Aim.EXIT and how.value <= state.how.value:
        return state, ()
    halting = attrs.evolve(state, aim=Aim.EXIT, how=how)
    if how is Leave.REQUESTED:
        return halting, ()  # it is ending already, for a restart, by a shorter ladder
    g = state.generation
    return halting, (
        Terminate(g),
        After(limits.ladders.leaving(how).kill, KillDue(g)),
    )


def halted(state: Halting, event: Exited | GoneDue, limits: Limits) -> Outcome:
    """It is gone, or stuck for good."""
    g = state.generation
    cause = RESTARTED if state.aim is Aim.RESTART else SHUT_DOWN
    return Draining(g, state.tally, state.aim, cause), drain(g, limits)


def parted(state: Halting, event: Parted, limits: Limits) -> Outcome:
    """The next kernel does not wait for one that only tidies up; an exit does."""
    if state.aim is Aim.EXIT:
        return state, ()
    g = state.generation
    starting, effects = spawn(g + 1, state.tally, limits)
    return starting, (Retire(g), Finish(g, RESTARTED), *effects)


# --- it is gone -------------------------------------------------------------


def want(state: Draining, event: RestartAsked, limits: Limits) -> Outcome:
    """Another one is started whatever the limits say."""
    return attrs.evolve(state, asked=True), ()


def leave_draining(state: Draining, event: ShutdownAsked, limits: Limits) -> Outcome:
    """Nothing is started after it."""
    return attrs.evolve(state, aim=Aim.EXIT), ()


def drained(state: Draining, event: Drained | DrainDue, limits: Limits) -> Outcome:
    """Finish its requests, then start another one, pause, stay dead, or exit."""
    g, cause, tally = state.generation, state.cause, state.tally
    finish = Finish(g, cause)
    if state.aim is Aim.EXIT:
        return Stopped(g), (finish, Exit(g))
    asked = state.asked or cause.ending is Ending.ASKED
    if not asked and limits.forbid(tally, cause):
        if tally.deaths > limits.restart_limit > 0:
            cause = attrs.evolve(cause, deaths=tally.deaths)
        return Dead(g, cause), (finish, Refuse(g, cause))
    pause = 0.0 if asked else limits.pause(tally, cause)
    if pause:
        return Pausing(g + 1, tally), (finish, After(pause, PauseDue(g + 1)))
    starting, effects = spawn(g + 1, CLEAN if asked else tally, limits)
    return starting, (finish, *effects)


def resume(state: Pausing, event: PauseDue, limits: Limits) -> Outcome:
    """The next start keeps the tally."""
    return spawn(state.generation, state.tally, limits)


def resume_now(state: Pausing, event: RestartAsked, limits: Limits) -> Outcome:
    """A restart that was asked for skips the pause, and wipes the tally."""
    return spawn(state.generation, CLEAN, limits)


def revive(state: Dead, event: RestartAsked, limits: Limits) -> Outcome:
    """Requests are kept again from here on."""
    starting, effects = spawn(state.generation + 1, CLEAN, limits)
    return starting, (Hold(state.generation), *effects)


def leave_nothing(
    state: Pausing | Dead, event: ShutdownAsked, limits: Limits
) -> Outcome:
    """There is no kernel to stop."""
    return Stopped(state.generation), (Exit(state.generation),)
