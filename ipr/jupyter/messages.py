"""The Jupyter vocabulary: the messages that ipr itself sends.

Knows the names and contents of messages, from the Jupyter messaging
specification. Must not know sockets, signatures or any state: each function
returns a :class:`Draft`, which has no header yet.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import attrs

EMPTY: Mapping[str, Any] = {}

#: Columns of a sentence with a list of words: JupyterLab breaks longer lines anywhere.
WIDTH = 79


@attrs.frozen
class Draft:
    """A message without header and parent.

    :ivar msg_type: for instance ``"status"``.
    :ivar content: what stands in the content frame.
    :ivar metadata: what stands in the metadata frame.
    """

    msg_type: str
    content: Mapping[str, Any]
    metadata: Mapping[str, Any] = EMPTY


@attrs.frozen
class Failure:
    """An error as clients show it.

    :ivar ename: the short name; never ``SystemExit`` (qtconsole would quit).
    :ivar evalue: one sentence.
    :ivar traceback: lines to show; the sentence itself when empty.
    :ivar facts: the same for programs: names and JSON values, in the reply's
        metadata under ``ipr``.
    """

    ename: str
    evalue: str
    traceback: tuple[str, ...] = ()
    facts: tuple[tuple[str, object], ...] = attrs.field(default=(), eq=False)

    @property
    def sentence(self) -> str:
        """Both in a line."""
        return f"{self.ename}: {self.evalue}"

    def content(self) -> dict[str, Any]:
        """Return the three fields that every kind of error has."""
        lines = self.traceback or (self.sentence,)
        return {"ename": self.ename, "evalue": self.evalue, "traceback": list(lines)}


def usage_error(text: str) -> Failure:
    """Return what a magic that is used wrongly fails with, in lines of 79 columns."""
    lines = textwrap.wrap(
        f"UsageError: {text}",
        WIDTH,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
        # What was typed is quoted as it is.
        expand_tabs=False,
        replace_whitespace=False,
    )
    return Failure("UsageError", text, tuple(lines))


def silent(
    code: str, expressions: Mapping[str, str] = EMPTY, *, allow_stdin: bool = False
) -> Draft:
    """Run code that nobody sees, and that counts as no cell.

    :param expressions: to evaluate afterwards, by names of their own.
    :param allow_stdin: ipykernel goes by what came last: beside a cell, as that has it.
    """
    return Draft(
        "execute_request",
        {
            "code": code,
            "silent": True,
            "store_history": False,
            "user_expressions": dict(expressions),
            "allow_stdin": allow_stdin,
            "stop_on_error": False,
        },
    )


def piece(code: str, *, allow_stdin: bool) -> Mapping[str, Any]:
    """Return the content of an execute_request of ours whose output is seen.

    It counts as no cell, where the kernel heeds that; what waits after it is not its
    business.
    """
    return {
        "code": code,
        "silent": False,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": allow_stdin,
        "stop_on_error": False,
    }


def reply_type(msg_type: str) -> str:
    """``execute_request`` -> ``execute_reply``."""
    return msg_type.removesuffix("_request") + "_reply"


def status(state: str) -> Draft:
    """``busy`` or ``idle`` (never ``dead``: JupyterLab would not send another cell)."""
    return Draft("status", {"execution_state": state})


BUSY = status("busy")
IDLE = status("idle")


def execute_input(code: str, execution_count: int) -> Draft:
    """Tell all clients what runs."""
    return Draft("execute_input", {"code": code, "execution_count": execution_count})


def stream(text: str, name: str = "stdout") -> Draft:
    """Text under a cell."""
    return Draft("stream", {"name": name, "text": text})


def display(data: Mapping[str, str], display_id: str, *, update: bool = False) -> Draft:
    """Show or update the display ``display_id``.

    :param data: MIME type to text.
    """
    return Draft(
        "update_display_data" if update else "display_data",
        {
            "data": dict(data),
            "metadata": {},
            "transient": {"display_id": display_id},
        },
    )


def error(failure: Failure) -> Draft:
    """The error as the cell shows it (the reply alone is not shown)."""
    return Draft("error", failure.content())


def execute_ok(execution_count: int) -> Draft:
    """The reply of a cell that went well.

    Consoles compute with ``execution_count``: it is never left out.
    """
    return Draft(
        "execute_reply",
        {
            "status": "ok",
            "execution_count": execution_count,
            "user_expressions": {},
            "payload": [],
        },
    )


def execute_leave(execution_count: int) -> Draft:
    """The reply of a cell that asks the console to end, and the kernel with it."""
    leave = {"source": "ask_exit", "keepkernel": False}
    draft = execute_ok(execution_count)
    return Draft(draft.msg_type, {**draft.content, "payload": [leave]})


def execute_error(failure: Failure, execution_count: int) -> Draft:
    """The reply of a cell that failed."""
    return Draft(
        "execute_reply",
        {
            "status": "error",
            **failure.content(),
            "execution_count": execution_count,
            "user_expressions": {},
            "payload": [],
        },
        {"ipr": dict(failure.facts)} if failure.facts else EMPTY,
    )


def execute_aborted() -> Draft:
    """The reply of a cell that was queued after one that failed.

    Without execution_count, as ipykernel's: the cell was never run.
    """
    return Draft(
        "execute_reply",
        {"status": "aborted"},
        {"status": "aborted"},
    )


def error_reply(msg_type: str, failure: Failure) -> Draft:
    """An error reply to a request of any type."""
    return Draft(reply_type(msg_type), {"status": "error", **failure.content()})


def ok_reply(msg_type: str, **fields: object) -> Draft:
    """A reply with status ok to a request of any type."""
    return Draft(reply_type(msg_type), {"status": "ok", **fields})


def shutdown_reply(*, restart: bool) -> Draft:
    """On control a reply; on iopub it ends what JupyterLab takes for an ``input()``."""
    return Draft("shutdown_reply", {"status": "ok", "restart": restart})


def comm_close(comm_id: str) -> Draft:
    """Tell the client that its comm has no other end."""
    return Draft("comm_close", {"comm_id": comm_id, "data": {}})


def iopub_welcome(subscription: str) -> Draft:
    """JEP 65: what a new subscriber gets."""
    return Draft("iopub_welcome", {"subscription": subscription})


def kernel_info(*, version: str, language: str, banner: str) -> Draft:
    """A kernel_info_reply made up before any kernel could be asked.

    Every field that some client requires is there: JupyterLab, nbclient, qtconsole
    and jupyter_client each fail when a different one is missing.

    :param version: of ipr.
    :param language: from the kernelspec.
    :param banner: shown by consoles; says why the kernel did not answer.
    """
    return Draft(
        "kernel_info_reply",
        {
            "status": "ok",
            "protocol_version": "5.3",
            "implementation": "ipr",
            "implementation_version": version,
            "language_info": {
                "name": language or "unknown",
                "version": "",
                "mimetype": "text/plain",
                "file_extension": ".py" if language == "python" else ".txt",
            },
            "banner": banner,
            "help_links": [],
        },
    )
