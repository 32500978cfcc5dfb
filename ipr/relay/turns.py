"""The words of :mod:`ipr.relay.turntable`: who waits, what can happen, what is done.

Knows the values, and numbers. Must not know what follows from what.
"""

from __future__ import annotations

from enum import Enum

import attrs

from ipr.relay.linewords import Leave as Leave
from ipr.relay.linewords import Run as Run

#: Seconds that a cell has to end once an interrupt urged a waiting restart.
URGED_TIME = 2.0
#: Seconds that a reply may come after the idle that ends its cell.
REPLY_TIME = 1.0


class Before(Enum):
    """What comes before a %restart."""

    NOTHING = "nothing: its turn has come"
    NO_KERNEL = "nothing, and there is no kernel that could be lost"
    CELLS = "cells of the inner kernel"
    SILENT = "cells that have said idle and have no reply"
    RESTART = "another restart, which is under way"


@attrs.frozen
class Turn:
    """One %restart.

    :ivar cell: its id.
    :ivar subshell: the one that its cell names; ``""``: the main shell.
    :ivar urgent: ``%restart now``: it waits for no cell.
    :ivar settled: whether its options have been worked out, if it has any.
    :ivar checking: its turn has come, and whether a kernel can be started is being
        looked at.
    :ivar waited: whether cells may have said idle since it said busy.
    :ivar failed: a cell before it has failed. It is aborted, and those held after it,
        but not before the kernel has answered those that came earlier.
    :ivar urged: whether an interrupt came while it waited.
    :ivar overdue: whether ``URGED_TIME`` has passed since.
    :ivar firm: no cell asked for it: one that fails before it does not abort it, and
        it need not be held after another one, since it has no place among the cells.
    """

    cell: str
    subshell: str = ""
    urgent: bool = False
    settled: bool = True
    checking: bool = False
    waited: bool = False
    failed: bool = False
    urged: bool = False
    overdue: bool = False
    firm: bool = False


@attrs.frozen
class Turns:
    """Those that wait.

    :ivar head: cells after it are held.
    :ivar beside: urgent ones whose options are being worked out; and firm ones
        without options, which go along with the head.
    :ivar lines: whether lines before the head, in its cell, have to go well first.
    """

    head: Turn | None = None
    beside: tuple[Turn, ...] = ()
    lines: bool = False


# --- events -----------------------------------------------------------------


@attrs.frozen
class Asked:
    """A client asked for a %restart; with lines before it in its cell, or without."""

    turn: Turn
    before: Before
    lines: bool = False


@attrs.frozen
class Settled:
    """Its options can be had."""

    cell: str
    before: Before


@attrs.frozen
class Startable:
    """A kernel can be started with what it asks for."""

    cell: str
    before: Before


@attrs.frozen
class Wrong:
    """Its options cannot be had, or no kernel could be started."""

    cell: str


@attrs.frozen
class LinesEnded:
    """The lines before it in its cell have ended.

    :ivar well: it is to happen. Otherwise its cell is answered already.
    :ivar stops: and the cells after it are not to run.
    """

    cell: str
    before: Before
    well: bool
    stops: bool = False


@attrs.frozen
class Moved:
    """A cell got on, or a kernel is there, or none is coming."""

    before: Before


@attrs.frozen
class CellFailed:
    """A cell failed in such a way that its kernel aborts those after it."""

    subshell: str = ""


@attrs.frozen
class Interrupted:
    """Somebody wants the running cell to be interrupted."""


@attrs.frozen
class UrgedDue:
    """``URGED_TIME`` has passed."""

    before: Before


@attrs.frozen
class ReplyDue:
    """``REPLY_TIME`` has passed."""


@attrs.frozen
class KernelGone:
    """The inner kernel has gone by itself, or another restart has ended it."""


@attrs.frozen
class Ended:
    """No turn comes any more: the daemon goes, or somebody else restarts."""


Event = (
    Asked
    | Settled
    | Startable
    | Wrong
    | LinesEnded
    | Moved
    | CellFailed
    | Interrupted
    | UrgedDue
    | ReplyDue
    | KernelGone
    | Ended
)


# --- effects ----------------------------------------------------------------


@attrs.frozen
class Go:
    """Put its options in force, and restart.

    :ivar waited: cells may have said idle since it said busy.
    """

    cell: str
    urgent: bool = False
    waited: bool = False


@attrs.frozen
class Join:
    """Put its options in force: a restart is under way, and it rides along."""

    cell: str


@attrs.frozen
class Along:
    """It has no options: it is done when the one is that goes, or is under way."""

    cell: str


@attrs.frozen
class Show:
    """Say in its cell what it waits for."""

    cell: str


@attrs.frozen
class Prepare:
    """Find out whether its options can be had, then feed Settled or Wrong."""

    cell: str


@attrs.frozen
class Check:
    """Find out whether a kernel can be started, then feed Startable or Wrong."""

    cell: str


@attrs.frozen
class Keep:
    """Hold it with the cells: it does not begin yet, and is asked for again."""

    cell: str


@attrs.frozen
class Fail:
    """It cannot be done: say why, and end its cell."""

    cell: str


@attrs.frozen
class Abort:
    """End its cell as a kernel ends those after one that failed."""

    cell: str


@attrs.frozen
class AbortBehind:
    """The same for the cells of that subshell that are held."""

    subshell: str


@attrs.frozen
class Resume:
    """Pass on what was held."""


@attrs.frozen
class GiveUp:
    """Wait no longer for replies that have not come, and feed Moved."""


@attrs.frozen
class After:
    """Feed an event of that kind in so many seconds, unless the head changes.

    Once for each head: what runs already goes on.
    """

    seconds: float
    kind: type[UrgedDue] | type[ReplyDue]


Effect = (
    Go
    | Join
    | Along
    | Show
    | Prepare
    | Check
    | Run
    | Leave
    | Keep
    | Fail
    | Abort
    | AbortBehind
    | Resume
    | GiveUp
    | After
)
Effects = tuple[Effect, ...]
