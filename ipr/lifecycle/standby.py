"""A standby: an inner kernel that is started in advance, and what may happen to it.

Knows its states, its events, and the effects to perform; what leads to what is in
:mod:`ipr.lifecycle.standbytable`. Must not know the clock, the process, or messages.

There is at most one, beside the restart machine and not in it: that one asks for a
kernel (``Spawn``), and gets the standby where that is as good as a new one.
"""

from __future__ import annotations

import attrs

# --- states -------------------------------------------------------------------


@attrs.frozen
class Off:
    """None is wanted, or none can be had.

    :ivar why: in words for ``%ipr status``.
    """

    why: str


@attrs.frozen
class Absent:
    """There is none; one is started when the kernel has been idle for a while.

    :ivar failures: starts that failed, since one took over.
    :ivar bereaved: the previous kernel died: none until a cell has run in this one.
    :ivar why: what became of the last one, or ``""``.
    :ivar wasted: those that became stale since one took over.
    """

    failures: int = 0
    bereaved: bool = False
    why: str = ""
    wasted: int = 0


@attrs.frozen
class Booting:
    """It was started, and has not said yet what it has loaded."""

    failures: int = 0
    bereaved: bool = False
    wasted: int = 0


@attrs.frozen
class Waiting:
    """It could take over at once."""

    failures: int = 0
    bereaved: bool = False
    wasted: int = 0


@attrs.frozen
class Going:
    """It was discarded, and is not gone yet.

    :ivar then: the state after its end.
    """

    then: Off | Absent


State = Off | Absent | Booting | Waiting | Going

# --- events -------------------------------------------------------------------


@attrs.frozen
class Wanted:
    """Somebody wants one."""


@attrs.frozen
class Unwanted:
    """Nobody wants one any more, or none can be had.

    :ivar why: in words for ``%ipr status``.
    """

    why: str


@attrs.frozen
class LookDue:
    """Time to look: whether the kernel is idle, or whether the standby is stale."""


@attrs.frozen
class Quiet:
    """The kernel has been idle for long enough.

    :ivar ran: a cell has run in it.
    """

    ran: bool = True


@attrs.frozen
class Settled:
    """It is ready, and what it has loaded is known."""


@attrs.frozen
class Stale:
    """It is no longer what a new kernel would be.

    :ivar why: in words for ``%ipr status``.
    """

    why: str


@attrs.frozen
class BootDue:
    """It should have been ready by now."""


@attrs.frozen
class Ended:
    """It is gone, or could not be started.

    :ivar why: in words for ``%ipr status``.
    """

    why: str


@attrs.frozen
class Died:
    """The kernel has died."""


@attrs.frozen
class Taken:
    """It has taken over."""


Event = (
    Wanted
    | Unwanted
    | LookDue
    | Quiet
    | Settled
    | Stale
    | BootDue
    | Ended
    | Died
    | Taken
)

# --- effects ------------------------------------------------------------------


@attrs.frozen
class Start:
    """Start one."""


@attrs.frozen
class Discard:
    """End it, and all of it."""


@attrs.frozen
class LookWhetherQuiet:
    """Feed :class:`Quiet` if it is so.

    :ivar pause: seconds since the end of the last standby that have to be over.
    """

    pause: float = 0.0


@attrs.frozen
class LookWhetherStale:
    """Feed :class:`Stale` if it is so."""


@attrs.frozen
class Log:
    """Note in the log, once, that there will be none."""

    why: str


@attrs.frozen
class After:
    """Feed ``event`` in ``seconds``; there is one timer, and each state has its own."""

    seconds: float
    event: Event


Effect = Start | Discard | LookWhetherQuiet | LookWhetherStale | Log | After
Effects = tuple[Effect, ...]


@attrs.frozen
class Patience:
    """The numbers, in seconds.

    :ivar idle: for which a kernel has to be idle before a standby is started.
    :ivar look: between two looks whether it is.
    :ivar stale: between two looks whether a standby that waits is stale.
    :ivar boot: until a standby that is not ready is discarded.
    :ivar check: that the last look before it takes over may take.
    :ivar failures: starts that may fail.
    :ivar longest: between a standby that became stale and the next one.
    """

    idle: float = 3.0
    look: float = 1.0
    stale: float = 10.0
    boot: float = 60.0
    check: float = 0.3
    failures: int = 2
    longest: float = 600.0

    def pause(self, wasted: int) -> float:
        """Return the seconds before the next start, after so many stale ones.

        After one there is none: that is a ``pip install``. A folder that changes all
        the time must not cost a start all the time.
        """
        if wasted < 2:
            return 0.0
        return min(self.idle * 2.0 ** min(wasted - 1, 30), self.longest)
