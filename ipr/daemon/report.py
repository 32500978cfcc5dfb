"""What ``%ipr status`` shows.

Knows where each figure comes from. Must not know how the table is laid out, nor
change anything.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Sequence

import zmq

import ipr
import twisted
from ipr.daemon import initcells
from ipr.daemon.log import Log
from ipr.daemon.nextkernel import NextKernel
from ipr.daemon.preloading import row
from ipr.daemon.standing import described
from ipr.daemon.status import Row, size, span
from ipr.kernel import memory
from ipr.kernel.reactor import Reactor
from ipr.lifecycle.restarter import Restarter
from ipr.relay.relay import Relay

#: Kernels that are listed; the latest ones.
MOST_KERNELS = 10
#: Processes that are named.
MOST_PIDS = 5


class Report:
    """Looks at the parts of the daemon, from its start on.

    :param path: of the clients' connection file.
    :param job: returns what there is to be said of the scheduler's job.
    :ivar started_at: when, in the reactor's seconds.
    """

    def __init__(
        self,
        reactor: Reactor,
        next_kernel: NextKernel,
        log: Log,
        path: str,
        job: Callable[[], list[Row]],
    ) -> None:
        self._reactor = reactor
        self._next_kernel = next_kernel
        self._log = log
        self._path = path
        self._job = job
        self.started_at = reactor.seconds()

    def rows(self, relay: Relay, restarter: Restarter) -> list[Row]:
        """Return the table."""
        return [
            *_state(relay, restarter),
            *_process(restarter),
            *_kept(self._next_kernel.kept),
            *_job_memory(),
            *self._past_and_next(restarter),
            Row("standby", described(restarter.reserve)),
            *row(self._next_kernel.preload, relay.preloaded),
            *initcells.row(self._next_kernel.init),
            Row("requests", f"{len(relay.ledger)} running, {relay.gate.held} held"),
            Row("clients", str(relay.subscribers)),
            Row("Restart button", _button(relay.owned)),
            *self._daemon(),
            *self._job(),
        ]

    def age(self, when: float) -> float:
        """Return how many seconds ago that was."""
        return self._reactor.seconds() - when

    def _past_and_next(self, restarter: Restarter) -> list[Row]:
        started = [
            f"{number}: {span(self.age(when))} ago, {why}"
            for when, number, why in list(restarter.history)[-MOST_KERNELS:]
        ]
        surroundings = self._next_kernel.surroundings
        return [
            Row("kernels so far", "\n".join(started)),
            Row("changes", "\n".join(surroundings.told) or "none"),
            Row("working directory", surroundings.folder() or "(removed)"),
        ]

    def _daemon(self) -> list[Row]:
        up = span(self.age(self.started_at))
        return [
            Row("connection file", self._path),
            Row("daemon", f"pid {os.getpid()}, up {up}"),
            Row("daemon's Python", sys.executable),
            Row("versions", versions()),
            Row("log level", self._log.level),
        ]


def _button(in_place: bool) -> str:
    if in_place:
        return "in place"
    return "not in place here; ipr-spec check says why"


def _state(relay: Relay, restarter: Restarter) -> list[Row]:
    rows = [
        Row("state", restarter.public_state()),
        Row("kernel number", str(restarter.state.generation)),
    ]
    cause = relay.refusing
    if cause is not None:
        rows.append(Row("reason", "\n".join((cause.text, *cause.details))))
    return rows


def _process(restarter: Restarter) -> list[Row]:
    kernel = restarter.kernel
    if kernel is None:
        return []
    rows = [
        Row("kernel process", f"pid {kernel.pid}"),
        Row("command", " ".join(kernel.command)),
        Row("interrupt mode", kernel.interrupt_mode),
    ]
    resident, peak = memory.resident(kernel.pid)
    if resident:
        rows.append(Row("kernel memory", f"{size(resident)}, peak {size(peak)}"))
    return rows


def _kept(kept: Sequence[int]) -> list[Row]:
    if not kept:
        return []
    pids = ", ".join(map(str, kept[:MOST_PIDS]))
    more = ", ..." if len(kept) > MOST_PIDS else ""
    return [Row("kept processes", f"{len(kept)} of earlier kernels: {pids}{more}")]


def _job_memory() -> list[Row]:
    job = memory.job()
    if job is None:
        return []
    # Without a limit here, the scheduler may have one, and count by itself.
    of = ", no cgroup limit"
    if job.limit is not None:
        of = f" of {size(job.limit)}"
    return [Row("job memory", f"{size(job.used)}{of}")]


def versions() -> str:
    """Name the versions that matter."""
    return (
        f"ipr {ipr.__version__}, Python {platform.python_version()}, Twisted"
        f" {twisted.__version__}, pyzmq {zmq.__version__}, libzmq {zmq.zmq_version()}"
    )
