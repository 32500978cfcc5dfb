"""One replay: cells that succeeded before run again in a kernel.

Knows what its cell shows meanwhile, and what is taken down of it. Must not know why it
is run, which cells there are, nor what follows.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from ipr.lifecycle.causes import Cause, Ending, failure
from ipr.relay import program, replaywords
from ipr.relay.cellhistory import Recording
from ipr.relay.conversation import Conversation
from ipr.relay.fold import Fold
from ipr.relay.pieces import Piece
from ipr.relay.program import Program
from ipr.relay.ran import Outcome, Ran
from ipr.relay.replayplan import Plan
from ipr.relay.replaywords import Result, Standing
from ipr.relay.restartcells import ProgressCell
from ipr.relay.timer import Timer

#: Seconds between two looks at the clock for the line that shows how it goes.
TICK_TIME = 1.0

_OUTCOMES = {"ok": Outcome.OK, "aborted": Outcome.NOT_RUN}


class Replay:
    """One replay, in one kernel.

    :param cell: shows it.
    :param head: what its line begins with.
    :param over: called once with how it ended; not when the kernel goes before.
    :param timer: of its own.
    """

    def __init__(
        self,
        conversation: Conversation,
        cell: ProgressCell,
        plan: Plan,
        head: str,
        over: Callable[[Result], None],
        timer: Timer,
    ) -> None:
        self.cell = cell
        self._ledger = conversation.ledger
        self._standing = Standing(plan, head, self._recording.now())
        self._over = over
        self._timer = timer
        self._fold = Fold()
        self._ran: Ran | None = None
        self._program = Program(
            conversation,
            cell.request,
            tuple(Piece(ran.first_line, ran.code) for ran in plan.cells),
            self._ended,
            self._begins,
            self._fold.take,
        )

    @property
    def line(self) -> str:
        """How it stands, in a line."""
        return self._standing.running(self._recording.now())

    @property
    def _recording(self) -> Recording:
        return self._ledger.recording

    def begin(self) -> None:
        """Have the first cell run."""
        self._ledger.withheld = True
        self._program.go_on()

    def interrupt(self) -> None:
        """Let no other cell run, whatever the kernel makes of the interrupt."""
        self._program.halt()

    def stop(self) -> None:
        """The kernel goes, or the daemon."""
        self._timer.stop()
        self._program.stop()
        self._ledger.withheld = False

    def lost(self, cause: Cause) -> Result:
        """The kernel is gone: return how it ended."""
        died = cause.ending is Ending.DIED
        self._end_cell(Outcome.CRASHED if died else Outcome.CUT_OFF)
        number = self._program.ran
        if died:
            text = f"{cause.text} while {self._standing.named(number)} was replayed"
            cause = attrs.evolve(cause, text=text)
        line = self._standing.stopped(number, self._recording.now())
        return Result(line, failure(cause), below=self._fold.html())

    def _begins(self, number: int) -> None:
        if number:
            self._end_cell(Outcome.OK)
        self._ran = self._recording.again(self._standing.plan.cells[number])
        self._fold.begin(self._standing.titled(number))
        self._standing = attrs.evolve(self._standing, number=number)
        self._show()

    def _show(self) -> None:
        self._timer.start(TICK_TIME, self._show)
        text = self._standing.running(self._recording.now())
        self.cell.progress(text, replaywords.bar(self._standing))

    def _ended(self, ending: program.Ending) -> None:
        self.stop()
        error, printed = self._fold.error, self._fold.text
        self._end_cell(_OUTCOMES.get(ending.status, Outcome.ERROR))
        shown = replaywords.shown(error) or ending.why
        result = self._standing.result(ending.ran, self._recording.now(), shown)
        if ending.status == "aborted":
            result = Result(self._standing.aborted(), shown, aborted=True)
        self._over(attrs.evolve(result, printed=printed, below=self._fold.html()))

    def _end_cell(self, outcome: Outcome) -> None:
        if self._ran is not None:
            self._ran.end(self._recording.now(), outcome)
        self._fold.end()
