"""What a front end shows after the messages of cells.

Knows the rules by which outputs are joined, replaced and cleared (Jupyter messaging
specification, "Messages on the IOPub channel"). Must not know how the messages were
kept, nor what is done with the outputs.

* Text of a stream is joined to the output before it, if that is of the same stream.
* An update changes each display of its id, whichever cell shows that. Where that is not
  kept any more, since so much came after it, the update stands in its place.
* ``clear_output`` takes away what its cell has shown; with ``wait``, when the next
  output comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import attrs

from ipr.jupyter.wire import JSON, Malformed, parse_object
from ipr.relay.outputs import TOO_LARGE, CellOutput

#: Only the kernel that has made a widget can bring it to life. Its text stays.
WIDGET = "application/vnd.jupyter.widget-view+json"


@attrs.define
class Text:
    """Text of one stream.

    :ivar name: ``"stdout"`` or ``"stderr"``.
    """

    name: str
    pieces: list[str]

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)


@attrs.define
class Display:
    """A display, or the result of a cell: three objects of its message's content."""

    data: JSON
    metadata: JSON
    transient: JSON


@attrs.frozen
class Traceback:
    """The error of a cell, with its colours."""

    text: str


@attrs.frozen
class Missing:
    """What is not kept any more, or never was.

    :ivar size: in bytes.
    :ivar first: it is all that came before; else it is one output.
    """

    size: int
    first: bool


Output = Text | Display | Traceback | Missing
#: The displays that have an id, by that.
_Displays = dict[str, list[Display]]


def shown(cells: Sequence[CellOutput]) -> list[list[Output]]:
    """Return the outputs of each cell.

    :param cells: all that are kept: one may change what another shows.
    """
    screens = [_Screen(cell.cut) for cell in cells]
    displays: _Displays = {}
    came = [
        (*message, screen)
        for cell, screen in zip(cells, screens, strict=True)
        for message in cell.messages
    ]
    for _, kind, frame, screen in sorted(came, key=itemgetter(0)):
        try:
            content = parse_object(frame, "content")
        except Malformed:
            continue
        screen.take(kind, content, displays)
    return [screen.outputs for screen in screens]


class _Screen:
    """What one cell shows.

    :param cut: bytes of its first messages that are not kept.
    """

    def __init__(self, cut: int) -> None:
        self.outputs: list[Output] = [Missing(cut, first=True)] if cut else []
        self._cut = bool(cut)
        self._clears = False

    def take(self, kind: str, content: JSON, displays: _Displays) -> None:
        """Take one message of the cell."""
        if kind == "update_display_data":
            new = _display(content)
            if not _update(displays, new) and self._cut and _id(new):
                self._show(new, displays)
            return
        if kind == "clear_output":
            self._clears = content.get("wait") is True
            if not self._clears:
                self.outputs.clear()
            return
        made = _made(kind, content)
        if made is None:
            return
        if self._clears:
            self._clears = False
            self.outputs.clear()
        self._show(made, displays)

    def _show(self, made: Output, displays: _Displays) -> None:
        last = self.outputs[-1] if self.outputs else None
        if isinstance(made, Text) and isinstance(last, Text) and last.name == made.name:
            last.pieces += made.pieces
            return
        self.outputs.append(made)
        if isinstance(made, Display):
            displays.setdefault(_id(made), []).append(made)


def _made(kind: str, content: JSON) -> Output | None:
    """Return the output that a message makes; None: it makes none."""
    if kind == "stream":
        name, text = content.get("name"), content.get("text")
        fits = isinstance(name, str) and isinstance(text, str)
        return Text(str(name), [str(text)]) if fits else None
    if kind == "error":
        lines = content.get("traceback")
        if not isinstance(lines, list) or not lines:
            lines = [f"{content.get('ename')}: {content.get('evalue')}"]
        return Traceback("\n".join(map(str, lines)))
    if kind == TOO_LARGE:
        return Missing(content["size"], first=False)
    return _display(content)


def _display(content: JSON) -> Display:
    data, metadata, transient = (
        found if isinstance(found, dict) else {}
        for found in map(content.get, ("data", "metadata", "transient"))
    )
    return Display(
        {mime: value for mime, value in data.items() if mime != WIDGET},
        metadata,
        transient,
    )


def _update(displays: _Displays, new: Display) -> bool:
    """Change those of its id; return whether there is any."""
    found = displays.get(_id(new), ()) if _id(new) else ()
    for display in found:
        display.data, display.metadata = new.data, new.metadata
    return bool(found)


def _id(display: Display) -> str:
    found = display.transient.get("display_id")
    return found if isinstance(found, str) else ""
