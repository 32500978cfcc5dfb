"""The rows of the restart machine's table, one by one."""

from __future__ import annotations

import attrs

from ipr.lifecycle import endings, machine, states
from ipr.lifecycle.causes import IMPOSTOR, RESTARTED, SHUT_DOWN, STUCK, Cause, Ending
from ipr.lifecycle.effects import (
    After,
    AskToGo,
    Cancel,
    Drain,
    Exit,
    Finish,
    Hold,
    HoldUntilExit,
    Kill,
    Refuse,
    Release,
    Retire,
    Spawn,
    Terminate,
)
from ipr.lifecycle.events import (
    ChannelLost,
    DrainDue,
    Drained,
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
from ipr.lifecycle.limits import CLEAN, Leave, Limits, Pace, Tally
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
from tests.lifecycle.machine_case import LIMITS, MachineCase
from tests.lifecycle.machine_world import (
    DIED,
    EXCUSED,
    HOPELESS,
    NEVER_STARTED,
    TERMINATED,
)

BAD = Tally(2, 1)
NOT_READY = Cause(Ending.NEVER_STARTED, IMPOSTOR)


class StartingTests(MachineCase):
    def test_everything_begins_with_generation_1(self) -> None:
        """Everything begins with the start of generation 1."""
        self.assertEqual(machine.first(LIMITS), (Starting(1), self.spawned(1)))

    def test_without_timeout_no_timer_is_set(self) -> None:
        """A start that may queue for hours gets no timer at all."""
        limits = attrs.evolve(LIMITS, start_timeout=0)
        self.assertEqual(machine.first(limits), (Starting(1), (Spawn(1),)))

    def test_ready_releases_requests_and_forgets_failed_starts(self) -> None:
        """Ready: requests are released; failed starts are forgotten, deaths not."""
        self.assertEqual(
            self.step(Starting(3, BAD), Ready(3)),
            (
                Running(3, Tally(2, 0)),
                (Cancel(StartDue), After(11, StableDue(3)), Release(3)),
            ),
        )

    def test_late_start_is_terminated(self) -> None:
        """A kernel that is not ready in time is terminated, and its exit awaited.

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

    def test_kill_follows_sigterm(self) -> None:
        """A kernel that does not go at SIGTERM is killed, ready or not by then."""
        for state in (Starting(3, BAD), Running(3, BAD)):
            gone = After(LIMITS.gone_time, GoneDue(3))
            self.assertEqual(self.step(state, KillDue(3)), (state, (Kill(3), gone)))

    def test_unkillable_kernel_counts_as_a_death(self) -> None:
        """A kernel that survives SIGKILL is left; it counts as a death."""
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

    def test_exit_before_ready_is_a_failed_start(self) -> None:
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

    def test_exit_by_interrupt_counts_for_nothing(self) -> None:
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

    def test_restart_terminates_at_once(self) -> None:
        """It has not been sent anything yet: SIGTERM at once, urgent or not."""
        for pace in Pace:
            self.assertEqual(
                self.step(Starting(3, BAD), RestartAsked(3, pace)),
                (
                    Halting(3, CLEAN, Aim.RESTART),
                    (Cancel(StartDue), Terminate(3), After(0.3, KillDue(3))),
                ),
            )

    def test_shutdown_terminates_at_once(self) -> None:
        """The same, on the way out."""
        for how in Leave:
            self.assertEqual(
                self.step(Starting(3, BAD), ShutdownAsked(3, how)),
                (
                    Halting(3, CLEAN, Aim.EXIT, Leave.QUICKLY),
                    (Cancel(StartDue), Terminate(3), After(0.2, KillDue(3))),
                ),
            )

    def test_lost_channel_is_ignored(self) -> None:
        """It was not connected yet."""
        self.assertEqual(
            self.step(Starting(3, BAD), ChannelLost(3, "shell")), (Starting(3, BAD), ())
        )

    def test_impostor_is_a_failed_start(self) -> None:
        """A kernel with wrong signatures is ended, and the next has other ports.

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
    def test_lost_channel_terminates(self) -> None:
        """A kernel that closed a socket cannot be reached."""
        self.assertEqual(
            self.step(Running(3, BAD), ChannelLost(3, "shell")),
            (
                Running(3, BAD, ending=True),
                (Terminate(3, "it closed its shell channel"), After(0.9, KillDue(3))),
            ),
        )

    def test_impostor_is_terminated(self) -> None:
        """Clients may be speaking to another program."""
        self.assertEqual(
            self.step(Running(3, BAD), Impostor(3)),
            (
                Running(3, BAD, ending=True),
                (Terminate(3, IMPOSTOR), After(0.9, KillDue(3))),
            ),
        )

    def test_second_lost_channel_does_not_start_the_ladder_again(self) -> None:
        """Lost channels are reported repeatedly; the ladder goes on."""
        state = Running(3, BAD, ending=True)
        self.assertEqual(self.step(state, ChannelLost(3, "iopub")), (state, ()))
        self.assertEqual(self.step(state, Impostor(3)), (state, ()))
        self.assertEqual(
            self.step(state, StableDue(3)), (Running(3, CLEAN, ending=True), ())
        )

    def test_stable_kernel_wipes_the_tally(self) -> None:
        """After a while earlier deaths are forgotten."""
        self.assertEqual(
            self.step(Running(3, BAD), StableDue(3)), (Running(3, CLEAN), ())
        )

    def test_death_holds_then_drains(self) -> None:
        """Hold first, so that nothing is passed on to nobody."""
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

    def test_restart_asks_politely_and_wipes_the_tally(self) -> None:
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

    def test_restart_now_has_a_shorter_ladder(self) -> None:
        """An urgent one has a shorter ladder."""
        _, effects = self.step(Running(3), RestartAsked(3, Pace.URGENT))
        self.assertEqual(
            effects[2:],
            (AskToGo(3), After(0.5, TerminateDue(3)), After(0.8, KillDue(3))),
        )

    def test_shutdown_holds_with_none_coming(self) -> None:
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
                        HoldUntilExit(3),
                        AskToGo(3),
                        After(terminate, TerminateDue(3)),
                        After(kill, KillDue(3)),
                    ),
                ),
            )

    def test_sigterm_is_passed_on(self) -> None:
        """SIGTERM is passed on, and nothing is asked: as to a plain kernel."""
        self.assertEqual(
            self.step(Running(3, BAD), ShutdownAsked(3, Leave.TERMINATED)),
            (
                Halting(3, CLEAN, Aim.EXIT, Leave.TERMINATED),
                (
                    Cancel(StableDue),
                    HoldUntilExit(3),
                    Terminate(3),
                    After(17, KillDue(3)),
                ),
            ),
        )

    def test_shutdown_of_an_ending_kernel_is_quick(self) -> None:
        """It was sent SIGTERM before, so that the shortest ladder is enough."""
        for how in Leave:
            state, effects = self.step(
                Running(3, BAD, ending=True), ShutdownAsked(3, how)
            )
            self.assertEqual(state, Halting(3, CLEAN, Aim.EXIT, Leave.QUICKLY))
            self.assertIn(After(1.0, KillDue(3)), effects)


class HaltingTests(MachineCase):
    restarting = Halting(3, CLEAN, Aim.RESTART)
    leaving = Halting(3, CLEAN, Aim.EXIT)

    def test_gone_or_stuck_kernel_is_drained(self) -> None:
        """Its last messages are read, and the ladder is over."""
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

    def test_parted_kernel_ends_beside_the_next_one(self) -> None:
        """It is finished, its ladder is over here, and the next one is started."""
        self.assertEqual(
            self.step(self.restarting, Parted(3)),
            (
                Starting(4, CLEAN),
                (
                    Cancel(TerminateDue),
                    Cancel(KillDue),
                    Cancel(GoneDue),
                    Retire(3),
                    Finish(3, RESTARTED),
                    *self.spawned(4),
                ),
            ),
        )

    def test_daemon_does_not_end_before_a_parted_kernel(self) -> None:
        self.assertEqual(self.step(self.leaving, Parted(3)), (self.leaving, ()))

    def test_ladder_ends_with_kill(self) -> None:
        """SIGTERM, then SIGKILL, then a limited wait."""
        for state in (self.restarting, self.leaving):
            self.assertEqual(
                self.step(state, TerminateDue(3)), (state, (Terminate(3),))
            )
            self.assertEqual(
                self.step(state, KillDue(3)), (state, (Kill(3), After(5, GoneDue(3))))
            )

    def test_second_restart_changes_nothing(self) -> None:
        """A second restart changes nothing."""
        for state in (self.restarting, self.leaving):
            self.assertEqual(self.step(state, RestartAsked(3)), (state, ()))

    def test_restart_now_kills_at_once(self) -> None:
        """Somebody will not wait for the ladder."""
        for state in (self.restarting, self.leaving):
            self.assertEqual(
                self.step(state, RestartAsked(3, Pace.URGENT)),
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

    def test_less_patient_shutdown_terminates(self) -> None:
        """A restart in progress becomes an exit, on the shorter ladder."""
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

    def test_more_patient_shutdown_changes_nothing(self) -> None:
        """The first ladder goes on."""
        for first in Leave:
            state = attrs.evolve(self.leaving, how=first)
            for then in Leave:
                if then.value <= first.value:
                    event = ShutdownAsked(3, then)
                    self.assertEqual(self.step(state, event), (state, ()))

    def test_shutdown_request_keeps_the_restarts_ladder(self) -> None:
        """The restart's own ladder goes on: it is shorter than that manager's."""
        self.assertEqual(
            self.step(self.restarting, ShutdownAsked(3, Leave.REQUESTED)),
            (attrs.evolve(self.restarting, aim=Aim.EXIT), ()),
        )

    def test_messages_of_a_kernel_on_its_way_out_change_nothing(self) -> None:
        """It is going already."""
        for event in (Ready(3), ChannelLost(3, "shell"), Impostor(3)):
            self.assertEqual(self.step(self.restarting, event), (self.restarting, ()))


class DrainingTests(MachineCase):
    def after(self, state: State, limits: Limits = LIMITS) -> endings.Outcome:
        """Return what follows, which is the same for both ends of the draining."""
        following, effects = self.step(state, DrainDue(3), limits)
        drained = self.step(state, Drained(3), limits)
        self.assertEqual(drained, (following, (Cancel(DrainDue), *effects)))
        return following, effects

    def done(self, cause: Cause) -> tuple[Finish]:
        return (Finish(3, cause),)

    def test_restart_finishes_then_spawns(self) -> None:
        """First the old requests are finished, then the new kernel is spawned."""
        self.assertEqual(
            self.after(Draining(3, CLEAN, Aim.RESTART, RESTARTED)),
            (Starting(4), (*self.done(RESTARTED), *self.spawned(4))),
        )

    def test_first_death_restarts_at_once(self) -> None:
        """After the first death there is no pause."""
        self.assertEqual(
            self.after(Draining(3, Tally(1), Aim.RESTART, DIED)),
            (Starting(4, Tally(1)), (*self.done(DIED), *self.spawned(4))),
        )

    def test_pause_doubles_from_the_second_death_on(self) -> None:
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

    def test_death_by_sigterm_pauses(self) -> None:
        """After SIGTERM the whole job may be going down: wait a moment."""
        self.assertEqual(
            self.after(Draining(3, Tally(1), Aim.RESTART, TERMINATED)),
            (
                Pausing(4, Tally(1)),
                (*self.done(TERMINATED), After(1.1, PauseDue(4))),
            ),
        )

    def test_stays_dead_past_a_limit_or_when_hopeless(self) -> None:
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

    def test_restarts_up_to_the_limit(self) -> None:
        """A limit is how many are allowed, not the first too many."""
        for tally, cause in ((Tally(3, 0), DIED), (Tally(1, 1), NEVER_STARTED)):
            state, _ = self.after(Draining(3, tally, Aim.RESTART, cause))
            self.assertEqual(states.PUBLIC_NAMES[type(state)], "restarting")

    def test_asked_restart_ignores_no_autorestart(self) -> None:
        """A restart that a user asked for happens all the same."""
        limits = attrs.evolve(LIMITS, autorestart=False)
        state, _ = self.after(Draining(3, CLEAN, Aim.RESTART, RESTARTED), limits)
        self.assertEqual(state, Starting(4))

    def test_exit_spawns_nothing(self) -> None:
        """On the way out nothing is spawned, whatever the cause."""
        for cause in (SHUT_DOWN, DIED, HOPELESS):
            self.assertEqual(
                self.after(Draining(3, BAD, Aim.EXIT, cause)),
                (Stopped(3), (*self.done(cause), Exit(3))),
            )

    def test_shutdown_turns_draining_into_exit(self) -> None:
        """Asked to end while draining, it drains, and then ends."""
        self.assertEqual(
            self.step(Draining(3, BAD, Aim.RESTART, DIED), ShutdownAsked(3)),
            (Draining(3, BAD, Aim.EXIT, DIED), ()),
        )

    def test_restart_overrides_the_limits(self) -> None:
        """Who asks gets a new kernel, whatever the limits say of deaths."""
        for cause in (DIED, HOPELESS):
            for pace in Pace:
                state, effects = self.step(
                    Draining(3, Tally(9, 9), Aim.RESTART, cause),
                    RestartAsked(3, pace),
                )
                self.assertEqual(effects, ())
                self.assertEqual(
                    self.after(state),
                    (Starting(4), (*self.done(cause), *self.spawned(4))),
                )

    def test_restart_on_the_way_out_spawns_nothing(self) -> None:
        """Unless the daemon is to end."""
        state, _ = self.step(Draining(3, BAD, Aim.EXIT, DIED), RestartAsked(3))
        self.assertEqual(self.after(state)[0], Stopped(3))

    def test_late_reports_change_nothing(self) -> None:
        """Neither last messages that are read nor a late exit."""
        state = Draining(3, BAD, Aim.RESTART, DIED)
        for event in (
            Ready(3),
            Exited(3, DIED),
            ChannelLost(3, "iopub"),
            Impostor(3),
        ):
            self.assertEqual(self.step(state, event), (state, ()))


class PausingAndDeadTests(MachineCase):
    def test_start_after_a_pause_keeps_the_tally(self) -> None:
        """The next start keeps the tally."""
        self.assertEqual(
            self.step(Pausing(4, BAD), PauseDue(4)),
            (Starting(4, BAD), self.spawned(4)),
        )

    def test_restart_ends_the_pause_and_wipes_the_tally(self) -> None:
        """Somebody who asks does not wait for the pause, and wipes the tally."""
        self.assertEqual(
            self.step(Pausing(4, BAD), RestartAsked(4)),
            (Starting(4), (Cancel(PauseDue), *self.spawned(4))),
        )

    def test_shutdown_in_a_pause_exits(self) -> None:
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
        """The daemon is on its way out."""
        for event in (RestartAsked(3, Pace.URGENT), ShutdownAsked(3)):
            self.assertEqual(self.step(Stopped(3), event), (Stopped(3), ()))
