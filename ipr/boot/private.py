"""Private folders: how they are made, locked and removed.

Knows that nobody else may read what is in one, nor put something else in its
place, whoever may write where it lies. Must not know what is in it, nor where it
lies (see `places`). Both the daemon and a guardian use it, and a guardian imports
it by itself: so it imports no other module of this package, only what is there
anyway, and ``fcntl`` for a lock.

A folder is opened once, and what is done to it is done by that descriptor: a
name leads wherever the owner of the folder above it wants it to.

Sources: ``openat(2)``, ``unlink(2)``.
"""

# Not ``from __future__ import annotations``: that is a module, too.

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: How much is removed at most, and how deep. It happens in the event loop, and
#: a kernel that fills its connection's folder has no claim to have it cleared.
MOST_ENTRIES = 10_000
DEEPEST = 20

#: Those that could not be removed yet, for want of a descriptor.
_postponed: "list[Folder]" = []

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# Only to name what is in it; needs no permission to read (macOS has no O_PATH).
_ABOVE = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY


class Folder:
    """A private folder that is held open.

    :ivar path: its name, when it was opened.
    :ivar descriptor: -1 when it has been removed or closed.
    """

    __slots__ = ("descriptor", "path")

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor

    def lock(self) -> None:
        """Lock it for as long as it is open.

        :raises BlockingIOError: when somebody else has locked it.
        :raises OSError: when the file system has no locks.
        """
        import fcntl

        fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def write(self, name: str, text: str) -> None:
        """Write a new file that only its owner can read.

        :raises FileExistsError: when there is something under that name.
        """
        write_private(name, text, self.descriptor)

    def remove(self) -> None:
        """Remove it with all that is in it, and close it.

        What cannot be removed stays, and is no error; nor is a folder that is
        gone already. Where all descriptors are in use it is done later: when the
        next folder is made or removed, at the latest when the process exits.
        """
        remove_postponed()
        self._remove()

    def _remove(self) -> None:
        if self.descriptor < 0:
            return
        try:
            device = os.fstat(self.descriptor).st_dev
            _clear(self.descriptor, device, DEEPEST, iter(range(MOST_ENTRIES)))
            _unlink_folder(self.descriptor, os.path.basename(self.path))
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                _postpone(self)
                return
        self.close()

    def close(self) -> None:
        """Close it, and leave it where it is; its lock goes."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _postpone(folder: Folder) -> None:
    # Late: hardly ever needed.
    import atexit

    if not _postponed:
        atexit.register(remove_postponed)
    _postponed.append(folder)


def remove_postponed() -> None:
    """Remove what could not be removed before."""
    folders, _postponed[:] = _postponed[:], []
    for folder in folders:
        folder._remove()


def write_private(path: str, text: str, folder: int | None = None) -> None:
    """Write a new file that only its owner can read.

    :param folder: descriptor of the folder that a relative path begins at.
    :raises FileExistsError: when there is something under that name.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600, dir_fd=folder)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def make(path: str) -> Folder:
    """Make a private folder, and lock it.

    :param path: absolute; one of :func:`places`.
    :raises OSError: when it cannot be made there, or is not private there.
    """
    remove_postponed()
    base, name = os.path.split(path)
    above = os.open(base, _ABOVE | os.O_NOFOLLOW)
    try:
        os.mkdir(name, 0o700, dir_fd=above)
        try:
            folder = Folder(path, os.open(name, _FOLDER, dir_fd=above))
            try:
                about = os.fstat(folder.descriptor)
                if not _is_private(about) or about.st_dev != os.fstat(above).st_dev:
                    # A file system that has one owner, or one mode, for all.
                    said = "a folder that is made there is not private"
                    raise OSError(errno.EPERM, said, base)
                try:
                    folder.lock()
                except BlockingIOError:
                    raise  # Somebody is removing it as a stale one.
                except OSError:
                    pass  # A file system without locks: it is never a stale one.
            except BaseException:
                folder.close()
                raise
        except BaseException:
            os.rmdir(name, dir_fd=above)
            raise
    finally:
        os.close(above)
    return folder


def find(path: str) -> "Folder | None":
    """Open a private folder; None when none of ours has that name."""
    try:
        descriptor = os.open(path, _FOLDER)
    except OSError:
        return None
    if _is_private(os.fstat(descriptor)):
        return Folder(path, descriptor)
    os.close(descriptor)
    return None


def _is_private(about: os.stat_result) -> bool:
    # Its setgid bit is inherited from the folder above, and of no account.
    return about.st_uid == os.geteuid() and about.st_mode & 0o777 == 0o700


def _clear(folder: int, device: int, depth: int, budget: "Iterator[int]") -> None:
    """Remove what is in a folder; neither links nor mounts are followed."""
    for name in os.listdir(folder):
        if next(budget, None) is None:
            return
        try:
            # A folder that is empty, or where something is mounted, is told by
            # this (EBUSY) before it is entered.
            os.rmdir(name, dir_fd=folder)
        except NotADirectoryError:
            _quietly_unlink(name, folder)
        except OSError as error:
            # rmdir(2): not empty is either of the two.
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                _clear_below(name, folder, device, depth, budget)


def _clear_below(
    name: str, above: int, device: int, depth: int, budget: "Iterator[int]"
) -> None:
    if depth == 0:
        return
    try:
        folder = os.open(name, _FOLDER, dir_fd=above)
    except OSError:
        return
    try:
        about = os.fstat(folder)
        if about.st_dev != device or about.st_uid != os.geteuid():
            return
        if about.st_mode & 0o700 != 0o700:
            # A library's cache may be write-protected.
            os.fchmod(folder, 0o700)
        _clear(folder, device, depth - 1, budget)
        os.rmdir(name, dir_fd=above)
    except OSError:
        pass
    finally:
        os.close(folder)


def _quietly_unlink(name: str, folder: int) -> None:
    try:  # noqa: SIM105 - contextlib would be one more import
        os.unlink(name, dir_fd=folder)
    except OSError:
        pass


def _unlink_folder(folder: int, name: str) -> None:
    """Remove an empty folder, if that name still means it where it lies."""
    above = os.open("..", _ABOVE, dir_fd=folder)
    try:
        found = os.stat(name, dir_fd=above, follow_symlinks=False)
        if os.path.samestat(found, os.fstat(folder)):
            os.rmdir(name, dir_fd=above)
    finally:
        os.close(above)
