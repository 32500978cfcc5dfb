"""What %ipr status shows."""

from __future__ import annotations

from typing import Any
from unittest import mock

from ipr.daemon import report
from ipr.daemon.log import Log
from ipr.daemon.report import Report
from ipr.daemon.status import Row
from ipr.kernel import memory
from ipr.kernel.surroundings import Surroundings
from ipr.lifecycle.causes import Cause, Ending
from ipr.lifecycle.standby import Off
from ipr.relay.initcode import InitCell, InitCode
from ipr.relay.silently import Outcome
from tests.case import Case
from tests.fakes import FakeReactor


class FakePart:
    """Has what the test gives it."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class ReportTests(Case):
    def setUp(self) -> None:
        self.reactor: Any = FakeReactor()
        self.kernel: Any = None
        self.refusing: Cause | None = None
        self.job: memory.Usage | None = None
        self.job_rows: list[Row] = []
        self.owned = False
        self.kept: tuple[int, ...] = ()

    def test_processes_of_earlier_kernels_are_named(self) -> None:
        self.assertFalse("kept processes" in self.rows())
        self.kept = (5, 6)
        self.assertEqual(self.rows()["kept processes"], "2 of earlier kernels: 5, 6")
        self.kept = tuple(range(11, 18))
        self.assertEqual(
            self.rows()["kept processes"],
            "7 of earlier kernels: 11, 12, 13, 14, 15, ...",
        )

    def rows(self) -> dict[str, str]:
        """Return the values by their labels."""
        init = InitCode()
        init.keep(InitCell("a", "x = 1"))
        next_kernel: Any = FakePart(
            surroundings=Surroundings(None, told=("--env A=1",)),
            preload=FakePart(path="/code.py"),
            init=init,
            kept=self.kept,
        )
        made = Report(
            self.reactor,
            next_kernel,
            Log(lambda _: None),
            "/run/k.json",
            lambda: self.job_rows,
        )
        self.reactor.advance(90)
        relay: Any = FakePart(
            ledger=[1, 2],
            gate=FakePart(held=3),
            subscribers=4,
            owned=self.owned,
            refusing=self.refusing,
            preloaded=Outcome("said", "E: no"),
        )
        restarter: Any = FakePart(
            kernel=self.kernel,
            state=FakePart(generation=12),
            history=[(0.0, number, "restarted") for number in range(1, 13)],
            public_state=lambda: "running",
            reserve=FakePart(state=Off("nobody wants one"), kernel=None, age=int),
        )
        with (
            mock.patch.object(memory, "job", return_value=self.job),
            mock.patch.object(memory, "resident", return_value=(1024, 2048)),
        ):
            return {row.name: row.value for row in made.rows(relay, restarter)}

    def test_state_requests_and_daemon(self) -> None:
        rows = self.rows()
        for label, value in (
            ("state", "running"),
            ("kernel number", "12"),
            ("requests", "2 running, 3 held"),
            ("clients", "4"),
            ("changes", "--env A=1"),
            ("preload", "/code.py: E: no\nsaid"),
            ("each new kernel runs", "1 init cell"),
            ("connection file", "/run/k.json"),
            ("log level", "WARNING"),
            ("versions", report.versions()),
        ):
            self.assertEqual(rows[label], value)
        self.assertTrue(rows["daemon"].endswith(", up 1 min 30 s"))

    def test_whether_the_restart_button_is_in_place(self) -> None:
        self.assertEqual(
            self.rows()["Restart button"],
            "not in place here; ipr-spec check says why",
        )
        self.owned = True
        self.assertEqual(self.rows()["Restart button"], "in place")

    def test_the_latest_ten_kernels(self) -> None:
        lines = self.rows()["kernels so far"].splitlines()
        self.assertEqual(len(lines), 10)
        self.assertEqual(lines[-1], "12: 1 min 30 s ago, restarted")

    def test_no_kernel_has_no_process_but_a_reason(self) -> None:
        self.refusing = Cause(Ending.DIED, "it crashed", ("exit code 1",))
        rows = self.rows()
        self.assertEqual(rows["reason"], "it crashed\nexit code 1")
        self.assertFalse("kernel process" in rows)

    def test_kernel_process_and_memory(self) -> None:
        self.kernel = FakePart(pid=4711, command=("R", "x"), interrupt_mode="signal")
        rows = self.rows()
        self.assertEqual(rows["kernel process"], "pid 4711")
        self.assertEqual(rows["command"], "R x")
        self.assertEqual(rows["interrupt mode"], "signal")
        self.assertEqual(rows["kernel memory"], "1 KiB, peak 2 KiB")

    def test_job_memory_with_and_without_a_limit(self) -> None:
        self.job = memory.Usage(1024, None)
        self.assertEqual(self.rows()["job memory"], "1 KiB, no cgroup limit")
        self.job = memory.Usage(1024, 4096)
        self.assertEqual(self.rows()["job memory"], "1 KiB of 4 KiB")

    def test_job_only_where_there_is_one(self) -> None:
        self.assertFalse("Slurm job" in self.rows())
        self.job_rows = [Row("Slurm job", "1 on node1")]
        self.assertEqual(self.rows()["Slurm job"], "1 on node1")
