"""How the standby is described.

Knows words for its states. Must not know what leads from one to another.
"""

from __future__ import annotations

from ipr.daemon.status import size, span
from ipr.kernel import memory, tree
from ipr.lifecycle import standby as sb
from ipr.lifecycle.reserve import Reserve


def described(reserve: Reserve) -> str:
    """Return whether there is one, since when, and what it takes; or why not."""
    state = reserve.state
    for_long = span(reserve.age())
    kernel = reserve.kernel
    match state:
        case sb.Off():
            return f"none: {state.why}"
        case sb.Absent():
            when = "one is started when the kernel has been idle for a while"
            if state.bereaved:
                when = "after a crash, one is started when a cell has run"
            why = f"; the last one was of no use: {state.why}" if state.why else ""
            return f"none: {when}{why}"
        case sb.Booting():
            return f"it has been starting for {for_long}"
        case sb.Going():
            return f"the last one is being ended: {state.then.why}"
    if kernel is None:
        return "none"
    pids = tree.of(kernel.pid)
    takes = size(memory.proportional(pids))
    return f"ready for {for_long}, pid {kernel.pid}, {takes} (PSS)"
