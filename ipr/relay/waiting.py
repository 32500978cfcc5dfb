"""The %restarts that wait: for their options, for their turn, for a last look.

Knows how to carry out what :mod:`ipr.relay.turntable` says of them. Must not know who
asks for one, nor what comes after its turn.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import assert_never

from twisted.python.failure import Failure as Reason

from ipr.jupyter.messages import Failure
from ipr.relay import turneffects as fx
from ipr.relay import turnevents as events
from ipr.relay.cells import Begun
from ipr.relay.conversation import Conversation
from ipr.relay.gate import Gate, Holding, Open
from ipr.relay.lines import run_lines
from ipr.relay.ports import Changer
from ipr.relay.replayplan import NothingToReplay
from ipr.relay.request import Request
from ipr.relay.restartcells import Prepared, RestartCell
from ipr.relay.timer import CallLater, Timer
from ipr.relay.turns import Before, LinesWent, Turns
from ipr.relay.turntable import step
from ipr.relay.voice import Voice

#: Takes one whose turn has come, or that goes with another one.
Goes = Callable[[RestartCell, fx.Go | fx.Join | fx.Along], None]


class Waiting:
    """All of them.

    :param current: returns the conversation with the current kernel.
    :param begun: cells that must end when the daemon does.
    :param goes: takes those that wait no longer, and happen.
    :ivar turns: the state of the table.
    """

    def __init__(
        self,
        voice: Voice,
        gate: Gate,
        changer: Changer,
        call_later: CallLater,
        current: Callable[[], Conversation | None],
        begun: Begun,
        goes: Goes,
    ) -> None:
        self._voice = voice
        self._gate = gate
        self._changer = changer
        self._current = current
        self._begun = begun
        self._goes = goes
        self.turns = Turns()
        #: By their ids; those beside the head, too.
        self._cells: dict[str, RestartCell] = {}
        self._timers: dict[type, Timer] = {
            events.UrgedDue: Timer(call_later),
            events.ReplyDue: Timer(call_later),
        }

    @property
    def head(self) -> RestartCell | None:
        """The one that the others, and the cells after it, wait for."""
        head = self.turns.head
        return self._cells[head.cell] if head is not None else None

    def keeps(self, event: events.Asked) -> bool:
        """Whether one that is asked for is to be held with the cells."""
        return step(self.turns, event)[1] == (fx.Keep(event.turn.cell),)

    def add(self, cell: RestartCell, event: events.Asked) -> None:
        """Let its cell begin; perhaps its turn comes at once."""
        self._cells[cell.id] = cell
        self._begun.begin(cell)
        self.take(event)

    def look(self) -> None:
        """See whether the head can go."""
        self.take(events.Moved(self.before()))

    def end(self) -> list[RestartCell]:
        """Let nobody wait any more; return those that did."""
        self.take(events.Ended())
        cells, self._cells = list(self._cells.values()), {}
        return cells

    def before(self) -> Before:
        """Return what a %restart that came now would have to wait for."""
        state = self._gate.state
        if isinstance(state, Holding):
            return Before.RESTART
        if not isinstance(state, Open):
            return Before.NO_KERNEL
        if self._gate.occupied:
            return Before.CELLS
        ledger = state.conversation.ledger
        if not ledger.executing:
            return Before.NOTHING
        return Before.SILENT if ledger.silent else Before.CELLS

    def take(self, event: events.Event) -> None:
        """Take one event, and perform its effects."""
        before = self.turns.head
        self.turns, effects = step(self.turns, event)
        head = self.turns.head
        if before is not None and (head is None or head.cell != before.cell):
            for timer in self._timers.values():
                timer.stop()
        checking = head is not None and head.checking
        self._gate.queue_cells(head is not None, questions=checking)
        conversation = self._current()
        if conversation is not None:
            conversation.moved = self._moved if head is not None else None
        for effect in effects:
            self._perform(effect)
        if before is not None and head is not None and head.cell != before.cell:
            # The next one may be one that waits for nothing else.
            self.look()

    def _moved(self, request: Request, failed: bool) -> None:
        """A request of the current kernel got on."""
        # One that fails because its kernel is being ended takes nobody along.
        if failed and self.before() is not Before.RESTART:
            self.take(events.CellFailed(request.header.get("subshell_id") or ""))
        self.look()

    # --- effects ------------------------------------------------------------

    def _perform(self, effect: fx.Effect) -> None:
        match effect:
            case fx.Go() | fx.Join() | fx.Along():
                self._goes(self._cells.pop(effect.cell), effect)
            case fx.Show():
                self._cells[effect.cell].wait_shown()
            case fx.Prepare():
                self._prepare(self._cells[effect.cell])
            case fx.Check():
                self._check(self._cells[effect.cell])
            case fx.Fail():
                cell = self._cells.pop(effect.cell)
                cell.stay(self._voice.count)
                cell.fail(cell.problem)
            case fx.Abort():
                self._cells.pop(effect.cell).abort()
            case fx.AbortHeld():
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
                raise AssertionError("keeps() is asked before the cell begins")
            case _:
                assert_never(effect)

    def _lines_ended(self, cell: RestartCell, went: LinesWent) -> None:
        if went is LinesWent.WELL:
            self._begun.begin(cell)
        self.take(events.LinesEnded(cell.id, self.before(), went))

    def _prepare(self, cell: RestartCell) -> None:
        def settled(prepared: Prepared) -> None:
            cell.prepared = prepared
            self.take(events.Settled(cell.id, self.before()))

        preparing = self._changer.prepare(cell.wanted.restart.changes)
        wrong = partial(self._wrong, cell, "WrongChange")
        cell.working = preparing.addCallbacks(settled, wrong)

    def _check(self, cell: RestartCell) -> None:
        cell.working = cell.prepared.check().addCallbacks(
            lambda _: self.take(events.Startable(cell.id, self.before())),
            partial(self._wrong, cell, "KernelStartError"),
        )

    def _wrong(self, cell: RestartCell, name: str, reason: Reason) -> None:
        if reason.check(NothingToReplay):
            name = "NothingToReplay"
        cell.problem = Failure(name, reason.getErrorMessage())
        self.take(events.Wrong(cell.id))

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
            self.take(events.UrgedDue(self.before()))
        else:
            self.take(events.ReplyDue())
