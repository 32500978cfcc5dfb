"""The events of :mod:`ipr.relay.turntable`: what can happen to a %restart that waits.

Knows what comes with each of them. Must not know what follows from it.
"""

from __future__ import annotations

import attrs

from ipr.relay.turns import Before, LinesWent, Turn


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
    """The lines before it in its cell have ended."""

    cell: str
    before: Before
    went: LinesWent


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
