"""What the cells of all kernels have shown, as the messages that came.

Knows which messages are output, whose they are, and how many bytes are kept: the oldest
go first. Must not know what a front end makes of them
(:mod:`ipr.relay.asshown`), the clock, nor who asks. Nothing of it is ever on disk.

It is told of each message that is published, so it parses none: type and parent are
found in the bytes, and the content is kept as it came.
"""

from __future__ import annotations

import re
from collections import deque

import attrs

from ipr.jupyter.wire import Frame, Malformed, id_of, parse_object, quick_id
from ipr.relay.ran import Outcome, Ran

#: Bytes that a cell, and a message, take beside their content: the objects around it.
BESIDES_CELL, BESIDES_MESSAGE = 600, 250

#: A frame up to this size is copied: a small one that was read without a copy shares
#: the 8 KiB into which libzmq has read it, and would hold all of these.
MOST_COPIED = 1 << 16

#: The types of messages that are output.
KINDS = (
    "stream",
    "display_data",
    "execute_result",
    "update_display_data",
    "clear_output",
    "error",
)

#: The type of what stands for a message that is larger than all that may be kept; in
#: its content is the size.
TOO_LARGE = "too large"


class NothingShown(ValueError):
    """There is no output to show; the text says why."""


#: One message: its number in the order in which they came, over all cells; its type, or
#: :data:`TOO_LARGE`; its content. One is made for each that passes, and an object with
#: names costs four times as much.
Message = tuple[int, str, Frame]


@attrs.define(eq=False)
class CellOutput:
    """What one cell has shown.

    :ivar msg_id: of its request.
    :ivar session: of that, too: clients that count their messages share ids.
    :ivar ran: the cell.
    :ivar messages: those that are kept, oldest first.
    :ivar cut: bytes of those before them.
    """

    msg_id: str
    session: object
    ran: Ran
    messages: deque[Message] = attrs.field(factory=deque)
    cut: int = 0

    @property
    def begun(self) -> bool:
        """Whether it has run, or runs."""
        if self.ran.outcome is Outcome.WAITING:
            # The rest of a %restart cell has had its busy from ipr.
            return bool(self.messages or self.cut)
        return self.ran.outcome is not Outcome.NOT_RUN


class Outputs:
    """Those of the last cells.

    :param limit: bytes that they may take; 0: nothing is kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._cells: deque[CellOutput] = deque()
        #: Of each id the last cell, or several in the order in which they were sent.
        self._by_id: dict[str, tuple[CellOutput, ...]] = {}
        # Of the message before, and its cell: nearly always that of the next one.
        self._parent = b""
        self._cell: CellOutput | None = None
        self._number = 0
        #: Bytes that are taken now.
        self.size = 0

    def begin(self, msg_id: str, ran: Ran, session: object = None) -> None:
        """A cell was sent; what has this parent from now on is its output."""
        if self.limit:
            cell = CellOutput(msg_id, session, ran)
            others = (c for c in self._by_id.get(msg_id, ()) if c.session != session)
            self._by_id[msg_id] = (*others, cell)
            self._cells.append(cell)
            self._parent, self._cell = b"", None
            self.size += _cost(cell)
            self._shrink()

    def published(self, header: bytes, parent: bytes, content: Frame) -> None:
        """Keep a message, if it is the output of such a cell."""
        if parent != self._parent:
            self._parent, self._cell = parent, self._of(parent)
        cell = self._cell
        if cell is None:
            return
        found = _OUTPUT.search(header)
        if found is None:
            return
        kind, size = _KINDS[found[1]], len(content)
        if size > self.limit:
            kind, content = TOO_LARGE, b'{"size": %d}' % size
        elif size <= MOST_COPIED:
            content = bytes(content)
        self._number += 1
        cell.messages.append((self._number, kind, content))
        self.size += len(content) + BESIDES_MESSAGE
        if self.size > self.limit:
            self._shrink()

    def _of(self, parent: bytes) -> CellOutput | None:
        msg_id = quick_id(parent)
        cells = self._by_id.get(_parsed_id(parent) if msg_id is None else msg_id, ())
        if len(cells) > 1:
            session = _session(parent)
            cells = tuple(c for c in cells if c.session == session) or cells
        return cells[-1] if cells else None

    def all(self) -> list[CellOutput]:
        """Return every cell, oldest first; also those that have not begun."""
        return list(self._cells)

    def last(self, count: int) -> list[CellOutput]:
        """Return the last cells that have begun, oldest first.

        :raises NothingShown: there is none.
        """
        found = [cell for cell in self._cells if cell.begun][-count:]
        if not self.limit:
            raise NothingShown(
                "no output is kept: this kernel was started with --output-limit 0"
            )
        if not found:
            raise NothingShown("there is nothing to show: no cell has run yet")
        return found

    def _shrink(self) -> None:
        """Forget the oldest, until the rest is small enough."""
        while self.size > self.limit:
            oldest = self._cells[0]
            if oldest.messages:
                _, _, content = oldest.messages.popleft()
                self.size -= len(content) + BESIDES_MESSAGE
                oldest.cut += len(content)
            else:
                self._cells.popleft()
                self._parent, self._cell = b"", None
                self.size -= _cost(oldest)
                self._forget(oldest)

    def _forget(self, cell: CellOutput) -> None:
        others = tuple(c for c in self._by_id.get(cell.msg_id, ()) if c is not cell)
        if others:
            self._by_id[cell.msg_id] = others
        else:
            self._by_id.pop(cell.msg_id, None)


#: Keeps nothing.
NOTHING_KEPT = Outputs(0)


def _cost(cell: CellOutput) -> int:
    return len(cell.ran.content) + BESIDES_CELL


def _parsed_id(parent: bytes) -> str:
    try:
        return id_of(parse_object(parent, "parent header"))
    except Malformed:
        return ""


def _session(parent: bytes) -> object:
    try:
        return parse_object(parent, "parent header").get("session")
    except Malformed:
        return None


_KINDS = {kind.encode(): kind for kind in KINDS}
_OUTPUT = re.compile(rb'"msg_type"\s*:\s*"(%s)"' % b"|".join(_KINDS))
