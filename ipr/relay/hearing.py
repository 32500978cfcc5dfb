"""What one inner kernel says, and where it goes.

Knows what is believed, what is passed on as it is, what is noted of it, and
what goes no further. Must not know what was sent, or why.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.logger import Logger

from ipr.jupyter import messages
from ipr.jupyter.signing import Signer
from ipr.jupyter.wire import (
    CONTENT,
    DELIMITER,
    HEADER,
    LEAST,
    PARENT,
    Envelope,
    Frame,
    Malformed,
    id_of,
    quick_count,
    split,
)
from ipr.kernel import memory
from ipr.relay import completion, usage
from ipr.relay.aborting import aborts
from ipr.relay.conversation import Conversation
from ipr.relay.kept import Kept
from ipr.relay.lostidle import LostIdles
from ipr.relay.readiness import Readiness
from ipr.relay.request import Request
from ipr.relay.timer import CallLater
from ipr.relay.trace import Trace
from ipr.relay.voice import Voice


class Hearing:
    """One inner kernel is heard.

    :param readiness: is told of signs of it.
    :param conversation: its requests get on by what is heard.
    :param distrust: called once when the kernel turns out not to be ours.
    """

    def __init__(
        self,
        conversation: Conversation,
        readiness: Readiness,
        voice: Voice,
        signer: Signer,
        trace: Trace,
        distrust: Callable[[], None],
        call_later: CallLater,
    ) -> None:
        self.conversation = conversation
        self.readiness = readiness
        self._ledger = conversation.ledger
        self._voice = voice
        self._signer = signer
        self._trace = trace
        self._distrust = distrust
        self._idles = LostIdles(
            conversation.ledger, conversation.errands, call_later, self._idle_lost
        )
        # Whether everything is verified, since it may be somebody else.
        self._doubting = True
        self._deaf = False

    def believe(self) -> None:
        """It is ready: what is only passed on is verified by the clients."""
        self._doubting = False
        self.readiness.stop()

    def close(self) -> None:
        """Hear nothing any more."""
        self._deaf = True
        self.readiness.stop()
        self._idles.stop()

    def received(self, channel: str, frames: list[Frame]) -> None:
        """Take one message."""
        if self._deaf:
            return
        if self._trace.on:
            self._trace.kernel(channel, frames)
        if channel == "iopub":
            self._published(frames)
            return
        try:
            envelope = split(frames)
            if not self._verified(envelope):
                return
            if not self._voice.session_known:
                self._voice.learn_session(envelope.header)
            if channel == "stdin":
                self._asked(envelope)
            else:
                self._replied(channel, envelope)
        except Malformed as error:
            _log.warn(
                "Dropped a message of the kernel on {channel}: {error}",
                channel=channel,
                error=error,
            )

    def _verified(self, envelope: Envelope) -> bool:
        """Whether the inner kernel has signed it; otherwise it goes no further.

        On tcp the ports are chosen before the kernel binds them: somebody else
        may have been quicker, and gets what we send. The same holds where a socket
        was closed and connected again. Nothing more from there is looked at: a flood
        costs no more than reading it. A kernel that is known to be ours, on the
        connection that it always had, may send nonsense: clients drop that.
        """
        if self._signer.verifies(envelope.body):
            return True
        if self._doubting or not self.conversation.kernel.steady:
            self._deaf = True
            self._distrust()
            return False
        raise Malformed("its signature does not fit the connection file's key")

    # --- iopub --------------------------------------------------------------

    def _published(self, frames: list[Frame]) -> None:
        """Pass on what came on iopub; verify what is acted on.

        The rest is verified by the clients, once the kernel is known to be ours.
        """
        try:
            start = frames.index(DELIMITER)
            header = frames[start + HEADER]
        except (ValueError, IndexError):
            _log.warn("Dropped a message of the kernel on iopub: no delimiter")
            return
        if (
            self._doubting
            or self.conversation.errands.hearers
            or self._ledger.withheld
            or b'"status"' in header
            or b'"execute_input"' in header
            or b'"error"' in header
            or b'"iopub_welcome"' in header
            or b'"shutdown_reply"' in header
        ):
            try:
                envelope = split(frames)
                if not self._verified(envelope):
                    return
                if not self.readiness.published:
                    self._first_published(envelope)
                if b'"status"' in header and _IS_STATUS.search(header) is not None:
                    self._status(envelope, frames)
                    return
                if not self._noted(envelope):
                    return
            except Malformed as error:
                _log.warn(
                    "Dropped a message of the kernel on iopub: {error}", error=error
                )
                return
        self._voice.front.publish(frames)
        # The clients come first. What is kept ipr may sign one day: so it has to be the
        # kernel's, on the connection that it always had, or signed.
        if len(frames) >= start + LEAST and (
            self.conversation.kernel.steady or self._signer.verifies(frames[start:])
        ):
            self._ledger.recording.outputs.published(
                header, frames[start + PARENT], frames[start + CONTENT]
            )

    def _first_published(self, envelope: Envelope) -> None:
        self._voice.learn_session(envelope.header)
        if envelope.header["msg_type"] != "iopub_welcome":
            self.readiness.published = True

    def _noted(self, envelope: Envelope) -> bool:
        """Note a message that matters; False: it goes no further."""
        kind = envelope.header["msg_type"]
        if kind == "iopub_welcome" or self.conversation.errands.published(envelope):
            return False
        request = self._ledger.parent(envelope)
        if request is None:
            return True
        kept = request.progress.kept
        if kept is not None and kept.published is not None and kept.published(envelope):
            return False
        if kind == "execute_input":
            if request.progress.kept is not None and request.progress.kept.answered:
                return False  # no cell's
            count = quick_count(bytes(envelope.body[CONTENT]))
            if count is None:
                count = envelope.content.get("execution_count")
            if isinstance(count, int):
                request.progress.execution_count = self._voice.count = count
                if kept is not None and kept.numbered is not None:
                    kept.numbered(count)
                    return False
            return not request.progress.adopted
        if kind == "error":
            request.progress.code = "failed"
        return True

    def _status(self, envelope: Envelope, frames: list[Frame]) -> None:
        """Pass on a status, unless it is ipr's own affair, and note it."""
        content = bytes(envelope.body[CONTENT])
        request = self._ledger.parent(envelope)
        if request is None:
            if not self.conversation.errands.published(envelope):
                self._voice.front.publish(frames)
            elif b'"idle"' in content:
                self.readiness.idled()
        elif b'"busy"' in content:
            if self._ledger.busy(request) and not request.progress.adopted:
                self._voice.front.publish(frames)
        elif b'"idle"' in content:
            self._idled(request, frames)
        else:
            self._voice.front.publish(frames)

    def _idled(self, request: Request, frames: list[Frame]) -> None:
        kept = request.progress.kept
        if kept is not None and not request.finished:
            kept.keep_idle(frames)
            self._look_at_kept(request, kept)
            return
        if self._ledger.idled(request):
            self._voice.front.publish(frames)
        self.conversation.progressed(request)

    def _idle_lost(self, request: Request) -> None:
        _log.warn("The idle of a {kind} was lost", kind=request.msg_type)
        self._idled(request, self._voice.written(messages.IDLE, request))

    # --- shell, control, stdin ----------------------------------------------

    def _replied(self, channel: str, envelope: Envelope) -> None:
        request = self._ledger.parent(envelope, channel)
        if request is None:
            if not self.conversation.errands.answered(envelope.parent_id, envelope):
                _log.info(
                    "Dropped a {kind} of the kernel: it belongs to no request",
                    kind=envelope.header["msg_type"],
                )
            return
        # Before the ledger may give up the request's content.
        failed = self.conversation.moved is not None and aborts(request, envelope)
        if channel == "control":
            self.conversation.subshells.note(request, envelope)
            if request.msg_type == "usage_request":
                usage.correct(envelope, memory.job, self._signer)
        if request.progress.reply == "sent":
            _log.info("Dropped a second reply to {kind}", kind=request.msg_type)
            return
        if request.progress.status != "idle":
            self._idles.expect()
        kept = request.progress.kept
        if kept is not None:
            kept.keep_reply(envelope, failed=aborts(request, envelope))
            self._look_at_kept(request, kept)
            return
        if self.conversation.merging:
            completion.merge(envelope, self.conversation.merging, self._signer)
        self._voice.front.send(request.channel, request.identities + envelope.body)
        self._ledger.replied(request, envelope)
        self.conversation.progressed(request, failed=failed)

    def _look_at_kept(self, request: Request, kept: Kept) -> None:
        """Until both are there the request is as open as before, should it be lost."""
        whole = kept.whole
        if whole is not None:
            self._ledger.idled(request)
            self._ledger.replied(request, whole.reply)
            kept.over(whole)

    def _asked(self, envelope: Envelope) -> None:
        request = self._ledger.parent(envelope)
        if request is None:
            _log.warn(
                "Dropped an input_request of the kernel: it belongs to no open cell"
            )
            return
        msg_id = id_of(envelope.header)
        self._ledger.input_asked(request, msg_id)
        frames = request.identities + envelope.body
        self.conversation.questions.put(msg_id, frames)


_IS_STATUS = re.compile(rb'"msg_type"\s*:\s*"status"')

_log = Logger()
