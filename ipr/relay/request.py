"""One request of one client, and what was seen of it.

Knows its frames, its fields and how far it has come. Must not know other
requests, or how it is answered.
"""

from __future__ import annotations

from typing import Any

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


@attrs.define(slots=True, eq=False)
class Request:
    """One request of one client.

    :ivar channel: ``"shell"`` or ``"control"``.
    :ivar identities: the client's identity frames on that channel.
    :ivar header: the parsed header; ``header_frame`` is it as it came, which
        becomes the parent header of what ipr answers.
    :ivar content_frame: the content as it came; given up when finished.
    :ivar from_notebook: whether a notebook's cell sent it: JupyterLab and VS
        Code name the cell in the metadata, consoles have none.
    :ivar execution_count: as far as known from execute_input.
    :ivar errored: the inner kernel has shown an error for it.
    :ivar number: in the order of arrival, once it is in a ledger.
    """

    channel: str
    identities: list[bytes]
    header: JSON
    header_frame: Frame
    content_frame: Frame
    from_notebook: bool = False
    busy: bool = False
    started: bool = False
    replied: bool = False
    idle: bool = False
    execution_count: int | None = None
    errored: bool = False
    input_ids: set[str] = attrs.field(factory=set)
    number: int = 0
    #: Drop the inner kernel's own busy and execute_input: ipr sent them.
    adopted: bool = False
    #: It ended without a reply, and none will come: nobody need wait for it.
    overdue: bool = False

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
    def finished(self) -> bool:
        """Whether reply and idle are both out."""
        return self.idle and (self.replied or not self.wants_reply)

    @property
    def content(self) -> JSON:
        """The parsed content, ``{}`` when it is broken or gone."""
        try:
            return parse_object(self.content_frame, "content")
        except Malformed:
            return {}

    def field(self, name: str, default: Any) -> Any:
        """One field of the content, if it has the type of ``default``."""
        found = self.content.get(name, default)
        return found if isinstance(found, type(default)) else default
