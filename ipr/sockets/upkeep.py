"""What is done now and then, for all that has passed through the sockets.

Knows how many bytes have passed, and from how many on it is worth giving
memory back, or to look who reads. Must not know sockets or messages.

What a flood leaves behind stays with the allocator: after 480 MB the daemon
kept 50 to 100 MB, with a client that did not read 517 MB, for good.
``malloc_trim(3)`` gives it back in 1 to 24 ms, and takes 0.1 ms where there is
nothing to give; so it is called only when little passes, after much has.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

from ipr.sockets.reactor import Clock

#: Bytes after which memory may be worth giving back.
WORTH = 16 * 2**20
#: Bytes between two looks, below which the flood is over.
TRICKLE = 2**20
#: Seconds from one look to the next. A client that reads slowly empties its queue
#: only after the flood; what is freed then is given back by the later ones.
DELAYS = (2.0, 5.0, 50.0)
#: Published bytes after which it is worth looking who reads.
LOOK = 2**20


class Upkeep:
    """Counts, and has done what is due.

    :param clock: for the looks.
    :param trim: gives memory back.
    """

    def __init__(self, clock: Clock, trim: Callable[[], None] | None = None) -> None:
        self._clock = clock
        self._trim = trim or give_back
        self._recent = 0
        self._ever = 0
        self._unlooked = 0
        self._timer: IDelayedCall | None = None
        # Which of the looks is to come.
        self._stage: int | None = None
        #: Called with all that was published so far, in bytes.
        self.look: Callable[[int], None] | None = None
        #: Bytes that the inner kernels have published.
        self.published_bytes = 0

    def passed(self, size: int) -> None:
        """Note that a socket read ``size`` bytes."""
        self._recent += size
        if self._recent >= WORTH and self._timer is None:
            self._start(0)

    def published(self, size: int) -> None:
        """Note that an inner kernel published as much."""
        self.passed(size)
        self.published_bytes += size
        self._unlooked += size
        if self._unlooked >= LOOK:
            self._unlooked = 0
            if self.look is not None:
                self.look(self.published_bytes)

    def left(self) -> None:
        """Note that a listener has gone, and what waited for it with it."""
        if self._ever + self._recent >= WORTH and self._stage != 0:
            self.stop()
            self._start(0)

    def stop(self) -> None:
        """Do nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._stage = None

    def _start(self, stage: int) -> None:
        self._ever += self._recent
        self._recent = 0
        self._stage = stage
        self._timer = self._clock.callLater(DELAYS[stage], self._due, stage)

    def _due(self, stage: int) -> None:
        self._timer = self._stage = None
        if self._recent >= TRICKLE:
            self._start(0)
            return
        self._trim()
        if stage + 1 < len(DELAYS):
            self._start(stage + 1)


def give_back() -> None:
    """Return free memory of the allocator to the operating system."""
    if not sys.platform.startswith("linux"):
        return
    # Only here: it takes longer than the start of the first kernel may.
    import ctypes

    # musl has none, and keeps nothing.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
