"""What may end the daemon from outside.

Knows its parent process, its allocation, and how long it has been abandoned. Must not
know how it ends, nor what a client is. A running cell counts as somebody, whether or
not a client is connected: what was started before a laptop was closed goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import cast

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from ipr.daemon.allocation import Allocation
from ipr.sockets.reactor import Clock

#: Seconds between looks.
LOOK_TIME = 1.0

#: What the system's own first process lies in (``PROC_PID_INIT_INO``).
_FIRST_NAMESPACE = "pid:[4026531836]"


def parent_of(environ: Mapping[str, str], first: int) -> int:
    """Who our parent has to be.

    The server may have died before we could look who it is; then it is our parent no
    more, and never changes again. ``JPY_PARENT_PID`` tells: it names a process that
    is not there, and we belong to init. Below a launcher, which may be on another host,
    it names somebody else, too, but then our parent is the launcher. In a container
    the first process may be the launcher; there nobody can tell.

    :param environ: the daemon's.
    :param first: our parent when we looked first.
    :returns: a pid; 0 if it does not matter.
    """
    named = environ.get("JPY_PARENT_PID", "")
    if (
        named.isdecimal()
        and first == 1
        and int(named) != 1
        and not os.path.exists(f"/proc/{int(named)}")
        and _namespace() == _FIRST_NAMESPACE
    ):
        return int(named)
    return first if named else 0


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


class Watch:
    """Looks once a second, from :meth:`start` to :meth:`stop`.

    :param clock: for the looks.
    :param parent: the pid of who started us (:func:`parent_of`); 0: it does not matter.
    :param limit: seconds without anybody after which we are abandoned; 0: never.
    :param wanted: whether there is a client, or a cell that runs.
    :param end: called with the reason when the parent is gone.
    :param give_up: called with the reason when we are abandoned, and again after the
        same time if the daemon is still there.
    :param allocation: starts and stops with the looks.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        parent: int,
        limit: float,
        wanted: Callable[[], bool],
        end: Callable[[str], None],
        give_up: Callable[[str], None],
        allocation: Allocation,
    ) -> None:
        self._clock = clock
        self._parent = parent
        self._limit = limit
        self._wanted = wanted
        self._end = end
        self._give_up = give_up
        self.allocation = allocation
        self._alone_since: float | None = None
        self._looking = LoopingCall(self._look)
        self._looking.clock = cast(IReactorTime, clock)

    def start(self) -> None:
        """Start, if there is anything to watch."""
        self.allocation.start()
        if self._parent or self._limit:
            self._looking.start(LOOK_TIME, now=False)

    def stop(self) -> None:
        """Stop."""
        self.allocation.stop()
        if self._looking.running:
            self._looking.stop()

    @property
    def orphaned(self) -> bool:
        """Whether the parent is gone."""
        # JPY_PARENT_PID may be another host's number: only a change counts.
        return bool(self._parent) and os.getppid() != self._parent

    def _look(self) -> None:
        if self.orphaned:
            self._end("the Jupyter server that started us is gone")
            return
        if not self._limit or self._wanted():
            self._alone_since = None
            return
        now = self._clock.seconds()
        if self._alone_since is None:
            self._alone_since = now
        elif now - self._alone_since >= self._limit:
            self._alone_since = now
            self._give_up(
                f"for {self._limit:g} s no client has been connected and no cell has"
                " been running"
            )
