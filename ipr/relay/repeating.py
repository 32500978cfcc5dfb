"""Requests that only ask: the next kernel can answer them as well.

Knows which these are, and which of them a kernel that was restarted leaves to the next
one. Must not know how a kernel ends, nor where requests wait.
"""

from __future__ import annotations

from ipr.jupyter.wire import Envelope
from ipr.lifecycle.causes import Cause, Ending
from ipr.relay.request import Request

#: What changes nothing in a kernel, and can be asked twice. Not kernel_info, which ipr
#: knows without asking.
REPEATABLE = frozenset(
    {
        "comm_info_request",
        "complete_request",
        "history_request",
        "inspect_request",
        "is_complete_request",
        "list_subshell_request",
        "usage_request",
    }
)

#: What is not interrupted for a restart. An IPython whose completion is interrupted
#: says that there is none.
ONLY_ASKING = REPEATABLE | {"kernel_info_request"}


def for_the_next(request: Request, cause: Cause) -> Envelope | None:
    """Return the message to ask the next kernel, if it is to be asked.

    After a crash it is not: the request may be what the kernel died of.
    """
    progress = request.progress
    unanswered = progress.reply != "sent" and progress.status != "idle"
    restarted = cause.ending is Ending.ASKED and cause.followed is not False
    return progress.question if unanswered and restarted else None
