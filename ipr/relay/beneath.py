"""Where a replay shows how it goes that no cell has asked for.

Knows that the cell above it has ended, and is nobody's to answer. Must not know which
cell that is, nor what is replayed.

A terminal asks for such a replay. In a notebook it stands under the last cell, as the
warnings before the end of a job do; a console, which shows late output with its next
cell, is told once, when it is over.
"""

from __future__ import annotations

import attrs

from ipr.jupyter import messages
from ipr.jupyter.messages import Failure
from ipr.relay.answers import Reply
from ipr.relay.cells import Post
from ipr.relay.request import Progress, Request
from ipr.relay.restartcells import ProgressCell


class Beneath(ProgressCell):
    """A line, and perhaps an error, under a cell that has ended.

    :param above: the request of that cell; nothing of its content holds for this one:
        nobody can be asked for input there.
    """

    stops = False

    def __init__(self, post: Post, above: Request, cell_id: str) -> None:
        request = attrs.evolve(above, content_frame=b"{}", progress=Progress())
        super().__init__(post, request, 0, cell_id)

    def begin(self) -> None:
        """Say nothing: its busy would be that of the cell above."""

    def progress(self, text: str, below: str = "") -> None:
        """Show it to notebooks, which can have it replaced later."""
        if self.request.from_notebook:
            super().progress(text, below)

    def conclude(self, text: str, *, above: bool = False, below: str = "") -> None:
        """Leave one line."""
        if self.request.from_notebook:
            super().progress(text, below)
        else:
            self.show(messages.stream(f"{text}\n", "stderr"))

    def fail(self, why: Failure) -> None:
        """Show the error; to a console as what it prints with its next cell."""
        if self.request.from_notebook:
            self.show(messages.error(why))
        else:
            lines = "\n".join(map(str, why.content()["traceback"]))
            self.show(messages.stream(f"{lines}\n", "stderr"))
        self._ended = True

    def _end(self, reply: Reply) -> None:
        """Nobody waits for a reply."""
        self._ended = True
