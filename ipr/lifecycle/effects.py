"""The effects of the restart machine: what the restarter performs for it.

Knows what each needs to be performed. Must not know how that is done. Effects that
add no field are attrs classes by their base, as events are.

A timer is an effect too: :class:`After` names the event to feed back in,
:class:`Cancel` takes it back. There is at most one timer per kind of event.
"""

from __future__ import annotations

import attrs

from ipr.lifecycle.causes import Cause
from ipr.lifecycle.events import Event


@attrs.frozen
class _OfKernel:
    generation: int


@attrs.frozen
class _Explained(_OfKernel):
    cause: Cause


class Spawn(_OfKernel):
    """Make a connection file and sockets, and start the inner kernel."""

    __slots__ = ()


class AskToGo(_OfKernel):
    """Interrupt its running cell, then send it a shutdown_request."""

    __slots__ = ()


@attrs.frozen
class Terminate(_OfKernel):
    """SIGTERM to its process group.

    :ivar because: the reason to report, if it is ipr's own decision.
    """

    because: str = ""


class Kill(_OfKernel):
    """SIGKILL to all of its tree."""

    __slots__ = ()


class Retire(_OfKernel):
    """Let it end beside the next kernel, with the rest of the ladder."""

    __slots__ = ()


class Drain(_OfKernel):
    """Read its last messages, then feed :class:`ipr.lifecycle.events.Drained`."""

    __slots__ = ()


class Finish(_Explained):
    """Answer its unanswered requests, and close its sockets and files."""

    __slots__ = ()


class Hold(_OfKernel):
    """Keep clients' messages from here on, until Release or Refuse."""

    __slots__ = ()


class HoldUntilExit(_OfKernel):
    """Keep clients' messages from here on: no kernel follows."""

    __slots__ = ()


class Release(_OfKernel):
    """Tell who asked for the restart, and pass on what was held."""

    __slots__ = ()


class Refuse(_Explained):
    """Answer everything held and to come with the cause."""

    __slots__ = ()


class Exit(_OfKernel):
    """End the daemon."""

    __slots__ = ()


@attrs.frozen
class After:
    """Feed ``event`` in ``seconds``."""

    seconds: float
    event: Event


@attrs.frozen
class Cancel:
    """Take back the :class:`After` with this kind of event, if there is one."""

    kind: type[Event]


Effect = (
    Spawn
    | AskToGo
    | Terminate
    | Kill
    | Retire
    | Drain
    | Finish
    | Hold
    | HoldUntilExit
    | Release
    | Refuse
    | Exit
    | After
    | Cancel
)
Effects = tuple[Effect, ...]
