"""Whether the OOM killer took another process of the job than the kernel: a worker.

Knows the rule. Must not know how the kills are counted, nor what is said of one. The
kernel that is killed itself says so by its end, but not at once: what is left below it
is ended first. So whether it lives is looked at some time after the kill.
"""

from __future__ import annotations

from collections.abc import Callable

#: Looks after a kill at which the kernel has to be the one that it was before.
LATER = 3


class OomKills:
    """Counts, by regular looks.

    :param count: how many processes the OOM killer has killed so far.
    :param kernel: returns the pid of the kernel; 0: there is none.
    """

    def __init__(self, count: Callable[[], int], kernel: Callable[[], int]) -> None:
        self._count = count
        self._kernel = kernel
        self._seen = count()
        #: The kernel at the last look.
        self._last = 0
        #: The kernel before the kills that are not told yet, how many these are, and
        #: looks to go.
        self._before, self._untold, self._wait = 0, 0, 0

    def look(self) -> int:
        """Return how many to tell of: 0 nearly always."""
        kernel, self._last = self._last, self._kernel()
        count = self._count()
        if count > self._seen:
            self._before = self._before if self._wait else kernel
            self._untold += count - self._seen
            self._seen, self._wait = count, LATER
        elif self._wait:
            self._wait -= 1
            if not self._wait:
                untold, self._untold = self._untold, 0
                return untold if self._last and self._last == self._before else 0
        return 0
