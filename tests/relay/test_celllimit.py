"""How long a cell may run: what follows from what."""

from __future__ import annotations

from ipr.relay.celllimit import (
    GRACE,
    TABLE,
    Effect,
    Ending,
    Free,
    Interrupt,
    Off,
    Restart,
    Running,
    Seen,
    Set,
    State,
    Stopping,
    Unset,
    step,
)
from tests.case import Case

STATES: tuple[State, ...] = (
    Off(),
    Free(60),
    Running(60, "a", 5),
    Stopping(60, "a", 5),
    Ending(60, "a"),
)


class LimitCase(Case):
    state: State = Free(60.0)

    def see(self, cell: str | None, seconds: float = 1.0) -> tuple[Effect, ...]:
        """Look; return what is done then."""
        self.state, effects = step(self.state, Seen(cell, seconds))
        return effects


class TableTests(LimitCase):
    def test_each_event_may_come_in_each_state(self) -> None:
        kinds = {type(state) for state in STATES}
        self.assertEqual(
            set(TABLE), {(s, e) for s in kinds for e in (Set, Unset, Seen)}
        )

    def test_a_limit_counts_from_when_it_is_set(self) -> None:
        for state in STATES:
            self.assertEqual(step(state, Set(7)), (Free(7), ()))
            self.assertEqual(step(state, Unset()), (Off(), ()))
        self.assertEqual(step(Off(), Seen("a", 99)), (Off(), ()))

    def test_a_cell_is_interrupted_once_when_its_time_is_over(self) -> None:
        self.assertEqual(self.see("a", 100), ())
        self.assertEqual(self.see("a", 59), ())
        self.assertEqual(self.see("a", 1), (Interrupt("a", 60),))
        self.assertEqual(self.see("a", GRACE - 1), ())

    def test_one_that_goes_on_has_its_kernel_restarted_once(self) -> None:
        self.state = Stopping(60.0, "a")
        self.assertEqual(self.see("a", GRACE), (Restart("a"),))
        self.assertEqual(self.see("a", GRACE), ())
        self.assertEqual((self.see(None), self.state), ((), Free(60)))

    def test_each_cell_has_the_whole_time(self) -> None:
        for state in STATES[2:]:
            self.state = state
            self.assertEqual(self.see("b", 99), ())
            self.assertEqual(self.state, Running(60, "b", 0))

    def test_time_that_does_not_count_is_none(self) -> None:
        self.see("a")
        self.see("a", 0)
        self.assertEqual(self.state, Running(60, "a", 0))

    def test_nothing_runs_between_cells(self) -> None:
        for state in STATES[1:]:
            self.state = state
            self.assertEqual((self.see(None), self.state), ((), Free(60)))
