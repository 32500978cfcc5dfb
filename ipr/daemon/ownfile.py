"""The connection file that ``twistd ipr`` makes, and those that others left behind.

Knows their names, and when nobody uses one any more. Must not know what is in
them.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from contextlib import suppress

from ipr.boot import connection

_NAME = re.compile(r"kernel-ipr-(.+)-(\d+)\.json")


class OwnFile:
    """A connection file of this run, locked as long as it is used.

    The lock goes with the last process that has it, so that what a SIGKILL left
    behind is known to be stale. It is kept over the fork of ``twistd``, after which
    the number in the name is that of a process that is gone.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        # A file system may have no locks.
        with suppress(OSError):
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @classmethod
    def make(cls, path: str = "") -> OwnFile:
        """Make one.

        :param path: where; ``""``: in Jupyter's runtime folder, in which stale ones
            are removed.
        :raises OSError: it cannot be made, or is there already.
        """
        if not path:
            from jupyter_core.paths import jupyter_runtime_dir

            folder = jupyter_runtime_dir()
            os.makedirs(folder, 0o700, exist_ok=True)
            remove_stale(folder)
            path = os.path.join(folder, f"kernel-ipr-{_host()}-{os.getpid()}.json")
        connection.write_private(path, connection.fresh())
        return cls(path)

    def remove(self) -> None:
        """Remove it."""
        with suppress(OSError):
            os.unlink(self.path)
        with suppress(OSError):
            os.close(self._lock)


def remove_stale(folder: str) -> None:
    """Remove the connection files of those that were killed on this host.

    The key is in them. The folder may be shared with other hosts, of whose processes
    nothing is known here.
    """
    with suppress(OSError):
        for name in os.listdir(folder):
            matched = _NAME.fullmatch(name)
            if matched and matched[1] == _host() and not _runs(int(matched[2])):
                with suppress(OSError):
                    _remove_unused(os.path.join(folder, name))


def _remove_unused(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid():
            # Whoever uses it has the lock.
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
    finally:
        os.close(fd)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


def _host() -> str:
    return os.uname().nodename.replace(os.sep, "")
