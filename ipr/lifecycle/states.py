"""The states of the restart machine.

Knows what is remembered in each state, and the names by which users know them. Must
not know what leads from one to another.

Classes with the same fields share a base that has them: to make one more attrs class
costs half a millisecond at each start of the daemon.
"""

from __future__ import annotations

from enum import Enum

import attrs

from ipr.lifecycle.causes import Cause
from ipr.lifecycle.limits import CLEAN, Leave, Tally


class Aim(Enum):
    """Why the inner kernel is being stopped."""

    RESTART = "restart"
    EXIT = "exit"


@attrs.frozen
class _Counted:
    generation: int
    tally: Tally = CLEAN


class Starting(_Counted):
    """The inner kernel was spawned and has not answered yet."""

    __slots__ = ()


class Pausing(_Counted):
    """Between a death and the next start; ``generation`` is the next one."""

    __slots__ = ()


@attrs.frozen
class Running:
    """The inner kernel answers; clients' messages are passed on.

    :ivar ending: whether it is being ended, because it cannot be reached or is not
        the kernel that was started.
    """

    generation: int
    tally: Tally = CLEAN
    ending: bool = False


@attrs.frozen
class Halting:
    """The inner kernel was asked to go.

    :ivar how: with how much patience, when the daemon ends as well.
    """

    generation: int
    tally: Tally
    aim: Aim
    how: Leave = Leave.REQUESTED


@attrs.frozen
class Draining:
    """The inner kernel is gone; its last messages are still being read.

    :ivar aim: EXIT when the daemon goes too.
    :ivar asked: whether somebody wants another one, whatever the limits say.
    """

    generation: int
    tally: Tally
    aim: Aim
    cause: Cause
    asked: bool = False


@attrs.frozen
class Dead:
    """There is no inner kernel, and only ``%restart`` starts one."""

    generation: int
    cause: Cause


@attrs.frozen
class Stopped:
    """The daemon is on its way out."""

    generation: int


State = Starting | Running | Halting | Draining | Pausing | Dead | Stopped

#: How users know the states.
PUBLIC_NAMES: dict[type[State], str] = {
    Starting: "restarting",
    Running: "running",
    Halting: "restarting",
    Draining: "restarting",
    Pausing: "restarting",
    Dead: "dead",
    Stopped: "stopped",
}
