"""Writes the messages that ipr itself sends.

Knows how to put a header on a draft and sign it. Must not know when
anything is sent, or through what. Its messages carry the session of the
inner kernel, never one of their own: VS Code drops outputs, and JupyterLab
comm messages, when sessions mix on one connection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ipr.jupyter.messages import Draft
from ipr.jupyter.signing import Signer
from ipr.jupyter.wire import JSON, Frame, dumps

PROTOCOL_VERSION = "5.3"

#: How many sessions are remembered: one for each kernel.
MOST_SESSIONS = 256


class Author:
    """Makes whole bodies (delimiter and all that follows).

    :param signer: with the key of the connection file.
    :param new_id: returns a new message id.
    :param now: returns the time as ISO 8601.
    :ivar sessions: those of the inner kernels until now, the latest last; the first
        is made up.
    """

    def __init__(
        self, signer: Signer, new_id: Callable[[], str], now: Callable[[], str]
    ) -> None:
        self._signer = signer
        self.new_id = new_id
        self._now = now
        self.sessions = deque([new_id()], MOST_SESSIONS)
        self.username = "username"
        #: The protocol's, until an inner kernel has sent its own.
        self.version = PROTOCOL_VERSION

    @property
    def session(self) -> str:
        """The inner kernel's; made up until one has sent its own."""
        return self.sessions[-1]

    @session.setter
    def session(self, session: str) -> None:
        if session != self.session:
            self.sessions.append(session)

    def header(self, msg_type: str, **more: object) -> JSON:
        """Make a header."""
        return {
            "msg_id": self.new_id(),
            "msg_type": msg_type,
            "username": self.username,
            "session": self.session,
            "date": self._now(),
            "version": self.version,
            **more,
        }

    def body(self, draft: Draft, parent: Frame) -> list[Frame]:
        """Make a message.

        :param parent: the parent header's frame.
        """
        return self._signer.body(
            dumps(self.header(draft.msg_type)),
            parent,
            dumps(dict(draft.metadata)),
            dumps(dict(draft.content)),
        )

    def request(self, draft: Draft, subshell: str = "") -> tuple[str, list[Frame]]:
        """Make a request to the inner kernel; returns its id, and the body.

        :param subshell: its id (JEP 91); ``""``: the main shell.
        """
        more = {"subshell_id": subshell} if subshell else {}
        header = self.header(draft.msg_type, **more)
        body = self._signer.body(
            dumps(header), b"{}", b"{}", dumps(dict(draft.content))
        )
        msg_id: str = header["msg_id"]
        return msg_id, body

    def foreign(self, msg_type: str) -> bytes:
        """Make a parent header of a request that nobody sent.

        Status messages need one: with an empty parent jupyter_console takes
        an idle for its own; with a foreign one only those listen that
        follow the kernel as a whole.
        """
        return dumps(self.header(msg_type))

    def topic(self, draft: Draft) -> bytes:
        """Return the topic frame for iopub, formed as ipykernel does."""
        topic = f"kernel.{self.session}.{draft.msg_type}"
        # A session id may be any JSON string, one with a lone surrogate too.
        return topic.encode(errors="replace")
