"""Cells that ipr answers itself.

Knows what such a cell shows and how it ends: one busy, one reply, one idle,
like any other. Must not know what the magic in it does, or which kernel
runs.
"""

from __future__ import annotations

from collections.abc import Callable

from ipr.jupyter import messages
from ipr.jupyter.messages import Draft, Failure
from ipr.relay import answers
from ipr.relay.answers import Publish, Reply, Steps
from ipr.relay.request import Request

#: Sends the steps with the request as their parent.
Post = Callable[[Request, Steps], None]


class Cell:
    """One execute_request with a magic of ours.

    :param post: how its messages are sent.
    :param request: as entered in no ledger: the inner kernel never sees it.
    :param number: its execution_count.
    """

    def __init__(self, post: Post, request: Request, number: int) -> None:
        self._post = post
        self._number = number
        self.request = request
        self._ended = False

    @property
    def silent(self) -> bool:
        """Whether it is to show nothing."""
        return self.request.field("silent", False)

    @property
    def ended(self) -> bool:
        """Whether it has had its reply, or the inner kernel is to send it."""
        return self._ended

    def begin(self) -> None:
        """Say busy, and what runs."""
        steps: list[Publish | Reply] = [Publish(messages.BUSY)]
        if not self.silent:
            code = self.request.field("code", "")
            steps.append(Publish(messages.execute_input(code, self._number)))
        self._post(self.request, tuple(steps))
        self.request.progress.begin()

    def show(self, draft: Draft) -> None:
        """Put something under the cell, unless it is a silent one."""
        if not self.silent and not self._ended:
            self._post(self.request, (Publish(draft),))

    def succeed(self) -> None:
        """Reply ok, and say idle."""
        self._end(Reply(messages.execute_ok(self._number)))

    def fail(self, why: Failure) -> None:
        """Show the error, reply with it, and say idle."""
        self.show(messages.error(why))
        self.failed(why)

    def failed(self, why: Failure) -> None:
        """Reply with an error that is shown already, and say idle."""
        self._end(Reply(messages.execute_error(why, self._number)))

    def abort(self) -> None:
        """Reply that a cell before it failed, and say idle."""
        self._end(Reply(messages.execute_aborted()))

    def _end(self, reply: Reply) -> None:
        if self._ended:
            return
        self._ended = True
        self._post(self.request, answers.answered(self.request, reply))


class Begun:
    """Those that have begun, and must end when the daemon does."""

    def __init__(self) -> None:
        self._cells: list[Cell] = []

    @property
    def running(self) -> bool:
        """Whether one has not ended yet."""
        return not all(cell.ended for cell in self._cells)

    def begin(self, cell: Cell) -> None:
        """Let a cell begin."""
        self._cells = [other for other in self._cells if not other.ended]
        self._cells.append(cell)
        cell.begin()

    def end(self, why: Failure) -> None:
        """End those that have not ended."""
        for cell in self._cells:
            cell.fail(why)
