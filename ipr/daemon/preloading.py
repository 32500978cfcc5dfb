"""The file of ``--preload``: what is said of it.

Knows words for how it went. Must not know when it runs, nor in which kernel.
"""

from __future__ import annotations

from ipr.daemon.status import Row
from ipr.relay.codefile import CodeFile
from ipr.relay.silently import Outcome

#: Lines of output that are shown, the last ones.
MOST_LINES = 20


def row(preload: CodeFile, outcome: Outcome | None) -> list[Row]:
    """Return the row of ``%ipr status``, none where there is no file.

    :param outcome: None: it has not run yet.
    """
    if not preload.path:
        return []
    if outcome is None:
        return [Row("preload", f"{preload.path}: it runs")]
    said = outcome.error or "it has run"
    lines = outcome.output.split("\n")[-MOST_LINES:] if outcome.output else []
    return [Row("preload", "\n".join((f"{preload.path}: {said}", *lines)))]
