"""Every request that a client sent and that is not finished.

Knows which requests are open, what was seen of each (busy, input asked,
reply, idle), and to which generation of the inner kernel it went. Must not
know how answers are made or sent.

A request is finished when it has its reply, if its type has one, and its
idle. A finished one is remembered for a while, so that what comes late
still finds its client, and nothing is answered twice.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import attrs

from ipr.wire import (
    CONTENT,
    HEADER,
    JSON,
    METADATA,
    Envelope,
    Frame,
    Malformed,
    parse_object,
)

#: Open requests that are kept. There are kernels that never answer some
#: types (tslab: history); what a client polls for must not pile up for ever.
MOST_OPEN = 4096

#: Finished requests that are remembered.
REMEMBERED = 512


@attrs.define(slots=True, eq=False)
class Request:
    """One request of one client.

    :ivar channel: ``"shell"`` or ``"control"``.
    :ivar identities: the client's identity frames on that channel.
    :ivar header: the parsed header; ``header_frame`` is it as it came, which
        becomes the parent header of what ipr answers.
    :ivar content_frame: the content as it came; given up when finished.
    :ivar generation: of the inner kernel that it was sent to; 0: to none.
    :ivar from_notebook: whether a notebook's cell sent it: JupyterLab and VS
        Code name the cell in the metadata, consoles have none.
    :ivar execution_count: as far as known from execute_input.
    :ivar errored: the inner kernel has shown an error for it.
    """

    channel: str
    identities: list[bytes]
    header: JSON
    header_frame: Frame
    content_frame: Frame
    generation: int = 0
    from_notebook: bool = False
    busy: bool = False
    started: bool = False
    replied: bool = False
    idle: bool = False
    execution_count: int | None = None
    errored: bool = False
    input_ids: set[str] = attrs.field(factory=set)
    #: Drop the inner kernel's own busy and execute_input: ipr sent them.
    adopted: bool = False
    #: What the client will get as parent was answered by ipr: nothing more
    #: of the inner kernel's may follow.
    closed: bool = False
    #: It ended without a reply, and none will come: nobody need wait for it.
    overdue: bool = False

    @classmethod
    def of(cls, channel: str, envelope: Envelope, generation: int = 0) -> Request:
        """Make the entry for a message that came from a client.

        :raises ipr.wire.Malformed: when the header is unusable.
        """
        return cls(
            channel,
            envelope.identities,
            envelope.header,
            envelope.body[HEADER],
            envelope.body[CONTENT],
            generation,
            b'"cellId"' in envelope.body[METADATA],
        )

    @property
    def msg_id(self) -> str:
        """The id by which replies name it as their parent."""
        found: str = self.header["msg_id"]
        return found

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


class Ledger:
    """The open requests, in the order in which they arrived."""

    def __init__(self) -> None:
        self._open: dict[str, Request] = {}
        self._late: OrderedDict[str, Request] = OrderedDict()
        #: Open execute_requests on shell without a reply: what a
        #: ``%restart`` that takes its turn waits for.
        self.executing = 0
        #: Open requests whose code waits for ``input()``, by the msg_id of
        #: each input_request.
        self.inputs: dict[str, Request] = {}

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, request: Request) -> None:
        """Note a request, just before it is forwarded.

        A msg_id that is still open (a broken client) takes the place of the
        older one, so that a reply goes to the one who asked last.
        """
        older = self._open.pop(request.msg_id, None)
        if older is not None:
            self._uncount(older)
        self._open[request.msg_id] = request
        if request.channel == "shell" and request.msg_type == "execute_request":
            self.executing += 1
        if len(self._open) > MOST_OPEN:
            self._forget_oldest()

    def find(self, msg_id: str) -> Request | None:
        """The request of that id, open or finished lately."""
        return self._open.get(msg_id) or self._late.get(msg_id)

    def busy(self, request: Request) -> bool:
        """Note its busy; False when it had its idle before (do not send)."""
        if request.idle:
            return False
        request.busy = request.started = True
        return True

    def idled(self, request: Request) -> bool:
        """Note its idle; False when it had one before (do not send)."""
        if request.idle:
            return False
        request.idle = True
        self._settle(request)
        return True

    def replied(self, request: Request) -> bool:
        """Note its reply; False when it had one before (do not send)."""
        if request.replied:
            return False
        self._uncount(request)
        request.replied = True
        self._forget_inputs(request)
        self._settle(request)
        return True

    def input_asked(self, request: Request, input_id: str) -> None:
        """Note that its code waits for ``input()``."""
        request.started = True
        request.input_ids.add(input_id)
        self.inputs[input_id] = request

    def input_given(self, parent_id: str, identities: list[bytes]) -> bool:
        """Note that a client answered; False when nobody asked it that.

        :param parent_id: of the answer: the question's msg_id, or its cell's;
            ``""``: the oldest question to that client, or else to anybody
            (jupyter_client's answers have no parent).
        :param identities: of the client.
        """
        found = parent_id if parent_id in self.inputs else ""
        for input_id, request in () if found else self.inputs.items():
            if parent_id:
                if request.msg_id == parent_id:
                    found = input_id
                    break
            elif request.identities == identities:
                found = input_id
                break
            else:
                found = found or input_id
        request_of_it = self.inputs.pop(found, None)
        if request_of_it is None:
            return False
        request_of_it.input_ids.discard(found)
        return True

    def replies_overdue(self) -> list[Request]:
        """The cells that a ``%restart`` waits for, if all have said idle.

        ipykernel answers a cell that makes no sense by busy and idle only.
        Empty as long as one of them runs.
        """
        cells = [
            request
            for request in self._open.values()
            if request.channel == "shell"
            and request.msg_type == "execute_request"
            and not (request.replied or request.overdue)
        ]
        return cells if all(request.idle for request in cells) else []

    def give_up(self, request: Request) -> None:
        """Wait no longer for its reply; it gets one when its kernel ends."""
        self._uncount(request)
        request.overdue = True

    def unfinished(self, generation: int | None = None) -> list[Request]:
        """The open requests, of one generation or of all, oldest first."""
        return [
            request
            for request in self._open.values()
            if generation is None or request.generation == generation
        ]

    def presume_started(self, generation: int) -> None:
        """Take the first open cell of each shell for the one that ran.

        A kernel that dies at once takes its busy with it; its cell must not
        count as one that was only queued.
        """
        seen: set[object] = set()
        for request in self.unfinished(generation):
            if request.msg_type != "execute_request" or request.replied:
                continue
            shell = (request.channel, request.header.get("subshell_id"))
            if shell not in seen:
                seen.add(shell)
                request.started = True

    def close(self, request: Request) -> None:
        """Note that ipr itself sent all that was missing."""
        self._uncount(request)
        request.replied = request.idle = request.closed = True
        self._forget_inputs(request)
        self._settle(request)

    def _forget_oldest(self) -> None:
        for msg_id, request in self._open.items():
            if request.msg_type != "execute_request":
                del self._open[msg_id]
                # Its answer may still come, and finds its client there.
                self._remember(request)
                return

    def _uncount(self, request: Request) -> None:
        if (
            not (request.replied or request.overdue)
            and request.channel == "shell"
            and request.msg_type == "execute_request"
            and self._open.get(request.msg_id, request) is request
        ):
            self.executing -= 1

    def _forget_inputs(self, request: Request) -> None:
        for input_id in request.input_ids:
            self.inputs.pop(input_id, None)
        request.input_ids.clear()

    def _settle(self, request: Request) -> None:
        if not request.finished:
            return
        self._forget_inputs(request)
        if self._open.get(request.msg_id) is request:
            del self._open[request.msg_id]
        self._remember(request)

    def _remember(self, request: Request) -> None:
        request.content_frame = b"{}"
        self._late[request.msg_id] = request
        self._late.move_to_end(request.msg_id)
        if len(self._late) > REMEMBERED:
            self._late.popitem(last=False)
