"""What cells that are run again print: kept, to be looked at by whoever wants to.

Knows messages with output, and how to fold them away in HTML. Must not know why. It is
text only: what they have shown stands in the notebook, where they ran first.
"""

from __future__ import annotations

import html
from contextlib import suppress

from ipr.jupyter.wire import JSON, Envelope, Malformed
from ipr.relay.outputs import KINDS
from ipr.relay.silently import plain

#: Characters that are kept of one cell, the last ones, and cells of which any are.
MOST_OF_CELL = 4096
MOST_CELLS = 200


class Fold:
    """That of one replay.

    :ivar error: what the cell that ran last has shown as an error, if it has.
    """

    def __init__(self) -> None:
        self._cells: list[tuple[str, str]] = []
        self._title = ""
        self._text = ""
        self.error: JSON = {}

    @property
    def text(self) -> str:
        """What the cell that ran last has printed, without colours."""
        return plain(self._text)

    def begin(self, title: str) -> None:
        """Another cell begins."""
        self.end()
        self._title = title

    def end(self) -> None:
        """The cell is over."""
        if self.text.strip() and len(self._cells) < MOST_CELLS:
            self._cells.append((self._title, self.text.strip("\n")))
        self._text, self.error = "", {}

    def take(self, envelope: Envelope) -> bool:
        """Take a message that was published; False: it is no output."""
        kind = envelope.header["msg_type"]
        if kind not in KINDS:
            return False
        with suppress(Malformed):
            self._keep(kind, envelope.content)
        return True

    def html(self) -> str:
        """Return all that was printed, folded away; ``""``: nothing was."""
        if not self._cells:
            return ""
        cells = "".join(
            f"<div>{html.escape(title)}</div><pre style='margin: 0 0 0.5em 2ch'>"
            f"{html.escape(text)}</pre>"
            for title, text in self._cells
        )
        return f"<details><summary>their output</summary>{cells}</details>"

    def _keep(self, kind: str, content: JSON) -> None:
        if kind == "error":
            self.error = content
        elif kind == "clear_output":
            self._text = ""
        elif kind == "stream":
            self._add(content.get("text"))
        elif kind != "update_display_data":
            data = content.get("data")
            text = data.get("text/plain") if isinstance(data, dict) else None
            self._add(f"{text}\n" if isinstance(text, str) else None)

    def _add(self, text: object) -> None:
        if isinstance(text, str):
            self._text = (self._text + text)[-MOST_OF_CELL:]
