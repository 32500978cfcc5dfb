"""Requests as clients send them, for the tests of what deals with them."""

from __future__ import annotations

import json
from typing import Any

from ipr.jupyter.signing import Signer
from ipr.jupyter.wire import Envelope
from ipr.relay.request import Request

KEY = b"the key of the connection file"
SIGNER = Signer(KEY)


def header(msg_id: str, msg_type: str, **more: Any) -> dict[str, Any]:
    """Make a client's header."""
    return {
        "msg_id": msg_id,
        "msg_type": msg_type,
        "session": "client",
        "username": "u",
        "date": "2025-01-01T00:00:00Z",
        "version": "5.3",
        **more,
    }


def dumps(value: Any) -> bytes:
    """JSON as one frame."""
    return json.dumps(value).encode()


def body(
    header: dict[str, Any],
    content: dict[str, Any],
    parent: dict[str, Any] | None = None,
    *,
    signer: Signer = SIGNER,
) -> list[Any]:
    """Make a signed body."""
    frames = [dumps(header), dumps(parent or {}), b"{}", dumps(content)]
    return signer.body(frames[0], frames[1], frames[2], frames[3])


def request(
    msg_id: str,
    msg_type: str = "execute_request",
    *,
    channel: str = "shell",
    **content: Any,
) -> Request:
    """Make a ledger entry; ``content`` is that of the message."""
    envelope = Envelope([b"client"], body(header(msg_id, msg_type), content))
    return Request.of(channel, envelope)
