"""All replays: after a %restart, and where no kernel is restarted.

Knows whose cell shows one, that other cells are held meanwhile, and what becomes of
these. Must not know how one runs, nor when a kernel is restarted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs

from ipr.jupyter import messages
from ipr.jupyter.howmany import HowMany
from ipr.jupyter.messages import Failure
from ipr.jupyter.wire import JSON
from ipr.lifecycle.causes import Cause
from ipr.relay import replayplan
from ipr.relay.beneath import Beneath
from ipr.relay.cellhistory import CellHistory
from ipr.relay.cells import Begun
from ipr.relay.codefile import language_of
from ipr.relay.conversation import Conversation
from ipr.relay.gate import Gate
from ipr.relay.program import nobodys
from ipr.relay.replay import Replay
from ipr.relay.replaying import Replaying
from ipr.relay.replayplan import NothingToReplay, Plan
from ipr.relay.replaywords import Result
from ipr.relay.request import Request
from ipr.relay.restartcells import ProgressCell, RestartCell
from ipr.relay.timer import CallLater, Timer
from ipr.relay.underway import UnderWay
from ipr.relay.voice import Voice


@attrs.frozen
class Told:
    """How the latest one stands; the fields of :mod:`ipr.jupyter.remote`.

    :ivar request: the id of the restart that wants it; ``""``: a cell does.
    """

    request: str = ""
    line: str = ""
    over: bool = False
    failed: bool = False


class Replays:
    """One at a time.

    :param begun: cells that must end when the daemon does.
    :param look: called when a ``%restart`` that waits may have its turn.
    :param place: returns the cell under which a user looks, where none restarts.
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
        place: Callable[[], Request | None],
    ) -> None:
        self._voice = voice
        self._gate = gate
        self._under_way = under_way
        self._begun = begun
        self.history = history
        self._timer = Timer(call_later)
        self._look = look
        self._place = place
        self._replay: Replay | None = None
        self._told = Told()

    @property
    def running(self) -> bool:
        """Whether cells are being run again."""
        return self._replay is not None

    def told(self) -> JSON:
        """Return what :mod:`ipr.jupyter.remote` says of the latest one."""
        if self._replay is not None:
            self._told = attrs.evolve(self._told, line=self._replay.line)
        return attrs.asdict(self._told)

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
        wanted = self._under_way.take_replay()
        if wanted is None:
            then()
            return
        self._told = Told(wanted.request.msg_id)
        cell = wanted if wanted.visible else self._under_way.shown_in
        assert isinstance(wanted.prepared, Replaying)
        self._restarted(conversation, cell, wanted.prepared, then)

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
        self._told = Told()
        self._start(conversation, cell, plan, self._go_on)

    def _restarted(
        self,
        conversation: Conversation,
        cell: RestartCell | None,
        prepared: Replaying,
        then: Callable[[], None],
    ) -> None:
        """Run them under a cell that has restarted; None: under the last one."""
        self._under_way.freeze()
        plan = prepared.plan
        generation = conversation.kernel.generation
        try:
            if not plan.cells:
                raise NothingToReplay(prepared.nothing)
            replayplan.check_language(self.history, plan, generation)
        except NothingToReplay as error:
            self._under_way.say(str(error))
            self._told = attrs.evolve(
                self._told, line=str(error), over=True, failed=True
            )
            then()
            return
        head = self._under_way.summary()
        if cell is None:
            self._start(conversation, self._beneath(), plan, then, head)
            return
        if not cell.request.from_notebook:
            cell.runs("")  # a console is told once more
        self._start(conversation, cell, plan, then, head)

    def _beneath(self) -> Beneath:
        """Return what shows it where no cell has restarted."""
        author = self._voice.author
        self._voice.announce(messages.BUSY, "execute_request")
        above = self._place() or nobodys(author)
        return Beneath(self._voice.post, above, author.new_id())

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
            result = replay.lost(cause)
            self._tell(result)
            self._leave(replay.cell, result)

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
        self._tell(result)
        if result.why is None and isinstance(cell, RestartCell):
            self._under_way.say(result.line)
            self._under_way.below = result.below
        else:
            self._leave(cell, result)
        if result.why is not None:
            conversation.progressed(cell.request, failed=cell.stops)
        then()

    def _tell(self, result: Result) -> None:
        """Keep how it ended for whoever asked from afar."""
        why = result.why
        line = result.line if why is None else f"{result.line} ({why.sentence})"
        self._told = attrs.evolve(
            self._told, line=line, over=True, failed=why is not None
        )

    def _leave(self, cell: ProgressCell, result: Result) -> None:
        """End its cell; if it fails, those that are held after it do not run."""
        line = result.line
        if isinstance(cell, RestartCell):
            self._under_way.leave(cell)
        if isinstance(cell, RestartCell | Beneath):
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
        if cell.stops:
            self._gate.abort_held(cell.request.header.get("subshell_id") or "")

    def _go_on(self) -> None:
        """Let the cells after it run."""
        self._gate.occupy(False)
        self._gate.resume()
        self._look()
