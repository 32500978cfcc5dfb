"""What ipr has to say that nobody asked for: the job ends soon.

Knows where a user looks: under the running cell, else under the last one that ran; and
once more at the head of the next cell, when nobody can have seen that. Must not know
what is said.

What clients do with late output of a finished cell: JupyterLab, Notebook 7 and VS Code
show it there; consoles keep it for the next cell; nbclient and papermill ignore it. A
page that was reloaded since never shows it.
"""

from __future__ import annotations

import html
from collections.abc import Callable

import attrs

from ipr.jupyter import messages
from ipr.jupyter.messages import Draft
from ipr.jupyter.wire import CONTENT, Envelope
from ipr.lifecycle.causes import SHUT_DOWN, Cause, Ending
from ipr.relay.answers import Publish
from ipr.relay.conversation import Conversation
from ipr.relay.request import Request, unseen
from ipr.relay.voice import Voice

#: As a warning stands out in JupyterLab, light and dark.
_STYLE = (
    "font-family: var(--jp-code-font-family, monospace);"
    " font-size: var(--jp-code-font-size, 13px);"
    " line-height: var(--jp-code-line-height, 1.3);"
    " margin: 0; padding: 2px 1ch;"
    " border-left: 3px solid var(--jp-warn-color1, #f57c00)"
)


class Notices:
    """One notice at a time; a newer one takes the place of the one before.

    :param current: returns the conversation with the current kernel.
    :ivar pending: whether the next cell is to begin with it.
    """

    def __init__(
        self, voice: Voice, current: Callable[[], Conversation | None]
    ) -> None:
        self._voice = voice
        self._current = current
        self._last: Envelope | None = None
        self._text: Callable[[], str] | None = None
        self._number = 0
        self._shown_under: str = ""
        self._why = ""
        self.pending = False

    def cell_came(self, envelope: Envelope) -> None:
        """Note the cell that a notice would stand under, if a person sees it."""
        if not unseen(envelope.body[CONTENT]):
            self._last = envelope

    def place(self) -> Request | None:
        """Return the cell under which a user looks; None: there has been none."""
        return self._running() or self._finished()

    def subscribed(self) -> None:
        """A client has come, or has come again: it has not seen the notice."""
        self.pending = self._text is not None

    def say(self, text: Callable[[], str]) -> None:
        """Say it where it is seen.

        :param text: returns it as it is to be said when it is said.
        """
        self._text = text
        parent = self.place()
        if parent is not None:
            self._show(parent, late=self._running() is None)
        self.pending = parent is None or self._voice.front.clients == 0

    def at_head(self, envelope: Envelope) -> None:
        """Say it at the head of a cell that comes, if a person can see that cell."""
        request = Request.of("shell", envelope)
        if _is_seen(request):
            self.pending = False
            self._show(request)

    def last_words(self, text: str, *, shown: bool = True) -> None:
        """Say why all of this ends, at once in the cell that runs, if one does.

        :param shown: False: only where a cell ends by it.
        """
        self._why = text.rstrip(".")
        running = self._running()
        if shown and running is not None:
            self._voice.post(
                running, (Publish(messages.stream(f"{text}\n", "stderr")),)
            )

    def explained(self, cause: Cause) -> Cause:
        """Put :meth:`last_words` in place of what a kernel's end says of itself.

        Slurm sends SIGTERM to the kernel as well as to us: it may die of that first.
        """
        if self._why and (cause.ending is Ending.SHUT_DOWN or cause.terminated):
            return attrs.evolve(SHUT_DOWN, text=self._why)
        return cause

    def _running(self) -> Request | None:
        conversation = self._current()
        if conversation is None:
            return None
        for request in conversation.ledger.unfinished():
            if request.progress.code == "started" and _is_seen(request):
                return request
        return None

    def _finished(self) -> Request | None:
        if self._last is None:
            return None
        return Request.of("shell", self._last)

    def _show(self, parent: Request, *, late: bool = False) -> None:
        text = self._text() if self._text is not None else ""
        if not parent.from_notebook:
            # Consoles do not know updates, and print what is an error's in red. What
            # comes late they print behind the next line, which was not ended yet.
            draft = messages.stream("\n" * late + f"{text}\n", "stderr")
        else:
            draft = self._display(parent, text)
        self._voice.post(parent, (Publish(draft),))

    def _display(self, parent: Request, text: str) -> Draft:
        update = parent.msg_id == self._shown_under
        if not update:
            self._number += 1
            self._shown_under = parent.msg_id
        line = f"<div style='{_STYLE}'>{html.escape(text)}</div>"
        data = {"text/plain": text, "text/html": line}
        return messages.display(data, f"ipr-notice-{self._number}", update=update)


def _is_seen(request: Request) -> bool:
    """Whether a person sees what stands under a request."""
    return (
        request.msg_type == "execute_request"
        and not request.field("silent", False)
        and request.field("store_history", True)
    )
