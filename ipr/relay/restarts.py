"""Every %restart, from its cell's first line to its last.

Knows how to carry out what :mod:`ipr.relay.turntable` says, and what the cells show
meanwhile. Must not know when the turn of one is, nor how a kernel is started.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import assert_never

from twisted.python.failure import Failure as Reason

from ipr.jupyter import magics
from ipr.jupyter.messages import Failure
from ipr.jupyter.wire import Envelope
from ipr.relay import turneffects as fx
from ipr.relay import turnevents as events
from ipr.relay.cells import Begun, Ordered, Post, Prepared, RestartCell, Wanted
from ipr.relay.conversation import Conversation
from ipr.relay.gate import Gate, Holding, Open
from ipr.relay.lines import cell_of, run_lines
from ipr.relay.ports import Changer, Decider
from ipr.relay.request import Request
from ipr.relay.timer import CallLater, Timer
from ipr.relay.turns import Before, Turn, Turns
from ipr.relay.turntable import step
from ipr.relay.underway import UnderWay
from ipr.relay.voice import Voice


class Restarts:
    """All of them.

    :param current: returns the conversation with the current kernel.
    :param begun: cells that must end when the daemon does.
    :ivar turns: those that wait.
    """

    def __init__(
        self,
        voice: Voice,
        gate: Gate,
        decider: Decider,
        changer: Changer,
        call_later: CallLater,
        current: Callable[[], Conversation | None],
        begun: Begun,
    ) -> None:
        self._voice = voice
        self._gate = gate
        self._decider = decider
        self._changer = changer
        self._current = current
        self.begun = begun
        self.turns = Turns()
        self.under_way = UnderWay(call_later, decider.now)
        #: Those that wait, and those beside them, by their ids.
        self._cells: dict[str, RestartCell] = {}
        self._timers: dict[type, Timer] = {
            events.UrgedDue: Timer(call_later),
            events.ReplyDue: Timer(call_later),
        }

    @property
    def waiting(self) -> RestartCell | None:
        """The one that waits for its turn or for its options."""
        head = self.turns.head
        return self._cells[head.cell] if head is not None else None

    # --- from the clients ---------------------------------------------------

    def ask(self, channel: str, envelope: Envelope, magic: magics.Restart) -> None:
        """Take a cell that begins with ``%restart``, or ends with it."""
        request = Request.of(channel, envelope)
        turn = Turn(
            self._voice.author.new_id(),
            request.header.get("subshell_id") or "",
            urgent=magic.now or channel == "control",
            settled=magic.plain,
        )
        event = events.Asked(turn, self._before(), lines=bool(magic.before))
        if step(self.turns, event)[1] == (fx.Keep(turn.cell),):
            self._gate.keep(channel, envelope)
            return
        wanted = Wanted(magic, envelope.body)
        unchanged = self._changer.unchanged()
        self._begin(cell_of(self._voice, request, wanted, turn.cell, unchanged), event)

    def order(self, post: Post, request: Request, magic: magics.Restart) -> None:
        """Take a restart that no cell asks for.

        :param post: takes its answer, and perhaps a failure after that.
        """
        turn_id, unchanged = self._voice.author.new_id(), self._changer.unchanged()
        turn = Turn(turn_id, urgent=magic.now, settled=magic.plain, firm=True)
        cell = Ordered(post, request, magic, turn_id, unchanged)
        self._begin(cell, events.Asked(turn, self._before()))

    def _begin(self, cell: RestartCell, event: events.Asked) -> None:
        self._cells[cell.id] = cell
        self.begun.begin(cell)
        self._step(event)

    def urge(self) -> None:
        """Somebody interrupts: whoever waits will not wait much longer."""
        self._step(events.Interrupted())

    def overtake(self, why: Failure, *, urgent: bool, announced: bool) -> None:
        """Restart for somebody who has forgotten all that clients wait for.

        A ``%restart`` that waits or is under way fails with ``why``, and what is
        held does not run in the next kernel.

        :param announced: whether the clients have heard that a restart comes.
        """
        self._step(events.Ended())
        cells, self._cells = list(self._cells.values()), {}
        for cell in (*self.under_way.over(), *cells):
            cell.fail(why)
        self._gate.set(Holding())
        self._gate.refuse_held(why, failed=True)
        self.under_way.unheard = not announced
        self._decider.restart(urgent=urgent)

    # --- what becomes of the kernel -----------------------------------------

    def kernel_gone(self) -> bool:
        """There is none for now; return whether the clients have to hear of a restart.

        The one whose cells it waited for takes part.
        """
        self._step(events.KernelGone())
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
        self._step(events.Moved(self._before()))

    def end(self) -> None:
        """The daemon goes: nobody waits any more."""
        self._step(events.Ended())
        self._cells.clear()

    # --- whose turn it is ---------------------------------------------------

    def _before(self) -> Before:
        state = self._gate.state
        if isinstance(state, Holding):
            return Before.RESTART
        if not isinstance(state, Open):
            return Before.NO_KERNEL
        ledger = state.conversation.ledger
        if not ledger.executing:
            return Before.NOTHING
        return Before.SILENT if ledger.silent else Before.CELLS

    def _moved(self, request: Request, failed: bool) -> None:
        """A request of the current kernel got on."""
        # One that fails because its kernel is being ended takes nobody along.
        if failed and self._before() is not Before.RESTART:
            self._step(events.CellFailed(request.header.get("subshell_id") or ""))
        self.look()

    def _step(self, event: events.Event) -> None:
        before = self.turns.head
        self.turns, effects = step(self.turns, event)
        head = self.turns.head
        if before is not None and (head is None or head.cell != before.cell):
            for timer in self._timers.values():
                timer.stop()
        self._gate.queue_cells(head is not None)
        conversation = self._current()
        if conversation is not None:
            conversation.moved = self._moved if head is not None else None
        for effect in effects:
            self._perform(effect)
        if before is not None and head is not None and head.cell != before.cell:
            # The next one may be one that waits for nothing else.
            self.look()

    # --- effects ------------------------------------------------------------

    def _perform(self, effect: fx.Effect) -> None:
        match effect:
            case fx.Go():
                self._go(effect)
            case fx.Join():
                # Whatever the limits say of deaths.
                self._go(fx.Go(effect.cell))
            case fx.Along():
                cell = self._cells.pop(effect.cell)
                cell.goes(waited=False)
                self.under_way.add(cell)
            case fx.Show():
                self._cells[effect.cell].wait_shown()
            case fx.Prepare():
                self._prepare(effect)
            case fx.Check():
                self._check(effect)
            case fx.Fail():
                cell = self._cells.pop(effect.cell)
                cell.stay(self._voice.count)
                cell.fail(cell.problem)
            case fx.Abort():
                self._cells.pop(effect.cell).abort()
            case fx.AbortBehind():
                self._gate.abort_held(effect.subshell)
            case fx.Resume():
                self._gate.resume()
            case fx.Run():
                cell = self._cells[effect.cell]
                run_lines(cell, self._current(), partial(self._lines_ended, cell))
            case fx.Leave():
                del self._cells[effect.cell]
            case fx.GiveUp():
                self._give_up()
            case fx.After():
                self._after(effect)
            case fx.Keep():
                raise AssertionError("ask() looks before the cell begins")
            case _:
                assert_never(effect)

    def _go(self, effect: fx.Go) -> None:
        cell = self._cells.pop(effect.cell)
        cell.prepared.apply()
        # What is held after it must not slip through to the old kernel: the
        # restarter may be busy, and hold() come a moment later.
        self._gate.set(Holding())
        cell.goes(waited=effect.waited)
        self.under_way.add(cell)
        self._decider.restart(urgent=effect.urgent)

    def _lines_ended(self, cell: RestartCell, well: bool, stops: bool) -> None:
        if well:
            self.begun.begin(cell)
        before = self._before()
        self._step(events.LinesEnded(cell.id, before, well, stops))

    def _prepare(self, effect: fx.Prepare) -> None:
        cell = self._cells[effect.cell]

        def settled(prepared: Prepared) -> None:
            cell.prepared = prepared
            self._step(events.Settled(effect.cell, self._before()))

        preparing = self._changer.prepare(cell.wanted.restart.changes)
        wrong = partial(self._wrong, cell, "WrongChange")
        cell.working = preparing.addCallbacks(settled, wrong)

    def _check(self, effect: fx.Check) -> None:
        cell = self._cells[effect.cell]
        cell.working = cell.prepared.check().addCallbacks(
            lambda _: self._step(events.Startable(cell.id, self._before())),
            partial(self._wrong, cell, "KernelStartError"),
        )

    def _wrong(self, cell: RestartCell, name: str, reason: Reason) -> None:
        cell.problem = Failure(name, reason.getErrorMessage())
        self._step(events.Wrong(cell.id))

    def _give_up(self) -> None:
        conversation = self._current()
        if conversation is not None:
            for request in conversation.ledger.replies_overdue():
                conversation.ledger.give_up(request)
        self.look()

    def _after(self, effect: fx.After) -> None:
        timer = self._timers[effect.kind]
        if not timer.running:
            timer.start(effect.seconds, partial(self._due, effect.kind))

    def _due(self, kind: type) -> None:
        if kind is events.UrgedDue:
            self._step(events.UrgedDue(self._before()))
        else:
            self._step(events.ReplyDue())
