"""The door: what clients send is verified, and given to whose business it is.

Knows signatures, repeated messages, and which requests ipr answers itself.
Must not know what becomes of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from twisted.logger import Logger

from ipr.jupyter import magics, messages
from ipr.jupyter.messages import Failure
from ipr.jupyter.signing import Replays, Signer
from ipr.jupyter.wire import (
    CONTENT,
    MOST_FRAMES,
    SIGNATURE,
    Envelope,
    Frame,
    Malformed,
    split,
)
from ipr.relay import completion
from ipr.relay.answers import Publish, Reply
from ipr.relay.cells import Begun, Cell
from ipr.relay.conversation import Conversation
from ipr.relay.gate import Gate, Open, Refusing
from ipr.relay.greetings import NO_KERNEL, Greetings
from ipr.relay.ports import Commands, Decider
from ipr.relay.request import Request
from ipr.relay.restarts import Restarts
from ipr.relay.trace import Trace
from ipr.relay.voice import Voice

#: Seconds between two records of clients' messages that were dropped.
COMPLAINT_TIME = 10.0

#: What a request gets of which not all was read.
TOO_LONG = Failure(
    "TooManyBuffers", f"ipr passes on messages of up to {MOST_FRAMES} frames"
)


class Business:
    """What ipr answers itself.

    :param current: returns the conversation with the current kernel.
    :param begun: cells that must end when the daemon does.
    """

    def __init__(
        self,
        voice: Voice,
        gate: Gate,
        restarts: Restarts,
        greetings: Greetings,
        decider: Decider,
        commands: Commands,
        current: Callable[[], Conversation | None],
        begun: Begun,
    ) -> None:
        self._voice = voice
        self._gate = gate
        self._restarts = restarts
        self._greetings = greetings
        self._decider = decider
        self._commands = commands
        self._current = current
        self._begun = begun

    def take(self, channel: str, envelope: Envelope) -> bool:
        """Answer a request, if it is ours."""
        own = self._OURS.get(envelope.header["msg_type"])
        return own is not None and own(self, channel, envelope)

    def refuse(self, channel: str, envelope: Envelope, why: Failure) -> None:
        """Answer a request that can go nowhere."""
        self._voice.refuse(Request.of(channel, envelope), why)

    def interrupt(self) -> None:
        """Somebody wants the running cell to be interrupted."""
        self._restarts.urge()
        conversation = self._current()
        if conversation is not None:
            conversation.interrupt()

    def _execute(self, channel: str, envelope: Envelope) -> bool:
        """Look for a magic; every other cell passes."""
        if self._greetings.obituary.pending and self._gate.clear is not None:
            self._greetings.tell_of_death(channel, envelope)
        content = envelope.body[CONTENT]
        if not magics.suspicious(
            content if isinstance(content, bytes) else bytes(content)
        ):
            return False
        try:
            code = envelope.content.get("code")
        except Malformed:
            return False
        magic = magics.parse(code) if isinstance(code, str) else None
        if magic is None or self._is_final():
            return False
        if isinstance(magic, magics.Restart):
            self._restarts.ask(channel, envelope, magic)
            return True
        request = Request.of(channel, envelope)
        cell = Cell(self._voice.post, request, self._voice.number(request))
        self._begun.begin(cell)
        if isinstance(magic, magics.Mistake):
            cell.fail(Failure("UsageError", magic.text))
            return True
        try:
            self._commands.run(cell, magic)
        except Exception:
            _log.failure("%ipr failed")
            cell.fail(Failure("IprError", "this went wrong; the log says how"))
        return True

    def _is_final(self) -> bool:
        state = self._gate.state
        return isinstance(state, Refusing) and state.final

    def _kernel_info(self, channel: str, envelope: Envelope) -> bool:
        """Answer on control always, on shell while the kernel cannot."""
        if channel == "shell" and isinstance(self._gate.state, Open):
            return False
        self._greetings.ask(channel, envelope)
        return True

    def _interrupt_request(self, channel: str, envelope: Envelope) -> bool:
        state = self._gate.state
        if isinstance(state, Open):
            conversation = state.conversation
            if conversation.kernel.interrupt_mode == "message":
                self._restarts.urge()
                conversation.send(channel, envelope)
                return True
        self.interrupt()
        self._voice.refuse(Request.of(channel, envelope), NO_KERNEL)
        return True

    def _shutdown_request(self, channel: str, envelope: Envelope) -> bool:
        request = Request.of(channel, envelope)
        draft = messages.shutdown_reply(restart=request.field("restart", False))
        self._voice.answer(request, Reply(draft), Publish(draft))
        self._decider.shut_down()
        return True

    def _complete(self, channel: str, envelope: Envelope) -> bool:
        state = self._gate.state
        merging = state.conversation.merging if isinstance(state, Open) else None
        return completion.complete(self._voice, channel, envelope, merging)

    def _inspect(self, channel: str, envelope: Envelope) -> bool:
        return completion.inspect(self._voice, channel, envelope)

    def _is_complete(self, channel: str, envelope: Envelope) -> bool:
        return completion.is_complete(self._voice, channel, envelope)

    _OURS: ClassVar[dict[str, Callable[[Business, str, Envelope], bool]]] = {
        "execute_request": _execute,
        "kernel_info_request": _kernel_info,
        "complete_request": _complete,
        "inspect_request": _inspect,
        "is_complete_request": _is_complete,
        "interrupt_request": _interrupt_request,
        "shutdown_request": _shutdown_request,
    }


class Complaints:
    """Say what was dropped; not each time, since anybody can send such.

    :param now: monotonic seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._quiet_until = 0.0
        self._unsaid = 0

    def make(self, channel: str, error: Malformed) -> None:
        """Write a record, or count it for the next one."""
        if self._now() < self._quiet_until:
            self._unsaid += 1
            return
        self._quiet_until = self._now() + COMPLAINT_TIME
        others = f" (and {self._unsaid} before it)" if self._unsaid else ""
        self._unsaid = 0
        _log.warn(
            "Dropped a message on {channel}: {error}{others}",
            channel=channel,
            error=error,
            others=others,
        )


class Inbound:
    """Every message of a client comes through here once."""

    def __init__(
        self,
        signer: Signer,
        gate: Gate,
        business: Business,
        greetings: Greetings,
        trace: Trace,
        now: Callable[[], float],
    ) -> None:
        self._signer = signer
        self._gate = gate
        self.business = business
        self.trace = trace
        self._greetings = greetings
        #: What was signed with the key, and is no client's request any more.
        self.replays = Replays()
        self._complaints = Complaints(now)

    def received(self, channel: str, frames: list[Frame]) -> None:
        """Take what a client sent, or a subscription on iopub."""
        if channel == "iopub":
            if len(frames) == 1:
                self._greetings.subscription(frames[0])
            return
        try:
            envelope = split(frames)
            if not self._signer.verifies(envelope.body):
                raise Malformed("its signature does not fit the connection file's key")
            if self._signer.signs and not self.replays.fresh(envelope.body[SIGNATURE]):
                raise Malformed("it was sent before (the same signature)")
            # Whatever is wrong with it is found here.
            _ = envelope.header
        except Malformed as error:
            self._complaints.make(channel, error)
            return
        if len(frames) > MOST_FRAMES:
            # Only its head was read.
            self._complaints.make(channel, Malformed(TOO_LONG.evalue))
            if channel != "stdin":
                self.business.refuse(channel, envelope, TOO_LONG)
            return
        if channel == "stdin":
            self._answer(envelope)
            return
        if self.trace.on:
            self.trace.client(channel, envelope)
        self.dispatch(channel, envelope)

    def dispatch(self, channel: str, envelope: Envelope) -> None:
        """Give a request to whose business it is; what was held comes here again."""
        if self.business.take(channel, envelope):
            return
        conversation = self._gate.clear
        if conversation is not None:
            conversation.send(channel, envelope)
        else:
            self._gate.pass_on(channel, envelope)

    def _answer(self, envelope: Envelope) -> None:
        state = self._gate.state
        if isinstance(state, Open):
            state.conversation.send_answer(envelope)
        else:
            _log.info("Dropped an answer to a question: there is no kernel")


_log = Logger()
