"""Cells that restart the kernel.

Knows what such a cell shows while it waits, restarts and has restarted. Must not know
when its turn is, nor which kernel runs.
"""

from __future__ import annotations

import html
from typing import Protocol

import attrs
from twisted.internet.defer import Deferred, succeed

from ipr.jupyter import messages
from ipr.jupyter.magics import Restart
from ipr.jupyter.messages import Draft, Failure
from ipr.jupyter.wire import Frame
from ipr.relay.answers import Publish, Reply
from ipr.relay.cells import Cell, Post
from ipr.relay.pieces import Piece
from ipr.relay.request import Request


class Prepared(Protocol):
    """What the kernel starts with that a ``%restart`` asks for.

    :ivar pieces: what it runs then, once.
    :ivar language: of the kernel, as its kernelspec says.
    """

    pieces: tuple[Piece, ...] = ()
    language: str = ""

    def check(self) -> Deferred[None]:
        """See whether it can be started; fails with a sentence when it cannot."""

    def apply(self) -> None:
        """Put it in force."""


@attrs.frozen
class Wanted:
    """What a ``%restart`` asks for.

    :ivar body: the message, for the rest of the cell.
    """

    restart: Restart
    body: list[Frame]


class ProgressCell(Cell):
    """A cell that shows how something goes.

    In a notebook its progress is one display that is updated. Consoles do not
    know update_display_data (euporie dies of it): they are told once, and the
    last line comes as a display of its own, in place of the others.

    :ivar id: of its own; its display has the same.
    """

    def __init__(self, post: Post, request: Request, number: int, cell_id: str) -> None:
        super().__init__(post, request, number)
        self.id = cell_id
        self._shown = ""

    def progress(self, text: str, below: str = "") -> None:
        """Show how far it has come, if that has changed.

        :param below: what stands below the line where HTML is shown.
        """
        shown = text + below
        if shown == self._shown or (self._shown and not self.request.from_notebook):
            return
        update = bool(self._shown)
        self.show(messages.display(_line(text, below), self.id, update=update))
        self._shown = shown

    def conclude(self, text: str, *, above: bool = False, below: str = "") -> None:
        """Leave one line.

        :param above: and what stands below what was shown before.
        :param below: as of :meth:`progress`.
        """
        if above and self.request.from_notebook:
            self.progress(text, below)
            return
        if self._shown:
            self.show(Draft("clear_output", {"wait": True}))
        self.show(messages.display(_line(text, below), self.id))


class RestartCell(ProgressCell):
    """A ``%restart``, from its first line to the new kernel's first answer.

    :ivar prepared: what the next kernel starts with.
    :ivar working: what is being worked out for it; cancelled when it ends.
    :ivar problem: why it cannot be done.
    :ivar visible: whether clients see how it ends.
    """

    visible = True

    def __init__(
        self,
        post: Post,
        request: Request,
        number: int,
        wanted: Wanted,
        cell_id: str,
        prepared: Prepared,
    ) -> None:
        super().__init__(post, request, number, cell_id)
        self.wanted = wanted
        self.prepared = prepared
        self.working: Deferred[None] = succeed(None)
        self.problem = Failure("NotDone", "")

    def stay(self, count: int) -> None:
        """Take the kernel's own number: it goes on, as does a console's prompt."""
        self._number = max(self._number, count)

    def wait_shown(self) -> None:
        """Say that it waits, and what would end that."""
        self.progress(
            "waiting for the cells before this one to finish; interrupt the"
            " kernel, or run '%restart now' from elsewhere, to restart at once"
        )

    def goes(self, *, waited: bool) -> None:
        """Its turn has come.

        :param waited: cells before it may have said idle since it said busy.
        """
        if waited:
            self._post(self.request, (Publish(messages.BUSY),))

    def runs(self, text: str) -> None:
        """Show what runs in the new kernel; its output stands below that."""
        if self.request.from_notebook:
            self.progress(text)
        elif self._shown:
            self.show(Draft("clear_output", {"wait": True}))
            self._shown = ""

    def _end(self, reply: Reply) -> None:
        super()._end(reply)
        self.working.cancel()

    def hand_over(self) -> None:
        """Let the inner kernel finish the request: ipr says nothing more in it."""
        self._ended = True


#: Why options from elsewhere cannot be had, unless something is wrong with them.
ANOTHER_FIRST = Failure(
    "NotRestarted",
    "another restart comes first, and these options would be lost: ask again when it"
    " is done, or restart now",
)


class Ordered(RestartCell):
    """A restart that no cell asks for: nothing of it is shown, and it is answered.

    The answer comes once it is known that it will happen, and not once it has happened:
    whoever asks may be part of the kernel that ends. A failure may come after that.
    """

    visible = False

    def __init__(
        self,
        post: Post,
        request: Request,
        restart: Restart,
        cell_id: str,
        prepared: Prepared,
    ) -> None:
        super().__init__(post, request, 0, Wanted(restart, []), cell_id, prepared)
        self.problem = ANOTHER_FIRST

    def begin(self) -> None:
        """Say nothing yet."""

    def show(self, draft: Draft) -> None:
        """Show nothing."""

    def wait_shown(self) -> None:
        """Answer that cells come before it."""
        self._accept(waits=True)

    def goes(self, *, waited: bool) -> None:
        """Answer that it is its turn."""
        self._accept(waits=False)

    def fail(self, why: Failure) -> None:
        """Answer that it does not happen, or report so later."""
        self._ended = True
        reply = Reply(messages.error_reply(self.request.msg_type, why))
        self._post(self.request, (reply,))
        self.working.cancel()

    def _accept(self, *, waits: bool) -> None:
        self._end(Reply(messages.ok_reply(self.request.msg_type, waits=waits)))

    def _end(self, reply: Reply) -> None:
        if not self._ended:
            self._ended = True
            self._post(self.request, (reply,))


#: As JupyterLab shows a stream, beside which it stands; quieter than a result.
_STYLE = (
    "font-family: var(--jp-code-font-family, monospace);"
    " font-size: var(--jp-code-font-size, 13px);"
    " line-height: var(--jp-code-line-height, 1.3);"
    " margin: 0; padding-left: 1ch;"
    " color: var(--jp-content-font-color2, var(--vscode-descriptionForeground))"
)


def _line(text: str, below: str = "") -> dict[str, str]:
    return {
        "text/plain": text,
        "text/html": f"<div style='{_STYLE}'>{html.escape(text)}{below}</div>",
    }
