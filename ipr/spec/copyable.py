"""What of a kernelspec's folder may be copied, and how it is read.

Knows files and their permissions. Must not know kernelspecs, nor what becomes of a
copy.

The folder is somebody else's: a site's, which whoever writes there can fill with
links. The copy lies in the user's own folder, where others can read it, and it is
made with the user's permissions. So nothing may come into it that only this user
could read, nor a file that never ends.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator

import attrs

from ipr.spec import files

#: How deeply folders may be nested, and how many files there may be.
DEPTH_LIMIT = 16
FILES_LIMIT = 10_000
_CHUNK = 2**18
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Modes of files in these do not say who may read them.
_NOT_ON_DISK = ("/proc/", "/sys/", "/dev/")


class LeftOut(Exception):
    """A file is not copied; the text says why, after its name."""


class TooMuch(Exception):
    """The folder holds more than is copied; the text says of what, none: of bytes."""


def is_public(path: str) -> bool:
    """Return whether everybody can reach what is at a path without links."""
    parts = path.split(os.sep)
    try:
        above = [
            os.stat(os.sep.join(parts[:n]) or os.sep) for n in range(1, len(parts))
        ]
        itself = os.stat(path)
    except OSError:
        return False
    needed = stat.S_IXOTH if stat.S_ISDIR(itself.st_mode) else stat.S_IROTH
    return bool(itself.st_mode & needed) and all(
        status.st_mode & stat.S_IXOTH for status in above
    )


@attrs.frozen
class Source:
    """A folder that is open, to be copied."""

    fd: int

    @property
    def path(self) -> str:
        """Where it is, without links; empty where /proc is missing."""
        return _path(self.fd)

    def files(self) -> Iterator[tuple[str, int]]:
        """Yield all that is no folder: its path in here, its folder's descriptor.

        :raises TooMuch: there is no end to it.
        """
        for count, entry in enumerate(_entries(self.fd, "", DEPTH_LIMIT), 1):
            if count > FILES_LIMIT:
                raise TooMuch(f"more than {FILES_LIMIT} files")
            yield entry

    def open(self, folder: int, name: str) -> int:
        """Open a file in one of its folders.

        A link is followed to another file in here; and, as some systems link the
        logos, to a file elsewhere if it is root's or of the owner of this folder,
        and if everybody can read it.

        :raises LeftOut: it must not be copied.
        """
        try:
            fd = os.open(name, files.READ | os.O_NOFOLLOW, dir_fd=folder)
        except OSError as error:
            if error.errno == errno.ELOOP:
                return self._linked(folder, name)
            if error.errno == errno.ENXIO:
                raise LeftOut("is not a file") from None
            raise
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise LeftOut("is not a file")
        return fd

    def _linked(self, folder: int, name: str) -> int:
        try:
            found = os.open(name, os.O_PATH | os.O_CLOEXEC, dir_fd=folder)
        except OSError:
            raise LeftOut("is a link that leads nowhere") from None
        try:
            status = os.fstat(found)
            if not stat.S_ISREG(status.st_mode):
                raise LeftOut("is a link that does not lead to a file")
            path, top = _path(found), self.path
            if not (top and path.startswith(top + os.sep)):
                if status.st_uid not in (0, os.fstat(self.fd).st_uid):
                    raise LeftOut("is a link to a file of another owner")
                if path.startswith(_NOT_ON_DISK) or not is_public(path):
                    raise LeftOut("is a link to a file that not everybody can read")
            try:
                return os.open(f"/proc/self/fd/{found}", files.READ)
            except OSError:
                raise LeftOut("is a link to a file that you cannot read") from None
        finally:
            os.close(found)


@contextlib.contextmanager
def opened(folder: str) -> Iterator[Source]:
    """Open a folder to be copied; the last part of its path may be a link."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Source(fd)
    finally:
        os.close(fd)


def _path(fd: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""


def _entries(folder: int, prefix: str, depth: int) -> Iterator[tuple[str, int]]:
    if depth < 0:
        raise TooMuch(f"folders nested more than {DEPTH_LIMIT} deep")
    for name in sorted(os.listdir(folder)):
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            yield prefix + name, folder
        elif name != "__pycache__":
            inner = os.open(name, _FOLDER, dir_fd=folder)
            try:
                yield from _entries(inner, f"{prefix}{name}/", depth - 1)
            finally:
                os.close(inner)


def mode_like(fd: int) -> int:
    """Return the mode for a copy of an open file: for all to read, or for its owner.

    Nothing between, since the copy has another group.
    """
    mode = os.fstat(fd).st_mode
    allowed = 0o777 if mode & stat.S_IROTH else 0o700
    return allowed if mode & stat.S_IXUSR else allowed & 0o666


def copy_file(source: int, root: int, name: str, limit: int) -> tuple[str, int]:
    """Copy an open file to the path *name* below the folder *root*.

    :param limit: how many bytes it may have, out of a total that is told.
    :returns: the SHA-256 of what was copied, and its length.
    :raises TooMuch: it has more.
    """
    *folders, last = name.split("/")
    digest, size = hashlib.sha256(), 0
    with contextlib.ExitStack() as stack:
        folder = root
        for part in folders:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, dir_fd=folder)
            folder = os.open(part, _FOLDER, dir_fd=folder)
            stack.callback(os.close, folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        target = os.open(last, flags, mode_like(source), dir_fd=folder)
        with open(target, "wb") as file:
            while data := os.read(source, _CHUNK):
                size += len(data)
                if size > limit:
                    raise TooMuch
                digest.update(data)
                file.write(data)
    return digest.hexdigest(), size
