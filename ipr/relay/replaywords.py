"""How a replay stands, and what its cell says of that.

Knows words, and where the replay is. Must not know what runs, nor any message. Pure: it
is told what time it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ipr.jupyter.messages import Failure
from ipr.relay.replayplan import Plan, counted, title

#: A kernel may have taken no notice; no other cell runs all the same.
INTERRUPTED = Failure("KeyboardInterrupt", "the replay was interrupted")


@attrs.frozen
class Result:
    """How a replay ended.

    :ivar line: what its cell is left with.
    :ivar why: the error of its cell; None: all cells went well.
    :ivar printed: what the cell that it stopped at has printed.
    :ivar below: what all of them have printed, in HTML.
    :ivar aborted: a cell before the replay failed, and so it did not run.
    """

    line: str
    why: Failure | None = None
    printed: str = ""
    aborted: bool = False
    below: str = ""


@attrs.frozen
class Standing:
    """Where a replay is.

    :ivar head: what its line begins with while it runs; ``""``: nothing.
    :ivar began: when, in monotonic seconds.
    :ivar number: of the cell that runs, from 0.
    """

    plan: Plan
    head: str = ""
    began: float = 0.0
    number: int = 0

    @property
    def all_of_them(self) -> int:
        """How many cells there are."""
        return len(self.plan.cells)

    def named(self, number: int) -> str:
        """Name a cell: ``"cell 3 of 12"``."""
        return f"cell {number + 1} of {self.all_of_them}"

    def titled(self, number: int) -> str:
        """Name a cell, with its first line."""
        return f"{self.named(number)}: {title(self.plan.cells[number])}"

    def running(self, now: float) -> str:
        """Say which cell runs."""
        text = f"replaying {self.named(self.number)} · {self._time(now)}"
        return f"{self.head}; {text}" if self.head else text

    def done(self, now: float) -> str:
        """Say that all went well."""
        text = f"replayed {counted(self.all_of_them)} in {self._time(now)}"
        return f"{text}{self._forgotten()}"

    def result(self, ran: int, now: float, why: Failure | None) -> Result:
        """Return how it ended while the kernel lives.

        :param ran: how many went well.
        :param why: the error of the next one; None: that did not run.
        """
        if ran == self.all_of_them:
            return Result(self.done(now))
        if why is None:
            return Result(self.stopped(ran, now, "interrupted before"), INTERRUPTED)
        what = "interrupted at" if why.ename == INTERRUPTED.ename else "stopped at"
        return Result(self.stopped(ran, now, what), why)

    def stopped(self, ran: int, now: float, what: str = "stopped at") -> str:
        """Say at which cell it stopped.

        :param ran: how many went well.
        """
        done = counted(ran, of=self.all_of_them)
        at = f"{what} {self.titled(ran)}"
        return f"replayed {done} in {self._time(now)}{self._forgotten()}; {at}"

    def aborted(self) -> str:
        """Say why nothing was run."""
        return "not replayed: a cell before this one failed"

    def _forgotten(self) -> str:
        if not self.plan.forgotten:
            return ""
        return f" ({self.plan.forgotten} before these are forgotten: --replay-limit)"

    def _time(self, now: float) -> str:
        minutes, seconds = divmod(int(now - self.began), 60)
        hours, minutes = divmod(minutes, 60)
        if hours:
            return f"{hours}:{minutes:02}:{seconds:02}"
        return f"{minutes}:{seconds:02}"


def bar(standing: Standing) -> str:
    """Return a bar of what is done, in HTML."""
    return (
        f"<progress value='{standing.number}' max='{standing.all_of_them}'"
        " style='width: 24em; max-width: 80%; margin-left: 1ch'></progress>"
    )


def shown(error: Mapping[str, object]) -> Failure | None:
    """Return an error as the kernel has shown it, if it has shown any."""
    if not error:
        return None
    lines = error.get("traceback")
    return Failure(
        str(error.get("ename") or "Error"),
        str(error.get("evalue") or ""),
        tuple(map(str, lines)) if isinstance(lines, list) else (),
    )
