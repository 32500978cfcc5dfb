"""Whether a kernel aborts the cells after one that failed.

Knows one cell and its reply. Must not know which cells wait, nor what follows.
"""

from __future__ import annotations

from ipr.jupyter.wire import CONTENT, Envelope, Malformed
from ipr.relay.request import Request


def aborts(request: Request, reply: Envelope) -> bool:
    """Whether a kernel aborts what is queued after a cell with this reply.

    As ipykernel does to the queue of the same shell or subshell.
    """
    if (request.msg_type, request.channel) != ("execute_request", "shell"):
        return False
    try:
        return (
            b'"error"' in bytes(reply.body[CONTENT])
            and reply.content.get("status") == "error"
            and request.field("stop_on_error", True)
            and not request.field("silent", False)
        )
    except Malformed:
        return False
