"""The file of ``--preload``: how it is read, and what is said of it.

Knows words for how it went. Must not know when it runs, nor in which kernel.
"""

from __future__ import annotations

from functools import partial
from typing import NoReturn

from twisted.internet import defer
from twisted.python.failure import Failure

from ipr.boot import codefile
from ipr.daemon.status import Row
from ipr.kernel import apart
from ipr.kernel.reactor import Threads
from ipr.kernel.surroundings import FILES_TIME
from ipr.relay.codefile import CodeFile
from ipr.relay.silently import Outcome

#: Lines of output that are shown, the last ones.
MOST_LINES = 20


def made(reactor: Threads, path: str) -> CodeFile:
    """Make it; the file is read for each kernel, so that a change of it is seen.

    :param path: ``""``: there is none.
    """

    def read() -> defer.Deferred[str]:
        reading = apart.run(reactor, FILES_TIME, partial(codefile.read, path))
        return reading.addErrback(_unread, path)

    return CodeFile(path, read)


def _unread(why: Failure, path: str) -> NoReturn:
    if why.check(defer.TimeoutError):
        raise codefile.BadCode(f"the file system of {path} does not answer")
    why.raiseException()
    raise AssertionError


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
