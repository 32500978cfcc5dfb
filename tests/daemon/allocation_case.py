"""An allocation without a scheduler, and what runs in its kernel."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed

from ipr.daemon import allocation
from ipr.daemon.allocation import Allocation
from ipr.daemon.timeleft import TimeLeft
from ipr.kernel import apart, memory
from ipr.relay.beside import Order
from tests.case import Case
from tests.fakes import FakeReactor


class FakeRunner:
    """Runs code when the test says so."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.stopped = 0

    def run(self, order: Order) -> None:
        self.orders.append(order)

    def stop(self) -> None:
        self.stopped += 1


class AllocationCase(Case):
    def setUp(self) -> None:
        self.reactor: Any = FakeReactor()
        self.said: list[Callable[[], str]] = []
        self.interrupts: list[int] = []
        self.usage: memory.Usage | None = None
        self.oom_kills = 0
        self.file = ""
        self.runner = FakeRunner()
        self.explained: list[tuple[str, bool]] = []
        self.ended: list[bool] = []
        untyped: Any = self
        untyped.patch(memory, "job", lambda: self.usage)
        untyped.patch(memory, "oom_kills", lambda: self.oom_kills)
        #: What Slurm answers when the job is being ended.
        self.preempted: Deferred[bool | None] = succeed(None)
        untyped.patch(TimeLeft, "preempted", lambda _asked: self.preempted)

    def made(self, environ: Mapping[str, str], deadline: float = 0.0) -> Allocation:
        options = {
            "deadline": deadline,
            "warn_before": (600.0, 120.0),
            "memory_interrupt": 97,
            "before_end": self.file,
            "before_end_at": 60.0,
            "before_end_interrupt": False,
        }
        made = Allocation(
            self.reactor,
            environ,
            options,
            self.said.append,
            lambda: self.interrupts.append(1),
            lambda: self.runner,
            lambda: 7,
        )
        made.start()
        self.addCleanup(made.stop)
        return made

    def job(self, seconds: float) -> Allocation:
        """Be in a job of Slurm, which has said in the environment when it ends."""
        return self.made(
            {
                "SLURM_JOB_ID": "7",
                "SLURMD_NODENAME": "node1",
                "SLURM_JOB_END_TIME": str(time.time() + seconds),
            }
        )

    def with_file(self) -> None:
        self.file = os.path.join(self.folder(), "save.py")
        with open(self.file, "w", encoding="utf-8") as file:
            file.write("save()")
        # A file is read in a thread.
        untyped: Any = self
        untyped.patch(apart, "run", lambda _reactor, _time, call: maybeDeferred(call))

    def asked_job(self, seconds: float) -> Allocation:
        """Be in a job whose scheduler is not asked: its user knows the end."""
        clock = SimpleNamespace(time=lambda: 1e9 + self.reactor.seconds())
        untyped: Any = self
        untyped.patch(allocation, "time", clock)
        return self.made({"SLURM_JOB_ID": "7"}, clock.time() + seconds)

    def end(self, job: Allocation) -> None:
        job.ending(
            lambda words, shown: self.explained.append((words, shown)),
            self.ended.append,
        )
