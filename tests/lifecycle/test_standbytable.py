"""The rows of the standby's table, one by one, and all of it at random."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ipr.lifecycle import standby as sb
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
from ipr.lifecycle.standbytable import TABLE, first, step
from tests.case import Case

PATIENCE = Patience(idle=5, look=2, stale=20, boot=70, check=0.1, failures=2)
LOOK = After(2, LookDue())


class TableTests(Case):
    def check(self, state: State, event: Event, after: State, *effects: object) -> None:
        self.assertEqual(step(state, event, PATIENCE), (after, effects))

    def test_begins_with_a_look(self) -> None:
        self.assertEqual(first(PATIENCE), (Absent(), (LOOK,)))
        self.check(Off("x"), Wanted(), Absent(), LOOK)

    def test_starts_when_the_kernel_is_idle(self) -> None:
        self.check(Absent(1), LookDue(), Absent(1), LOOK, LookWhetherQuiet())
        boot = After(70, BootDue())
        self.check(Absent(1), Quiet(ran=False), Booting(1), boot, Start())

    def test_after_a_death_a_cell_has_to_run_first(self) -> None:
        self.check(Absent(), Died(), Absent(bereaved=True))
        bereaved = Absent(bereaved=True)
        self.check(bereaved, Quiet(ran=False), bereaved)
        self.check(bereaved, Quiet(), Booting(), After(70, BootDue()), Start())

    def test_waits_once_it_is_known_what_it_has_loaded(self) -> None:
        self.check(Booting(1), Settled(), Waiting(1), After(20, LookDue()))

    def test_is_looked_at_from_time_to_time(self) -> None:
        again = After(20, LookDue())
        self.check(Waiting(), LookDue(), Waiting(), again, LookWhetherStale())

    def test_takes_over(self) -> None:
        """Failures are forgotten; a death is not, until a cell has run."""
        for there in (Booting(1), Waiting(1)):
            self.check(there, Taken(), Absent(), LOOK)
        for died in (Booting(1, bereaved=True), Waiting(1, bereaved=True)):
            self.check(type(died)(1), Died(), died)
            self.check(died, Taken(), Absent(bereaved=True), LOOK)

    def test_stale_one_is_replaced_once_it_is_gone(self) -> None:
        then = Absent(1, bereaved=True, why="pip", wasted=1)
        for there in (Booting(1, bereaved=True), Waiting(1, bereaved=True)):
            self.check(there, Stale("pip"), Going(then), Discard())
        self.check(Going(then), Ended("killed"), then, LOOK)
        self.check(Going(Absent()), Died(), Going(Absent(bereaved=True)))
        self.check(Going(Off("x")), Died(), Going(Off("x")))

    def test_second_failure_is_the_last(self) -> None:
        for there in (Booting, Waiting):
            self.check(there(0), Ended("broken"), Absent(1, why="broken"), LOOK)
            self.check(there(1), Ended("broken"), Off("broken"), Log("broken"))
        why = "it was not ready within 70 s"
        self.check(Booting(0), BootDue(), Going(Absent(1, why=why)), Discard())
        self.check(Booting(1), BootDue(), Going(Off(why)), Log(why), Discard())

    def test_none_is_kept_that_nobody_wants(self) -> None:
        for none in (Off("x"), Absent()):
            self.check(none, Unwanted("no"), Off("no"))
        for there in (Booting(), Waiting()):
            self.check(there, Unwanted("no"), Going(Off("no")), Discard())
        self.check(Going(Absent()), Unwanted("no"), Going(Off("no")))
        self.check(Going(Off("no")), Ended("killed"), Off("no"))
        self.check(Going(Off("no")), Wanted(), Going(Absent()))
        self.check(Going(Absent(1)), Wanted(), Going(Absent(1)))

    def test_what_is_not_in_the_table_changes_nothing(self) -> None:
        for state in STATES:
            for event in EVENTS:
                if (type(state), type(event)) not in TABLE:
                    self.check(state, event, state)


STATES: tuple[State, ...] = (
    Off("x"),
    Absent(),
    Booting(),
    Waiting(),
    Going(Absent()),
    Going(Off("x")),
)
EVENTS: tuple[Event, ...] = (
    Wanted(),
    Unwanted("no"),
    LookDue(),
    Quiet(),
    Quiet(ran=False),
    Settled(),
    Stale("old"),
    BootDue(),
    Ended("gone"),
    Died(),
    Taken(),
)


class World:
    """What the effects do: is there one, and is a timer set?"""

    def __init__(self) -> None:
        self.there = False
        self.doomed = False
        self.timer: Event | None = None

    def perform(self, before: State, after: State, effects: Effects) -> None:
        if type(before) is not type(after):
            self.timer = None
        for effect in effects:
            match effect:
                case Start():
                    assert not self.there
                    self.there, self.doomed = True, False
                case Discard():
                    assert self.there
                    self.doomed = True
                case After():
                    self.timer = effect.event


@given(st.lists(st.sampled_from(EVENTS), max_size=60))
def test_there_is_never_a_second_one_and_each_is_looked_after(
    events: list[Event],
) -> None:
    """Whatever happens, in whatever order, as far as it can happen."""
    state: State = Off("it was not asked for")
    world = World()
    for event in events:
        if isinstance(event, Ended | Settled | Stale | Taken) and not world.there:
            continue
        if isinstance(event, Settled | Stale | Taken) and world.doomed:
            continue
        if isinstance(event, LookDue | BootDue):
            if world.timer != event:
                continue
            world.timer = None
        before = state
        state, effects = step(before, event, PATIENCE)
        world.perform(before, state, effects)
        if isinstance(event, Ended | Taken):
            world.there = False
        assert world.there == isinstance(state, Booting | Waiting | Going)
        assert world.doomed == isinstance(state, Going) or not world.there
        # Off and Going wait for somebody else; all others for the clock as well.
        timed = isinstance(state, Absent | Booting | Waiting)
        assert (world.timer is not None) == timed, state


def test_every_kind_of_event_is_in_the_table() -> None:
    assert {kind for _, kind in TABLE} == set(sb.Event.__args__)
