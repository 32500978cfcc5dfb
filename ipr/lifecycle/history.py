"""When each inner kernel began, and why the one before it ended.

Knows numbers and sentences, of the last hundred. Must not know the clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

_KEPT = 100


class History:
    """One line for each inner kernel, newest last."""

    def __init__(self) -> None:
        self._lines: deque[tuple[float, int, str]] = deque(maxlen=_KEPT)
        self._why = "first start"

    def began(self, now: float, generation: int) -> None:
        """Note the start of a kernel."""
        self._lines.append((now, generation, self._why))

    def ended(self, why: str) -> None:
        """Note why there is to be another one."""
        self._why = why

    def __iter__(self) -> Iterator[tuple[float, int, str]]:
        """Yield when each began, its number, and why the one before it ended."""
        return iter(self._lines)
