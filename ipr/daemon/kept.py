"""The last records of the daemon's log, for whoever asks from a terminal.

Knows numbers and bounds. Must not know levels, or how a record came about.
"""

from __future__ import annotations

from collections import deque

#: Records, and characters of all and of each, that are kept.
MOST_RECORDS = 1000
MOST_CHARACTERS = 1 << 18
LONGEST_RECORD = 1 << 13


class Kept:
    """Records by their numbers, which begin with 0."""

    def __init__(self) -> None:
        self._records: deque[str] = deque()
        self._size = 0
        self._next = 0

    def add(self, record: str) -> None:
        """Keep one more; the oldest ones go when there are too many."""
        record = record[:LONGEST_RECORD].rstrip("\n")
        self._records.append(record)
        self._size += len(record)
        self._next += 1
        while len(self._records) > MOST_RECORDS or self._size > MOST_CHARACTERS:
            self._size -= len(self._records.popleft())

    def after(self, number: int) -> tuple[list[str], int]:
        """Return those from this number on that are left, and the next number.

        A number that is not reached yet is another daemon's: all that is left.
        """
        left = self._next - len(self._records)
        skipped = number - left if number <= self._next else 0
        return list(self._records)[max(skipped, 0) :], self._next
