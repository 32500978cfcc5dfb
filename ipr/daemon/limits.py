"""The restart machine's numbers, as the options set them.

Knows the options and the defaults that depend on the kernel's command. Must not
know what the numbers do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ipr.lifecycle.limits import Limits

#: Seconds within which a kernel has to be ready, unless an option says otherwise.
START_TIMEOUT = 60.0
#: The same where it first runs a file, which may import much from a slow file system.
PRELOAD_TIMEOUT = 600.0


def limits(options: Mapping[str, Any], *, may_queue: bool) -> Limits:
    """Return the limits.

    :param options: by :attr:`ipr.boot.options.Option.key`.
    :param may_queue: the kernel's command may wait in a scheduler's queue.
    """
    start_timeout = options["start_timeout"]
    if start_timeout < 0:
        usual = PRELOAD_TIMEOUT if options["preload"] else START_TIMEOUT
        start_timeout = 0.0 if may_queue else usual
    return Limits(
        restart_limit=options["restart_limit"],
        stable_start_time=options["stable_start_time"],
        start_timeout=start_timeout,
        autorestart=not options["no_autorestart"],
        overlap=options["restart_overlap"] == "auto",
    )
