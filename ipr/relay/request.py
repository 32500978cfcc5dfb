"""One request of one client, and its progress.

Knows its frames, its fields and how far it has come. Must not know other
requests, or how it is answered. A :class:`Request` is what a client sent and stays
as it is; what was seen of it since is its :class:`Progress`, in three states that
advance by themselves: a reply may come before its idle, an idle without a busy.
"""

from __future__ import annotations

import re
from typing import Literal, TypeVar

import attrs

from ipr.jupyter.wire import (
    CONTENT,
    HEADER,
    JSON,
    METADATA,
    Envelope,
    Frame,
    Malformed,
    id_of,
    parse_object,
)
from ipr.relay.kept import Kept
from ipr.relay.ran import Ran

Field = TypeVar("Field")


#: The status that was published last for a request.
Status = Literal["none", "busy", "idle"]

#: What the kernel has done with its code, as far as that was seen. Failed: it has
#: shown an error.
Code = Literal["queued", "started", "failed"]

#: Where its reply is. Overdue: the kernel has passed it over, and nobody need wait
#: for it.
ReplyState = Literal["due", "overdue", "sent"]


@attrs.define(slots=True, eq=False)
class Progress:
    """How far a request has come.

    :ivar execution_count: as far as known from execute_input.
    :ivar number: in the order of arrival, once it is in a ledger.
    :ivar adopted: drop the inner kernel's own busy and execute_input: ipr sent them.
    :ivar said: what the kernel has replied to a part of it.
    :ivar kept: where its reply and its idle go; None: to the clients, as they come.
    :ivar ran: what is taken down of it; None: nothing, or no more.
    :ivar question: the message, where another kernel can be asked the same.
    """

    status: Status = "none"
    code: Code = "queued"
    reply: ReplyState = "due"
    execution_count: int | None = None
    number: int = 0
    adopted: bool = False
    said: JSON = attrs.field(factory=dict)
    kept: Kept | None = None
    ran: Ran | None = None
    question: Envelope | None = None

    def begin(self) -> None:
        """Its busy is published."""
        self.status = "busy"
        self.start()

    def start(self) -> None:
        """Its code runs."""
        if self.code == "queued":
            self.code = "started"


@attrs.define(slots=True, eq=False)
class Request:
    """What one client sent.

    :ivar channel: ``"shell"`` or ``"control"``.
    :ivar identities: the client's identity frames on that channel.
    :ivar header: the parsed header; ``header_frame`` is it as it came, which
        becomes the parent header of what ipr answers.
    :ivar content_frame: the content as it came; ``{}`` when it is finished.
    :ivar from_notebook: whether a notebook's cell sent it: JupyterLab and VS
        Code name the cell in the metadata, consoles have none.
    """

    channel: str
    identities: list[bytes]
    header: JSON
    header_frame: Frame
    content_frame: Frame
    from_notebook: bool = False
    progress: Progress = attrs.field(factory=Progress)

    @classmethod
    def of(cls, channel: str, envelope: Envelope) -> Request:
        """Make the entry for a message that came from a client.

        :raises ipr.jupyter.wire.Malformed: when the header is unusable.
        """
        return cls(
            channel,
            envelope.identities,
            envelope.header,
            envelope.body[HEADER],
            envelope.body[CONTENT],
            b'"cellId"' in envelope.body[METADATA],
        )

    @property
    def msg_id(self) -> str:
        """The id by which replies name it as their parent."""
        return id_of(self.header)

    @property
    def msg_type(self) -> str:
        """For instance ``execute_request``."""
        found: str = self.header["msg_type"]
        return found

    @property
    def wants_reply(self) -> bool:
        """Whether this kind of message gets a reply (``comm_msg`` does not)."""
        return self.msg_type.endswith("_request")

    @property
    def has_reply(self) -> bool:
        """Whether the kernel's reply has come, if only to be kept for now."""
        kept = self.progress.kept
        return self.progress.reply == "sent" or (kept is not None and kept.replied)

    @property
    def finished(self) -> bool:
        """Whether reply and idle are both out."""
        progress = self.progress
        return progress.status == "idle" and (
            progress.reply == "sent" or not self.wants_reply
        )

    @property
    def content(self) -> JSON:
        """The parsed content, ``{}`` when it is broken or gone."""
        try:
            return parse_object(self.content_frame, "content")
        except Malformed:
            return {}

    def field(self, name: str, default: Field) -> Field:
        """One field of the content, if it has the type of ``default``."""
        found = self.content.get(name, default)
        return found if isinstance(found, type(default)) else default


def unseen(content: Frame) -> bool:
    """Whether a cell with this content is nobody's to look at.

    What a front end runs by itself is silent, or has no place in its history. Parsed
    only where a hint of that is found.
    """
    frame = content if isinstance(content, bytes) else bytes(content)
    if _UNSEEN.search(frame) is None:
        return False
    try:
        asked = parse_object(frame, "content")
    except Malformed:
        return False
    return asked.get("silent") is True or asked.get("store_history") is False


#: A hint: the same may stand in the code.
_UNSEEN = re.compile(rb'"(?:silent"\s*:\s*true|store_history"\s*:\s*false)')
