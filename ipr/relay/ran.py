"""One cell that a kernel was sent, and what became of it.

Knows its code, when it ran and how it ended. Must not know other cells, nor how any of
that was seen.
"""

from __future__ import annotations

from enum import Enum

import attrs

from ipr.jupyter.wire import Malformed, parse_object


class Outcome(Enum):
    """What became of a cell, in words for a table."""

    WAITING = "waiting"
    RUNNING = "running"
    OK = "ok"
    ERROR = "error"
    NOT_RUN = "not run"
    CRASHED = "crashed"
    CUT_OFF = "cut off"


@attrs.define(slots=True, eq=False)
class Ran:
    """One cell.

    :ivar content: of its execute_request, as the kernel was sent it: JSON.
    :ivar generation: the number of the kernel.
    :ivar sent: when the kernel was sent it, in monotonic seconds.
    :ivar again: it was run by a replay, and not by a person.
    :ivar kept: each new kernel runs it by itself: an init cell.
    :ivar began: when the kernel said busy; None: it has not.
    :ivar ended: when its reply came, or its kernel went; None: neither yet.
    :ivar number: its execution_count; None: not known.
    """

    content: bytes
    generation: int
    sent: float
    again: bool = False
    kept: bool = False
    began: float | None = None
    ended: float | None = None
    outcome: Outcome = Outcome.WAITING
    number: int | None = None

    @property
    def code(self) -> str:
        """What it says; parsed at each call."""
        try:
            found = parse_object(self.content, "content").get("code")
        except Malformed:
            return ""
        return found if isinstance(found, str) else ""

    @property
    def first_line(self) -> str:
        """The first line that says something, and whether more follow."""
        lines = [line.strip() for line in self.code.split("\n") if line.strip()]
        first = "".join(filter(str.isprintable, lines[0])) if lines else ""
        return f"{first} ..." if len(lines) > 1 else first

    def begin(self, now: float) -> None:
        """The kernel has begun with it."""
        if self.outcome is Outcome.WAITING:
            self.began, self.outcome = now, Outcome.RUNNING

    def end(self, now: float, outcome: Outcome, number: int | None = None) -> None:
        """It is over; what is said first counts."""
        if self.ended is None:
            self.ended, self.outcome, self.number = now, outcome, number

    def seconds(self, now: float) -> float:
        """Return how long it took, or has taken by now."""
        return (now if self.ended is None else self.ended) - (self.began or self.sent)
