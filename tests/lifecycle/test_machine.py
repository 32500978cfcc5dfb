"""The restart machine as a whole: what holds in every state and on every way."""

from __future__ import annotations

import functools
import inspect

import attrs

from ipr.lifecycle import events, machine
from ipr.lifecycle.effects import Cancel
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
    StartDue,
    TerminateDue,
)
from ipr.lifecycle.limits import CLEAN, Limits
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
from tests.lifecycle.machine_case import LIMITS, MachineCase
from tests.lifecycle.machine_world import DIED, World


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

    def test_timers_are_set_in_the_states_that_own_them(self) -> None:
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
