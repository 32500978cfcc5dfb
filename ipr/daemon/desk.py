"""What a terminal is told about the daemon.

Knows where each figure of ``ipr ps`` comes from. Must not know how it is asked for, nor
change anything.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable

from twisted.internet.defer import Deferred

import ipr
from ipr.daemon import shownoutput, stacktext
from ipr.daemon.log import Log
from ipr.daemon.nextkernel import NextKernel
from ipr.daemon.report import Report
from ipr.daemon.stack import Stacks
from ipr.jupyter.wire import JSON
from ipr.kernel import memory
from ipr.lifecycle.restarter import Restarter
from ipr.relay.outputs import Outputs
from ipr.relay.relay import Relay


class Desk:
    """Looks at the parts of the daemon.

    :param outputs: what cells have shown.
    :param parts: returns the relay and the restarter.
    """

    def __init__(
        self,
        next_kernel: NextKernel,
        report: Report,
        log: Log,
        stacks: Stacks,
        outputs: Outputs,
        parts: Callable[[], tuple[Relay, Restarter]],
    ) -> None:
        self._next_kernel = next_kernel
        self._report = report
        self._log = log
        self._stacks = stacks
        self._outputs = outputs
        self._parts = parts

    def facts(self) -> JSON:
        """Return what ``ipr ps`` shows.

        Bytes and seconds; what is not known is 0 or ``""``. ``pid`` is the kernel's.
        """
        relay, restarter = self._parts()
        kernel, cause = restarter.kernel, relay.refusing
        pid = kernel.pid if kernel is not None else 0
        resident, peak = memory.resident(pid) if pid else (0, 0)
        began = [when for when, _, _ in restarter.history]
        return {
            "ipr": ipr.__version__,
            "state": restarter.public_state(),
            "reason": cause.text if cause is not None else "",
            "kernel": self._next_kernel.name,
            "notebook": self._next_kernel.notebook,
            "host": platform.node(),
            "pid": pid,
            "daemon": os.getpid(),
            "up": self._report.age(self._report.started_at),
            "kernel_up": self._report.age(began[-1]) if began else 0.0,
            "restarts": max(restarter.generation() - 1, 0),
            "memory": resident,
            "peak": peak,
            "running": len(relay.ledger),
            "held": relay.gate.held,
            "clients": relay.subscribers,
            "restart_waits": relay.restarts.waiting is not None,
        }

    def table(self) -> list[tuple[str, str]]:
        """Return the table of ``%ipr status``."""
        return [(row.name, row.value) for row in self._report.rows(*self._parts())]

    def stack(self) -> Deferred[str]:
        """Return the text of ``%ipr stack``."""
        return self._stacks.look().addCallback(stacktext.as_text)

    def output(self, cells: int) -> str:
        """Return the text of ``%ipr output``.

        :raises ipr.relay.outputs.NothingShown: nothing is kept.
        """
        _, restarter = self._parts()
        return shownoutput.as_text(
            shownoutput.shown_last(self._outputs, restarter, cells), self._outputs.limit
        )

    def log(self, after: int) -> tuple[list[str], int]:
        """Return the log's records from this number on, and the next number."""
        return self._log.kept.after(after)
