"""The daemon's log in the notebook: ``%ipr debug``.

Knows whose cell has asked for it, under which cell a record is shown, and the level
that comes back afterwards. Must not know how a cell is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ipr.daemon.log import Log
from ipr.jupyter import messages
from ipr.jupyter.messages import Draft
from ipr.relay.request import Request


class ShownLog:
    """Records are shown under who asked, or under that client's cell that is running.

    :param unfinished: returns the requests that the kernel works on.
    :param whisper: publishes a log record under one of them.
    """

    def __init__(
        self,
        log: Log,
        unfinished: Callable[[], Iterable[Request]],
        whisper: Callable[[Request, Draft], None],
    ) -> None:
        self._log = log
        self._unfinished = unfinished
        self._whisper = whisper
        self._asked: Request | None = None
        #: The log's level before the first who asked.
        self._level_before = ""

    def begin(self, asked: Request, level: str) -> None:
        """Show records of this level from the next one on."""
        self._level_before = self._level_before or self._log.level
        self._log.set_level(level)
        self._asked = asked
        self._log.to_notebook(self._show)

    def end(self) -> None:
        """Show none any more; the level is what it was."""
        self._log.to_notebook(None)
        self._asked = None
        if self._level_before:
            self._log.set_level(self._level_before)
            self._level_before = ""

    def _show(self, text: str) -> None:
        asked = self._asked
        if asked is None:
            return
        session = asked.header.get("session")
        running = (
            request
            for request in self._unfinished()
            if request.msg_type == "execute_request"
            and request.header.get("session") == session
        )
        parent = next(running, asked)
        self._whisper(parent, messages.stream(text, "stderr"))
