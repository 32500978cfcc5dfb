"""Whose turn a %restart is: each row of the table, and what all rows must keep."""

from __future__ import annotations

from typing import get_args

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from ipr.lifecycle.limits import Pace
from ipr.relay.turneffects import (
    Abort,
    AbortHeld,
    After,
    Along,
    Check,
    Effect,
    Effects,
    Fail,
    GiveUp,
    Go,
    Join,
    Keep,
    Leave,
    Prepare,
    Resume,
    Show,
)
from ipr.relay.turnevents import (
    Asked,
    CellFailed,
    Ended,
    Event,
    Interrupted,
    KernelGone,
    LinesEnded,
    Moved,
    ReplyDue,
    Settled,
    Startable,
    UrgedDue,
    Wrong,
)
from ipr.relay.turns import (
    REPLY_TIME,
    URGED_TIME,
    Before,
    LinesWent,
    Turn,
    Turns,
)
from ipr.relay.turntable import TABLE, Head, NoTransition, head_of, step
from tests.case import Case

NONE = Turns()
#: It waits for cells; for its options.
WAITS = Turn("a")
SETTLES = Turn("a", settled=False)
#: ``%restart now`` with options, beside the head.
BESIDE = Turn("b", pace=Pace.URGENT, settled=False)
NOW = Turn("n", pace=Pace.URGENT)
#: No cell asked for these; the second has options.
FIRM = Turn("f", firm=True)
FIRM_SETTLES = Turn("f", settled=False, firm=True)

NOTHING, NO_KERNEL, CELLS, SILENT, RESTART = (
    Before.NOTHING,
    Before.NO_KERNEL,
    Before.CELLS,
    Before.SILENT,
    Before.RESTART,
)
LATE = After(REPLY_TIME, ReplyDue)


def urged(turn: Turn) -> Turn:
    return attrs.evolve(turn, urged=True)


def failed(turn: Turn) -> Turn:
    return attrs.evolve(turn, failed=True)


def checking(turn: Turn, *, overdue: bool = False, waited: bool = False) -> Turn:
    return attrs.evolve(turn, checking=True, overdue=overdue, waited=waited)


class TurnsCase(Case):
    def leads(
        self, before: Turns, event: Event, after: Turns, *effects: Effect
    ) -> None:
        """Hold that an event does just that."""
        self.assertEqual(step(before, event), (after, effects))


class NobodyWaitsTests(TurnsCase):
    """There is no head."""

    def test_nothing_runs(self) -> None:
        """It goes when another kernel can be started."""
        self.leads(NONE, Asked(WAITS, NOTHING), Turns(checking(WAITS)), Check("a"))

    def test_no_kernel_to_lose(self) -> None:
        """It is tried at once: the start itself says what is wrong."""
        self.leads(NONE, Asked(WAITS, NO_KERNEL), NONE, Go("a"))

    def test_cells_run(self) -> None:
        """It waits for them, and says so."""
        self.leads(NONE, Asked(WAITS, CELLS), Turns(WAITS), Show("a"))

    def test_cells_without_reply(self) -> None:
        """It waits a moment for the reply."""
        self.leads(NONE, Asked(WAITS, SILENT), Turns(WAITS), LATE, Show("a"))

    def test_restart_under_way(self) -> None:
        """It comes after that one, options or not."""
        for turn in (WAITS, SETTLES):
            self.leads(NONE, Asked(turn, RESTART), NONE, Keep("a"))

    def test_urgent_restart_goes_at_once(self) -> None:
        """It waits for nothing at all."""
        for before in Before:
            self.leads(NONE, Asked(NOW, before), NONE, Go("n", Pace.URGENT))

    def test_options_are_worked_out_first(self) -> None:
        """They are worked out first; cells are held behind it meanwhile."""
        for turn in (SETTLES, BESIDE):
            self.leads(NONE, Asked(turn, NOTHING), Turns(turn), Prepare(turn.cell))

    def test_one_beside_is_left(self) -> None:
        """The head has gone; this one goes when it can, or fails."""
        left = Turns(None, (BESIDE,))
        self.leads(left, Settled("b", CELLS), NONE, Go("b", Pace.URGENT))
        self.leads(left, Wrong("b"), NONE, Fail("b"))

    def test_nobody_is_concerned(self) -> None:
        """Of one that was aborted, or of cells while nobody waits."""
        for event in (
            Settled("gone", CELLS),
            Startable("gone", CELLS),
            Wrong("gone"),
            Moved(CELLS),
            CellFailed(),
            Interrupted(),
            KernelGone(),
            Ended(),
        ):
            self.leads(NONE, event, NONE)


class SettlingTests(TurnsCase):
    """The options of the head are being worked out."""

    def test_can_be_had(self) -> None:
        """It goes, or waits like any other."""
        before = Turns(SETTLES)
        for free in (NOTHING, NO_KERNEL):
            self.leads(before, Settled("a", free), NONE, Go("a", waited=True))
        self.leads(before, Settled("a", CELLS), Turns(WAITS), Show("a"))
        self.leads(before, Settled("a", SILENT), Turns(WAITS), LATE, Show("a"))

    def test_now_can_be_had(self) -> None:
        """It waits for no cell."""
        self.leads(
            Turns(BESIDE), Settled("b", CELLS), NONE, Go("b", Pace.URGENT, waited=True)
        )

    def test_can_be_had_while_a_restart_is_under_way(self) -> None:
        """What was interrupted before was none of the new kernel's cells."""
        overdue = attrs.evolve(urged(SETTLES), overdue=True)
        self.leads(Turns(overdue), Settled("a", RESTART), Turns(WAITS))

    def test_urged_too_long_ago(self) -> None:
        """Who interrupted has waited long enough."""
        overdue = attrs.evolve(urged(SETTLES), overdue=True)
        self.leads(Turns(urged(SETTLES)), UrgedDue(CELLS), Turns(overdue))
        self.leads(
            Turns(overdue), Settled("a", CELLS), NONE, Go("a", Pace.URGENT, waited=True)
        )

    def test_wrong_options_let_what_was_held_go_on(self) -> None:
        """What was held behind it goes on; unless one beside it takes its place."""
        self.leads(Turns(SETTLES), Wrong("a"), NONE, Fail("a"), Resume())
        self.leads(Turns(SETTLES, (BESIDE,)), Wrong("a"), Turns(BESIDE), Fail("a"))

    def test_others_are_held_behind_a_settling_restart(self) -> None:
        """Others are held behind it; only those with now are not."""
        before = Turns(SETTLES)
        other = Turn("c")
        self.leads(before, Asked(other, CELLS), before, Keep("c"))
        self.leads(before, Asked(NOW, CELLS), before, Go("n", Pace.URGENT))
        self.leads(
            before, Asked(BESIDE, CELLS), Turns(SETTLES, (BESIDE,)), Prepare("b")
        )

    def test_nothing_to_do_with_it(self) -> None:
        """It waits for its options, whatever the kernel does."""
        before = Turns(SETTLES)
        for event in (
            Moved(NOTHING),
            KernelGone(),
            Settled("c", CELLS),
            Startable("c", CELLS),
            Wrong("c"),
        ):
            self.leads(before, event, before)

    def test_end_clears_a_settling_restart(self) -> None:
        self.leads(Turns(SETTLES, (BESIDE,)), Ended(), NONE)


class WaitingTests(TurnsCase):
    """The head waits for cells."""

    def test_cells_end(self) -> None:
        """It has its turn when nothing runs any more."""
        before = Turns(WAITS)
        self.leads(before, Moved(CELLS), before, Show("a"))
        after = Turns(checking(WAITS, waited=True))
        self.leads(before, Moved(NOTHING), after, Check("a"))
        self.leads(before, Moved(NO_KERNEL), NONE, Go("a", waited=True))
        self.leads(before, Startable("a", CELLS), before)

    def test_nothing_is_shown_while_another_restart_is_under_way(self) -> None:
        """While another restart is under way nothing has to be shown."""
        self.leads(Turns(WAITS), Moved(RESTART), Turns(WAITS))

    def test_idle_without_reply(self) -> None:
        """ipykernel answers a cell that makes no sense by busy and idle only."""
        before = Turns(WAITS)
        self.leads(before, Moved(SILENT), before, LATE, Show("a"))
        self.leads(before, ReplyDue(), before, GiveUp())

    def test_failed_cell_of_the_same_shell_aborts_a_waiting_restart(self) -> None:
        """A kernel aborts what is queued behind a cell of the same shell."""
        aborted = (Abort("a"), AbortHeld(""))
        for turn in (WAITS, SETTLES):
            for free in (NOTHING, NO_KERNEL):
                before = Turns(failed(turn))
                self.leads(Turns(turn), CellFailed(), before)
                self.leads(before, Moved(free), NONE, *aborted, Resume())
            self.leads(before, KernelGone(), NONE, *aborted, Resume())
            self.leads(before, Interrupted(), before)
            beside = Turns(failed(turn), (BESIDE,))
            self.leads(beside, Moved(NOTHING), Turns(BESIDE), *aborted)

    def test_cell_fails_before_others(self) -> None:
        """The kernel answers these first, which it aborts itself."""
        before = Turns(failed(WAITS))
        self.leads(before, Moved(CELLS), before, Show("a"))
        self.leads(before, Moved(SILENT), before, LATE, Show("a"))
        before = Turns(failed(SETTLES))
        self.leads(before, Moved(CELLS), before)
        self.leads(before, Settled("a", CELLS), Turns(failed(WAITS)), Show("a"))

    def test_cell_fails_elsewhere(self) -> None:
        """Another shell's queue is another queue; and now is in none."""
        for turn in (WAITS, attrs.evolve(WAITS, subshell="s2")):
            self.leads(Turns(turn), CellFailed("s1"), Turns(turn))
        self.leads(Turns(BESIDE), CellFailed(), Turns(BESIDE))

    def test_interrupted_cell_does_not_abort_a_waiting_restart(self) -> None:
        """The cell fails by that, and the restart goes on; not for ever."""
        again = After(URGED_TIME, UrgedDue)
        for turn in (WAITS, SETTLES):
            self.leads(Turns(turn), Interrupted(), Turns(urged(turn)), again)
            self.leads(Turns(urged(turn)), Interrupted(), Turns(urged(turn)))
        before = Turns(urged(WAITS))
        interrupted = Turns(failed(urged(WAITS)))
        self.leads(before, CellFailed(), interrupted)
        after = checking(failed(urged(WAITS)), waited=True)
        self.leads(interrupted, Moved(NOTHING), Turns(after), Check("a"))
        behind = AbortHeld("")
        go = Go("a", waited=True)
        self.leads(Turns(after), Startable("a", NOTHING), NONE, behind, go)
        self.leads(Turns(after), Wrong("a"), NONE, Fail("a"), behind, Resume())
        self.leads(interrupted, KernelGone(), NONE, behind, Join("a"))
        settles = failed(urged(SETTLES))
        still = urged(SETTLES)
        self.leads(Turns(settles), KernelGone(), Turns(still), behind)
        self.leads(Turns(settles), Settled("a", RESTART), Turns(WAITS), behind)
        self.leads(Turns(settles), Settled("a", NOTHING), NONE, behind, go)
        after = checking(urged(WAITS), overdue=True, waited=True)
        self.leads(before, UrgedDue(CELLS), Turns(after), Check("a"))

    def test_interrupt_of_now(self) -> None:
        """It does not wait for the cell."""
        self.leads(Turns(BESIDE), Interrupted(), Turns(BESIDE))

    def test_interrupt_of_another_kernel(self) -> None:
        """What runs in the next one has not been interrupted."""
        self.leads(Turns(urged(WAITS)), UrgedDue(RESTART), Turns(WAITS))

    def test_kernel_goes(self) -> None:
        """It is a restart, whatever the limits say of deaths."""
        self.leads(Turns(WAITS), KernelGone(), NONE, Join("a"))
        beside = Turns(WAITS, (BESIDE,))
        self.leads(beside, KernelGone(), Turns(None, (BESIDE,)), Join("a"))

    def test_others_are_held_behind_a_waiting_restart(self) -> None:
        before = Turns(WAITS)
        self.leads(before, Asked(Turn("c"), CELLS), before, Keep("c"))
        self.leads(before, Asked(NOW, CELLS), before, Go("n", Pace.URGENT))
        both = Turns(WAITS, (BESIDE,))
        self.leads(before, Asked(BESIDE, CELLS), both, Prepare("b"))
        self.leads(both, Settled("b", CELLS), before, Go("b", Pace.URGENT))
        self.leads(both, Wrong("b"), before, Fail("b"))

    def test_end_clears_a_waiting_restart(self) -> None:
        self.leads(Turns(WAITS), Ended(), NONE)


class CheckingTests(TurnsCase):
    """The turn of the head has come; whether a kernel can be started is looked at."""

    def test_it_can(self) -> None:
        """It goes; when it was interrupted long ago, whatever runs."""
        self.leads(Turns(checking(WAITS)), Startable("a", NOTHING), NONE, Go("a"))
        before = Turns(checking(WAITS))
        self.leads(before, Startable("rode along", NOTHING), before)
        overdue = checking(urged(WAITS), overdue=True, waited=True)
        self.leads(
            Turns(overdue),
            Startable("a", CELLS),
            NONE,
            Go("a", Pace.URGENT, waited=True),
        )

    def test_it_cannot(self) -> None:
        before = Turns(checking(WAITS))
        self.leads(before, Wrong("a"), NONE, Fail("a"), Resume())
        beside = Turns(checking(WAITS), (BESIDE,))
        self.leads(beside, Wrong("a"), Turns(BESIDE), Fail("a"))

    def test_another_restart_is_quicker(self) -> None:
        """It rides along, or waits for the cells of that kernel."""
        overdue = Turns(checking(urged(WAITS), overdue=True))
        self.leads(overdue, KernelGone(), NONE, Join("a"))
        self.leads(overdue, Startable("a", RESTART), Turns(WAITS))

    def test_a_widget_gets_on(self) -> None:
        """Whatever says idle meanwhile, it has to say busy once more."""
        before = Turns(checking(WAITS))
        after = Turns(checking(WAITS, waited=True))
        self.leads(before, Moved(NOTHING), after)
        self.leads(after, Startable("a", NOTHING), NONE, Go("a", waited=True))

    def test_others_are_held_behind_a_restart_that_is_checked(self) -> None:
        before = Turns(checking(WAITS))
        self.leads(before, Asked(Turn("c"), NOTHING), before, Keep("c"))
        self.leads(before, Asked(NOW, NOTHING), before, Go("n", Pace.URGENT))
        both = Turns(checking(WAITS), (BESIDE,))
        self.leads(before, Asked(BESIDE, NOTHING), both, Prepare("b"))
        self.leads(both, Settled("b", NOTHING), before, Go("b", Pace.URGENT))

    def test_it_is_about_to_go(self) -> None:
        before = Turns(checking(WAITS))
        for event in (Interrupted(), UrgedDue(NOTHING), ReplyDue()):
            self.leads(before, event, before)
        self.leads(before, Ended(), NONE)

    def test_failed_cell_on_control_aborts_no_restart_that_is_checked(self) -> None:
        """One that it did not wait for, on control."""
        before = Turns(checking(WAITS))
        self.leads(before, CellFailed(), before)


class FirmTests(TurnsCase):
    """Those that no cell asked for have no place among the cells."""

    def test_takes_its_turn_as_any_other(self) -> None:
        checked = Turns(checking(FIRM))
        self.leads(NONE, Asked(FIRM, NOTHING), checked, Check("f"))
        self.leads(checked, Startable("f", NOTHING), NONE, Go("f"))
        self.leads(NONE, Asked(FIRM, CELLS), Turns(FIRM), Show("f"))
        after = Turns(checking(FIRM, waited=True))
        self.leads(Turns(FIRM), Moved(NOTHING), after, Check("f"))
        self.leads(NONE, Asked(FIRM_SETTLES, CELLS), Turns(FIRM_SETTLES), Prepare("f"))

    def test_cell_fails(self) -> None:
        """Those behind that cell are aborted, and it goes on."""
        for turn in (FIRM, FIRM_SETTLES):
            self.leads(Turns(turn), CellFailed(), Turns(failed(turn)))
        after = checking(failed(FIRM), waited=True)
        self.leads(Turns(failed(FIRM)), Moved(NOTHING), Turns(after), Check("f"))
        going = (AbortHeld(""), Go("f", waited=True))
        self.leads(Turns(after), Startable("f", NOTHING), NONE, *going)

    def test_interrupt_after_a_cell_failed(self) -> None:
        after = Turns(urged(failed(FIRM)))
        again = After(URGED_TIME, UrgedDue)
        self.leads(Turns(failed(FIRM)), Interrupted(), after, again)

    def test_goes_along_with_the_one_that_waits(self) -> None:
        both = Turns(WAITS, (FIRM,))
        self.leads(Turns(WAITS), Asked(FIRM, CELLS), both, Show("f"))
        along = Along("f")
        self.leads(both, KernelGone(), NONE, Join("a"), along)
        self.leads(
            Turns(checking(WAITS), (FIRM, BESIDE)),
            Startable("a", NOTHING),
            Turns(None, (BESIDE,)),
            Go("a"),
            along,
        )

    def test_goes_along_with_one_whose_options_are_worked_out(self) -> None:
        both = Turns(SETTLES, (FIRM,))
        self.leads(Turns(SETTLES), Asked(FIRM, CELLS), both, Show("f"))
        self.leads(both, Settled("a", NOTHING), NONE, Go("a", waited=True), Along("f"))
        # Another one has ended the kernel: that is what it wanted.
        self.leads(both, KernelGone(), Turns(SETTLES), Along("f"))

    def test_takes_the_place_of_one_that_comes_to_nothing(self) -> None:
        self.leads(Turns(SETTLES, (FIRM,)), Wrong("a"), Turns(FIRM), Fail("a"))
        aborted = (Abort("a"), AbortHeld(""))
        before = Turns(failed(WAITS), (FIRM,))
        self.leads(before, Moved(NOTHING), Turns(FIRM), *aborted)
        # The kernel went first: that is what it wanted.
        after = (*aborted, Resume(), Along("f"))
        self.leads(before, KernelGone(), NONE, *after)
        settling = Turns(failed(SETTLES), (FIRM,))
        self.leads(settling, KernelGone(), NONE, *after)

    def test_goes_along_with_a_restart_under_way(self) -> None:
        self.leads(NONE, Asked(FIRM, RESTART), NONE, Along("f"))

    def test_options_cannot_go_along(self) -> None:
        self.leads(NONE, Asked(FIRM_SETTLES, RESTART), NONE, Fail("f"))
        for head in (WAITS, SETTLES):
            before = Turns(head)
            self.leads(before, Asked(FIRM_SETTLES, CELLS), before, Fail("f"))


# --- what all rows must keep ------------------------------------------------

SUBSHELL = st.sampled_from(["", "s1"])
BEFORE = st.sampled_from(Before)


def cells(turns: Turns) -> set[str]:
    """Return the ids of those that wait."""
    head = (turns.head,) if turns.head is not None else ()
    return {turn.cell for turn in (*head, *turns.beside)}


ENDS = (Go, Join, Along, Fail, Abort, Keep, Leave)


class EveryRowTests(Case):
    def test_every_row_is_tested(self) -> None:
        """Each pair of the table is in one of the tests above, and no other."""
        kinds = {kind for _, kind in TABLE}
        self.assertEqual(kinds, set(get_args(Event)))
        missing = [
            (head, kind) for head in Head for kind in kinds if (head, kind) not in TABLE
        ]
        # Timers stop with the head that they were for.
        self.assertEqual(
            {(head.name, kind.__name__) for head, kind in missing},
            {("NONE", "UrgedDue"), ("NONE", "ReplyDue"), ("SETTLING", "ReplyDue")}
            | {("LINES", "UrgedDue"), ("LINES", "ReplyDue")},
        )
        self.raised(NoTransition, step, NONE, ReplyDue())

    @settings(deadline=None, max_examples=100)
    @given(st.data())
    def test_each_one_ends_once(self, data: st.DataObject) -> None:
        """Whoever asked goes, joins, fails or is aborted: once, and then is no more.

        Until that it waits; and whoever waits for options was told to find out. No
        plain one takes a kernel away without a look at whether another can be started.
        """
        waiting, prepared, ended = NONE, set[str](), set[str]()
        checked = set[str]()
        timers: set[type] = set()
        for number in range(data.draw(st.integers(1, 12))):
            event = data.draw(self.possible(waiting, f"r{number}", timers))
            before = waiting
            waiting, effects = step(waiting, event)
            if isinstance(event, Ended):
                self.assertEqual((waiting, effects), (NONE, ()))
                return
            done = {effect.cell for effect in effects if isinstance(effect, ENDS)}
            prepared |= {one.cell for one in effects if isinstance(one, Prepare)}
            checked |= {one.cell for one in effects if isinstance(one, Check)}
            asked = {event.turn.cell} if isinstance(event, Asked) else set()
            self.assertEqual(cells(waiting) | done, cells(before) | asked)
            self.assertEqual(cells(waiting) & done, set())
            self.assertEqual(done & ended, set())
            ended |= done
            for turn in (waiting.head, *waiting.beside):
                self.assertTrue(turn is None or turn.settled or turn.cell in prepared)
                if turn is not None and turn.checking:
                    self.assertIn(turn.cell, checked)
            self.check_gone(event, effects, checked | prepared)
            self.check_timers(before, waiting, effects, timers)

    def check_gone(self, event: Event, effects: Effects, looked_at: set[str]) -> None:
        """Hold that no plain %restart goes before it was looked at."""
        for effect in effects:
            if isinstance(effect, Go) and effect.pace is Pace.POLITE:
                before = getattr(event, "before", None)
                self.assertTrue(
                    effect.cell in looked_at or before is NO_KERNEL, (event, effect)
                )

    def possible(
        self, waiting: Turns, new: str, timers: set[type]
    ) -> st.SearchStrategy[Event]:
        """Return the events that can come now."""
        settling = [
            turn.cell
            for turn in (waiting.head, *waiting.beside)
            if turn is not None and not turn.settled
        ]
        turn = st.builds(
            Turn,
            st.just(new),
            SUBSHELL,
            st.sampled_from(Pace),
            st.booleans(),
            firm=st.booleans(),
        )
        found: list[st.SearchStrategy[Event]] = [
            st.builds(Asked, turn, BEFORE),
            *self.lines(waiting, turn),
            st.builds(Moved, BEFORE),
            st.builds(CellFailed, SUBSHELL),
            st.just(Interrupted()),
            st.just(KernelGone()),
            st.just(Ended()),
        ]
        if settling:
            found.append(st.builds(Settled, st.sampled_from(settling), BEFORE))
            found.append(st.builds(Wrong, st.sampled_from(settling)))
        if head_of(waiting) is Head.CHECKING and waiting.head is not None:
            found.append(st.builds(Startable, st.just(waiting.head.cell), BEFORE))
            found.append(st.just(Wrong(waiting.head.cell)))
        if UrgedDue in timers:
            found.append(st.builds(UrgedDue, BEFORE))
        if ReplyDue in timers:
            found.append(st.just(ReplyDue()))
        return st.one_of(found)

    def lines(
        self, waiting: Turns, turn: st.SearchStrategy[Turn]
    ) -> list[st.SearchStrategy[Event]]:
        """Return the events of cells with lines before their %restart."""
        head = waiting.head
        if head is None:
            # They are asked for only while a kernel takes cells; no firm one has lines.
            lax = turn.map(lambda turn: attrs.evolve(turn, firm=False))
            before = st.sampled_from([NOTHING, CELLS, SILENT])
            return [st.builds(Asked, lax, before, st.just(True))]
        if head_of(waiting) is not Head.LINES:
            return []
        went = st.sampled_from(LinesWent)
        return [st.builds(LinesEnded, st.just(head.cell), BEFORE, went)]

    def check_timers(
        self, before: Turns, after: Turns, effects: Effects, timers: set[type]
    ) -> None:
        """Do as the shell does: timers belong to a head, and stop with it."""
        if before.head is not None and (
            after.head is None or after.head.cell != before.head.cell
        ):
            timers.clear()
        timers |= {effect.kind for effect in effects if isinstance(effect, After)}

    def test_the_table_asks_only_what_the_head_waits_for(self) -> None:
        """What the head waits for is all that the table asks."""
        self.assertEqual(
            [
                head_of(found)
                for found in (
                    NONE,
                    Turns(SETTLES),
                    Turns(WAITS),
                    Turns(checking(WAITS)),
                )
            ],
            [Head.NONE, Head.SETTLING, Head.WAITING, Head.CHECKING],
        )
