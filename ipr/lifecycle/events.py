"""The events of the restart machine: what may happen to an inner kernel.

Knows what comes with each of them. Must not know what follows from it. Events that
add no field are attrs classes by their base: to make one more costs half a
millisecond at each start of the daemon.
"""

from __future__ import annotations

import attrs

from ipr.lifecycle.causes import Cause
from ipr.lifecycle.limits import Leave, Pace


@attrs.frozen
class Event:
    """Something happened to the inner kernel of this generation."""

    generation: int


class Ready(Event):
    """It answered kernel_info, and its iopub is heard."""

    __slots__ = ()


@attrs.frozen
class Exited(Event):
    """Its process and all of its tree are gone, or it could not start."""

    cause: Cause


class Parted(Event):
    """It was asked to go, and has closed its sockets; all that came has been read.

    Nor does it hold anything that is in the way of the next kernel.
    """

    __slots__ = ()


class Drained(Event):
    """Everything that it had sent has been read."""

    __slots__ = ()


@attrs.frozen
class RestartAsked(Event):
    """A ``%restart`` has its turn."""

    pace: Pace = Pace.POLITE


@attrs.frozen
class ShutdownAsked(Event):
    """A client, a signal or the parent's death wants the daemon to end."""

    how: Leave = Leave.QUICKLY


@attrs.frozen
class ChannelLost(Event):
    """It closed one of its sockets and lives on: nobody could reach it."""

    channel: str


class Impostor(Event):
    """A message from its ports is not signed with the connection file's key."""

    __slots__ = ()


class StartDue(Event):
    """It should have been ready by now."""

    __slots__ = ()


class StableDue(Event):
    """It has been up long enough to forget earlier deaths."""

    __slots__ = ()


class TerminateDue(Event):
    """It did not go when asked."""

    __slots__ = ()


class KillDue(Event):
    """It did not go at SIGTERM."""

    __slots__ = ()


class GoneDue(Event):
    """It did not even go at SIGKILL (a process stuck in the file system)."""

    __slots__ = ()


class DrainDue(Event):
    """Messages that have not been read by now will not come."""

    __slots__ = ()


class PauseDue(Event):
    """Time for the next start."""

    __slots__ = ()
