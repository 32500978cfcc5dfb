"""The %restarts that wait: the state of :mod:`ipr.relay.turntable`, and its numbers.

Knows what is known of one that waits. Must not know what can happen to it.
"""

from __future__ import annotations

from enum import Enum

import attrs

from ipr.lifecycle.limits import Pace

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


class LinesWent(Enum):
    """How the lines before a %restart in its cell have ended.

    :cvar WELL: it is to happen.
    :cvar BADLY: it is not, and its cell is answered already.
    :cvar ABORTING: the same, and the cells after it are not to run either.
    """

    WELL = 1
    BADLY = 2
    ABORTING = 3


@attrs.frozen
class Turn:
    """One %restart.

    :ivar cell: its id.
    :ivar subshell: the one that its cell names; ``""``: the main shell.
    :ivar pace: an urgent one waits for no cell.
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
    pace: Pace = Pace.POLITE
    settled: bool = True
    checking: bool = False
    waited: bool = False
    failed: bool = False
    urged: bool = False
    overdue: bool = False
    firm: bool = False

    @property
    def urgent(self) -> bool:
        """Whether it waits for no cell."""
        return self.pace is Pace.URGENT


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
