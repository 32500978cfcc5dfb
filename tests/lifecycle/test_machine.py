"""The restart machine: each row of its table, and all of its ways at once."""

from __future__ import annotations

import functools
import inspect

import attrs

from ipr.lifecycle import events, machine, states, transitions
from ipr.lifecycle.causes import (
    IMPOSTOR,
    RESTARTED,
    SHUT_DOWN,
    STUCK,
    Cause,
    Ending,
)
from ipr.lifecycle.effects import (
    After,
    AskToGo,
    Cancel,
    Drain,
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
from ipr.lifecycle.limits import CLEAN, Ladder, Ladders, Leave, Limits, Tally
from ipr.lifecycle.machine import NoTransition, step
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
from tests.case import Case
from tests.lifecycle import machine_world
from tests.lifecycle.machine_world import (
    DIED,
    EXCUSED,
    HOPELESS,
    NEVER_STARTED,
    TERMINATED,
    World,
)

# Numbers that differ from each other and from the defaults, so that none can
# be taken for another.
LIMITS = Limits(
    restart_limit=3,
    start_limit=2,
    stable_start_time=11,
    start_timeout=61,
    drain_time=0.3,
    job_grace=1.1,
    gone_time=5,
    ladders=Ladders(
        polite=Ladder(1.6, 0.9),
        urgent=Ladder(0.5, 0.3),
        requested=Ladder(50, 7),
        terminated=Ladder(0, 17),
        quickly=Ladder(0.8, 0.2),
    ),
)
BAD = Tally(2, 1)
NOT_READY = Cause(Ending.NEVER_STARTED, IMPOSTOR)


class MachineCase(Case):
    def step(
        self, state: State, event: Event, limits: Limits = LIMITS
    ) -> transitions.Outcome:
        return step(state, event, limits)

    def spawned(self, g: int) -> tuple[Spawn, After]:
        return Spawn(g), After(61, StartDue(g))

    def drains(self, g: int) -> tuple[Drain, After]:
        return Drain(g), After(0.3, DrainDue(g))


class StartingTests(MachineCase):
    def test_first(self) -> None:
        """Everything begins with the start of generation 1."""
        self.assertEqual(machine.first(LIMITS), (Starting(1), self.spawned(1)))

    def test_no_timeout(self) -> None:
        """A start that may queue for hours gets no timer at all."""
        limits = attrs.evolve(LIMITS, start_timeout=0)
        self.assertEqual(machine.first(limits), (Starting(1), (Spawn(1),)))

    def test_ready(self) -> None:
        """Ready: requests are released; failed starts are forgotten, deaths not."""
        self.assertEqual(
            self.step(Starting(3, BAD), Ready(3)),
            (
                Running(3, Tally(2, 0)),
                (Cancel(StartDue), After(11, StableDue(3)), Release(3)),
            ),
        )

    def test_late(self) -> None:
        """What is not ready in time is ended, and its exit awaited.

        SIGTERM comes first: a launcher such as srun then takes its job along.
        """
        self.assertEqual(
            self.step(Starting(3, BAD), StartDue(3)),
            (
                Starting(3, BAD),
                (
                    Terminate(3, "it was not ready within 61 s"),
                    After(0.9, KillDue(3)),
                ),
            ),
        )

    def test_too_late_for_sigterm(self) -> None:
        """What does not go at SIGTERM is killed; ready or not by then."""
        for state in (Starting(3, BAD), Running(3, BAD)):
            gone = After(LIMITS.gone_time, GoneDue(3))
            self.assertEqual(self.step(state, KillDue(3)), (state, (Kill(3), gone)))

    def test_stuck(self) -> None:
        """What does not even go at SIGKILL is left behind; it counts as a death."""
        for state, ending, failures in (
            (Starting(3, CLEAN), Ending.NEVER_STARTED, 1),
            (Running(3, CLEAN), Ending.DIED, 0),
        ):
            after, effects = self.step(state, GoneDue(3))
            cause = Cause(ending, STUCK)
            tally = Tally(1, failures)
            self.assertEqual(after, Draining(3, tally, Aim.RESTART, cause))
            self.assertEqual(effects[-2:], self.drains(3))
            # Its guardian may be killed at last, in the middle of this.
            self.assertEqual(self.step(after, Exited(3, DIED)), (after, ()))

    def test_failed(self) -> None:
        """An exit before ready counts as a death and as a failed start."""
        self.assertEqual(
            self.step(Starting(3, BAD), Exited(3, NEVER_STARTED)),
            (
                Draining(3, Tally(3, 2), Aim.RESTART, NEVER_STARTED),
                (
                    Cancel(StartDue),
                    Cancel(KillDue),
                    Cancel(GoneDue),
                    *self.drains(3),
                ),
            ),
        )

    def test_excused(self) -> None:
        """An interrupt before ready may end a kernel; that counts for nothing."""
        self.assertEqual(
            self.step(Starting(3, BAD), Exited(3, EXCUSED)),
            (
                Draining(3, BAD, Aim.RESTART, EXCUSED),
                (
                    Cancel(StartDue),
                    Cancel(KillDue),
                    Cancel(GoneDue),
                    *self.drains(3),
                ),
            ),
        )

    def test_restart(self) -> None:
        """It never got to hear of anything: SIGTERM at once, either way."""
        for urgent in (False, True):
            self.assertEqual(
                self.step(Starting(3, BAD), RestartAsked(3, urgent)),
                (
                    Halting(3, CLEAN, Aim.RESTART),
                    (Cancel(StartDue), Terminate(3), After(0.3, KillDue(3))),
                ),
            )

    def test_shutdown(self) -> None:
        """The same, on the way out."""
        for how in Leave:
            self.assertEqual(
                self.step(Starting(3, BAD), ShutdownAsked(3, how)),
                (
                    Halting(3, CLEAN, Aim.EXIT, Leave.QUICKLY),
                    (Cancel(StartDue), Terminate(3), After(0.2, KillDue(3))),
                ),
            )

    def test_channel_lost(self) -> None:
        """What was never there cannot be lost."""
        self.assertEqual(
            self.step(Starting(3, BAD), ChannelLost(3, "shell")), (Starting(3, BAD), ())
        )

    def test_impostor(self) -> None:
        """What does not sign with our key is ended, and the next has other ports.

        Its end is a failed start: a second one in a row is the last.
        """
        state, effects = self.step(Starting(3), Impostor(3))
        self.assertEqual(
            (state, effects),
            (Starting(3), (Terminate(3, IMPOSTOR), After(0.9, KillDue(3)))),
        )
        (_, effects) = self.step(Starting(3, Tally(0, 1)), Exited(3, NOT_READY))
        self.assertIn(Drain(3), effects)
        (state, _) = self.step(
            Draining(3, Tally(1, 2), Aim.RESTART, NOT_READY), Drained(3)
        )
        self.assertEqual(state, Dead(3, NOT_READY))


class RunningTests(MachineCase):
    def test_channel_lost(self) -> None:
        """A kernel that closed a socket cannot be reached: it is ended."""
        self.assertEqual(
            self.step(Running(3, BAD), ChannelLost(3, "shell")),
            (
                Running(3, BAD, ending=True),
                (Terminate(3, "it closed its shell channel"), After(0.9, KillDue(3))),
            ),
        )

    def test_impostor(self) -> None:
        """Nobody knows with whom the clients speak: it is ended."""
        self.assertEqual(
            self.step(Running(3, BAD), Impostor(3)),
            (
                Running(3, BAD, ending=True),
                (Terminate(3, IMPOSTOR), After(0.9, KillDue(3))),
            ),
        )

    def test_channels_lost(self) -> None:
        """It is told again and again; the ladder must not begin anew each time."""
        state = Running(3, BAD, ending=True)
        self.assertEqual(self.step(state, ChannelLost(3, "iopub")), (state, ()))
        self.assertEqual(self.step(state, Impostor(3)), (state, ()))
        self.assertEqual(
            self.step(state, StableDue(3)), (Running(3, CLEAN, ending=True), ())
        )

    def test_stable(self) -> None:
        """After a while earlier deaths are forgotten."""
        self.assertEqual(
            self.step(Running(3, BAD), StableDue(3)), (Running(3, CLEAN), ())
        )

    def test_died(self) -> None:
        """Hold first, so that nothing passes to nobody; then read its last words."""
        self.assertEqual(
            self.step(Running(3, Tally(2, 0)), Exited(3, DIED)),
            (
                Draining(3, Tally(3, 0), Aim.RESTART, DIED),
                (
                    Cancel(StableDue),
                    Cancel(KillDue),
                    Cancel(GoneDue),
                    Hold(3),
                    *self.drains(3),
                ),
            ),
        )

    def test_restart(self) -> None:
        """A polite restart gives the kernel time; the tally is wiped."""
        self.assertEqual(
            self.step(Running(3, BAD), RestartAsked(3)),
            (
                Halting(3, CLEAN, Aim.RESTART),
                (
                    Cancel(StableDue),
                    Hold(3),
                    AskToGo(3),
                    After(1.6, TerminateDue(3)),
                    After(2.5, KillDue(3)),
                ),
            ),
        )

    def test_restart_now(self) -> None:
        """An urgent one has a shorter ladder."""
        _, effects = self.step(Running(3), RestartAsked(3, urgent=True))
        self.assertEqual(
            effects[2:],
            (AskToGo(3), After(0.5, TerminateDue(3)), After(0.8, KillDue(3))),
        )

    def test_shutdown(self) -> None:
        """No other kernel is coming: clients are not told to expect one."""
        for how, terminate, kill in (
            (Leave.QUICKLY, 0.8, 1.0),
            (Leave.REQUESTED, 50, 57),
        ):
            self.assertEqual(
                self.step(Running(3, BAD), ShutdownAsked(3, how)),
                (
                    Halting(3, CLEAN, Aim.EXIT, how),
                    (
                        Cancel(StableDue),
                        Hold(3, coming=False),
                        AskToGo(3),
                        After(terminate, TerminateDue(3)),
                        After(kill, KillDue(3)),
                    ),
                ),
            )

    def test_terminated(self) -> None:
        """SIGTERM is passed on, and nothing is asked: as to a plain kernel."""
        self.assertEqual(
            self.step(Running(3, BAD), ShutdownAsked(3, Leave.TERMINATED)),
            (
                Halting(3, CLEAN, Aim.EXIT, Leave.TERMINATED),
                (
                    Cancel(StableDue),
                    Hold(3, coming=False),
                    Terminate(3),
                    After(17, KillDue(3)),
                ),
            ),
        )

    def test_shutdown_of_one_that_nobody_reaches(self) -> None:
        """Its SIGTERM was long ago: nobody's patience counts."""
        for how in Leave:
            state, effects = self.step(
                Running(3, BAD, ending=True), ShutdownAsked(3, how)
            )
            self.assertEqual(state, Halting(3, CLEAN, Aim.EXIT, Leave.QUICKLY))
            self.assertIn(After(1.0, KillDue(3)), effects)


class HaltingTests(MachineCase):
    restarting = Halting(3, CLEAN, Aim.RESTART)
    leaving = Halting(3, CLEAN, Aim.EXIT)

    def test_gone(self) -> None:
        """Gone, or stuck for good: its last words are read; no more ladder."""
        for event in (Exited(3, DIED), GoneDue(3)):
            for state, cause in (
                (self.restarting, RESTARTED),
                (self.leaving, SHUT_DOWN),
            ):
                after, effects = self.step(state, event)
                self.assertEqual(after, Draining(3, CLEAN, state.aim, cause))
                rungs = (TerminateDue, KillDue, GoneDue)
                over = [Cancel(kind) for kind in rungs if type(event) is not kind]
                self.assertEqual(effects, (*over, *self.drains(3)))

    def test_ladder(self) -> None:
        """SIGTERM, SIGKILL, and then not for ever."""
        for state in (self.restarting, self.leaving):
            self.assertEqual(
                self.step(state, TerminateDue(3)), (state, (Terminate(3),))
            )
            self.assertEqual(
                self.step(state, KillDue(3)), (state, (Kill(3), After(5, GoneDue(3))))
            )

    def test_restart_again(self) -> None:
        """A second restart changes nothing."""
        for state in (self.restarting, self.leaving):
            self.assertEqual(self.step(state, RestartAsked(3)), (state, ()))

    def test_restart_now(self) -> None:
        """Somebody will not wait for the ladder."""
        for state in (self.restarting, self.leaving):
            self.assertEqual(
                self.step(state, RestartAsked(3, urgent=True)),
                (
                    state,
                    (
                        Cancel(TerminateDue),
                        Cancel(KillDue),
                        Kill(3),
                        After(5, GoneDue(3)),
                    ),
                ),
            )

    def test_shutdown(self) -> None:
        """A restart under way becomes an end; who is in a hurry shortens it."""
        halting = {how: attrs.evolve(self.leaving, how=how) for how in Leave}
        for state, how, kill in (
            (self.restarting, Leave.TERMINATED, 17),
            (self.restarting, Leave.QUICKLY, 0.2),
            (halting[Leave.REQUESTED], Leave.TERMINATED, 17),
            (halting[Leave.REQUESTED], Leave.QUICKLY, 0.2),
            (halting[Leave.TERMINATED], Leave.QUICKLY, 0.2),
        ):
            self.assertEqual(
                self.step(state, ShutdownAsked(3, how)),
                (
                    halting[how],
                    (
                        Cancel(TerminateDue),
                        Terminate(3),
                        After(kill, KillDue(3)),
                    ),
                ),
            )

    def test_shutdown_again(self) -> None:
        """Who asks once more, or with more patience, changes nothing."""
        for first in Leave:
            state = attrs.evolve(self.leaving, how=first)
            for then in Leave:
                if then.value <= first.value:
                    event = ShutdownAsked(3, then)
                    self.assertEqual(self.step(state, event), (state, ()))

    def test_shutdown_request_while_it_restarts(self) -> None:
        """The restart's own ladder goes on: it is shorter than that manager's."""
        self.assertEqual(
            self.step(self.restarting, ShutdownAsked(3, Leave.REQUESTED)),
            (attrs.evolve(self.restarting, aim=Aim.EXIT), ()),
        )

    def test_ignored(self) -> None:
        """It is going already: nothing that it says matters."""
        for event in (Ready(3), ChannelLost(3, "shell"), Impostor(3)):
            self.assertEqual(self.step(self.restarting, event), (self.restarting, ()))


class DrainingTests(MachineCase):
    def after(self, state: State, limits: Limits = LIMITS) -> transitions.Outcome:
        """Return what follows, which is the same for both ends of the draining."""
        following, effects = self.step(state, DrainDue(3), limits)
        drained = self.step(state, Drained(3), limits)
        self.assertEqual(drained, (following, (Cancel(DrainDue), *effects)))
        return following, effects

    def done(self, cause: Cause) -> tuple[Finish]:
        return (Finish(3, cause),)

    def test_restarted(self) -> None:
        """First the old requests are finished, then the new kernel is spawned."""
        self.assertEqual(
            self.after(Draining(3, CLEAN, Aim.RESTART, RESTARTED)),
            (Starting(4), (*self.done(RESTARTED), *self.spawned(4))),
        )

    def test_first_death(self) -> None:
        """After the first death there is no pause."""
        self.assertEqual(
            self.after(Draining(3, Tally(1), Aim.RESTART, DIED)),
            (Starting(4, Tally(1)), (*self.done(DIED), *self.spawned(4))),
        )

    def test_second_death(self) -> None:
        """From the second in a row on there is one, twice as long each time."""
        pauses = []
        for deaths in (2, 3):
            state, effects = self.after(Draining(3, Tally(deaths), Aim.RESTART, DIED))
            self.assertEqual(state, Pausing(4, Tally(deaths)))
            self.assertEqual(effects[:1], self.done(DIED))
            pauses.append(effects[1:])
        self.assertEqual(
            pauses, [(After(0.5, PauseDue(4)),), (After(1.0, PauseDue(4)),)]
        )

    def test_terminated(self) -> None:
        """After SIGTERM the whole job may be going down: wait a moment."""
        self.assertEqual(
            self.after(Draining(3, Tally(1), Aim.RESTART, TERMINATED)),
            (
                Pausing(4, Tally(1)),
                (*self.done(TERMINATED), After(1.1, PauseDue(4))),
            ),
        )

    def test_dead(self) -> None:
        """Past a limit, or when another try is hopeless, it stays dead."""
        no_autorestart = attrs.evolve(LIMITS, autorestart=False)
        for tally, cause, limits in (
            (Tally(4, 0), DIED, LIMITS),
            (Tally(2, 2), NEVER_STARTED, LIMITS),
            (Tally(1, 1), HOPELESS, LIMITS),
            (Tally(1, 0), DIED, no_autorestart),
        ):
            # How many it took is told where it was the limit.
            told = attrs.evolve(cause, deaths=4 if tally.deaths == 4 else 0)
            self.assertEqual(
                self.after(Draining(3, tally, Aim.RESTART, cause), limits),
                (Dead(3, told), (*self.done(cause), Refuse(3, told))),
            )

    def test_not_dead_yet(self) -> None:
        """A limit is how many are allowed, not the first too many."""
        for tally, cause in ((Tally(3, 0), DIED), (Tally(1, 1), NEVER_STARTED)):
            state, _ = self.after(Draining(3, tally, Aim.RESTART, cause))
            self.assertEqual(states.PUBLIC_NAMES[type(state)], "restarting")

    def test_restart_without_autorestart(self) -> None:
        """What was asked for happens even so."""
        limits = attrs.evolve(LIMITS, autorestart=False)
        state, _ = self.after(Draining(3, CLEAN, Aim.RESTART, RESTARTED), limits)
        self.assertEqual(state, Starting(4))

    def test_exit(self) -> None:
        """On the way out nothing is spawned, whatever the cause."""
        for cause in (SHUT_DOWN, DIED, HOPELESS):
            self.assertEqual(
                self.after(Draining(3, BAD, Aim.EXIT, cause)),
                (Stopped(3), (*self.done(cause), Exit(3))),
            )

    def test_shutdown(self) -> None:
        """Asked to end while draining, it drains, and then ends."""
        self.assertEqual(
            self.step(Draining(3, BAD, Aim.RESTART, DIED), ShutdownAsked(3)),
            (Draining(3, BAD, Aim.EXIT, DIED), ()),
        )

    def test_restart(self) -> None:
        """Who asks gets a new kernel, whatever the limits say of deaths."""
        for cause in (DIED, HOPELESS):
            for urgent in (False, True):
                state, effects = self.step(
                    Draining(3, Tally(9, 9), Aim.RESTART, cause),
                    RestartAsked(3, urgent),
                )
                self.assertEqual(effects, ())
                self.assertEqual(
                    self.after(state),
                    (Starting(4), (*self.done(cause), *self.spawned(4))),
                )

    def test_restart_on_the_way_out(self) -> None:
        """Unless the daemon is to end."""
        state, _ = self.step(Draining(3, BAD, Aim.EXIT, DIED), RestartAsked(3))
        self.assertEqual(self.after(state)[0], Stopped(3))

    def test_ignored(self) -> None:
        """What is still read, or comes late, changes nothing."""
        state = Draining(3, BAD, Aim.RESTART, DIED)
        for event in (
            Ready(3),
            Exited(3, DIED),
            ChannelLost(3, "iopub"),
            Impostor(3),
        ):
            self.assertEqual(self.step(state, event), (state, ()))


class PausingAndDeadTests(MachineCase):
    def test_pause_is_over(self) -> None:
        """The next start keeps the tally."""
        self.assertEqual(
            self.step(Pausing(4, BAD), PauseDue(4)),
            (Starting(4, BAD), self.spawned(4)),
        )

    def test_restart_in_a_pause(self) -> None:
        """Somebody who asks does not wait for the pause, and wipes the tally."""
        self.assertEqual(
            self.step(Pausing(4, BAD), RestartAsked(4)),
            (Starting(4), (Cancel(PauseDue), *self.spawned(4))),
        )

    def test_shutdown_in_a_pause(self) -> None:
        """There is nothing to stop."""
        self.assertEqual(
            self.step(Pausing(4, BAD), ShutdownAsked(4)),
            (Stopped(4), (Cancel(PauseDue), Exit(4))),
        )

    def test_restart_leaves_dead(self) -> None:
        """Dead is not the end; from here on requests are kept again."""
        self.assertEqual(
            self.step(Dead(3, DIED), RestartAsked(3)),
            (Starting(4), (Hold(3), *self.spawned(4))),
        )

    def test_shutdown_leaves_dead(self) -> None:
        """There is nothing to stop."""
        self.assertEqual(
            self.step(Dead(3, DIED), ShutdownAsked(3)), (Stopped(3), (Exit(3),))
        )

    def test_nothing_leaves_stopped(self) -> None:
        """Whoever asks for something now is too late."""
        for event in (RestartAsked(3, urgent=True), ShutdownAsked(3)):
            self.assertEqual(self.step(Stopped(3), event), (Stopped(3), ()))


def kinds(base: type) -> list[type]:
    """Return all events that are a kind of ``base``."""
    return [
        found
        for _, found in inspect.getmembers(events, inspect.isclass)
        if issubclass(found, base) and found is not base
    ]


EVENTS: dict[type, Event] = {
    kind: kind(3) for kind in kinds(Event) if kind not in (Exited, ChannelLost)
}
EVENTS[Exited] = Exited(3, DIED)
EVENTS[ChannelLost] = ChannelLost(3, "shell")

STATES: list[State] = [
    Starting(3),
    Running(3),
    Halting(3, CLEAN, Aim.RESTART),
    Draining(3, CLEAN, Aim.RESTART, DIED),
    Pausing(3, CLEAN),
    Dead(3, DIED),
    Stopped(3),
]


class RulesTests(MachineCase):
    def test_older_generations_change_nothing(self) -> None:
        """In any state, whatever happened to a kernel that is gone."""
        for state in STATES:
            for event in EVENTS.values():
                old = attrs.evolve(event, generation=2)
                self.assertEqual(self.step(state, old), (state, ()))

    def test_unlisted_pairs_raise(self) -> None:
        """What is not in the table is a bug, and says so."""
        unlisted = 0
        for state in STATES:
            for kind, event in EVENTS.items():
                if (type(state), kind) in machine.TABLE:
                    self.step(state, event)
                    continue
                unlisted += 1
                error = self.raised(NoTransition, self.step, state, event)
                self.assertEqual(str(error), f"{event} in {state}")
        self.assertEqual(unlisted + len(machine.TABLE), len(STATES) * len(EVENTS))

    def test_names_for_users(self) -> None:
        """Every state has one of the four names that users know."""
        self.assertEqual(
            [states.PUBLIC_NAMES[type(state)] for state in STATES],
            ["restarting", "running", *["restarting"] * 3, "dead", "stopped"],
        )

    def test_pauses(self) -> None:
        """0, 0.5, 1, 2, 4 seconds; after SIGTERM one second at least."""
        limits = Limits()
        self.assertEqual(
            [limits.pause(Tally(deaths), DIED) for deaths in range(6)],
            [0, 0, 0.5, 1, 2, 4],
        )
        self.assertEqual(
            [limits.pause(Tally(deaths), TERMINATED) for deaths in range(6)],
            [1, 1, 1, 1, 2, 4],
        )

    def test_defaults(self) -> None:
        """The numbers of jupyter_client; a way out that its 2.5 s cover."""
        limits = Limits()
        self.assertEqual(
            (limits.restart_limit, limits.stable_start_time, limits.start_timeout),
            (5, 10, 60),
        )
        ladders = limits.ladders
        last = sum(attrs.astuple(ladders.quickly)) + limits.drain_time
        self.assertTrue(last < 2, last)
        # jupyter_client's shutdown_wait_time is 5 s, Slurm's KillWait 30 s; both
        # have sent SIGKILL before the kernel's time is over, or leave us 10 s.
        self.assertTrue(ladders.requested.terminate > 5)
        self.assertEqual(ladders.terminated, Ladder(0, 20))


#: Rows for events that the shell keeps to itself: it asks for the state before
#: it feeds Ready, and closes what could tell of the others. The machine takes
#: them all the same.
KEPT_BY_THE_SHELL = {
    (Halting, Ready),
    (Draining, Ready),
    (Dead, Exited),
    (Dead, Drained),
    (Dead, ChannelLost),
    (Dead, Impostor),
    (Stopped, Exited),
    (Stopped, Drained),
    (Stopped, ChannelLost),
    (Stopped, Impostor),
}

VARIANTS = (
    LIMITS,
    Limits(),
    Limits(restart_limit=0),
    Limits(start_limit=1),
    Limits(start_limit=9, restart_limit=2),
    Limits(autorestart=False),
    Limits(start_timeout=0),
)


@functools.cache
def explored() -> list[tuple[Limits, dict[World, dict[Event, World]]]]:
    return [(limits, machine_world.all_worlds(limits)) for limits in VARIANTS]


class EveryWayTests(Case):
    """Everything that can happen, in every order, explored to the end.

    There are finitely many moments (see :func:`tests.lifecycle.machine_world.alike`),
    so nothing is left to chance. That no effect names a kernel that is not
    there, and that no timer outlives what it was for, is checked on the way.
    """

    def setUp(self) -> None:
        self.worlds = explored()

    def test_every_row_is_needed(self) -> None:
        """The table has the rows that can come, and those the shell keeps back."""
        used = {
            (type(world.state), type(event))
            for _, worlds in self.worlds
            for world, ways in worlds.items()
            for event in ways
        }
        self.assertEqual(used & KEPT_BY_THE_SHELL, set())
        self.assertEqual(used | KEPT_BY_THE_SHELL, set(machine.TABLE))

    def test_no_cancel_is_useless(self) -> None:
        """Each takes back a timer that is set, if not each time then some time."""
        useful: dict[tuple[type, type, type], bool] = {}
        for limits, worlds in self.worlds:
            for world, ways in worlds.items():
                for event in ways:
                    for effect in step(world.state, event, limits)[1]:
                        if isinstance(effect, Cancel):
                            row = type(world.state), type(event), effect.kind
                            is_set = world.timer(effect.kind) is not None
                            useful[row] = useful.get(row, False) or is_set
        self.assertEqual([row for row, used in useful.items() if not used], [])

    def test_each_timer_is_some_states(self) -> None:
        """``TIMERS`` names no state's timer that is never set there."""
        owned = {
            (state, kind) for state, kinds in machine.TIMERS.items() for kind in kinds
        }
        used = {
            (type(world.state), type(timer.event))
            for _, worlds in self.worlds
            for world in worlds
            for timer in world.timers
        }
        self.assertEqual(used, owned)

    def test_something_is_always_awaited(self) -> None:
        """In no state would it sit for ever with nothing coming."""
        awaited: dict[type, tuple[type[Event], ...]] = {
            Halting: (TerminateDue, KillDue, GoneDue),
            Draining: (DrainDue,),
            Pausing: (PauseDue,),
        }
        for limits, worlds in self.worlds:
            for world in worlds:
                timers = awaited.get(type(world.state), ())
                starting = isinstance(world.state, Starting) and not world.doomed
                if starting and limits.start_timeout:
                    timers = (StartDue,)
                if timers:
                    self.assertTrue(any(map(world.timer, timers)), world)

    def test_what_clients_send_is_dealt_with(self) -> None:
        """Passed on while it runs, refused while it is dead, else kept."""
        for _, worlds in self.worlds:
            for world in worlds:
                if world.left:
                    continue
                self.assertEqual(
                    (world.holding, world.refusing),
                    (
                        not isinstance(world.state, Running | Dead),
                        isinstance(world.state, Dead),
                    ),
                    world,
                )

    def test_shutdown_ends_it(self) -> None:
        """From anywhere, in whatever order the rest comes, it ends."""
        for limits, worlds in self.worlds:
            ended: dict[World, bool] = {}
            for world in worlds:
                asked = machine_world.after(
                    world, ShutdownAsked(world.state.generation), limits
                )
                self.assertTrue(
                    self.must_end(machine_world.alike(asked), limits, ended), world
                )

    def must_end(self, world: World, limits: Limits, known: dict[World, bool]) -> bool:
        """Whether every order of what must come ends in the daemon's end."""
        if world.left:
            return True
        if world not in known:
            known[world] = False  # A way back to here is a way that never ends.
            following = [
                machine_world.alike(machine_world.after(world, event, limits))
                for event in machine_world.forced(world)
            ]
            known[world] = bool(following) and all(
                self.must_end(next_world, limits, known) for next_world in following
            )
        return known[world]

    def test_shutdown_ends_it_with_a_kernel_that_cannot_be_killed(self) -> None:
        """Timers alone are enough, if neither exit nor last words ever come."""
        for limits, worlds in self.worlds:
            for start in worlds:
                world = machine_world.after(
                    start, ShutdownAsked(start.state.generation), limits
                )
                waited = 0.0
                while not world.left:
                    self.assertTrue(world.timers, world)
                    timer = min(world.timers, key=lambda timer: timer.seconds)
                    waited += timer.seconds
                    world = machine_world.after(world, timer.event, limits)
                self.assertTrue(waited < 10, (waited, start))

    def test_dead_can_be_left(self) -> None:
        """%restart, and a kernel that comes to be ready, and it runs."""
        dead = 0
        for limits, worlds in self.worlds:
            for world in worlds:
                if isinstance(world.state, Dead):
                    dead += 1
                    g = world.state.generation
                    world = machine_world.after(world, RestartAsked(g), limits)
                    self.assertEqual(world.state, Starting(g + 1))
                    world = machine_world.after(world, Ready(g + 1), limits)
                    self.assertEqual(world.state, Running(g + 1))
        self.assertTrue(dead > len(VARIANTS), dead)

    def test_running_can_be_reached(self) -> None:
        """From anywhere but the end, some way leads to a kernel that runs."""
        for _, worlds in self.worlds:
            good = {w for w in worlds if isinstance(w.state, Running)}
            before: dict[World, set[World]] = {}
            for world, ways in worlds.items():
                for following in ways.values():
                    before.setdefault(following, set()).add(world)
            todo = list(good)
            while todo:
                for world in before.get(todo.pop(), ()):
                    if world not in good:
                        good.add(world)
                        todo.append(world)
            for world in set(worlds) - good:
                leaving = world.left or getattr(world.state, "aim", None) is Aim.EXIT
                self.assertTrue(leaving, world)
