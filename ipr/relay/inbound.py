"""The door: what clients send is verified, and passed to whoever answers it.

Knows signatures and repeated messages. Must not know which requests ipr answers
itself, nor what becomes of the others.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from ipr.jupyter.author import Author
from ipr.jupyter.messages import Failure
from ipr.jupyter.signing import Replays, Signer
from ipr.jupyter.wire import (
    MOST_FRAMES,
    SIGNATURE,
    Envelope,
    Frame,
    Malformed,
    split,
)
from ipr.relay.business import Business
from ipr.relay.gate import Gate, Refusing
from ipr.relay.greetings import Greetings
from ipr.relay.trace import Trace

#: Seconds between two records of clients' messages that were dropped.
COMPLAINT_TIME = 10.0

#: What a request gets that was not read to its end.
TOO_LONG = Failure(
    "TooManyBuffers", f"ipr passes on messages of up to {MOST_FRAMES} frames"
)


class Complaints:
    """Reports what was dropped; not each time, since anybody can send such things.

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
        author: Author,
        gate: Gate,
        business: Business,
        greetings: Greetings,
        now: Callable[[], float],
    ) -> None:
        self.signer = signer
        self._author = author
        self._gate = gate
        self.business = business
        self.trace = Trace()
        self._greetings = greetings
        #: What was signed with the key, and is no client's request any more.
        self.replays = Replays()
        self._complaints = Complaints(now)

    def received(self, channel: str, frames: list[Frame]) -> None:
        """Take what a client sent, or a subscription on iopub."""
        if channel == "iopub":
            if len(frames) == 1:
                self._greetings.subscription(frames[0])
                if frames[0][:1] == b"\x01":
                    self.business.notices.subscribed()
            return
        try:
            envelope = split(frames)
            if not self.signer.verifies(envelope.body):
                raise Malformed("its signature does not fit the connection file's key")
            if self.signer.signs and not self.replays.fresh(envelope.body[SIGNATURE]):
                raise Malformed("it was sent before (the same signature)")
            # Whatever is wrong with it is found here.
            header = envelope.header
            if (
                header["msg_type"].startswith("comm_")
                and header.get("session") in self._author.sessions
            ):
                # All that listen on iopub have it, signed, and a kernel takes the
                # types that it publishes here from clients as well.
                raise Malformed("a kernel has published it")
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
        """Pass a request to whoever answers it; what was held comes here again."""
        if self.business.take(channel, envelope):
            return
        conversation = self._gate.clear
        if conversation is not None:
            conversation.send(channel, envelope)
        else:
            self._gate.pass_on(channel, envelope)

    def _answer(self, envelope: Envelope) -> None:
        state = self._gate.state
        conversation = None if isinstance(state, Refusing) else state.conversation
        if conversation is not None:
            conversation.send_answer(envelope)
        else:
            _log.info("Dropped an answer to a question: there is no kernel")


_log = Logger()
