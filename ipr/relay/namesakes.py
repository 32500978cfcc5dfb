"""Open requests that have the same id.

Knows what tells them apart: session, type, channel and order. Must not know which are
open.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from ipr.jupyter.wire import Envelope, Malformed
from ipr.relay.request import Request

#: Those that are looked at; they finish in order.
MOST_NAMESAKES = 64


def meant(requests: Iterable[Request], envelope: Envelope, channel: str) -> Request:
    """Choose the one that a message of the kernel belongs to.

    :param requests: of that id, oldest first; there is one.
    :param channel: ``"shell"`` or ``"control"`` for a reply, else ``""``.
    """
    namesakes = list(islice(requests, MOST_NAMESAKES))
    try:
        parent = envelope.parent
    except Malformed:
        return namesakes[0]
    likely = [
        request
        for request in namesakes
        if channel in ("", request.channel)
        and parent.get("session") == request.header.get("session")
        and parent.get("msg_type") == request.header["msg_type"]
    ] or namesakes
    if channel:
        in_turn = [r for r in likely if r.progress.reply != "sent"]
    else:
        in_turn = [r for r in likely if r.progress.status == "busy"] or [
            r for r in likely if r.progress.status != "idle"
        ]
    return in_turn[0] if in_turn else likely[0]
