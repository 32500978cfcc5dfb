"""What has run: every cell that the kernels were sent, and what became of each.

Knows cells, up to a number of bytes; the oldest go first. Must not know the clock, nor
who looks at it. What a front end runs by itself (silently, or without a place in its
history) is no cell of a person's, and is not in here. Nothing of it is ever on disk.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator

from ipr.jupyter.wire import CONTENT, Envelope, Frame, Malformed
from ipr.relay.outputs import NOTHING_KEPT, Outputs
from ipr.relay.ran import Outcome, Ran
from ipr.relay.request import Request, unseen

#: Bytes that a cell takes beside its content: the objects around it.
BESIDES = 400


class CellHistory:
    """The cells of all kernels, oldest first.

    :param limit: bytes that they may take.
    :ivar outputs: what they have shown.
    """

    def __init__(self, limit: int, outputs: Outputs = NOTHING_KEPT) -> None:
        self.limit = limit
        self.outputs = outputs
        self._cells: deque[Ran] = deque()
        self._bytes = 0
        #: How many of each generation are not kept any more.
        self.forgotten: Counter[int] = Counter()
        #: The language of each generation, as far as it was ready.
        self.languages: dict[int, str] = {}

    def __iter__(self) -> Iterator[Ran]:
        """Go through all of them, as they are now."""
        return iter(tuple(self._cells))

    def add(self, ran: Ran) -> None:
        """Note one that a kernel has been sent."""
        self._cells.append(ran)
        self._bytes += len(ran.content) + BESIDES
        while self._bytes > self.limit:
            oldest = self._cells.popleft()
            self._bytes -= len(oldest.content) + BESIDES
            self.forgotten[oldest.generation] += 1

    def of(self, generation: int) -> list[Ran]:
        """Return those of one kernel."""
        return [ran for ran in self._cells if ran.generation == generation]


class Recording:
    """Takes down what one kernel runs.

    :ivar now: monotonic seconds.
    :ivar outputs: what the cells show.
    """

    def __init__(
        self, history: CellHistory, generation: int, now: Callable[[], float]
    ) -> None:
        self._history = history
        self._generation = generation
        self.now = now
        self.outputs = history.outputs

    def again(self, before: Ran) -> Ran:
        """A cell that ran in a kernel before is run again, and begins."""
        ran = Ran(before.content, self._generation, self.now(), again=True)
        ran.begin(ran.sent)
        self._history.add(ran)
        return ran

    def sent(self, request: Request, content: Frame) -> None:
        """A cell was sent.

        :param content: as the kernel has it, which may be a part of the cell.
        """
        frame = content if isinstance(content, bytes) else bytes(content)
        if not unseen(frame):
            ran = Ran(frame, self._generation, self.now())
            request.progress.ran = ran
            self._history.add(ran)
            self.outputs.begin(request.msg_id, ran, request.header.get("session"))

    def began(self, ran: Ran) -> None:
        """The kernel has said busy."""
        ran.begin(self.now())

    def answered(self, request: Request, ran: Ran, reply: Envelope | None) -> None:
        """The kernel has replied."""
        self._end(request, ran, _outcome(reply))

    def lost(self, request: Request, ran: Ran, *, died: bool) -> None:
        """The kernel has gone before it replied.

        :param died: by itself: what ran is what it may have died of.
        """
        if request.progress.code == "queued":
            outcome = Outcome.NOT_RUN
        else:
            outcome = Outcome.CRASHED if died else Outcome.CUT_OFF
        self._end(request, ran, outcome)

    def _end(self, request: Request, ran: Ran, outcome: Outcome) -> None:
        # The request is remembered for a while, its code need not be.
        request.progress.ran = None
        ran.end(self.now(), outcome, request.progress.execution_count)


#: Takes down nothing.
NOT_RECORDED = Recording(CellHistory(0), 0, float)


def _outcome(reply: Envelope | None) -> Outcome:
    """Read a reply; parsed only where it is not plainly a good one."""
    if reply is None:
        return Outcome.OK
    frame = bytes(reply.body[CONTENT])
    if b'"error"' not in frame and b'"aborted"' not in frame:
        return Outcome.OK
    try:
        said = reply.content.get("status")
    except Malformed:
        return Outcome.ERROR
    return _OUTCOMES.get(str(said), Outcome.OK)


_OUTCOMES = {"error": Outcome.ERROR, "aborted": Outcome.NOT_RUN}
