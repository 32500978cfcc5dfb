"""Whose turn a %restart is: a pure table.

Knows %restarts that wait, for their options, for the cells before them or for a last
look at whether a kernel can be started, and which event may come when. Must not know
cells, clocks or messages. It is ``step(turns, event) -> (turns, effects)`` over frozen
values, as :mod:`ipr.lifecycle.machine` is.

One %restart, the *head*, may wait; those that come after it are held with the
cells, or go along with it where no cell asked for them. Only ``%restart now``
overtakes it, and where its options are still being worked out it is *beside* the head
meanwhile, or the head itself. ``TABLE`` at the end says which event does what; a pair
that is not in it raises :class:`NoTransition`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeVar, cast

from ipr.relay import linerules as lines
from ipr.relay import turnrules as do
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
from ipr.relay.turnrules import Outcome
from ipr.relay.turns import (
    Turns,
)


class NoTransition(Exception):
    """An event came that cannot come in this state: a bug, never a user's."""


class Head(Enum):
    """What the head of the queue waits for: the state, for the table."""

    NONE = "there is none"
    SETTLING = "its options"
    LINES = "the lines before it in its cell"
    WAITING = "its turn"
    CHECKING = "whether a kernel can be started"


def head_of(turns: Turns) -> Head:
    """Return what the head waits for."""
    if turns.head is None:
        return Head.NONE
    if turns.head.checking:
        return Head.CHECKING
    if not turns.head.settled:
        return Head.SETTLING
    return Head.LINES if turns.lines else Head.WAITING


_E = TypeVar("_E", bound=Event)
_Pair = tuple[Head, type[Event]]
_Transition = Callable[[Turns, Event], Outcome]
_Row = tuple[_Pair, _Transition]


def _row(
    head: Head, event: type[_E], transition: Callable[[Turns, _E], Outcome]
) -> _Row:
    """Return a row of the table; that event and transition fit is checked here."""
    return cast(_Row, ((head, event), transition))


# fmt: off
TABLE: dict[_Pair, _Transition] = dict((
    #    head            event        what it does         -> head
    _row(Head.NONE,     Asked,       lines.ask),          # -> none, settling, lines,
                                                          #    waiting, checking
    _row(Head.NONE,     Settled,     do.settle_beside),   # -> none; one beside goes
    _row(Head.NONE,     Startable,   do.same),
    _row(Head.NONE,     Wrong,       do.wrong_beside),    # -> none
    _row(Head.NONE,     LinesEnded,  do.same),            # the daemon goes
    _row(Head.NONE,     Moved,       do.same),
    _row(Head.NONE,     CellFailed,  do.same),
    _row(Head.NONE,     Interrupted, do.same),
    _row(Head.NONE,     KernelGone,  do.same),
    _row(Head.NONE,     Ended,       do.end),             # -> none

    _row(Head.SETTLING, Asked,       do.ask_after),       # -> settling; an urgent one
                                                          #    goes, or beside it
    _row(Head.SETTLING, Settled,     lines.settle),       # -> none, lines, waiting
    _row(Head.SETTLING, Startable,   do.same),            # of one that rode along
    _row(Head.SETTLING, Wrong,       do.wrong),           # -> the next one, none
    _row(Head.SETTLING, LinesEnded,  do.same),            # of one before, overtaken
    _row(Head.SETTLING, Moved,       do.moved_settling),  # -> settling; aborted: the
                                                          #    next one, none
    _row(Head.SETTLING, CellFailed,  lines.cell_failed),  # -> settling, failed
    _row(Head.SETTLING, Interrupted, lines.interrupted),  # -> settling, urged
    _row(Head.SETTLING, UrgedDue,    do.urged_settling),  # -> settling, overdue
    _row(Head.SETTLING, KernelGone,  lines.gone_settling),# -> settling; aborted: the
                                                          #    next one, none
    _row(Head.SETTLING, Ended,       do.end),             # -> none

    _row(Head.LINES,    Asked,       do.ask_after),       # -> lines; an urgent one goes
    _row(Head.LINES,    Settled,     do.settle_beside),   # -> lines; one beside goes
    _row(Head.LINES,    Startable,   do.same),            # of one that rode along
    _row(Head.LINES,    Wrong,       do.wrong_beside),    # -> lines
    _row(Head.LINES,    LinesEnded,  lines.ended),        # -> checking, waiting, none;
                                                          # badly: the next one, none
    _row(Head.LINES,    Moved,       do.same),
    _row(Head.LINES,    CellFailed,  do.same),            # the kernel aborts the lines
    _row(Head.LINES,    Interrupted, do.same),            # they fail, and so does it
    _row(Head.LINES,    KernelGone,  lines.gone_running), # -> lines; they end with it
    _row(Head.LINES,    Ended,       do.end),             # -> none

    _row(Head.WAITING,  Asked,       do.ask_after),       # -> waiting
    _row(Head.WAITING,  Settled,     do.settle_beside),   # -> waiting; one beside goes
    _row(Head.WAITING,  Startable,   do.same),            # of one that rode along
    _row(Head.WAITING,  Wrong,       do.wrong_beside),    # -> waiting
    _row(Head.WAITING,  LinesEnded,  do.same),            # of one before, overtaken
    _row(Head.WAITING,  Moved,       do.moved),           # -> waiting, checking, none;
                                                          # aborted: the next one, none
    _row(Head.WAITING,  CellFailed,  do.cell_failed),     # -> waiting, failed
    _row(Head.WAITING,  Interrupted, do.interrupted),     # -> waiting, urged
    _row(Head.WAITING,  UrgedDue,    do.urged_due),       # -> checking
    _row(Head.WAITING,  ReplyDue,    do.reply_due),       # -> waiting
    _row(Head.WAITING,  KernelGone,  do.join),            # -> none, the next one
    _row(Head.WAITING,  Ended,       do.end),             # -> none

    _row(Head.CHECKING, Asked,       do.ask_after),       # -> checking
    _row(Head.CHECKING, Settled,     do.settle_beside),   # -> checking; one beside goes
    _row(Head.CHECKING, Startable,   do.startable),       # -> none, waiting
    _row(Head.CHECKING, Wrong,       do.wrong),           # -> the next one, none
    _row(Head.CHECKING, LinesEnded,  do.same),            # of one before, overtaken
    _row(Head.CHECKING, Moved,       do.moved_checking),  # -> checking
    _row(Head.CHECKING, CellFailed,  do.same),            # none that it waits for
    _row(Head.CHECKING, Interrupted, do.same),            # it is about to go
    _row(Head.CHECKING, UrgedDue,    do.same),
    _row(Head.CHECKING, ReplyDue,    do.same),
    _row(Head.CHECKING, KernelGone,  do.join),            # -> none
    _row(Head.CHECKING, Ended,       do.end),             # -> none
))
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
