"""The relay: the parts between the clients and the inner kernel.

Knows, for each thing that the restarter does with a kernel, in which order the parts
hear of it. Must not know messages, nor how the parts are wired
(:mod:`ipr.relay.parts`).

====================  ===============  ============  ===============  ============
the restarter says    conversation     gate          greetings        restarts
====================  ===============  ============  ===============  ============
opened(kernel)        made; probes     holds         --               --
hold                  --               holds         an input() that  the one that
                                                     blocks is freed  waits joins
hold_until_end        --               holds         --               the one that
                                                                      waits joins
finish(cause)         answers; closed  --            a death that     --
                                                     nobody saw
release               stand-ins; what  holds         info, welcomes   --
                      runs first
and when that ran     --               opens         --               conclude; then
                                                                      held ones pass
refuse(cause)         --               refuses;      info, welcomes   fail
                                       answers
end(cause)            --               refuses;      wait no more     all end that
                                       answers                        began
====================  ===============  ============  ===============  ============

Last of all hears what runs beside the cells: a kernel is ready, it is gone, none comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from ipr.jupyter import messages
from ipr.jupyter.messages import Draft
from ipr.lifecycle.causes import Cause, failure
from ipr.lifecycle.ports import Kernel
from ipr.relay.conversation import Conversation
from ipr.relay.gate import Holding, Open, Refusing
from ipr.relay.hearing import Hearing
from ipr.relay.ledger import Ledger
from ipr.relay.parts import Parts
from ipr.relay.silently import Outcome


class Relay:
    """Tells the parts what the restarter does, and others how the parts are.

    :param parts: makes them; some of them need the relay.
    """

    def __init__(self, parts: Callable[[Relay], Parts]) -> None:
        self._hearing: Hearing | None = None
        made = parts(self)
        self.voice = made.voice
        self.greetings = made.greetings
        self.gate = made.gate
        self.restarts = made.restarts
        self.inbound = made.inbound
        self.beside = made.beside
        self._initial = made.initial
        self._listening = made.listening
        self._quiet = made.quiet

    # --- what others ask ----------------------------------------------------

    @property
    def conversation(self) -> Conversation | None:
        """With the current kernel, from its start until it is finished."""
        return self._hearing.conversation if self._hearing is not None else None

    @property
    def ledger(self) -> Ledger:
        """The requests that the current kernel works on."""
        conversation = self.conversation
        return conversation.ledger if conversation is not None else Ledger()

    @property
    def subscribers(self) -> int:
        """How many clients are connected where the kernel publishes."""
        return self.voice.front.clients

    @property
    def owned(self) -> bool:
        """Whether a kernel manager has greeted that restarts in place."""
        return self.inbound.business.owner.known

    @property
    def preloaded(self) -> Outcome | None:
        """How what the kernel runs first went; None: it is not over."""
        beforehand = self._listening.beforehand
        return beforehand.outcome if beforehand is not None else None

    @property
    def working(self) -> bool:
        """Whether a cell runs, here or in the kernel, or waits for a kernel."""
        begun = self.restarts.begun.running
        return bool(begun or self.ledger.executing or self.gate.held)

    @property
    def refusing(self) -> Cause | None:
        """Why there is no kernel and none is coming, if it is so."""
        state = self.gate.state
        return state.cause if isinstance(state, Refusing) else None

    # --- what the restarter does --------------------------------------------

    def expect(
        self,
        kernel: Kernel,
        question: Draft | None,
        loaded: Callable[[Mapping[str, object]], None],
        distrust: Callable[[], None],
    ) -> None:
        """A kernel comes up that waits for its turn."""
        self._listening.expect(kernel, question, loaded, distrust)

    def forget(self, kernel: Kernel) -> None:
        """It is not needed any more."""
        self._listening.forget(kernel)

    def quiet(self) -> tuple[float, bool]:
        """For how many seconds nothing has run, and whether any cell has."""
        return self._quiet.seconds(), self.voice.count > 0

    def opened(self, kernel: Kernel) -> None:
        """An inner kernel is coming up, or one that has waited takes over."""
        self.voice.kernel_coming()
        self.greetings.kernel_coming()
        self._hearing = self._listening.open(kernel)
        self.gate.set(Holding())
        self._listening.tell(self._hearing)

    def hold(self) -> None:
        """There is no kernel for now: keep what comes."""
        self._initial.stop()
        self.gate.set(Holding())
        wanted = self.restarts.kernel_gone() or self.ledger.inputs
        # JupyterLab refuses every cell, %restart too, while it believes that
        # an input() waits; only this frees it. qtconsole clears its screen at it:
        # right for a restart, but not for a death without an input().
        if wanted and self.voice.session_known:
            reply = messages.shutdown_reply(restart=True)
            self.voice.announce(reply, "shutdown_request")

    def hold_until_end(self) -> None:
        """There is no kernel any more: keep what comes, for the end to answer."""
        self._initial.stop()
        self.gate.set(Holding())
        self.restarts.kernel_gone()

    def finish(self, generation: int, cause: Cause) -> None:
        """Answer what an inner kernel left unanswered; nothing of it follows."""
        hearing, self._hearing = self._hearing, None
        cause = self.inbound.business.notices.explained(cause)
        if hearing is not None:
            hearing.close()
            conversation = hearing.conversation
            self._listening.close(conversation)
            self.beside.gone()
            offer, seen = self.restarts.replays.offer(generation), conversation.seen
            self.greetings.obituary.ended(cause, seen=seen, offer=offer)
            cause = cause.offering(offer)
            begun = self.restarts.under_way.patient
            self.gate.keep_first(conversation.finish(cause, begun=begun))
            self._initial.finish(cause)
            self.restarts.replays.finish(cause)

    def release(self, generation: int) -> None:
        """The kernel is ready: run what comes before all cells, then let these pass."""
        hearing = self._hearing
        if hearing is None:
            return
        hearing.believe()
        conversation = hearing.conversation
        conversation.subshells.prepare()
        self.greetings.kernel_ready()
        self.gate.set(Holding(conversation))
        opens = partial(self._open, conversation, generation)
        then = partial(self.restarts.replays.after_restart, conversation, opens)
        self._initial.run(conversation, then)

    def _open(self, conversation: Conversation, generation: int) -> None:
        """Tell who waits for the kernel, pass on what was held."""
        self.gate.set(Open(conversation))
        if not self.restarts.kernel_ready(conversation) and generation > 1:
            # JupyterLab would show "starting" until the next cell.
            self.voice.announce(messages.IDLE, "execute_request")
        self.gate.resume()
        self.restarts.look()
        self.beside.ready(conversation)

    def refuse(self, cause: Cause) -> None:
        """No kernel, and none is coming: answer with the cause from now on."""
        # As with a kernel that is ready too soon: nobody would hear why.
        self.greetings.when_heard(partial(self._refuse, Refusing(cause)))

    def end(self, cause: Cause) -> None:
        """The daemon goes: answer everything that is still open."""
        cause = self.inbound.business.notices.explained(cause)
        self.greetings.stop_waiting()
        self._initial.stop()
        self.restarts.end()
        self.inbound.business.owner.end()
        self._refuse(Refusing(cause))
        # A %restart that waited, options that are being worked out, a %ipr
        # status that asks Slurm.
        self.restarts.begun.end(failure(cause))
        if self._hearing is not None:
            self._hearing.close()
            self._listening.close(self._hearing.conversation)
            self._hearing.conversation.stop()

    def ask_to_go(self) -> None:
        """Interrupt what the kernel runs, then tell it to end."""
        if self._hearing is not None:
            self._hearing.conversation.part()

    def phase(self, text: str) -> None:
        """Show what the restart is doing."""
        self.restarts.under_way.phase(text)

    def _refuse(self, state: Refusing) -> None:
        if self._hearing is not None:
            self._hearing.readiness.stop()
        self.gate.set(state)
        self.greetings.no_kernel(state.cause.text)
        failed = self.restarts.kernel_refused(state.why)
        self.gate.refuse_held(state.why, failed=failed)
        self.voice.announce(messages.IDLE, "execute_request")
        self.restarts.look()
        self.beside.refused()
