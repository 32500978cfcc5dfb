"""Files of code that kernels run: how they are read.

Knows threads and file systems. Must not know when such code runs, nor in which kernel.
"""

from __future__ import annotations

from functools import partial
from typing import NoReturn

from twisted.internet import defer
from twisted.python.failure import Failure

from ipr.boot import codefile
from ipr.kernel import apart
from ipr.kernel.reactor import Threads
from ipr.kernel.surroundings import FILES_TIME
from ipr.relay.codefile import CodeFile


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
