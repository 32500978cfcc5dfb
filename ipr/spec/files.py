"""How one file is read, locked, and replaced in one step.

Knows files, their permissions and locks. Must not know what is in a kernel.json.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator

from ipr.spec.errors import SpecError, why

#: A kernel.json longer than this many bytes is not read.
SIZE_LIMIT = 16 * 2**20
#: Without O_NONBLOCK, opening a pipe would wait for a writer.
READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read_file(path: str, limit: int) -> bytes:
    """Read a regular file, wherever links lead, without ever waiting.

    :raises OSError: it cannot be read, is no regular file (EINVAL) or longer than
        *limit* bytes (EFBIG).
    """
    fd = os.open(path, READ)
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"more than {limit >> 20} MiB", path)
    return data


def replace_file(path: str, before: bytes, after: bytes) -> None:
    """Replace the content of a file in one step.

    Whatever happens in between, a full disk or the end of this process, the file
    has the old content or the new one, whole. Mode, owner and access lists are
    kept, a symlink stays one.

    :param before: what the caller has read; if the file has changed since, another
        program is writing it, and it is left alone.
    :raises SpecError: it could not be done, nothing has changed.
    """
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.ipr")
    try:
        os.stat(path)
        if not os.access(path, os.W_OK):
            # Its folder would let us replace it, but the file is read-only on purpose.
            raise PermissionError(errno.EACCES, "")
        with _locked(temporary) as fd:
            try:
                check_unchanged(path, before)
                overwrite(fd, after)
                _copy_attributes(path, fd)
                os.fsync(fd)
                # Again, since the disk may have taken a while.
                check_unchanged(path, before)
                os.rename(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
        _sync_folder(folder)
    except OSError as error:
        raise SpecError(f"cannot write {path}: {why(error)}") from error


def check_unchanged(path: str, before: bytes) -> None:
    """Check that a file still holds what was read from it.

    :raises SpecError: it has changed.
    """
    if read_file(path, SIZE_LIMIT) != before:
        raise SpecError(
            f"{path} was modified by another program while ipr-spec was running;"
            " try again"
        )


@contextlib.contextmanager
def _locked(temporary: str) -> Iterator[int]:
    """Open the file that will take the other one's place, for us alone.

    A lock ends with the process that held it, so a file left by a killed process
    does not block the next one.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        fd = os.open(temporary, flags, 0o600)
        try:
            if not lock(fd):
                raise SpecError(
                    f"{os.path.dirname(temporary)} is being written by another"
                    " ipr-spec; try again"
                )
            if _is_at(fd, temporary):
                yield fd
                return
        finally:
            os.close(fd)


def lock(fd: int) -> bool:
    """Lock an open file; return False if another process holds the lock.

    On a file system without locks everybody gets it.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _is_at(fd: int, path: str) -> bool:
    # False if the process before us has renamed the file between open and lock.
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def overwrite(fd: int, data: bytes) -> None:
    """Replace what is in an open file; whoever needs it on the disk calls fsync."""
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    while data:
        data = data[os.write(fd, data) :]


def _copy_attributes(source: str, fd: int) -> None:
    status = os.stat(source)
    if hasattr(os, "listxattr"):
        # These include access lists. Not every file system has them.
        with contextlib.suppress(OSError):
            for name in os.listxattr(source):
                with contextlib.suppress(OSError):
                    os.setxattr(fd, name, os.getxattr(source, name))
    own = os.fstat(fd)
    # In a group's folder the owner can be another user; the group is kept.
    for uid, gid in ((status.st_uid, status.st_gid), (-1, status.st_gid)):
        if (own.st_uid, own.st_gid) == (status.st_uid, status.st_gid):
            break
        # We may not change the owner; or, in a user namespace, it has no such user.
        with contextlib.suppress(OSError):
            os.fchown(fd, uid, gid)
            break
    os.fchmod(fd, status.st_mode & 0o7777)


def _sync_folder(folder: str) -> None:
    # So that the rename survives a power cut. Not every file system can do it.
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
