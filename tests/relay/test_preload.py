"""What each kernel runs first: held cells wait for it, and nobody hears of it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from ipr.relay.codefile import CodeFile
from ipr.relay.silently import Outcome
from tests.fakes import FakeInner
from tests.relay.relay_case import DIED, INFO, RelayCase
from tests.requests import body, header


class PreloadTests(RelayCase):
    def setUp(self) -> None:
        self.reads: list[Deferred[str]] = []
        self.preload = CodeFile("/code.py", lambda: self.reads.pop(0))
        super().setUp()

    def answer(self, language: str = "python") -> None:
        """Have it answer what ipr asked."""
        info = {**INFO, "language_info": {"name": language}}
        self.kernel("shell", "kernel_info_reply", self.probe(), **info)
        self.status(self.probe(), "idle")

    @property
    def run_id(self) -> str:
        return self.inner.asked["execute_request"]

    def end(self, **content: Any) -> None:
        self.kernel("shell", "execute_reply", self.run_id, **content)
        self.status(self.run_id, "idle")

    def test_kernel_is_ready_when_it_has_run(self) -> None:
        self.reads = [succeed("import os")]
        self.open()
        self.answer()
        sent = ("kernel 1 shell", "(execute_request)", "execute_request: import os")
        self.assertEqual(self.took()[-1], sent)
        self.assertEqual(self.relay.preloaded, None)
        self.status(self.run_id, "busy")
        self.kernel("iopub", "stream", self.run_id, name="stdout", text="said")
        self.kernel("iopub", "execute_input", self.run_id, code="", execution_count=1)
        self.kernel("iopub", "error", self.run_id, ename="E", evalue="", traceback=[])
        self.assertEqual(self.took(), [])
        self.end(status="ok")
        self.assertEqual(self.took(), [("ready", 1)])
        self.assertEqual(self.relay.preloaded, Outcome("said"))

    def test_kernel_is_asked_nothing_meanwhile(self) -> None:
        """It would have to answer all that before the first cell."""
        self.reads = [succeed("code")]
        self.open()
        self.answer()
        self.took()
        self.clock.advance(100)
        self.assertEqual(self.took(), [])

    def test_kernel_is_ready_though_it_failed(self) -> None:
        self.reads = [succeed("code")]
        self.open()
        self.answer()
        self.took()
        self.end(status="error", ename="E", evalue="no", traceback=["line"])
        self.assertEqual(self.took(), [("ready", 1)])
        self.assertEqual(self.relay.preloaded, Outcome("line", "E: no"))

    def test_file_that_cannot_be_read_keeps_no_kernel(self) -> None:
        self.reads = [fail(ValueError("cannot read it"))]
        self.open()
        self.answer()
        self.assertEqual(self.took()[-1], ("ready", 1))
        outcome = Outcome(error="not run: cannot read it")
        self.assertEqual(self.relay.preloaded, outcome)

    def test_kernel_that_is_gone_when_the_file_was_read_is_sent_nothing(self) -> None:
        reading: Deferred[str] = Deferred()
        self.reads = [reading]
        self.open()
        self.answer()
        self.relay.finish(1, DIED)
        self.took()
        reading.callback("code")
        self.assertEqual(self.took(), [])

    def test_each_kernel_runs_it(self) -> None:
        self.reads = [succeed("code"), succeed("code")]
        for generation in (1, 2):
            self.open(generation)
            self.answer()
            self.end(status="ok")
            self.assertIn(("ready", generation), self.took())
            self.relay.finish(generation, DIED)

    def test_kernel_of_another_language_does_not_run_it(self) -> None:
        self.reads = [succeed("code")]
        self.open()
        self.answer()
        self.end(status="ok")
        self.relay.finish(1, DIED)
        self.open(2)
        self.took()
        self.answer("R")
        self.assertEqual(self.took(), [("ready", 2)])
        why = "not run: it is for python, and this kernel's language is R"
        self.assertEqual(self.relay.preloaded, Outcome(error=why))

    def test_standby_has_run_it_before_it_takes_over(self) -> None:
        self.reads = [succeed("code"), succeed("code")]
        self.open()
        self.answer()
        self.end(status="ok")
        self.relay.release(1)
        standby = FakeInner(self.done, 2)
        told: list[object] = []
        self.relay.expect(standby, None, told.append, lambda: None)

        def says(channel: str, kind: str, asked: str, **content: Any) -> None:
            own = header(f"s-{kind}", kind) | {"session": "of the standby"}
            parent = header(standby.asked[asked], asked)
            standby.received(channel, body(own, content, parent))

        says("shell", "kernel_info_reply", "kernel_info_request", **INFO)
        says("iopub", "status", "kernel_info_request", execution_state="idle")
        self.assertEqual(told, [])
        says("shell", "execute_reply", "execute_request", status="ok")
        says("iopub", "stream", "execute_request", name="stdout", text="said")
        says("iopub", "status", "execute_request", execution_state="idle")
        self.assertEqual(told, [{}])
        self.relay.finish(1, DIED)
        self.took()
        self.relay.opened(standby)
        self.assertEqual(self.took(), [("ready", 2)])
        self.assertEqual(self.relay.preloaded, Outcome("said"))

    def test_standby_that_takes_over_in_the_middle_of_it(self) -> None:
        """It is the kernel that somebody waits for, and is ready when it has run."""
        self.reads = [succeed("code"), succeed("code")]
        self.open()
        self.answer()
        self.end(status="ok")
        self.relay.finish(1, DIED)
        self.inner = FakeInner(self.done, 2)
        self.relay.expect(self.inner, None, lambda _told: None, lambda: None)
        self.answer()
        self.relay.opened(self.inner)
        self.took()
        self.assertEqual(self.relay.preloaded, None)
        self.end(status="ok")
        self.assertEqual(self.took(), [("ready", 2)])
