"""The effects of :mod:`ipr.relay.turntable`: what is done for a %restart that waits.

Knows what each needs to be performed. Must not know how that is done.
"""

from __future__ import annotations

import attrs

from ipr.lifecycle.limits import Pace
from ipr.relay.turnevents import ReplyDue, UrgedDue


@attrs.frozen
class Go:
    """Put its options in force, and restart.

    :ivar waited: cells may have said idle since it said busy.
    """

    cell: str
    pace: Pace = Pace.POLITE
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
class Run:
    """Have the kernel run the lines before it, then feed LinesEnded."""

    cell: str


@attrs.frozen
class Leave:
    """Its cell has been answered: it is no more."""

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
class AbortHeld:
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
    | AbortHeld
    | Resume
    | GiveUp
    | After
)
Effects = tuple[Effect, ...]
