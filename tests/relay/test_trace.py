"""A DEBUG record for each message: what stands in it."""

from __future__ import annotations

from unittest import mock

from twisted.logger import Logger, LogPublisher

from ipr.jupyter.wire import Envelope
from ipr.relay import trace
from tests.case import Case
from tests.fakes import Records
from tests.requests import body, header


class TraceTests(Case):
    def setUp(self) -> None:
        self.records = Records()
        log = Logger(observer=LogPublisher(self.records))
        patched = mock.patch.object(trace, "_log", log)
        patched.start()
        self.addCleanup(patched.stop)
        self.frames = body(header("m1", "execute_request"), {"code": "1"})
        self.size = sum(map(len, self.frames))

    def test_a_request_is_recorded_with_its_size(self) -> None:
        """With that of the client's identity, and without its content."""
        trace.Trace().client("shell", Envelope([b"ann"], self.frames))
        text = f"shell client -> kernel execute_request, {self.size + 3} bytes"
        self.assertEqual(self.records.found, [("debug", text)])

    def test_what_the_kernel_says_is_recorded(self) -> None:
        trace.Trace().kernel("iopub", [b"topic", *self.frames])
        (found,) = self.records.found
        self.assertIn("iopub kernel -> client execute_request", found[1])

    def test_nonsense_of_the_kernel_is_recorded_as_such(self) -> None:
        trace.Trace().kernel("iopub", [b"nothing"])
        self.assertEqual(
            self.records.found, [("debug", "iopub: no delimiter <IDS|MSG>")]
        )
