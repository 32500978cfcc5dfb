"""What can wait until the first cells have run.

Knows Python's garbage collector, and where daemons that were killed leave private
folders. Must not know the kernel.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable

from ipr.boot import places
from ipr.sockets.reactor import Clock

#: Seconds after the start of the daemon.
TIDY_TIME = 5.0


def tidy_later(clock: Clock, connection_file: str) -> Callable[[], None]:
    """Tidy up when the first kernel has had time to start.

    :param connection_file: path of the clients'; private folders may lie beside it.
    :returns: what calls it off, if it has not been done.
    """
    call = clock.callLater(TIDY_TIME, tidy, os.path.dirname(connection_file))

    def stop() -> None:
        if call.active():
            call.cancel()

    return stop


def tidy(beside: str) -> None:
    """Settle the garbage collector, remove the folders of dead daemons."""
    # What is there now stays, and later there is little garbage in cycles: the
    # collector need not look at it all again with each message.
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)
    places.remove_stale(places.bases(beside))
