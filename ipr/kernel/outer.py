"""What has changed around the daemon since it was started.

Knows what a kernel manager would start the daemon with by now: some variables, another
folder. Must not know the changes of ``%restart``, which lie on top of it, nor who says
so. A variable that no program can have is found before the running kernel is touched.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import attrs
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ipr.boot.places import working_folder
from ipr.kernel import apart, startable
from ipr.kernel.reactor import Threads

#: Seconds that looking for a folder may take. Whoever sent the order waits for the
#: answer, and restarts for real after two.
FOLDER_TIME = 1.0

Changes = Iterable[tuple[str, str | None]]


@attrs.frozen
class Outer:
    """What differs from what the daemon was started with.

    :ivar env: of the environment; None: removed.
    :ivar cwd: the folder to start in; ``""``: the daemon's own.
    """

    env: tuple[tuple[str, str | None], ...] = ()
    cwd: str = ""

    def followed(self, env: Mapping[str, str | None], cwd: str) -> Outer:
        """Return this with more changes; ``""`` leaves the folder."""
        made = {**dict(self.env), **env}
        # To take out what is not there is nothing to remember.
        kept = ((n, v) for n, v in made.items() if v is not None or n in os.environ)
        return Outer(tuple(kept), cwd or self.cwd)


NOTHING_CHANGED = Outer()


def changed(base: Mapping[str, str], changes: Changes) -> dict[str, str]:
    """Return an environment with these changes."""
    made = dict(base)
    for name, value in changes:
        if value is None:
            made.pop(name, None)
        else:
            made[name] = value
    return made


def check(env: Mapping[str, str | None], cwd: str) -> None:
    """Check that a program can have these.

    :raises ipr.kernel.startable.NotStartable: it cannot.
    """
    for name, value in env.items():
        startable.check_variable(name, value or "")
    startable.check_word(cwd, "the folder")


def find(reactor: Threads, cwd: str) -> Deferred[str]:
    """Look for a folder to start in.

    :param cwd: as the manager names it, perhaps on another machine; ``""``: none.
    :returns: fires with its path, or with ``""`` when a kernel cannot start there.
    """
    if not cwd:
        return defer.succeed("")
    path = os.path.normpath(os.path.join(working_folder(), cwd))

    def look() -> str:
        return path if os.path.isdir(path) and os.access(path, os.X_OK) else ""

    def failed(_reason: Failure) -> str:
        return ""

    def told(found: str) -> str:
        if not found:
            _log.warn("The kernel stays in its folder: there is no {path}", path=path)
        return found

    looking = apart.run(reactor, FOLDER_TIME, look)
    return looking.addErrback(failed).addCallback(told)


_log = Logger()
