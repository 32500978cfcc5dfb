"""What an event makes of the %restarts that wait: the rows of the table, one by one.

Knows what follows from an event in a state. Must not know which event may come in
which state: that is :mod:`ipr.relay.turntable`. Pure, as that is.
"""

from __future__ import annotations

import attrs

from ipr.lifecycle.limits import Pace
from ipr.relay.turneffects import (
    Abort,
    AbortHeld,
    After,
    Along,
    Check,
    Effects,
    Fail,
    GiveUp,
    Go,
    Join,
    Keep,
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
    Turn,
    Turns,
)

Outcome = tuple[Turns, Effects]

#: Nothing that a plain %restart would wait for.
_FREE = (Before.NOTHING, Before.NO_KERNEL)


def following(turns: Turns) -> Turns:
    """Without its head: the oldest beside it takes the place."""
    if not turns.beside:
        return Turns()
    return Turns(turns.beside[0], turns.beside[1:])


def ask(turns: Turns, event: Asked) -> Outcome:
    """Nobody waits before it."""
    turn = event.turn
    if event.before is Before.RESTART and not turn.urgent:
        along = turn.firm and turn.settled
        return turns, (Along(turn.cell) if along else _keep(turn),)
    if not turn.settled:
        return attrs.evolve(turns, head=turn), (Prepare(turn.cell),)
    if turn.urgent or event.before is Before.NO_KERNEL:
        return turns, (Go(turn.cell, turn.pace),)
    if event.before is Before.NOTHING:
        return check(turns, turn)
    return attrs.evolve(turns, head=turn), waits(turn, event.before)


def check(turns: Turns, turn: Turn) -> Outcome:
    """Its turn has come; the kernel is touched when another one can be started."""
    head = attrs.evolve(turn, checking=True)
    return attrs.evolve(turns, head=head), (Check(turn.cell),)


def _keep(turn: Turn) -> Keep | Fail:
    """Hold it with the cells, if it is one."""
    return Fail(turn.cell) if turn.firm else Keep(turn.cell)


def waits(turn: Turn, before: Before) -> Effects:
    """It waits for its turn."""
    show = Show(turn.cell)
    if before is Before.SILENT:
        return (After(REPLY_TIME, ReplyDue), show)
    return (show,)


def ask_after(turns: Turns, event: Asked) -> Outcome:
    """Somebody waits before it."""
    turn = event.turn
    beside = attrs.evolve(turns, beside=(*turns.beside, turn))
    if turn.firm and turn.settled and not turn.urgent:
        return beside, (Show(turn.cell),)
    if not turn.urgent:
        return turns, (_keep(turn),)
    if not turn.settled:
        return beside, (Prepare(turn.cell),)
    return turns, (Go(turn.cell, Pace.URGENT),)


def settle(turns: Turns, event: Settled) -> Outcome:
    """Its options can be had: it goes, or waits for its turn."""
    head = turns.head
    if head is None or head.cell != event.cell:
        return settle_beside(turns, event)
    if head.urgent or event.before in _FREE:
        return go(turns, attrs.evolve(head, waited=True))
    head = attrs.evolve(head, settled=True)
    if event.before is Before.RESTART:
        return _wait_again(turns, head)
    if head.overdue:
        return go(turns, attrs.evolve(head, waited=True))
    return attrs.evolve(turns, head=head), waits(head, event.before)


def _wait_again(turns: Turns, head: Turn) -> Outcome:
    """Another restart is quicker.

    What was interrupted was not of the kernel that it will wait for.
    """
    after = attrs.evolve(head, checking=False, failed=False, urged=False, overdue=False)
    return attrs.evolve(turns, head=after), aborted_held(head)


def startable(turns: Turns, event: Startable) -> Outcome:
    """It goes. With an interrupt that is long over, it goes at once."""
    head = turns.head
    if head is None or head.cell != event.cell:
        return turns, ()  # it rides along with another one, or the daemon goes
    if event.before is Before.RESTART:
        return _wait_again(turns, head)
    return go(turns, head)


def go(turns: Turns, head: Turn) -> Outcome:
    """The head goes."""
    pace = Pace.URGENT if head.overdue else head.pace
    left, along = take_along(attrs.evolve(turns, head=None))
    go = Go(head.cell, pace, head.waited)
    return left, (*aborted_held(head), go, *along)


def take_along(turns: Turns) -> Outcome:
    """Those beside the head that wait for nothing of their own go with a restart."""
    left = tuple(turn for turn in turns.beside if not turn.settled)
    gone = tuple(Along(turn.cell) for turn in turns.beside if turn.settled)
    return attrs.evolve(turns, beside=left), gone


def aborted_held(head: Turn) -> Effects:
    """With an interrupted cell those after it are aborted, and the %restart is not."""
    return (AbortHeld(head.subshell),) if head.failed else ()


def settle_beside(turns: Turns, event: Settled) -> Outcome:
    """One beside the head goes."""
    beside = tuple(turn for turn in turns.beside if turn.cell != event.cell)
    if beside == turns.beside:
        # It was aborted meanwhile, or the daemon goes.
        return turns, ()
    return attrs.evolve(turns, beside=beside), (Go(event.cell, Pace.URGENT),)


def wrong(turns: Turns, event: Wrong) -> Outcome:
    """The head fails; the next one takes its place."""
    if turns.head is not None and turns.head.cell == event.cell:
        after = following(turns)
        resume: Effects = () if after.head is not None else (Resume(),)
        return after, (Fail(event.cell), *aborted_held(turns.head), *resume)
    return wrong_beside(turns, event)


def wrong_beside(turns: Turns, event: Wrong) -> Outcome:
    """One beside the head fails, if it still waits."""
    beside = tuple(turn for turn in turns.beside if turn.cell != event.cell)
    if beside == turns.beside:
        return turns, ()
    return attrs.evolve(turns, beside=beside), (Fail(event.cell),)


def moved(turns: Turns, event: Moved) -> Outcome:
    """See whether its turn has come."""
    head = turns.head
    assert head is not None
    if event.before in _FREE and aborts(head):
        return abort(turns)
    if event.before is Before.NO_KERNEL:
        return go(turns, attrs.evolve(head, waited=True))
    if event.before is Before.NOTHING:
        return check(turns, attrs.evolve(head, waited=True))
    if event.before is Before.RESTART:
        return turns, ()
    return turns, waits(head, event.before)


def moved_checking(turns: Turns, event: Moved) -> Outcome:
    """Something that is no cell got on, and said idle."""
    assert turns.head is not None
    return attrs.evolve(turns, head=attrs.evolve(turns.head, waited=True)), ()


def moved_settling(turns: Turns, event: Moved) -> Outcome:
    """It waits for its options, unless a cell before it has failed."""
    assert turns.head is not None
    if event.before in _FREE and aborts(turns.head):
        return abort(turns)
    return turns, ()


def cell_failed(turns: Turns, event: CellFailed) -> Outcome:
    """The kernel would abort it, were it queued there, after those before it.

    One that an interrupt has urged goes on: the interrupt is what made the cell
    before it fail. So does a firm one, which was never queued there.
    """
    head = turns.head
    assert head is not None
    if head.urgent or head.subshell != event.subshell:
        return turns, ()
    return attrs.evolve(turns, head=attrs.evolve(head, failed=True)), ()


def aborts(head: Turn) -> bool:
    """Whether it is aborted with the cell that failed before it."""
    return head.failed and not head.urged and not head.firm


def abort(turns: Turns) -> Outcome:
    """The head and those held after it are aborted; the next one takes its place."""
    head = turns.head
    assert head is not None
    after = following(turns)
    resume: Effects = () if after.head is not None else (Resume(),)
    return after, (Abort(head.cell), AbortHeld(head.subshell), *resume)


def interrupted(turns: Turns, event: Interrupted) -> Outcome:
    """Somebody is tired of waiting."""
    head = turns.head
    assert head is not None
    if head.urged or head.urgent or aborts(head):
        return turns, ()
    urged = attrs.evolve(head, urged=True)
    return attrs.evolve(turns, head=urged), (After(URGED_TIME, UrgedDue),)


def urged_due(turns: Turns, event: UrgedDue) -> Outcome:
    """Whoever interrupted has waited long enough for the cell."""
    head = turns.head
    assert head is not None
    if event.before is Before.RESTART:
        return attrs.evolve(turns, head=attrs.evolve(head, urged=False)), ()
    return check(turns, attrs.evolve(head, overdue=True, waited=True))


def urged_settling(turns: Turns, event: UrgedDue) -> Outcome:
    """The same; it goes as soon as its options are there."""
    head = turns.head
    assert head is not None
    return attrs.evolve(turns, head=attrs.evolve(head, overdue=True)), ()


def reply_due(turns: Turns, event: ReplyDue) -> Outcome:
    """The reply has not come."""
    return turns, (GiveUp(),)


def join(turns: Turns, event: KernelGone) -> Outcome:
    """It is a restart, whatever the limits say of deaths."""
    turns, along = take_along(turns)
    head = turns.head
    assert head is not None
    if aborts(head):
        after, effects = abort(turns)
        return after, (*effects, *along)
    effects = (*aborted_held(head), Join(head.cell), *along)
    return attrs.evolve(turns, head=None), effects


def end(turns: Turns, event: Ended) -> Outcome:
    """Nobody waits any more."""
    return Turns(), ()


def same(turns: Turns, event: Event) -> Outcome:
    """Nothing changes."""
    return turns, ()
