"""A request: what it keeps of its message, and how far it has come."""

from __future__ import annotations

from ipr.jupyter.wire import Envelope, Malformed
from ipr.relay.request import Progress, Request
from tests.case import Case
from tests.requests import body, header, request


class RequestTests(Case):
    def test_of_an_envelope(self) -> None:
        """An entry keeps the frames that ipr's own answers will need."""
        frames = body(header("m1", "execute_request"), {"code": "1"})
        made = Request.of("control", Envelope([b"a", b"b"], frames))
        self.assertEqual(
            (
                made.channel,
                made.identities,
                made.msg_id,
                made.msg_type,
                made.header_frame,
                made.content,
            ),
            (
                "control",
                [b"a", b"b"],
                "m1",
                "execute_request",
                frames[2],
                {"code": "1"},
            ),
        )

    def test_of_a_broken_header(self) -> None:
        """A header that is none makes no entry."""
        envelope = Envelope([], body({"msg_id": "m1"}, {}))
        self.raised(Malformed, Request.of, "shell", envelope)

    def test_field_of_another_type_counts_as_absent(self) -> None:
        """A field of another type than wanted counts as absent."""
        made = request("m1", code="x", silent="yes")
        self.assertEqual(
            [
                made.field("code", ""),
                made.field("silent", False),
                made.field("absent", 7),
            ],
            ["x", False, 7],
        )

    def test_broken_content_counts_as_empty(self) -> None:
        """Content that is not JSON counts as empty."""
        made = request("m1")
        made.content_frame = b"{"
        self.assertEqual((made.content, made.field("code", "d")), ({}, "d"))

    def test_from_a_notebook(self) -> None:
        """Notebooks name the cell in the metadata; consoles do not."""
        frames = body(header("m1", "execute_request"), {})
        found = []
        for metadata in (b'{"cellId": "c"}', b"{}"):
            frames[4] = metadata
            found.append(Request.of("shell", Envelope([], frames)).from_notebook)
        self.assertEqual(found, [True, False])

    def test_only_requests_want_replies(self) -> None:
        """comm messages get an idle and no reply."""
        self.assertEqual(
            [
                request("m", kind).wants_reply
                for kind in ("execute_request", "x_request", "comm_msg", "comm_open")
            ],
            [True, True, False, False],
        )

    def test_finished_is_idle_and_replied(self) -> None:
        """Or idle, where no reply is due."""
        for kind, replied in (("execute_request", False), ("comm_msg", True)):
            made = request("m", kind)
            self.assertFalse(made.finished)
            made.progress.status = "idle"
            self.assertEqual(made.finished, replied)
            made.progress.reply = "sent"
            self.assertTrue(made.finished)

    def test_an_overdue_reply_finishes_nothing(self) -> None:
        made = request("m")
        made.progress.status, made.progress.reply = "idle", "overdue"
        self.assertFalse(made.finished)


class ProgressTests(Case):
    def test_busy_means_that_its_code_runs(self) -> None:
        made = Progress()
        made.begin()
        self.assertEqual((made.status, made.code), ("busy", "started"))

    def test_a_busy_after_the_error_does_not_undo_it(self) -> None:
        made = Progress(code="failed")
        made.begin()
        self.assertEqual(made.code, "failed")
