"""The messages that ipr writes: their headers, signatures and topics."""

from __future__ import annotations

import json

from ipr.jupyter.author import Author
from ipr.jupyter.messages import Draft
from ipr.jupyter.wire import split
from tests.case import Case
from tests.requests import SIGNER


class AuthorTests(Case):
    def setUp(self) -> None:
        self.ids = iter(f"id-{number}" for number in range(99))
        self.author = Author(SIGNER, lambda: next(self.ids), lambda: "now")

    def test_header_has_every_field(self) -> None:
        """A new id each time; session, user, date and version; what else is wanted."""
        self.author.session = "kernel's"
        self.author.username = "ann"
        self.assertEqual(
            [self.author.header("status"), self.author.header("x", subshell_id="s")],
            [
                {
                    "msg_id": "id-1",
                    "msg_type": "status",
                    "username": "ann",
                    "session": "kernel's",
                    "date": "now",
                    "version": "5.3",
                },
                {
                    "msg_id": "id-2",
                    "msg_type": "x",
                    "username": "ann",
                    "session": "kernel's",
                    "date": "now",
                    "version": "5.3",
                    "subshell_id": "s",
                },
            ],
        )

    def test_session_before_any_kernel(self) -> None:
        """Until an inner kernel says its own there is one made up."""
        self.assertEqual(self.author.session, "id-0")

    def test_body_is_signed(self) -> None:
        """A signed message, with the parent's frame as it came."""
        draft = Draft("stream", {"text": "ü"}, {"m": 1})
        parent = b'{ "msg_id":"p" }'
        body = self.author.body(draft, parent)
        self.assertTrue(SIGNER.verifies(body))
        self.assertEqual(
            (json.loads(body[2])["msg_type"], body[3:]),
            ("stream", [parent, b'{"m": 1}', '{"text": "ü"}'.encode()]),
        )

    def test_request_returns_its_id(self) -> None:
        """A request of ipr's own has no parent; its id is given."""
        msg_id, body = self.author.request(Draft("kernel_info_request", {}))
        envelope = split(body)
        self.assertTrue(SIGNER.verifies(body))
        self.assertEqual(
            (envelope.identities, envelope.header["msg_id"], envelope.parent),
            ([], msg_id, {}),
        )

    def test_foreign_parent_is_a_request_of_nobody(self) -> None:
        """A parent that nobody sent: another one each time."""
        found = [json.loads(self.author.foreign("shutdown_request")) for _ in "12"]
        self.assertEqual(
            [(parent["msg_id"], parent["msg_type"]) for parent in found],
            [("id-1", "shutdown_request"), ("id-2", "shutdown_request")],
        )

    def test_topic_is_formed_as_ipykernel_does(self) -> None:
        """As ipykernel forms it."""
        self.author.session = "s"
        self.assertEqual(self.author.topic(Draft("stream", {})), b"kernel.s.stream")

    def test_topic_of_an_odd_session(self) -> None:
        """A kernel's session may be any JSON string: ipr can still say something."""
        self.author.session = "\udc80"
        draft = Draft("stream", {})
        self.assertEqual(self.author.topic(draft), b"kernel.?.stream")
        self.assertTrue(SIGNER.verifies(self.author.body(draft, b"{}")))
