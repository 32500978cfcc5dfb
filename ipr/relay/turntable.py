"""Whose turn a %restart is: a pure table.

Knows %restarts that wait, for their options or for the cells before them, and
what each event makes of them. Must not know cells, clocks or messages. It is
``step(turns, event) -> (turns, effects)`` over frozen values, as
:mod:`ipr.lifecycle.machine` is.

One %restart, the *head*, may wait; those that come behind it are held with the
cells. Only ``%restart now`` overtakes it, and where its options are still being
worked out it is *beside* the head meanwhile, or the head itself. ``TABLE`` at the
end says which event does what; a pair that is not in it raises
:class:`NoTransition`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import attrs

from ipr.relay.turns import (
    REPLY_TIME,
    URGED_TIME,
    Abort,
    AbortBehind,
    After,
    Asked,
    Before,
    CellFailed,
    Effects,
    Ended,
    Event,
    Fail,
    GiveUp,
    Go,
    Interrupted,
    Join,
    Keep,
    KernelGone,
    Moved,
    Prepare,
    ReplyDue,
    Resume,
    Settled,
    Show,
    Turn,
    Turns,
    UrgedDue,
    Wrong,
)

Outcome = tuple[Turns, Effects]


class NoTransition(Exception):
    """An event came that cannot come in this state: a bug, never a user's."""


class Head(Enum):
    """What the head of the queue waits for: the state, for the table."""

    NONE = "there is none"
    SETTLING = "its options"
    WAITING = "its turn"


def head_of(turns: Turns) -> Head:
    """Return what the head waits for."""
    if turns.head is None:
        return Head.NONE
    return Head.WAITING if turns.head.settled else Head.SETTLING


def _next(turns: Turns) -> Turns:
    """Without its head: the oldest beside it takes the place."""
    if not turns.beside:
        return Turns()
    return Turns(turns.beside[0], turns.beside[1:])


def _ask(turns: Turns, event: Asked) -> Outcome:
    turn = event.turn
    if event.before is Before.RESTART and not turn.urgent:
        return turns, (Keep(turn.cell),)
    if not turn.settled:
        return attrs.evolve(turns, head=turn), (Prepare(turn.cell),)
    if turn.urgent or event.before is Before.NOTHING:
        return turns, (Go(turn.cell, turn.urgent),)
    return attrs.evolve(turns, head=turn), _waits(turn, event.before)


def _waits(turn: Turn, before: Before) -> Effects:
    show = Show(turn.cell)
    if before is Before.SILENT:
        return (After(REPLY_TIME, ReplyDue), show)
    return (show,)


def _ask_behind(turns: Turns, event: Asked) -> Outcome:
    turn = event.turn
    if not turn.urgent:
        return turns, (Keep(turn.cell),)
    if not turn.settled:
        beside = (*turns.beside, turn)
        return attrs.evolve(turns, beside=beside), (Prepare(turn.cell),)
    return turns, (Go(turn.cell, urgent=True),)


def _settle(turns: Turns, event: Settled) -> Outcome:
    head = turns.head
    if head is None or head.cell != event.cell:
        return _settle_beside(turns, event)
    if head.urgent or event.before is Before.NOTHING:
        return attrs.evolve(turns, head=None), (
            Go(head.cell, head.urgent, waited=True),
        )
    head = attrs.evolve(head, settled=True)
    if event.before is Before.RESTART:
        # Whatever was interrupted was not of the kernel that it will wait for.
        head = attrs.evolve(head, urged=False, overdue=False)
        return attrs.evolve(turns, head=head), ()
    if head.overdue:
        return attrs.evolve(turns, head=None), (
            Go(head.cell, urgent=True, waited=True),
        )
    return attrs.evolve(turns, head=head), _waits(head, event.before)


def _settle_beside(turns: Turns, event: Settled) -> Outcome:
    beside = tuple(turn for turn in turns.beside if turn.cell != event.cell)
    if beside == turns.beside:
        # It was aborted meanwhile, or the daemon goes.
        return turns, ()
    return attrs.evolve(turns, beside=beside), (Go(event.cell, urgent=True),)


def _wrong(turns: Turns, event: Wrong) -> Outcome:
    if turns.head is not None and turns.head.cell == event.cell:
        after = _next(turns)
        resume: Effects = () if after.head is not None else (Resume(),)
        return after, (Fail(event.cell), *resume)
    return _wrong_beside(turns, event)


def _wrong_beside(turns: Turns, event: Wrong) -> Outcome:
    beside = tuple(turn for turn in turns.beside if turn.cell != event.cell)
    if beside == turns.beside:
        return turns, ()
    return attrs.evolve(turns, beside=beside), (Fail(event.cell),)


def _moved(turns: Turns, event: Moved) -> Outcome:
    head = turns.head
    assert head is not None
    if event.before is Before.NOTHING:
        return attrs.evolve(turns, head=None), (Go(head.cell, waited=True),)
    if event.before is Before.RESTART:
        return turns, ()
    return turns, _waits(head, event.before)


def _cell_failed(turns: Turns, event: CellFailed) -> Outcome:
    """The kernel would abort it, were it queued there.

    One that an interrupt has urged goes on: the interrupt is what made the cell
    before it fail.
    """
    head = turns.head
    assert head is not None
    if head.urgent or head.subshell != event.subshell:
        return turns, ()
    behind = AbortBehind(head.subshell)
    if head.urged:
        return turns, (behind,)
    after = _next(turns)
    resume: Effects = () if after.head is not None else (Resume(),)
    return after, (Abort(head.cell), behind, *resume)


def _interrupted(turns: Turns, event: Interrupted) -> Outcome:
    """Somebody is tired of waiting."""
    head = turns.head
    assert head is not None
    if head.urged or head.urgent:
        return turns, ()
    urged = attrs.evolve(head, urged=True)
    return attrs.evolve(turns, head=urged), (After(URGED_TIME, UrgedDue),)


def _urged_due(turns: Turns, event: UrgedDue) -> Outcome:
    head = turns.head
    assert head is not None
    if event.before is Before.RESTART:
        return attrs.evolve(turns, head=attrs.evolve(head, urged=False)), ()
    return attrs.evolve(turns, head=None), (Go(head.cell, True, True),)


def _urged_settling(turns: Turns, event: UrgedDue) -> Outcome:
    head = turns.head
    assert head is not None
    return attrs.evolve(turns, head=attrs.evolve(head, overdue=True)), ()


def _reply_due(turns: Turns, event: ReplyDue) -> Outcome:
    return turns, (GiveUp(),)


def _join(turns: Turns, event: KernelGone) -> Outcome:
    head = turns.head
    assert head is not None
    return attrs.evolve(turns, head=None), (Join(head.cell),)


def _end(turns: Turns, event: Ended) -> Outcome:
    return Turns(), ()


def _same(turns: Turns, event: Event) -> Outcome:
    return turns, ()


# fmt: off
TABLE: dict[tuple[Head, type], Callable[..., Outcome]] = {
    # head           event         what it does         -> head
    (Head.NONE,     Asked):       _ask,               # -> none, settling, waiting
    (Head.NONE,     Settled):     _settle_beside,     # -> none; one beside goes
    (Head.NONE,     Wrong):       _wrong_beside,      # -> none
    (Head.NONE,     Moved):       _same,
    (Head.NONE,     CellFailed):  _same,
    (Head.NONE,     Interrupted): _same,
    (Head.NONE,     KernelGone):  _same,
    (Head.NONE,     Ended):       _end,               # -> none

    (Head.SETTLING, Asked):       _ask_behind,        # -> settling; an urgent one
                                                      #    goes, or beside it
    (Head.SETTLING, Settled):     _settle,            # -> none, waiting
    (Head.SETTLING, Wrong):       _wrong,             # -> the next one, none
    (Head.SETTLING, Moved):       _same,
    (Head.SETTLING, CellFailed):  _cell_failed,       # -> the next one, none
    (Head.SETTLING, Interrupted): _interrupted,       # -> settling, urged
    (Head.SETTLING, UrgedDue):    _urged_settling,    # -> settling, overdue
    (Head.SETTLING, KernelGone):  _same,
    (Head.SETTLING, Ended):       _end,               # -> none

    (Head.WAITING,  Asked):       _ask_behind,        # -> waiting
    (Head.WAITING,  Settled):     _settle_beside,     # -> waiting; one beside goes
    (Head.WAITING,  Wrong):       _wrong_beside,      # -> waiting
    (Head.WAITING,  Moved):       _moved,             # -> waiting, none
    (Head.WAITING,  CellFailed):  _cell_failed,       # -> the next one, none
    (Head.WAITING,  Interrupted): _interrupted,       # -> waiting, urged
    (Head.WAITING,  UrgedDue):    _urged_due,         # -> none
    (Head.WAITING,  ReplyDue):    _reply_due,         # -> waiting
    (Head.WAITING,  KernelGone):  _join,              # -> none
    (Head.WAITING,  Ended):       _end,               # -> none
}
# fmt: on


def step(turns: Turns, event: Event) -> Outcome:
    """Take one event.

    :returns: what waits now, and the effects to perform in this order.
    :raises NoTransition: when the event cannot come in this state.
    """
    try:
        transition = TABLE[head_of(turns), type(event)]
    except KeyError:
        raise NoTransition(f"{event} in {turns}") from None
    return transition(turns, event)
