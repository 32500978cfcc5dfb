"""Requests that only ask: the next kernel can answer them as well.

Knows which these are, and which of them a kernel that was restarted leaves to the next
one. Must not know how a kernel ends, nor where requests wait.
"""

from __future__ import annotations

from collections.abc import Iterable

from ipr.jupyter.wire import Envelope
from ipr.lifecycle.causes import Cause, Ending
from ipr.relay.passing import is_cell, shell_of
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


def for_the_next(
    requests: Iterable[Request], cause: Cause, *, begun: bool
) -> dict[Request, Envelope]:
    """Return what the next kernel is to be asked.

    All that waits behind a cell. What the kernel has begun with may be what it hangs
    in, so that is asked once more, and not of a third one.

    :param requests: those without an end, oldest first.
    :param begun: whether to ask that, too.
    """
    found: dict[Request, Envelope] = {}
    if cause.ending is not Ending.ASKED or cause.followed is False:
        return found
    shells: set[object] = set()
    for request in requests:
        progress = request.progress
        question = progress.question
        if is_cell(request) and progress.reply != "sent":
            shells.add(shell_of(request))
        elif question is None or progress.reply != "due":
            continue
        elif progress.status == "none" and shell_of(request) in shells:
            found[request] = question
        elif begun and progress.status != "idle" and not question.repeated:
            question.repeated = True
            found[request] = question
    return found
