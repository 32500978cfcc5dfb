"""What each event does in each state of the restart machine.

Knows, for one event in one state, the next state and the effects. Must not know
which of these functions is called when (that is the table's), nor write any
:class:`~ipr.lifecycle.effects.Cancel`: a timer that the next state does not own is
taken back by ``machine.step``.
"""

from __future__ import annotations

import attrs

from ipr.lifecycle.causes import IMPOSTOR, RESTARTED, SHUT_DOWN, STUCK, Cause, Ending
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
    Release,
    Spawn,
    Terminate,
)
from ipr.lifecycle.events import (
    ChannelLost,
    DrainDue,
    Drained,
    Event,
    Exited,
    GoneDue,
    Impostor,
    KillDue,
    PauseDue,
    Ready,
    RestartAsked,
    ShutdownAsked,
    StableDue,
    StartDue,
    TerminateDue,
)
from ipr.lifecycle.limits import CLEAN, Ladder, Leave, Limits, Tally
from ipr.lifecycle.states import (
    Aim,
    Dead,
    Draining,
    Halting,
    Pausing,
    Running,
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


def _terminate(generation: int, because: str, limits: Limits) -> Effects:
    """SIGTERM first: a launcher such as srun then takes its job along."""
    return (
        Terminate(generation, because),
        After(limits.ladders.polite.kill, KillDue(generation)),
    )


def _ask_to_go(generation: int, ladder: Ladder) -> Effects:
    return (
        AskToGo(generation),
        After(ladder.terminate, TerminateDue(generation)),
        After(ladder.terminate + ladder.kill, KillDue(generation)),
    )


def _drain(generation: int, limits: Limits) -> Effects:
    return Drain(generation), After(limits.drain_time, DrainDue(generation))


# --- it starts --------------------------------------------------------------


def ready(state: Starting, event: Ready, limits: Limits) -> Outcome:
    """Failed starts are forgotten, deaths not yet."""
    g = state.generation
    return Running(g, attrs.evolve(state.tally, failures=0)), (
        After(limits.stable_start_time, StableDue(g)),
        Release(g),
    )


def start_late(state: Starting, event: StartDue, limits: Limits) -> Outcome:
    """End it; its exit is then a failed start like any other."""
    because = f"it was not ready within {limits.start_timeout:g} s"
    return state, _terminate(state.generation, because, limits)


def impostor_starts(state: Starting, event: Impostor, limits: Limits) -> Outcome:
    """End it; a failed start like any other, and the next one has other ports."""
    return state, _terminate(state.generation, IMPOSTOR, limits)


def start_stuck(state: Starting, event: GoneDue, limits: Limits) -> Outcome:
    """Go on without it, as after a failed start."""
    cause = Cause(Ending.NEVER_STARTED, STUCK)
    return start_failed(state, Exited(state.generation, cause), limits)


def start_failed(state: Starting, event: Exited, limits: Limits) -> Outcome:
    """Count it, unless an interrupt ended it."""
    g, tally = state.generation, state.tally
    if not event.cause.excused:
        tally = Tally(tally.deaths + 1, tally.failures + 1)
    return Draining(g, tally, Aim.RESTART, event.cause), _drain(g, limits)


def restart_start(state: Starting, event: RestartAsked, limits: Limits) -> Outcome:
    """It has not been sent anything yet: SIGTERM at once."""
    g = state.generation
    return Halting(g, CLEAN, Aim.RESTART), (
        Terminate(g),
        After(limits.ladders.urgent.kill, KillDue(g)),
    )


def leave_start(state: Starting, event: ShutdownAsked, limits: Limits) -> Outcome:
    """The same, on the way out."""
    g = state.generation
    return Halting(g, CLEAN, Aim.EXIT, Leave.QUICKLY), (
        Terminate(g),
        After(limits.ladders.quickly.kill, KillDue(g)),
    )


# --- it runs ----------------------------------------------------------------


def stable(state: Running, event: StableDue, limits: Limits) -> Outcome:
    """Earlier deaths no longer count."""
    return attrs.evolve(state, tally=CLEAN), ()


def unreachable(state: Running, event: ChannelLost, limits: Limits) -> Outcome:
    """End it; its exit is then a death like any other."""
    return _end(state, f"it closed its {event.channel} channel", limits)


def impostor(state: Running, event: Impostor, limits: Limits) -> Outcome:
    """End it; a death like any other, and the next one has other ports."""
    return _end(state, IMPOSTOR, limits)


def _end(state: Running, because: str, limits: Limits) -> Outcome:
    if state.ending:
        return state, ()
    effects = _terminate(state.generation, because, limits)
    return attrs.evolve(state, ending=True), effects


def stuck(state: Running, event: GoneDue, limits: Limits) -> Outcome:
    """Go on without it: its guardian has stopped, or the file system has."""
    cause = Cause(Ending.DIED, STUCK)
    return died(state, Exited(state.generation, cause), limits)


def died(state: Running, event: Exited, limits: Limits) -> Outcome:
    """Hold first, so that nothing is passed on to nobody."""
    g = state.generation
    tally = Tally(state.tally.deaths + 1)
    effects = (Hold(g), *_drain(g, limits))
    return Draining(g, tally, Aim.RESTART, event.cause), effects


def restart(state: Running, event: RestartAsked, limits: Limits) -> Outcome:
    """Ask it to go; a restart that was asked for wipes the tally."""
    g = state.generation
    ladder = limits.ladders.urgent if event.urgent else limits.ladders.polite
    return Halting(g, CLEAN, Aim.RESTART), (Hold(g), *_ask_to_go(g, ladder))


def leave(state: Running, event: ShutdownAsked, limits: Limits) -> Outcome:
    """Ask it to go; SIGTERM to the daemon is passed on instead."""
    g = state.generation
    # One that is being ended was sent SIGTERM before.
    how = Leave.QUICKLY if state.ending else event.how
    ladder = limits.ladders.leaving(how)
    effects: Effects = Terminate(g), After(ladder.kill, KillDue(g))
    if ladder.terminate:
        effects = _ask_to_go(g, ladder)
    return Halting(g, CLEAN, Aim.EXIT, how), (Hold(g, coming=False), *effects)


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
    return kill(state, event, limits) if event.urgent else (state, ())


def leave_halting(state: Halting, event: ShutdownAsked, limits: Limits) -> Outcome:
    """Who asks now may have less patience than who asked first."""
    how = event.how
    if state.aim is Aim.EXIT and how.value <= state.how.value:
        return state, ()
    halting = attrs.evolve(state, aim=Aim.EXIT, how=how)
    if how is Leave.REQUESTED:
        return halting, ()  # it goes already, for a restart, by a shorter ladder
    g = state.generation
    return halting, (
        Terminate(g),
        After(limits.ladders.leaving(how).kill, KillDue(g)),
    )


def halted(state: Halting, event: Exited | GoneDue, limits: Limits) -> Outcome:
    """It is gone, or stuck for good."""
    g = state.generation
    cause = RESTARTED if state.aim is Aim.RESTART else SHUT_DOWN
    return Draining(g, state.tally, state.aim, cause), _drain(g, limits)


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
    """Who asks does not wait for the pause, and wipes the tally."""
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


def ignore(state: State, event: Event, limits: Limits) -> Outcome:
    """Nothing changes."""
    return state, ()
