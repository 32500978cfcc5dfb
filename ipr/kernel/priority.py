"""Lets a process have what others leave of the processor.

Knows nice values (setpriority(2)), and the groups by session that Linux makes of its
own accord (sched(7), "The autogroup feature"), inside of which alone a nice value
counts. Must not know whose process it is. A kernel is the leader of its session.
"""

from __future__ import annotations

import os
from contextlib import suppress

LOWEST = 19


def lower(pid: int) -> None:
    """Have a process and its session wait for all others, for good."""
    with suppress(OSError, OverflowError):
        os.setpriority(os.PRIO_PROCESS, pid, LOWEST)
    with (
        suppress(OSError),
        open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as file,
    ):
        file.write(str(LOWEST))
