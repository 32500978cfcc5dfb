"""All replays: after a %restart, and where no kernel is restarted.

Knows whose cell shows one, that other cells are held meanwhile, and what becomes of
these. Must not know how one runs, nor when a kernel is restarted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ipr.jupyter import messages
from ipr.jupyter.howmany import HowMany
from ipr.jupyter.messages import Failure
from ipr.lifecycle.causes import Cause
from ipr.relay import replayplan
from ipr.relay.cellhistory import CellHistory
from ipr.relay.cells import Begun
from ipr.relay.codefile import language_of
from ipr.relay.conversation import Conversation
from ipr.relay.gate import Gate
from ipr.relay.replay import Replay
from ipr.relay.replaying import Replaying
from ipr.relay.replayplan import NothingToReplay, Plan
from ipr.relay.replaywords import Result
from ipr.relay.request import Request
from ipr.relay.restartcells import ProgressCell, RestartCell
from ipr.relay.timer import CallLater, Timer
from ipr.relay.underway import UnderWay
from ipr.relay.voice import Voice


class Replays:
    """One at a time.

    :param begun: cells that must end when the daemon does.
    :param look: called when a ``%restart`` that waits may have its turn.
    :ivar history: what has run.
    """

    def __init__(
        self,
        voice: Voice,
        gate: Gate,
        under_way: UnderWay,
        begun: Begun,
        history: CellHistory,
        call_later: CallLater,
        look: Callable[[], None],
    ) -> None:
        self._voice = voice
        self._gate = gate
        self._under_way = under_way
        self._begun = begun
        self.history = history
        self._timer = Timer(call_later)
        self._look = look
        self._replay: Replay | None = None

    def offer(self, generation: int) -> str:
        """Say what can be run again once that kernel is gone; ``""``: nothing."""
        try:
            plan = replayplan.of_kernel_before(self.history, generation + 1)
        except NothingToReplay:
            return ""
        return replayplan.offered(len(plan.cells))

    # --- its beginning ------------------------------------------------------

    def after_restart(
        self, conversation: Conversation, then: Callable[[], None]
    ) -> None:
        """Run what a ``%restart --replay`` wants; ``then`` is called after that."""
        language = language_of(self._voice.info())
        self.history.languages[conversation.kernel.generation] = language
        for cell in reversed(self._under_way.cells):
            prepared = cell.prepared
            if isinstance(prepared, Replaying) and cell.visible:
                self._restarted(conversation, cell, prepared, then)
                return
        then()

    def here(
        self, request: Request, conversation: Conversation, how_many: HowMany
    ) -> None:
        """Run the cells of the kernel before in the one that there is."""
        number = self._voice.number(request)
        name = self._voice.author.new_id()
        cell = ProgressCell(self._voice.post, request, number, name)
        self._begun.begin(cell)
        generation = conversation.kernel.generation
        try:
            plan = replayplan.of_kernel_before(self.history, generation, how_many)
            replayplan.check_language(self.history, plan, generation)
        except NothingToReplay as error:
            cell.fail(Failure("NothingToReplay", str(error)))
            return
        self._gate.occupy(True)
        self._start(conversation, cell, plan, self._go_on)

    def _restarted(
        self,
        conversation: Conversation,
        cell: RestartCell,
        prepared: Replaying,
        then: Callable[[], None],
    ) -> None:
        self._under_way.freeze()
        plan = prepared.plan
        generation = conversation.kernel.generation
        try:
            if not plan.cells:
                raise NothingToReplay(prepared.nothing)
            replayplan.check_language(self.history, plan, generation)
        except NothingToReplay as error:
            self._under_way.say(str(error))
            then()
            return
        self._start(conversation, cell, plan, then, self._under_way.summary())

    # --- what comes in between ----------------------------------------------

    def interrupt(self) -> None:
        """Somebody interrupts what runs."""
        if self._replay is not None:
            self._replay.interrupt()

    def stop(self) -> None:
        """The kernel goes, or the daemon."""
        self._gate.occupy(False)
        if self._replay is not None:
            self._replay.stop()

    def finish(self, cause: Cause) -> None:
        """The kernel is gone."""
        replay, self._replay = self._replay, None
        if replay is not None:
            self._leave(replay.cell, replay.lost(cause))

    # --- its end ------------------------------------------------------------

    def _start(
        self,
        conversation: Conversation,
        cell: ProgressCell,
        plan: Plan,
        then: Callable[[], None],
        head: str = "",
    ) -> None:
        ended = partial(self._ended, conversation, cell, then)
        self._replay = Replay(conversation, cell, plan, head, ended, self._timer)
        self._replay.begin()

    def _ended(
        self,
        conversation: Conversation,
        cell: ProgressCell,
        then: Callable[[], None],
        result: Result,
    ) -> None:
        self._replay = None
        if result.why is None and isinstance(cell, RestartCell):
            self._under_way.say(result.line)
            self._under_way.below = result.below
        else:
            self._leave(cell, result)
        if result.why is not None:
            conversation.progressed(cell.request, failed=_stops(cell))
        then()

    def _leave(self, cell: ProgressCell, result: Result) -> None:
        """End its cell; if it fails, those that are held after it do not run."""
        line = result.line
        if isinstance(cell, RestartCell):
            self._under_way.leave(cell)
            self._under_way.say(line)
            line = self._under_way.summary()
            self._under_way.also = ""
        if cell.ended:
            return  # the Restart button came in between
        cell.conclude(line, above=True, below=result.below)
        if result.why is None:
            cell.succeed()
            return
        if result.printed:
            cell.show(messages.stream(result.printed))
        if result.aborted:
            cell.abort()
        else:
            cell.fail(result.why)
        if _stops(cell):
            self._gate.abort_held(cell.request.header.get("subshell_id") or "")

    def _go_on(self) -> None:
        """Let the cells after it run."""
        self._gate.occupy(False)
        self._gate.resume()
        self._look()


def _stops(cell: ProgressCell) -> bool:
    return cell.request.field("stop_on_error", True)
