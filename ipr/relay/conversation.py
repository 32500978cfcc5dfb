"""What one inner kernel was sent, and what it has said.

Knows the requests that are open, how they get in, and how the kernel is asked
to go. Must not know clients beyond their identities, nor what comes after this
kernel: a conversation is made when its kernel is started, and thrown away when
that is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from twisted.logger import Logger

from ipr.jupyter.messages import Draft
from ipr.jupyter.signing import Replays, Signer, resigning
from ipr.jupyter.wire import (
    CONTENT,
    DELIMITER,
    Envelope,
    Frame,
    Malformed,
    dumps,
)
from ipr.lifecycle.causes import Cause, Ending, failure, not_run
from ipr.lifecycle.ports import Kernel
from ipr.relay.answers import Publish
from ipr.relay.completion import Merging
from ipr.relay.errands import Errands
from ipr.relay.greetings import Info
from ipr.relay.kept import Kept, Whole
from ipr.relay.ledger import Ledger
from ipr.relay.questions import Questions
from ipr.relay.repeating import ONLY_ASKING, REPEATABLE, for_the_next
from ipr.relay.request import Request
from ipr.relay.subshells import Subshells
from ipr.relay.timer import CallLater, Timer
from ipr.relay.voice import Voice

#: Seconds that a kernel has to finish what was interrupted, before it is told to end.
#: An ipykernel's first traceback imports a good deal: 0.1 s, on a busy node over 0.3.
NOTICE_TIME = 0.6


class Conversation:
    """With one inner kernel.

    :param info: the kernel_info as far as known.
    :param earlier: subshells of the kernels before that clients may still name.
    :param errands: what ipr has asked this kernel by now.
    :param ledger: a new one, for this kernel's requests.
    :param replays: is told the signatures of what ipr signs for the kernel.
    :ivar merging: completions that ours are to be put into.
    :ivar moved: called when a request got on, with whether it failed in such a
        way that its kernel aborts the cells after it. None while nobody waits.
    """

    def __init__(
        self,
        kernel: Kernel,
        voice: Voice,
        signer: Signer,
        info: Info,
        call_later: CallLater,
        earlier: tuple[str, ...],
        replays: Replays,
        errands: Errands,
        ledger: Ledger,
    ) -> None:
        self.kernel = kernel
        self._voice = voice
        self.ledger = ledger
        self._resigned = resigning(signer, replays)
        self.errands = errands
        self.subshells = Subshells(_creator(self.errands, info), earlier)
        self.questions = Questions(
            voice.front.ask, self.ledger.inputs.__contains__, call_later
        )
        self.merging: Merging = {}
        self.moved: Callable[[Request, bool], None] | None = None
        self._parting = Timer(call_later)

    # --- to the kernel ------------------------------------------------------

    def send(
        self,
        channel: str,
        envelope: Envelope,
        kept: Callable[[Request], Kept] | None = None,
    ) -> None:
        """Pass on a client's request.

        Send first, record afterwards: the kernel can start, and no reply can be
        read before this turn of the reactor ends. What could not be sent is
        answered when the kernel is finished.
        """
        body = envelope.body
        if self.subshells.stand_ins:
            body = self._addressed(envelope)
        try:
            self.kernel.send(channel, body)
        finally:
            request = Request.of(channel, envelope)
            request.progress.kept = kept(request) if kept is not None else None
            if request.msg_type in REPEATABLE:
                request.progress.question = envelope
            self.ledger.enter(request)

    def send_rest(self, request: Request, body: list[Frame], code: str) -> None:
        """Run the rest of a cell under the very request that ipr began to answer.

        :param body: the message as it came.
        :raises Malformed: when its header cannot be written again.
        """
        header = self.subshells.addressed(request.header)
        content = {**request.content, "code": code}
        body = self._resigned(body, header=header, content=content)
        request.progress.adopted = True
        self.ledger.enter(request, body[CONTENT])
        self.kernel.send(request.channel, body)

    def send_lines(self, request: Request, body: list[Frame], code: str) -> None:
        """Run the first lines of a cell; the request keeps its reply and its idle.

        Parameters and errors as of :meth:`send_rest`.
        """
        header = self.subshells.addressed(request.header)
        content = {**request.content, "code": code}
        body = self._resigned(body, header=header, content=content)
        self.ledger.enter(request, body[CONTENT])
        self.kernel.send(request.channel, body)

    def send_piece(self, request: Request, number: int) -> None:
        """Run code of ours under a header that was sent before.

        :param request: with the code in its content.
        :param number: of the piece. Kernels drop a message that they have had, and two
            pieces may be the same.
        :raises Malformed: when its header cannot be written again.
        """
        header = {**request.header}
        header.pop("subshell_id", None)
        metadata = dumps({"ipr": {"piece": number}})
        body = [DELIMITER, b"", b"", b"{}", metadata, request.content_frame]
        body = self._resigned(body, header=header)
        self.ledger.enter(request)
        self.kernel.send(request.channel, body)

    def deliver(self, request: Request, whole: Whole, *shown: Draft) -> None:
        """Send the clients what was kept for them, after ``shown``."""
        front = self._voice.front
        self._voice.post(request, tuple(map(Publish, shown)))
        front.send(request.channel, request.identities + whole.reply.body)
        front.publish(whole.idle)
        self.progressed(request, failed=whole.failed)

    def send_answer(self, envelope: Envelope) -> None:
        """Pass on what comes on stdin, whatever it is.

        A kernel that asks takes what comes next there, and one that does not
        ask drops it or keeps it for its next question: that is its own affair.
        """
        with suppress(Malformed):
            self.ledger.input_given(envelope.parent_id, envelope.identities)
        self.kernel.send("stdin", envelope.body)

    def interrupt(self) -> None:
        """Interrupt the kernel as its kernelspec says, once."""
        if self.kernel.interrupt_mode == "message":
            self.errands.ask("control", Draft("interrupt_request", {}))
        else:
            self.kernel.signal_interrupt()

    # --- its end ------------------------------------------------------------

    def part(self) -> None:
        """Interrupt what the kernel runs, then tell it to end.

        In between there is time for the cell to end and for those after it to
        be aborted: once told to end, ipykernel no longer aborts them, but begins
        with the next cell (7.4 did in 2 of 5 restarts).
        """
        unfinished = self.ledger.unfinished()
        if not unfinished:
            self._say_goodbye()
            return
        if any(request.msg_type not in ONLY_ASKING for request in unfinished):
            self.interrupt()
        self._parting.start(NOTICE_TIME, self._say_goodbye)

    def progressed(self, request: Request, *, failed: bool = False) -> None:
        """Tell whoever waits for it that a request got on."""
        if self._parting.running and not len(self.ledger):
            self._say_goodbye()
        if self.moved is not None:
            self.moved(request, failed)

    @property
    def seen(self) -> bool:
        """Whether a cell is open that shows how its kernel ends."""
        return any(
            request.msg_type == "execute_request"
            and request.identities
            and not request.field("silent", False)
            for request in self.ledger.unfinished()
        )

    def finish(self, cause: Cause, *, begun: bool) -> list[tuple[str, Envelope]]:
        """Answer what the kernel left unanswered; nothing of it follows.

        :param begun: as of :func:`~ipr.relay.repeating.for_the_next`.
        :returns: what the next kernel is to be asked instead, with the channels.
        """
        self.stop()
        unfinished = self.ledger.unfinished()
        again = for_the_next(unfinished, cause, begun=begun)
        ran = failure(cause)
        queued = not_run(cause) if cause.followed is False else ran
        died = cause.ending is Ending.DIED
        if died:
            self.ledger.presume_started()
        for request in unfinished:
            try:
                waits = request.progress.code == "queued"
                kept = request.progress.kept
                answered = kept is not None and kept.answered
                if request not in again and not answered:
                    self._voice.lose(
                        request, queued if waits else ran, followed=bool(cause.followed)
                    )
            except Exception:
                _log.failure("A request could not be answered")
            self.ledger.close(request, died=died)
            if request.progress.kept is not None:
                request.progress.kept.lost()
        return [(request.channel, asked) for request, asked in again.items()]

    def stop(self) -> None:
        """Stop all timers: it does nothing more by itself."""
        self._parting.stop()
        self.questions.stop()

    def _say_goodbye(self) -> None:
        self._parting.stop()
        self.errands.ask("control", Draft("shutdown_request", {"restart": True}))

    # --- subshells ----------------------------------------------------------

    def _addressed(self, envelope: Envelope) -> list[Frame]:
        """Return the body, naming subshells that this kernel has."""
        header, body = envelope.header, envelope.body
        try:
            if header.get("subshell_id"):
                addressed = self.subshells.addressed(header)
                if addressed is not header:
                    return self._resigned(body, header=addressed)
            elif header["msg_type"] == "delete_subshell_request":
                content = envelope.content
                understood = self.subshells.deletion(content)
                if understood is not content:
                    return self._resigned(body, content=understood)
        except Malformed:
            # The kernel itself answers what is wrong with it.
            pass
        return body


def _creator(errands: Errands, info: Info) -> Callable[[Callable[[str], None]], bool]:
    """Return what asks a kernel for a subshell, for :class:`Subshells`."""

    def create(made: Callable[[str], None]) -> bool:
        if "kernel subshells" not in info.features:
            return False

        def take(envelope: Envelope) -> None:
            subshell = envelope.content.get("subshell_id")
            if isinstance(subshell, str):
                made(subshell)

        errands.ask("control", Draft("create_subshell_request", {}), take)
        return True

    return create


_log = Logger()
