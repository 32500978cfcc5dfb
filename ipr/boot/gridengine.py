"""What Grid Engine says of a job in a file.

Knows where that file is, and its words. Must not know what the answer is wanted for.
Needed before the first inner kernel is spawned: no attrs here.

Sources: queue_conf(5) "notify", submit(1) "-notify" of Grid Engine 8.1.9.
"""

from __future__ import annotations

import os

from ipr.boot import plainfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: Bytes of the file; it has two or three thousand.
LONGEST = 1 << 16


def notice(environ: Mapping[str, str]) -> float:
    """Return how long before SIGKILL the job gets SIGUSR2, in each of its processes.

    :returns: seconds; 0 where it was not submitted with ``-notify``.
    """
    folder = environ.get("SGE_JOB_SPOOL_DIR")
    if not folder:
        return 0.0
    try:
        data = plainfile.read(os.path.join(folder, "config"), LONGEST)
    except (OSError, plainfile.NotPlain):
        return 0.0
    for line in data.splitlines():
        name, _, value = line.partition(b"=")
        if name == b"notify" and value.isdigit():
            return float(value)
    return 0.0
