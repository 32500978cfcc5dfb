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
from ipr.lifecycle.causes import RESTARTED, failure
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

    @property
    def left(self) -> bool:
        """Whether the new kernel has something to do for it, once."""
        return bool(self.pieces)

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

    @property
    def stops(self) -> bool:
        """Whether the cells after it do not run when it fails."""
        return self.request.field("stop_on_error", True)

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
        else:
            if self._shown:
                self.show(Draft("clear_output", {"wait": True}))
            self.show(messages.display(_line(text, below), self.id))
        self._shown = ""


#: What its line says then, in place of what it has waited for.
NOT_RESTARTED = "not restarted"
#: The name of the error of what another restart ends.
_OVERTAKEN = failure(RESTARTED).ename


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

    def fail(self, why: Failure) -> None:
        """Show the error, and no longer what it was doing."""
        overtaken = why.ename == _OVERTAKEN
        self._put_right("another restart came first" if overtaken else NOT_RESTARTED)
        super().fail(why)

    def abort(self) -> None:
        """Reply that a cell before it failed; it waits no longer."""
        self._put_right(NOT_RESTARTED, wait=False)
        super().abort()

    def overtaken(self, why: Failure, *, went: bool) -> None:
        """A restart comes that nothing of this one is carried over to.

        :param went: it has had its turn.
        """
        self.fail(why)

    def _put_right(self, text: str, *, wait: bool = True) -> None:
        """Take back what it says that it waits for, or does.

        :param wait: something else follows, and takes its place.
        """
        if not self._shown:
            return
        if self.request.from_notebook:
            self.progress(text)
        else:
            self.show(Draft("clear_output", {"wait": wait}))

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
