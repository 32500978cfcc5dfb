"""What a terminal is told of the daemon."""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

from twisted.internet.defer import succeed

from ipr.daemon.desk import Desk
from ipr.daemon.log import Log
from ipr.daemon.stack import Stack
from ipr.daemon.status import Row
from ipr.kernel import memory
from ipr.lifecycle.causes import Cause, Ending
from ipr.relay.outputs import Outputs
from tests.case import Case
from tests.daemon.test_report import FakePart


class DeskTests(Case):
    def setUp(self) -> None:
        self.log = Log(lambda _: None)
        self.relay: Any = FakePart(
            ledger=[1],
            gate=FakePart(held=3),
            subscribers=4,
            refusing=None,
            restarts=FakePart(waiting=None),
        )
        self.restarter: Any = FakePart(
            kernel=FakePart(pid=12),
            history=[(10.0, 1, "first start"), (70.0, 2, "restarted")],
            public_state=lambda: "running",
            generation=lambda: 2,
        )
        next_kernel: Any = FakePart(name="python3", notebook="a/b.ipynb")
        report: Any = FakePart(
            started_at=10.0,
            age=lambda when: 100.0 - when,
            rows=lambda *_parts: [Row("state", "running")],
        )
        stacks: Any = FakePart(look=lambda: succeed(Stack("no kernel is running")))
        self.outputs = Outputs(1 << 20)
        self.desk = Desk(
            next_kernel,
            report,
            self.log,
            stacks,
            self.outputs,
            lambda: (self.relay, self.restarter),
        )

    def test_facts_say_what_ps_shows(self) -> None:
        with mock.patch.object(memory, "resident", return_value=(1024, 2048)):
            facts = self.desk.facts()
        expected = {
            "state": "running",
            "kernel": "python3",
            "notebook": "a/b.ipynb",
            "pid": 12,
            "daemon": os.getpid(),
            "up": 90.0,
            "kernel_up": 30.0,
            "restarts": 1,
            "memory": 1024,
            "peak": 2048,
            "running": 1,
            "held": 3,
            "clients": 4,
            "restart_waits": False,
        }
        self.assertEqual({name: facts[name] for name in expected}, expected)

    def test_no_kernel_has_no_figures_but_a_reason(self) -> None:
        self.restarter.kernel = None
        self.restarter.history = []
        self.relay.refusing = Cause(Ending.DIED, "it crashed")
        facts = self.desk.facts()
        self.assertEqual((facts["pid"], facts["memory"]), (0, 0))
        self.assertEqual(facts["kernel_up"], 0.0)
        self.assertEqual(facts["reason"], "it crashed")

    def test_table_is_that_of_a_cell(self) -> None:
        self.assertEqual(self.desk.table(), [("state", "running")])

    def test_stack_is_that_of_a_cell(self) -> None:
        untyped: Any = self
        text = untyped.successResultOf(self.desk.stack())
        self.assertEqual(text, "no kernel is running")

    def test_log_is_that_of_the_daemon(self) -> None:
        self.log.kept.add("a")
        self.assertEqual(self.desk.log(0), (["a"], 1))
