"""What a request gets when no inner kernel can answer it.

Knows, for each type of request, the messages that finish it: exactly one
reply and exactly one idle, in the order in which ipykernel sends them. Must
not know when that happens or how messages travel. The table, with the reason for
each row, is in ``docs/design.rst``: an execute is an *error* (``aborted`` counts as
success for nbclient, papermill and VS Code), kernel_info never is one (JupyterLab
would never ask again), the rest is harmless.
"""

from __future__ import annotations

import attrs

from ipr.jupyter import messages
from ipr.jupyter.messages import Draft, Failure
from ipr.relay.request import Request


@attrs.frozen
class Publish:
    """To all clients, on iopub, with the request as parent."""

    draft: Draft


@attrs.frozen
class Reply:
    """To the client that asked, on the channel on which it asked."""

    draft: Draft


Step = Publish | Reply
Steps = tuple[Step, ...]


def lost(request: Request, why: Failure, count: int, info: Draft) -> Steps:
    """Finish a request that went to an inner kernel that is gone.

    :param why: shown by cells that failed.
    :param count: the execution_count for a reply that needs one.
    :param info: the kernel_info_reply to send.
    """
    progress = request.progress
    if progress.reply == "sent":
        return _whole(request)
    if request.msg_type == "execute_request":
        queued = progress.code == "queued"
        if queued and request.field("stop_on_error", True):
            return aborted(request)
        return _whole(request, *_failed_cell(request, why, count))
    return _whole(request, *_answer_to_other(request, why, info))


def refused(request: Request, why: Failure, count: int, info: Draft) -> Steps:
    """Answer a request that no inner kernel will ever see.

    Parameters as of :func:`lost`.
    """
    if request.msg_type == "execute_request":
        steps: list[Step] = []
        if not request.field("silent", False):
            code = request.field("code", "")
            steps.append(Publish(messages.execute_input(code, count)))
        return _whole(request, *steps, *_failed_cell(request, why, count))
    return _whole(request, *_answer_to_other(request, why, info))


def aborted(request: Request) -> Steps:
    """Answer a cell that was queued after one that failed."""
    return _whole(request, Reply(messages.execute_aborted()))


def answered(request: Request, *steps: Step) -> Steps:
    """Wrap steps of ipr's own making into the busy and idle around them."""
    return _whole(request, *steps)


def _whole(request: Request, *steps: Step) -> Steps:
    status = request.progress.status
    before = (Publish(messages.BUSY),) if status == "none" else ()
    after = (Publish(messages.IDLE),) if status != "idle" else ()
    return (*before, *steps, *after)


def _failed_cell(request: Request, why: Failure, count: int) -> Steps:
    reply = Reply(messages.execute_error(why, count))
    if request.progress.code == "failed" or request.field("silent", False):
        return (reply,)
    return (Publish(messages.error(why)), reply)


def _answer_to_other(request: Request, why: Failure, info: Draft) -> Steps:
    """Return the answer to a request other than execute; perhaps none."""
    kind = request.msg_type
    if kind == "comm_open":
        return (Publish(messages.comm_close(request.field("comm_id", ""))),)
    if not request.wants_reply:
        return ()
    if kind == "kernel_info_request":
        return (Reply(info),)
    if kind == "debug_request":
        return (Reply(_debug_refused(request, why)),)
    if kind == "complete_request":
        at = request.field("cursor_pos", 0)
        fields = {"matches": [], "cursor_start": at, "cursor_end": at, "metadata": {}}
        return (Reply(messages.ok_reply(kind, **fields)),)
    if kind == "usage_request":
        return (Reply(Draft("usage_reply", {})),)
    if kind == "is_complete_request":
        return (Reply(Draft("is_complete_reply", {"status": "unknown"})),)
    fixed = _FIXED.get(kind)
    if fixed is not None:
        return (Reply(messages.ok_reply(kind, **fixed)),)
    return (Reply(messages.error_reply(kind, why)),)


_FIXED: dict[str, dict[str, object]] = {
    "inspect_request": {"found": False, "data": {}, "metadata": {}},
    "history_request": {"history": []},
    "comm_info_request": {"comms": {}},
    "list_subshell_request": {"subshell_id": []},
    "interrupt_request": {},
    "shutdown_request": {"restart": False},
}


def _debug_refused(request: Request, why: Failure) -> Draft:
    """Refuse as the Debug Adapter Protocol says; ``{}`` makes JupyterLab throw."""
    return Draft(
        "debug_reply",
        {
            "type": "response",
            "request_seq": request.field("seq", 0),
            "seq": request.field("seq", 0),
            "command": request.field("command", ""),
            "success": False,
            "message": why.evalue,
        },
    )
