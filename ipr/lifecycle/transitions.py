"""What each event does in each state of the restart machine.

Knows, for one event in one state, the next state and the effects. Must not know
which of these functions is called when (that is the table's), nor write any
:class:`~ipr.lifecycle.effects.Cancel`: a timer that the next state does not own is
taken back by ``machine.step``.
"""

from __future__ import annotations

import attrs

from ipr.lifecycle.causes import IMPOSTOR, STUCK, Cause, Ending
from ipr.lifecycle.effects import (
    After,
    Effects,
    Hold,
    HoldUntilExit,
    Release,
    Terminate,
)
from ipr.lifecycle.endings import Outcome, ask_to_go, drain
from ipr.lifecycle.events import (
    ChannelLost,
    Event,
    Exited,
    GoneDue,
    Impostor,
    KillDue,
    Ready,
    RestartAsked,
    ShutdownAsked,
    StableDue,
    StartDue,
)
from ipr.lifecycle.limits import CLEAN, Leave, Limits, Tally
from ipr.lifecycle.states import (
    Aim,
    Draining,
    Halting,
    Running,
    Starting,
    State,
)


def _terminate(generation: int, because: str, limits: Limits) -> Effects:
    """SIGTERM first: a launcher such as srun then takes its job along."""
    return (
        Terminate(generation, because),
        After(limits.ladders.polite.kill, KillDue(generation)),
    )


# --- it starts --------------------------------------------------------------


def ready(state: Starting, event: Ready, limits: Limits) -> Outcome:
    """Failed starts no longer count; deaths still do."""
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
    return Draining(g, tally, Aim.RESTART, event.cause), drain(g, limits)


def restart_start(state: Starting, event: RestartAsked, limits: Limits) -> Outcome:
    """It has not been sent anything yet: SIGTERM at once."""
    g = state.generation
    return Halting(g, CLEAN, Aim.RESTART), (
        Terminate(g),
        After(limits.ladders.urgent.kill, KillDue(g)),
    )


def leave_start(state: Starting, event: ShutdownAsked, limits: Limits) -> Outcome:
    """The same, since the daemon ends."""
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
    """Hold first, so that nothing is passed on to a kernel that is gone."""
    g = state.generation
    tally = Tally(state.tally.deaths + 1)
    effects = (Hold(g), *drain(g, limits))
    return Draining(g, tally, Aim.RESTART, event.cause), effects


def restart(state: Running, event: RestartAsked, limits: Limits) -> Outcome:
    """Ask it to go; a restart that was asked for wipes the tally."""
    g = state.generation
    asking = ask_to_go(g, limits.ladders.restarting(event.pace))
    return Halting(g, CLEAN, Aim.RESTART), (Hold(g), *asking)


def leave(state: Running, event: ShutdownAsked, limits: Limits) -> Outcome:
    """Ask it to go; SIGTERM to the daemon is passed on instead."""
    g = state.generation
    # One that is being ended was sent SIGTERM before.
    how = Leave.QUICKLY if state.ending else event.how
    ladder = limits.ladders.leaving(how)
    effects: Effects = Terminate(g), After(ladder.kill, KillDue(g))
    if ladder.terminate:
        effects = ask_to_go(g, ladder)
    return Halting(g, CLEAN, Aim.EXIT, how), (HoldUntilExit(g), *effects)


def ignore(state: State, event: Event, limits: Limits) -> Outcome:
    """Nothing changes."""
    return state, ()
