"""What a kernel says that waits for its turn: heard, and passed on to nobody.

Knows how it is asked whether it is ready, and what it has loaded. Must not know
clients, nor when it takes over. What it publishes is dropped: nobody has asked for it,
and its session is not that of the messages that clients get meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from ipr.jupyter.author import Author
from ipr.jupyter.messages import Draft
from ipr.jupyter.signing import Replays, Signer
from ipr.jupyter.wire import CONTENT, JSON, Envelope, Frame, Malformed, split
from ipr.lifecycle.ports import Kernel
from ipr.relay.codefile import CodeFile
from ipr.relay.errands import Errands
from ipr.relay.preload import Beforehand
from ipr.relay.readiness import Readiness
from ipr.relay.timer import CallLater


class Standby:
    """One kernel, from its start until it takes over or is thrown away.

    :param preload: what it runs before anything else.
    :param question: what it is asked when it is ready; None: nothing.
    :param told: called then, with the content of its answer, or with nothing in it.
    :param distrust: called once when it turns out not to be ours.
    :ivar header: of the first message that it sent, with its session.
    :ivar beforehand: what it runs first, before and after it takes over.
    """

    def __init__(
        self,
        kernel: Kernel,
        author: Author,
        signer: Signer,
        replays: Replays,
        call_later: CallLater,
        preload: CodeFile,
        question: Draft | None,
        told: Callable[[Mapping[str, object]], None],
        distrust: Callable[[], None],
    ) -> None:
        self.header: JSON | None = None
        self.errands = Errands(kernel, author, replays)
        self.readiness = Readiness(
            kernel, self.errands, call_later, _nothing, self._answers
        )
        self.beforehand = Beforehand(preload, self.readiness, self.errands, call_later)
        self._signer = signer
        self._question = question
        self._told = told
        self._distrust: Callable[[], None] | None = distrust
        self._asked = False
        kernel.listen(self._received)
        self.readiness.probe()

    def take_over(self) -> None:
        """Somebody else hears it from here on."""
        self._distrust = None

    def close(self) -> None:
        """Hear nothing any more, and ask nothing."""
        self._distrust = None
        self.readiness.stop()
        self.beforehand.stop()

    def _answers(self) -> None:
        self.beforehand.before(self._ready)

    def _ready(self) -> None:
        if not self._asked:
            self._asked = True
            self.readiness.stop()
            if self._question is None:
                self._told({})
            else:
                self.errands.ask("shell", self._question, self._loaded)

    def _loaded(self, envelope: Envelope) -> None:
        self._told(envelope.content)

    def _received(self, channel: str, frames: list[Frame]) -> None:
        if self._distrust is None:
            return
        with suppress(Malformed):
            envelope = split(frames)
            if not self._signer.verifies(envelope.body):
                distrust, self._distrust = self._distrust, None
                distrust()
                return
            if self.header is None:
                self.header = envelope.header
            if channel == "iopub":
                self._published(envelope)
            else:
                self.errands.answered(envelope.parent_id, envelope)

    def _published(self, envelope: Envelope) -> None:
        kind = envelope.header["msg_type"]
        if kind != "iopub_welcome":
            self.readiness.published = True
        if (
            self.errands.published(envelope)
            and kind == "status"
            and b'"idle"' in bytes(envelope.body[CONTENT])
        ):
            self.readiness.idled()


def _nothing(_info: Draft) -> None:
    """Nobody asks for it yet."""
