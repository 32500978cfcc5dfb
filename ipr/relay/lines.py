"""A ``%restart`` in the last line of its cell: the lines before it run first.

Knows that they run in the old kernel under the cell's own request, and what of that the
clients see. Must not know when its turn is, nor what a restart is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs
from twisted.logger import Logger

from ipr.jupyter import messages
from ipr.jupyter.messages import Draft, Failure
from ipr.jupyter.wire import Malformed
from ipr.relay.answers import Publish, Reply
from ipr.relay.cells import Cell
from ipr.relay.conversation import Conversation
from ipr.relay.gate import NOT_SENT
from ipr.relay.kept import Kept, Whole
from ipr.relay.request import Progress, Request
from ipr.relay.restartcells import Prepared, RestartCell, Wanted
from ipr.relay.turns import LinesWent
from ipr.relay.voice import Voice

#: Why the lines did not run, when the kernel ended while the options were checked.
NOT_RUN = Failure(
    "NotRestarted",
    "the kernel ended before the lines above %restart could run; run the cell again",
)

#: Takes how the lines have ended.
Ended = Callable[[LinesWent], None]


class LastLine(RestartCell):
    """It begins when the kernel begins with its lines, and has the kernel's reply.

    While they run the request is in the ledger, which answers it if the kernel dies.
    """

    def begin(self) -> None:
        """Say nothing yet: the kernel does."""

    def run(self, conversation: Conversation, ended: Ended) -> None:
        """Have the kernel run the lines.

        :param ended: called once, unless the daemon ends.
        """
        aborting = self.request.field("stop_on_error", True)
        kept = Kept(
            over=partial(self._over, conversation, ended),
            lost=partial(ended, LinesWent.ABORTING if aborting else LinesWent.BADLY),
            numbered=self._numbered,
        )
        # In the ledger is a request of its own: this one has not been answered.
        inner = attrs.evolve(self.request, progress=Progress(kept=kept))
        self._ended = True
        wanted = self.wanted
        try:
            conversation.send_lines(inner, wanted.body, wanted.restart.before)
        except Exception:
            _log.failure("The lines before a %restart could not be sent")
            if inner.progress.number:
                return  # it is answered when its kernel is finished
            self._take_back()
            self.fail(NOT_SENT)
            kept.lost()

    def progress(self, text: str, below: str = "") -> None:
        """Show it to notebooks, which can have it replaced later."""
        if self.request.from_notebook:
            super().progress(text, below)

    def runs(self, text: str) -> None:
        """Show it to notebooks; what the lines before it have shown stays."""
        self.progress(text)

    def conclude(self, text: str, *, above: bool = False, below: str = "") -> None:
        """Leave one line, and what the lines before it have shown."""
        super().progress(text, below)
        self._shown = ""

    def fail(self, why: Failure) -> None:
        """Show the error, reply with it; nothing while the kernel has the request."""
        if self._ended:
            return
        if self.request.progress.status == "none":
            Cell.begin(self)
        super().fail(why)

    def succeed(self) -> None:
        """Reply as the kernel did: the cell's expressions are in there."""
        said = {**self.request.progress.said, "execution_count": self._number}
        self._end(Reply(Draft("execute_reply", said)))

    def _numbered(self, count: int) -> None:
        """Show the whole cell under the number that the kernel has given its lines."""
        code = self.request.field("code", "")
        self._post(self.request, (Publish(messages.execute_input(code, count)),))

    def _over(self, conversation: Conversation, ended: Ended, whole: Whole) -> None:
        if self._well(whole):
            # First, while this one still counts as busy: what waits is looked at.
            conversation.progressed(self.request)
            self._take_back()
            ended(LinesWent.WELL)
        else:
            conversation.deliver(self.request, whole)
            # One that the kernel has aborted failed with a cell before it.
            said = self.request.progress.said
            aborting = whole.failed or said.get("status") != "error"
            ended(LinesWent.ABORTING if aborting else LinesWent.BADLY)

    def _well(self, whole: Whole) -> bool:
        try:
            said = whole.reply.content
        except Malformed:
            return False
        count = said.get("execution_count")
        if self._number and isinstance(count, int):
            self._number = count
        self.request.progress.said = said
        return said.get("status") == "ok"

    def _take_back(self) -> None:
        self._ended = False
        self.request.progress.begin()


def cell_of(
    voice: Voice, request: Request, wanted: Wanted, cell_id: str, prepared: Prepared
) -> RestartCell:
    """Return the cell of a ``%restart``, with lines before it or without."""
    kind = LastLine if wanted.restart.before else RestartCell
    number = voice.restart_number(request)
    return kind(voice.post, request, number, wanted, cell_id, prepared)


def run_lines(
    cell: RestartCell, conversation: Conversation | None, ended: Ended
) -> None:
    """Have the kernel run them; parameters as of :meth:`LastLine.run`."""
    assert isinstance(cell, LastLine)
    assert conversation is not None
    cell.run(conversation, ended)


def helped(request: Request, conversation: Conversation, text: str) -> Kept:
    """Return what shows a line of help in a cell, beside the kernel's error."""

    def over(whole: Whole) -> None:
        try:
            failed = whole.status == "error"
        except Malformed:
            failed = False
        conversation.deliver(
            request, whole, *((messages.stream(text, "stderr"),) if failed else ())
        )

    return Kept(over=over, lost=lambda: None)


_log = Logger()
