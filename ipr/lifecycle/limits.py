"""The numbers of the restart machine, and what is counted against them.

Knows how long each step may take and how often a kernel may fail. Must not know
which state comes after which.
"""

from __future__ import annotations

from enum import Enum

import attrs

from ipr.lifecycle.causes import Cause


class Leave(Enum):
    """Who wants the daemon to end; the later ones are less patient.

    A plain kernel has the time that is left until its manager's SIGKILL, and so has
    the inner one: that SIGKILL takes it along with the daemon.

    :cvar REQUESTED: a client, by a shutdown_request. Its manager sends SIGTERM when
        it has waited long enough (``shutdown_wait_time``), and SIGKILL after it.
    :cvar TERMINATED: SIGTERM or SIGHUP: that manager, a batch system, systemd.
    :cvar QUICKLY: nobody is left who waits for anything.
    """

    REQUESTED = 1
    TERMINATED = 2
    QUICKLY = 3


class Pace(Enum):
    """How much time a restart leaves to the kernel that runs.

    :cvar POLITE: ``%restart``: it waits for running cells, and asks first.
    :cvar URGENT: ``%restart now``: it waits for no cell.
    """

    POLITE = 1
    URGENT = 2

    @classmethod
    def of(cls, now: bool) -> Pace:
        """Return that of ``%restart now``, or of ``%restart``."""
        return cls.URGENT if now else cls.POLITE


@attrs.frozen
class Ladder:
    """How long a kernel may take to go, in seconds.

    :ivar terminate: from the polite request to SIGTERM.
    :ivar kill: from SIGTERM to SIGKILL.
    """

    terminate: float
    kill: float


@attrs.frozen
class Ladders:
    """A ladder for each reason to stop a kernel.

    :ivar polite: ``%restart``.
    :ivar urgent: ``%restart now``.
    :ivar requested: for a manager that never sends the SIGTERM that should follow.
    :ivar terminated: within Slurm's KillWait, 30 s, with 10 s for us.
    :ivar quickly: nobody waits.
    """

    polite: Ladder = Ladder(1.5, 1.0)
    urgent: Ladder = Ladder(0.6, 0.4)
    requested: Ladder = Ladder(60.0, 20.0)
    terminated: Ladder = Ladder(0.0, 20.0)
    quickly: Ladder = Ladder(1.0, 0.4)

    def restarting(self, pace: Pace) -> Ladder:
        """Return the one by which the kernel goes when another one follows."""
        return self.urgent if pace is Pace.URGENT else self.polite

    def leaving(self, how: Leave) -> Ladder:
        """Return the one by which the kernel goes when the daemon does."""
        return {
            Leave.REQUESTED: self.requested,
            Leave.TERMINATED: self.terminated,
            Leave.QUICKLY: self.quickly,
        }[how]


@attrs.frozen
class Limits:
    """The numbers; the names are jupyter_client's where it has them.

    :ivar restart_limit: deaths in a row after which it stays dead.
    :ivar start_limit: starts in a row that may fail.
    :ivar stable_start_time: seconds after which earlier deaths no longer count.
    :ivar start_timeout: seconds until a kernel that is not ready is killed;
        0: never.
    :ivar autorestart: whether a death is followed by a restart.
    :ivar drain_time: seconds at most to read the last messages of a dead kernel.
    :ivar job_grace: seconds to wait after a death by SIGTERM and the like.
    :ivar gone_time: seconds after SIGKILL until we go on without it.
    :ivar overlap: whether a kernel that has closed its sockets may end beside the
        next one.
    """

    restart_limit: int = 5
    start_limit: int = 2
    stable_start_time: float = 10.0
    start_timeout: float = 60.0
    autorestart: bool = True
    drain_time: float = 0.25
    job_grace: float = 1.0
    gone_time: float = 4.0
    overlap: bool = True
    ladders: Ladders = Ladders()

    def pause(self, tally: Tally, cause: Cause) -> float:
        """Return the seconds to wait before the next start: 0, 0.5, 1, 2, 4 ..."""
        doubled = 0.0 if tally.deaths <= 1 else 0.25 * 2.0 ** (tally.deaths - 1)
        return max(doubled, self.job_grace if cause.terminated else 0.0)

    def forbid(self, tally: Tally, cause: Cause) -> bool:
        """Return whether no kernel follows one that ended like this."""
        return (
            cause.hopeless
            or not self.autorestart
            or tally.deaths > self.restart_limit
            or tally.failures >= self.start_limit
        )


@attrs.frozen
class Tally:
    """The failures since a kernel last ran well.

    :ivar deaths: in a row, until a kernel was up for stable_start_time.
    :ivar failures: starts in a row that did not come to be ready.
    """

    deaths: int = 0
    failures: int = 0


CLEAN = Tally()
