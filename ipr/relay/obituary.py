"""A kernel that died while no cell ran, and what the next cell says of it.

Knows which deaths nobody has heard of, and what else no cell could say of a start. Must
not know messages beyond an execute_request's content, nor how anything is sent. A cell
that was running says by itself why the kernel died; otherwise the first cell after it
would just find its variables gone.
"""

from __future__ import annotations

from collections.abc import Mapping

from ipr.lifecycle.causes import Cause, Ending

#: Characters of what was not done, after which no more is kept: nobody reads it.
MOST_TOLD = 2000


class Obituary:
    """What is still to be told.

    :ivar pending: whether there is anything, for whoever must not lose time.
    """

    def __init__(self) -> None:
        self.pending = False
        self._text = ""
        self._more = ""
        self._told = ""

    def ended(self, cause: Cause, *, seen: bool, offer: str = "") -> None:
        """A kernel is gone.

        :param offer: a line that says how to get back to where it was.
        :param seen: a cell was running, and its error says so.
        """
        if cause.ending is Ending.DIED and cause.followed and not seen:
            killed = "".join(f"{line}\n" for line in cause.figures.killed())
            self._text = (
                f"While no cell was running, {cause.text}. It was restarted; all"
                f" variables are gone.\n{offer}{killed}"
            )
            self._more = ""
            self.pending = True
        elif seen or cause.ending is Ending.ASKED:
            # That variables are gone is known by now.
            self._text = self._more = ""
            self.pending = bool(self._told)

    def add(self, text: str) -> None:
        """Something went wrong in the kernel that there is, and no cell shows it."""
        self._more += text
        self.pending = True

    def tell(self, text: str) -> None:
        """Something was not done that somebody had asked for, whatever kernel follows.

        Each is told once; when there are too many, the first ones are.
        """
        if text not in self._told and len(self._told) < MOST_TOLD:
            self._told += text
        self.pending = True

    def heading(self, content: Mapping[str, object]) -> str | None:
        """Return what stands at the head of a cell; once, and None for most.

        :param content: of its execute_request. What a front end runs by itself,
            silently or without a number, is nobody's to read.
        """
        if not self.pending or content.get("silent"):
            return None
        if content.get("store_history") is False:
            return None
        text = self._text + self._more + self._told
        self._text = self._more = self._told = ""
        self.pending = False
        return text
