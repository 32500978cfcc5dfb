"""Every request that a client sent and that is not finished.

Knows which requests of one inner kernel are open, and what was seen of each
(busy, input asked, reply, idle). Must not know how answers are made or sent.

A request is finished when it has its reply, if its type has one, and its
idle. A finished one is remembered for a while, so that what comes late
still finds its client, and nothing is answered twice.

**Which request a message belongs to.** No client identity goes to the inner
kernel, so its messages name only a msg_id, with the rest of the request's
header around it. Clients that count 1, 2, 3 use the same ids, and so does one
whose control requests are numbered by another counter (an interrupt by
message with the id of the cell that it interrupts). So several open requests
may have one id, all of them are kept, and a message is given to the first one
that fits it: by session and type, which kernels copy with the id; a reply by
its channel, too. Where even those are the same, kernels answer in order: a
reply is for the first that has none, a status for the first that is busy.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import chain
from operator import attrgetter

from ipr.jupyter.wire import Envelope, Frame
from ipr.relay.cellhistory import NOT_RECORDED, Recording
from ipr.relay.namesakes import meant
from ipr.relay.passing import Passing, is_cell, shell_of
from ipr.relay.request import Request

#: Open requests above which those are looked for that the kernel has passed over.
MANY_OPEN = 4096

#: Finished requests that are remembered.
REMEMBERED = 512


class Ledger:
    """The open requests, in the order in which they arrived.

    :param recording: is told of each cell, and what becomes of it.
    """

    def __init__(self, recording: Recording = NOT_RECORDED) -> None:
        self.recording = recording
        #: Whether outputs of a request are kept from the clients, so that all that
        #: is published has to be looked at.
        self.withheld = False
        # The first of each id; those after it, of which there are nearly
        # always none, are in _namesakes.
        self._open: OrderedDict[str, Request] = OrderedDict()
        self._namesakes: dict[str, deque[Request]] = {}
        self._late: OrderedDict[str, Request] = OrderedDict()
        #: How many requests have been forwarded.
        self.entered = 0
        #: Open execute_requests on shell without a reply: what a
        #: ``%restart`` that takes its turn waits for.
        self.executing = 0
        # Those of them that have said idle.
        self._executed = 0
        #: Open requests whose code waits for ``input()``, by the msg_id of
        #: each input_request.
        self.inputs: dict[str, Request] = {}
        self._passing = Passing()

    def __len__(self) -> int:
        return len(self._open) + sum(map(len, self._namesakes.values()))

    def enter(self, request: Request, content: Frame | None = None) -> None:
        """Note a request that was forwarded.

        :param content: what the kernel was sent, if that is not the request's own.
        """
        self.entered += 1
        request.progress.number = self.entered
        if self._open.setdefault(request.msg_id, request) is not request:
            self._namesakes.setdefault(request.msg_id, deque()).append(request)
        if is_cell(request):
            self.executing += 1
            self.recording.sent(request, content or request.content_frame)
        if len(self._open) > MANY_OPEN:
            # Two for each that comes, so that they become fewer.
            self._look_at_oldest()
            self._look_at_oldest()

    def find(self, msg_id: str) -> Request | None:
        """The first request of that id, open or finished lately."""
        return self._open.get(msg_id) or self._late.get(msg_id)

    def parent(self, envelope: Envelope, channel: str = "") -> Request | None:
        """The request that a message of the inner kernel belongs to.

        :param channel: ``"shell"`` or ``"control"`` for a reply.
        :raises Malformed: when the parent header is none.
        """
        msg_id = envelope.parent_id
        found = self._open.get(msg_id)
        if found is None:
            return self._late.get(msg_id)
        if self._namesakes and msg_id in self._namesakes:
            namesakes = chain((found,), self._namesakes[msg_id])
            return meant(namesakes, envelope, channel)
        return found

    def busy(self, request: Request) -> bool:
        """Note its busy; False when it had one, or its idle, before."""
        if request.progress.status != "none":
            return False
        request.progress.begin()
        if request.progress.ran is not None:
            self.recording.began(request.progress.ran)
        return True

    def idled(self, request: Request) -> bool:
        """Note its idle; False when it had one before."""
        if request.progress.status == "idle":
            return False
        if _awaited(request):
            self._executed += 1
        request.progress.status = "idle"
        self._settle(request)
        return True

    def replied(self, request: Request, reply: Envelope | None = None) -> bool:
        """Note its reply; False when it had one before.

        :param reply: if what it says matters.
        """
        if request.progress.reply == "sent":
            return False
        if request.progress.ran is not None:
            self.recording.answered(request, request.progress.ran, reply)
        self._uncount(request)
        request.progress.reply = "sent"
        self._forget_inputs(request)
        self._settle(request)
        return True

    def input_asked(self, request: Request, input_id: str) -> None:
        """Note that its code waits for ``input()``."""
        request.progress.start()
        self.inputs[input_id] = request

    def input_given(self, parent_id: str, identities: list[bytes]) -> bool:
        """Note that a client answered; False when nobody waits for an answer.

        :param parent_id: of the answer. The question's msg_id, or its cell's;
            otherwise it is the oldest question to that client, or else to
            anybody: jupyter_client's answers have no parent, and kernels take
            the next answer that comes, whatever it names.
        :param identities: of the client.
        """
        found = parent_id if parent_id in self.inputs else ""
        if not found:
            questions = self.inputs.items()
            found = (
                next((i for i, cell in questions if cell.msg_id == parent_id), "")
                or next(
                    (i for i, cell in questions if cell.identities == identities), ""
                )
                or next(iter(self.inputs), "")
            )
        return self.inputs.pop(found, None) is not None

    def replies_overdue(self) -> list[Request]:
        """The cells that a ``%restart`` waits for, if all have said idle.

        ipykernel answers a cell that makes no sense by busy and idle only.
        Empty as long as one of them runs.
        """
        if not self.silent:
            return []
        return [request for request in self.unfinished() if _awaited(request)]

    def without_idle(self) -> list[Request]:
        """Those that have their reply and not their idle, oldest first."""
        return [
            request
            for request in self.unfinished()
            if request.progress.status != "idle" and request.has_reply
        ]

    def begun(self) -> dict[tuple[str, object], int]:
        """The newest request of each shell that its kernel runs, by its number."""
        return {
            shell_of(request): request.progress.number
            for request in self.unfinished()
            if request.progress.status == "busy" and not request.progress.adopted
        }

    @property
    def silent(self) -> bool:
        """Whether all cells without a reply, if there are any, have said idle."""
        return 0 < self.executing == self._executed

    def give_up(self, request: Request) -> None:
        """Wait no longer for its reply; it gets one when its kernel ends."""
        self._uncount(request)
        if request.progress.reply == "due":
            request.progress.reply = "overdue"

    def unfinished(self) -> list[Request]:
        """The open requests, oldest first."""
        everything = chain(self._open.values(), *self._namesakes.values())
        return sorted(everything, key=attrgetter("progress.number"))

    def presume_started(self) -> None:
        """Take the first open cell of each shell for the one that ran.

        A kernel that dies at once takes its busy with it; its cell must not
        count as one that was only queued.
        """
        seen: set[object] = set()
        for request in self.unfinished():
            replied = request.progress.reply == "sent"
            if request.msg_type != "execute_request" or replied:
                continue
            shell = shell_of(request)
            if shell not in seen:
                seen.add(shell)
                request.progress.start()

    def close(self, request: Request, *, died: bool = False) -> None:
        """Note that ipr itself sent all that was missing.

        :param died: the kernel has ended by itself.
        """
        if request.progress.ran is not None:
            self.recording.lost(request, request.progress.ran, died=died)
        self._uncount(request)
        request.progress.reply = "sent"
        request.progress.status = "idle"
        self._forget_inputs(request)
        self._settle(request)

    def _look_at_oldest(self) -> None:
        """Give up the oldest, if the kernel has passed it over.

        What is given up is still remembered for a while.
        """
        msg_id, request = next(iter(self._open.items()))
        if self._passing.over(request):
            self.give_up(request)
            self._remove(request)
            self._remember(request)
        else:
            # Looked at again when all the others have been.
            self._open.move_to_end(msg_id)

    def _uncount(self, request: Request) -> None:
        if _awaited(request):
            self.executing -= 1
            if request.progress.status == "idle":
                self._executed -= 1

    def _forget_inputs(self, request: Request) -> None:
        if self.inputs:
            for input_id in [i for i, r in self.inputs.items() if r is request]:
                del self.inputs[input_id]

    def _settle(self, request: Request) -> None:
        if not request.finished:
            return
        self._forget_inputs(request)
        self._passing.finished(request, many=len(self._open) > MANY_OPEN // 2)
        self._remove(request)
        self._remember(request)

    def _remove(self, request: Request) -> None:
        msg_id = request.msg_id
        others = self._namesakes.get(msg_id) if self._namesakes else None
        if others is None:
            if self._open.get(msg_id) is request:
                del self._open[msg_id]
            return
        if self._open[msg_id] is request:
            self._open[msg_id] = others.popleft()
        elif request in others:
            others.remove(request)
        if not others:
            del self._namesakes[msg_id]

    def _remember(self, request: Request) -> None:
        request.content_frame = b"{}"
        request.progress.question = None
        self._late[request.msg_id] = request
        self._late.move_to_end(request.msg_id)
        if len(self._late) > REMEMBERED:
            self._late.popitem(last=False)


def _awaited(request: Request) -> bool:
    return is_cell(request) and request.progress.reply == "due"
