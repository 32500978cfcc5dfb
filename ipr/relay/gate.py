"""Whether requests pass to an inner kernel, wait for one, or are refused.

Knows which of the three it is, what waits, in which order and how much of it.
Must not know why.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import attrs
from twisted.logger import Logger

from ipr.jupyter.messages import Failure
from ipr.jupyter.wire import Envelope, id_of
from ipr.lifecycle.causes import Cause, Ending, failure, not_run
from ipr.relay import answers
from ipr.relay.conversation import Conversation
from ipr.relay.repeating import REPEATABLE
from ipr.relay.request import Request
from ipr.relay.voice import Voice

#: Bytes that a held request takes in addition to its frames: the objects around
#: them, and the parsed header (1500 measured with Python 3.11, and what malloc adds).
HELD_BESIDES = 2000

#: What a request gets that could not be sent.
NOT_SENT = Failure("NotSent", "ipr could not pass this on; its log says why")


@attrs.frozen
class Open:
    """Requests pass to a kernel."""

    conversation: Conversation


@attrs.frozen
class Holding:
    """No kernel takes cells; one will.

    :ivar conversation: with the one that is there, and runs what comes before cells.
    """

    conversation: Conversation | None = None


@attrs.frozen
class Refusing:
    """There is no kernel, and none is coming."""

    cause: Cause

    @property
    def final(self) -> bool:
        """Whether the daemon ends: not even %restart brings a kernel."""
        return self.cause.ending is Ending.SHUT_DOWN

    @property
    def why(self) -> Failure:
        """What cells get to see."""
        return failure(self.cause) if self.final else not_run(self.cause)


State = Open | Holding | Refusing


class Gate:
    """What clients ask for comes here, if it is not ipr's own business.

    :param max_held: bytes of requests that are kept.
    :param again: takes what was held, one by one, as if it came now.
    :ivar occupied: whether a kernel that is open to the rest keeps cells waiting.
    :ivar clear: where every request passes that is not ipr's own business: the
        hot path. None: something has to be asked before.
    """

    def __init__(
        self, voice: Voice, max_held: int, again: Callable[[str, Envelope], None]
    ) -> None:
        self._voice = voice
        self._max_held = max_held
        self._again = again
        self._state: State = Holding()
        self._held: deque[tuple[str, Envelope]] = deque()
        self._held_bytes = 0
        self._queueing = False
        self._questions_too = False
        self.occupied = False
        self.clear: Conversation | None = None

    @property
    def state(self) -> State:
        """Which of the three it is."""
        return self._state

    @property
    def held(self) -> int:
        """How many requests wait for a kernel."""
        return len(self._held)

    def set(self, state: State) -> None:
        """Pass, hold or refuse from here on. What is held stays."""
        self._state = state
        self._look()

    def queue_cells(self, queueing: bool, *, questions: bool = False) -> None:
        """Keep cells back, and only these, after a %restart that waits.

        A widget may go on: a running cell may wait for it.

        :param questions: keep back what the next kernel can answer as well: nothing
            comes before the %restart any more.
        """
        self._queueing = queueing
        self._questions_too = questions
        self._look()

    def occupy(self, occupied: bool) -> None:
        """Keep cells back as well while the kernel runs something of ours."""
        self.occupied = occupied
        self._look()

    def pass_on(self, channel: str, envelope: Envelope) -> None:
        """Pass on, keep or refuse a request."""
        state = self._state
        waits = self._queueing or self.occupied
        if waits and (_is_cell(channel, envelope) or self._is_held_back(envelope)):
            self.keep(channel, envelope)
        elif isinstance(state, Open):
            state.conversation.send(channel, envelope)
        elif isinstance(state, Holding):
            self.keep(channel, envelope)
        else:
            self._voice.refuse(Request.of(channel, envelope), state.why)

    def keep(self, channel: str, envelope: Envelope) -> None:
        """Keep it for a kernel to come, after what is there already."""
        if self._has_room(channel, envelope):
            self._held.append((channel, envelope))

    def keep_first(self, requests: Sequence[tuple[str, Envelope]]) -> None:
        """Keep requests that came before all that are kept."""
        for channel, envelope in reversed(requests):
            if self._has_room(channel, envelope):
                self._held.appendleft((channel, envelope))

    def _has_room(self, channel: str, envelope: Envelope) -> bool:
        """Count one more, or refuse it."""
        size = envelope.size + HELD_BESIDES
        if self._held_bytes + size > self._max_held:
            why = Failure(
                "TooMuchHeld",
                "the kernel is restarting, and more requests wait for it than"
                f" ipr keeps ({self._max_held >> 20} MiB); send it again later",
            )
            self._voice.refuse(Request.of(channel, envelope), why)
            return False
        self._held_bytes += size
        return True

    def resume(self) -> None:
        """Take again what was held, in order; some of it may have to wait on."""
        for channel, envelope in self._take():
            try:
                self._again(channel, envelope)
            except Exception:
                # One message must not keep those after it from being answered.
                _log.failure("A request that was held could not be processed")
                self._not_sent(channel, envelope)

    def refuse_held(self, why: Failure, *, failed: bool) -> None:
        """Answer what is held; cells that queue after a %restart stay.

        :param failed: a %restart before them has failed: they are aborted.
        """
        for channel, envelope in self._take():
            request = Request.of(channel, envelope)
            cell = request.msg_type == "execute_request"
            if self._queueing and cell:
                self.keep(channel, envelope)
            elif failed and cell and request.field("stop_on_error", True):
                self._voice.post(request, answers.aborted(request))
            else:
                self._voice.refuse(request, why)

    def abort_held(self, subshell: str) -> None:
        """Do to cells that are held what ipykernel does to its own queue.

        :param subshell: the one whose cell has failed; ``""``: the main shell.
        """
        for channel, envelope in self._take():
            header = envelope.header
            cell = header["msg_type"] == "execute_request"
            if cell and (header.get("subshell_id") or "") == subshell:
                request = Request.of(channel, envelope)
                self._voice.post(request, answers.aborted(request))
            else:
                self.keep(channel, envelope)

    def _not_sent(self, channel: str, envelope: Envelope) -> None:
        state, msg_id = self._state, id_of(envelope.header)
        # One that could not be sent is in the ledger.
        if isinstance(state, Open) and state.conversation.ledger.find(msg_id):
            return
        self._voice.refuse(Request.of(channel, envelope), NOT_SENT)

    def _is_held_back(self, envelope: Envelope) -> bool:
        return self._questions_too and envelope.header["msg_type"] in REPEATABLE

    def _take(self) -> list[tuple[str, Envelope]]:
        held, self._held, self._held_bytes = self._held, deque(), 0
        return list(held)

    def _look(self) -> None:
        state = self._state
        self.clear = None
        if isinstance(state, Open) and not (self._queueing or self.occupied):
            self.clear = state.conversation


def _is_cell(channel: str, envelope: Envelope) -> bool:
    return channel == "shell" and envelope.header["msg_type"] == "execute_request"


_log = Logger()
