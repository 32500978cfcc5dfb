"""Every %restart, from its cell's first line to its last.

Knows who asks for one, and that it waits (:mod:`ipr.relay.waiting`) before it is under
way (:mod:`ipr.relay.underway`). Must not know when its turn is, nor how a kernel is
started.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from ipr.jupyter import magics
from ipr.jupyter.messages import Failure
from ipr.jupyter.wire import Envelope
from ipr.lifecycle.limits import Pace
from ipr.relay import turneffects as fx
from ipr.relay import turnevents as events
from ipr.relay.cellhistory import CellHistory
from ipr.relay.cells import Begun, Post
from ipr.relay.conversation import Conversation
from ipr.relay.gate import Gate, Holding
from ipr.relay.lines import cell_of
from ipr.relay.ordered import Ordered
from ipr.relay.ports import Changer, Decider
from ipr.relay.replaying import ReplayChanger
from ipr.relay.replays import Replays
from ipr.relay.request import Request
from ipr.relay.restartcells import RestartCell, Wanted
from ipr.relay.timer import CallLater
from ipr.relay.turns import Turn
from ipr.relay.underway import UnderWay
from ipr.relay.voice import Voice
from ipr.relay.waiting import Waiting


class Restarts:
    """All of them.

    :param current: returns the conversation with the current kernel.
    :param history: what has run, and can be replayed.
    :param place: returns the cell under which a user looks.
    :ivar begun: cells that must end when the daemon does.
    :ivar under_way: those that have had their turn.
    :ivar replays: what the new kernel runs then.
    """

    def __init__(
        self,
        voice: Voice,
        gate: Gate,
        decider: Decider,
        changer: Changer,
        call_later: CallLater,
        current: Callable[[], Conversation | None],
        history: CellHistory,
        place: Callable[[], Request | None],
    ) -> None:
        generation = decider.generation
        changer = ReplayChanger(changer, history, generation)
        self._voice = voice
        self._gate = gate
        self._decider = decider
        self._changer = changer
        begun = self.begun = Begun()
        self._waiting = Waiting(
            voice, gate, changer, call_later, current, begun, self._goes
        )
        self.under_way = UnderWay(call_later, decider.now)
        self.replays = Replays(
            voice, gate, self.under_way, begun, history, call_later, self.look, place
        )

    @property
    def waiting(self) -> RestartCell | None:
        """The one that waits for its turn or for its options."""
        return self._waiting.head

    # --- from the clients ---------------------------------------------------

    def ask(self, channel: str, envelope: Envelope, magic: magics.Restart) -> None:
        """Take a cell that begins with ``%restart``, or ends with it."""
        request = Request.of(channel, envelope)
        turn = Turn(
            self._voice.author.new_id(),
            request.header.get("subshell_id") or "",
            Pace.of(magic.now or channel == "control"),
            settled=magic.plain,
        )
        event = events.Asked(turn, self._waiting.before(), lines=bool(magic.before))
        if self._waiting.keeps(event):
            self._gate.keep(channel, envelope)
            return
        wanted = Wanted(magic, envelope.body)
        unchanged = self._changer.unchanged()
        cell = cell_of(self._voice, request, wanted, turn.cell, unchanged)
        self._waiting.add(cell, event)

    def order(self, post: Post, request: Request, magic: magics.Restart) -> None:
        """Take a restart that no cell asks for.

        :param post: takes its answer, and perhaps a failure after that.
        """
        turn_id, unchanged = self._voice.author.new_id(), self._changer.unchanged()
        # One with options goes along with no other: that might leave them out.
        turn = Turn(turn_id, pace=Pace.of(magic.now), settled=magic.bare, firm=True)
        cell = Ordered(post, request, magic, turn_id, unchanged)
        self._waiting.add(cell, events.Asked(turn, self._waiting.before()))

    def urge(self) -> None:
        """Somebody interrupts: whoever waits will not wait much longer."""
        self.replays.interrupt()
        self._waiting.take(events.Interrupted())

    def overtake(self, why: Failure, pace: Pace, *, announced: bool) -> None:
        """Restart for somebody who has forgotten all that clients wait for.

        A ``%restart`` that waits or is under way fails with ``why``, and what is
        held does not run in the next kernel. One that no cell asked for is done with
        that, unless more was to be done.

        :param announced: whether the clients have heard that a restart comes.
        """
        waiting = self._waiting.end()
        for cell in self.under_way.over():
            cell.overtaken(why, went=True)
        for cell in waiting:
            cell.overtaken(why, went=False)
        self._gate.set(Holding())
        self._gate.refuse_held(why, failed=True)
        self.under_way.unheard = not announced
        self._decider.restart(pace)

    # --- what becomes of the kernel -----------------------------------------

    def kernel_gone(self) -> bool:
        """There is none for now; return whether the clients have to hear of a restart.

        The one whose cells it waited for takes part.
        """
        self.replays.stop()
        self._waiting.take(events.KernelGone())
        return bool(self.under_way.cells) or self.under_way.unheard

    def kernel_ready(self, conversation: Conversation) -> bool:
        """Conclude those that were under way; return whether clients see any end."""
        return self.under_way.conclude(conversation)

    def kernel_refused(self, why: Failure) -> bool:
        """Fail those that were under way; return whether there were any."""
        cells = self.under_way.over()
        for cell in cells:
            cell.fail(why)
        return bool(cells)

    def look(self) -> None:
        """See whether the one that waits can go."""
        self._waiting.look()

    def end(self) -> None:
        """The daemon goes: nobody waits any more."""
        self.replays.stop()
        self._waiting.end()

    # --- their turn ---------------------------------------------------------

    def _goes(self, cell: RestartCell, effect: fx.Go | fx.Join | fx.Along) -> None:
        match effect:
            case fx.Go():
                self._restart(cell, effect.pace, waited=effect.waited)
            case fx.Join():
                # Whatever the limits say of deaths.
                self._restart(cell, Pace.POLITE, waited=False)
            case fx.Along():
                cell.goes(waited=False)
                self.under_way.add(cell)
            case _:
                assert_never(effect)

    def _restart(self, cell: RestartCell, pace: Pace, *, waited: bool) -> None:
        cell.prepared.apply()
        # What is held after it must not slip through to the old kernel: the
        # restarter may be busy, and hold() come a moment later.
        self._gate.set(Holding())
        cell.goes(waited=waited)
        self.under_way.add(cell)
        if cell.wanted.restart.keep_detached:
            self._decider.spare()
        self._decider.restart(pace)
