"""Whose turn a %restart is: a pure table.

Knows %restarts that wait, for their options, for the cells before them or for a last
look at whether a kernel can be started, and which event may come when. Must not know
cells, clocks or messages. It is ``step(turns, event) -> (turns, effects)`` over frozen
values, as :mod:`ipr.lifecycle.machine` is.

One %restart, the *head*, may wait; those that come behind it are held with the
cells. Only ``%restart now`` overtakes it, and where its options are still being
worked out it is *beside* the head meanwhile, or the head itself. ``TABLE`` at the
end says which event does what; a pair that is not in it raises
:class:`NoTransition`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from ipr.relay import turnrules as do
from ipr.relay.turnrules import Outcome
from ipr.relay.turns import (
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
    Turns,
    UrgedDue,
    Wrong,
)


class NoTransition(Exception):
    """An event came that cannot come in this state: a bug, never a user's."""


class Head(Enum):
    """What the head of the queue waits for: the state, for the table."""

    NONE = "there is none"
    SETTLING = "its options"
    WAITING = "its turn"
    CHECKING = "whether a kernel can be started"


def head_of(turns: Turns) -> Head:
    """Return what the head waits for."""
    if turns.head is None:
        return Head.NONE
    if turns.head.checking:
        return Head.CHECKING
    return Head.WAITING if turns.head.settled else Head.SETTLING


# fmt: off
TABLE: dict[tuple[Head, type], Callable[..., Outcome]] = {
    # head           event         what it does           -> head
    (Head.NONE,     Asked):       do.ask,               # -> none, settling, waiting,
                                                        #    checking
    (Head.NONE,     Settled):     do.settle_beside,     # -> none; one beside goes
    (Head.NONE,     Startable):   do.same,
    (Head.NONE,     Wrong):       do.wrong_beside,      # -> none
    (Head.NONE,     Moved):       do.same,
    (Head.NONE,     CellFailed):  do.same,
    (Head.NONE,     Interrupted): do.same,
    (Head.NONE,     KernelGone):  do.same,
    (Head.NONE,     Ended):       do.end,               # -> none

    (Head.SETTLING, Asked):       do.ask_behind,        # -> settling; an urgent one
                                                        #    goes, or beside it
    (Head.SETTLING, Settled):     do.settle,            # -> none, waiting
    (Head.SETTLING, Startable):   do.same,              # of one that rode along
    (Head.SETTLING, Wrong):       do.wrong,             # -> the next one, none
    (Head.SETTLING, Moved):       do.moved_settling,    # -> settling; aborted: the next
                                                        #    one, none
    (Head.SETTLING, CellFailed):  do.cell_failed,       # -> settling, failed
    (Head.SETTLING, Interrupted): do.interrupted,       # -> settling, urged
    (Head.SETTLING, UrgedDue):    do.urged_settling,    # -> settling, overdue
    (Head.SETTLING, KernelGone):  do.gone_settling,     # -> settling; aborted: the next
                                                        #    one, none
    (Head.SETTLING, Ended):       do.end,               # -> none

    (Head.WAITING,  Asked):       do.ask_behind,        # -> waiting
    (Head.WAITING,  Settled):     do.settle_beside,     # -> waiting; one beside goes
    (Head.WAITING,  Startable):   do.same,              # of one that rode along
    (Head.WAITING,  Wrong):       do.wrong_beside,      # -> waiting
    (Head.WAITING,  Moved):       do.moved,             # -> waiting, checking, none;
                                                        #    aborted: the next one, none
    (Head.WAITING,  CellFailed):  do.cell_failed,       # -> waiting, failed
    (Head.WAITING,  Interrupted): do.interrupted,       # -> waiting, urged
    (Head.WAITING,  UrgedDue):    do.urged_due,         # -> checking
    (Head.WAITING,  ReplyDue):    do.reply_due,         # -> waiting
    (Head.WAITING,  KernelGone):  do.join,              # -> none, the next one
    (Head.WAITING,  Ended):       do.end,               # -> none

    (Head.CHECKING, Asked):       do.ask_behind,        # -> checking
    (Head.CHECKING, Settled):     do.settle_beside,     # -> checking; one beside goes
    (Head.CHECKING, Startable):   do.startable,         # -> none, waiting
    (Head.CHECKING, Wrong):       do.wrong,             # -> the next one, none
    (Head.CHECKING, Moved):       do.moved_checking,    # -> checking
    (Head.CHECKING, CellFailed):  do.same,              # none that it waits for
    (Head.CHECKING, Interrupted): do.same,              # it is about to go
    (Head.CHECKING, UrgedDue):    do.same,
    (Head.CHECKING, ReplyDue):    do.same,
    (Head.CHECKING, KernelGone):  do.join,              # -> none
    (Head.CHECKING, Ended):       do.end,               # -> none
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
