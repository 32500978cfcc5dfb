"""How a kernel comes to be heard: at once, or first as one that waits.

Knows what is made for each inner kernel. Must not know when one takes over, nor what
becomes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from ipr.jupyter.messages import Draft
from ipr.lifecycle.ports import Kernel
from ipr.relay.cellhistory import CellHistory, Recording
from ipr.relay.codefile import CodeFile
from ipr.relay.conversation import Conversation
from ipr.relay.greetings import Greetings
from ipr.relay.hearing import Hearing
from ipr.relay.inbound import Inbound
from ipr.relay.ledger import Ledger
from ipr.relay.ports import Decider
from ipr.relay.preload import Beforehand
from ipr.relay.standby import Standby
from ipr.relay.timer import CallLater
from ipr.relay.voice import Voice


class Listening:
    """Makes what hears a kernel.

    :param inbound: has the signer, and is told what ipr signs for a kernel.
    :param decider: is told when one is ready, or not to be trusted.
    :param preload: what each runs before anything else.
    :param history: where the cells of each are taken down.
    :ivar beforehand: that of the kernel that there is.
    """

    def __init__(
        self,
        voice: Voice,
        greetings: Greetings,
        call_later: CallLater,
        inbound: Inbound,
        decider: Decider,
        preload: CodeFile,
        history: CellHistory,
    ) -> None:
        self._voice = voice
        self._greetings = greetings
        self._call_later = call_later
        self._inbound = inbound
        self._decider = decider
        self._preload = preload
        self._history = history
        self._standbys: dict[Kernel, Standby] = {}
        #: Subshells of the kernels before that clients may still name.
        self._earlier: tuple[str, ...] = ()
        self.beforehand: Beforehand | None = None

    def expect(
        self,
        kernel: Kernel,
        question: Draft | None,
        loaded: Callable[[Mapping[str, object]], None],
        distrust: Callable[[], None],
    ) -> None:
        """Hear one that waits; see :class:`ipr.lifecycle.ports.Listener`."""
        self._standbys[kernel] = self._standby(kernel, question, loaded, distrust)

    def forget(self, kernel: Kernel) -> None:
        """Hear one that waited no more."""
        standby = self._standbys.pop(kernel, None)
        if standby is not None:
            standby.close()

    def open(self, kernel: Kernel) -> Hearing:
        """Hear the kernel that there is from here on."""
        standby = self._standbys.pop(kernel, None)
        if standby is None:
            standby = self._standby(kernel, None, _nothing, _nothing)
        conversation = Conversation(
            kernel,
            self._voice,
            self._inbound.signer,
            self._greetings.info,
            self._call_later,
            self._earlier,
            self._inbound.replays,
            standby.errands,
            Ledger(Recording(self._history, kernel.generation, self._decider.now)),
        )
        hearing = Hearing(
            conversation,
            standby.readiness,
            self._voice,
            self._inbound.signer,
            self._inbound.trace,
            partial(self._decider.distrust, kernel.generation),
            self._call_later,
        )
        standby.take_over()
        self.beforehand = standby.beforehand
        kernel.listen(hearing.received)
        if standby.header is not None:
            self._voice.learn_session(standby.header)
        return hearing

    def tell(self, hearing: Hearing) -> None:
        """Tell what is known of it, and what comes."""
        kernel = hearing.conversation.kernel
        ready = partial(self._decider.ready, kernel.generation)
        released = partial(self._greetings.when_heard, ready)

        def answers() -> None:
            if self.beforehand is not None:
                self.beforehand.before(released)

        hearing.readiness.tell(self._greetings.info.learn, answers)

    def close(self, conversation: Conversation) -> None:
        """The kernel that there was is gone; how its start went can still be read."""
        self._earlier = conversation.subshells.known()
        if self.beforehand is not None:
            self.beforehand.stop()

    def _standby(
        self,
        kernel: Kernel,
        question: Draft | None,
        loaded: Callable[[Mapping[str, object]], None],
        distrust: Callable[[], None],
    ) -> Standby:
        return Standby(
            kernel,
            self._voice.author,
            self._inbound.signer,
            self._inbound.replays,
            self._call_later,
            self._preload,
            question,
            loaded,
            distrust,
        )


def _nothing(*_told: object) -> None:
    """It is the one that there is at once."""
