"""The %restarts that have had their turn.

Knows what their cells show until the new kernel is ready, and that the rest of such
a cell runs there. Must not know how they came to have their turn.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from ipr.relay.conversation import Conversation
from ipr.relay.gate import NOT_SENT
from ipr.relay.pieces import Piece
from ipr.relay.replaying import Replaying
from ipr.relay.restartcells import RestartCell
from ipr.relay.timer import CallLater, Timer

#: Seconds until a cell that restarts says so; most are done by then.
PROGRESS_TIME = 0.3

#: What a console is told, once: what is true in the beginning would stay there for as
#: long as the new kernel takes to start.
ALL_PHASES = "restarting the kernel ..."


class UnderWay:
    """All of them; they end together.

    :param now: monotonic seconds.
    :ivar unheard: one is under way that no cell asked for, and of which the clients
        have not heard.
    :ivar also: what else has been done by the time that the new kernel takes cells.
    :ivar below: what stands below the line where HTML is shown.
    """

    def __init__(self, call_later: CallLater, now: Callable[[], float]) -> None:
        self._now = now
        self._quiet = Timer(call_later)
        self._phase = ""
        self._began = 0.0
        self.cells: list[RestartCell] = []
        self.unheard = False
        self.also = ""
        self.below = ""
        self._took: float | None = None

    def add(self, cell: RestartCell) -> None:
        """Take one along."""
        if not self.cells or self._took is not None:
            self._took = None
            self._began = self._now()
            self._quiet.start(PROGRESS_TIME, self._show)
        self.cells.append(cell)

    def phase(self, text: str) -> None:
        """Note what the restart is doing, for its cells to show."""
        self._phase = text
        if not self._quiet.running:
            self._show()

    @property
    def shown_in(self) -> RestartCell | None:
        """The cell that shows what runs in the new kernel: the latest one, if any."""
        return next((cell for cell in reversed(self.cells) if cell.visible), None)

    @property
    def patient(self) -> bool:
        """Whether cells restart, and none of them by ``%restart now``."""
        return bool(self.cells) and not any(
            cell.wanted.restart.now for cell in self.cells
        )

    def runs(self, cell: RestartCell, what: str) -> None:
        """The new kernel runs something before all else, under this cell."""
        self._quiet.stop()
        cell.runs(f"{self.summary()}; running {what} ...")

    def take_pieces(self) -> tuple[Piece, ...]:
        """Return what the new kernel runs for them, once, whatever becomes of it."""
        found: tuple[Piece, ...] = ()
        for cell in self.cells:
            found += cell.prepared.pieces
            cell.prepared.pieces = ()
        return found

    def give_back(self, pieces: tuple[Piece, ...]) -> None:
        """The kernel went before it came to these: the next one runs them."""
        for cell in self.cells[:1]:
            cell.prepared.pieces = pieces + cell.prepared.pieces

    def take_replay(self) -> RestartCell | None:
        """Return the latest cell that wants cells to run again, once."""
        found = None
        for cell in self.cells:
            if isinstance(cell.prepared, Replaying) and not cell.prepared.begun:
                cell.prepared.begun = True
                found = cell
        return found

    def leave(self, cell: RestartCell) -> None:
        """Let one end by itself."""
        self.cells = [other for other in self.cells if other is not cell]

    def over(self) -> list[RestartCell]:
        """Return those that took part."""
        self._quiet.stop()
        self.unheard = False
        self.also = ""
        self.below = ""
        self._took = None
        cells, self.cells = self.cells, []
        return cells

    def conclude(self, conversation: Conversation) -> bool:
        """The new kernel is ready; return whether a cell shows it."""
        text, above, below = self.summary(), bool(self.also), self.below
        cells = self.over()
        for cell in cells:
            cell.conclude(text, above=above, below=below)
            if cell.wanted.restart.rest:
                _run_rest(conversation, cell)
            else:
                cell.succeed()
        return any(cell.visible for cell in cells)

    def say(self, text: str) -> None:
        """Say something more in the line that the cells leave."""
        self.also = ", ".join(filter(None, (self.also, text)))

    def freeze(self) -> None:
        """What follows takes a time of its own, and says itself how it goes."""
        self._quiet.stop()
        self._took = self._now() - self._began

    def summary(self) -> str:
        """Return what has been done; "%ipr status" has the process ids."""
        also = f", {self.also}" if self.also else ""
        took = self._now() - self._began if self._took is None else self._took
        return f"restarted in place, {took:.2f} s{also}"

    def _show(self) -> None:
        for cell in self.cells:
            cell.progress(self._phase if cell.request.from_notebook else ALL_PHASES)


def _run_rest(conversation: Conversation, cell: RestartCell) -> None:
    """Run the lines after %restart under the very same request."""
    request = cell.request
    try:
        conversation.send_rest(request, cell.wanted.body, cell.wanted.restart.rest)
    except Exception:
        _log.failure("The rest of a %restart could not be sent")
    if request.progress.adopted:
        # It is in the ledger, and answered when that kernel is finished.
        cell.hand_over()
    else:
        cell.fail(NOT_SENT)


_log = Logger()
