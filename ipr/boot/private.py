"""Private folders: where they may lie, how they are made, locked and removed.

Knows that nobody else may read what is in one, nor put something else in its
place, whoever may write where it lies. Must not know what is in it. Both the
daemon and a guardian use it, and a guardian imports it by itself: so it
imports only what is there anyway, and ``fcntl`` for a lock.

A folder is opened once, and what is done to it is done by that descriptor: a
name leads wherever the owner of the folder above it wants it to. A kernel,
however, is told names, and finds its connection file by one. So a folder is
made only where every folder on the way belongs to us or to root and others
cannot rename what is in it.

Sources: ``openat(2)``, ``unlink(2)``, ``inode(7)`` on the sticky bit;
``unix(7)`` for the length of a socket's path; ``user_namespaces(7)`` for
owners that are not mapped.
"""

# Not ``from __future__ import annotations``: that is a module, too.

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Longest path of a Unix socket: sun_path holds 108 bytes with its NUL.
LONGEST_SOCKET_PATH = 107

#: What is put behind a folder's path at most to get that of a socket in it.
_LONGEST_NAME = len("/c-5")

#: Seconds for which an empty folder without a lock is left alone: it may have
#: been made this moment, and be locked the next.
STALE_AGE = 5.0

#: How much is removed at most, and how deep. It happens in the event loop, and
#: a kernel that fills its connection's folder has no claim to have it cleared.
MOST_ENTRIES = 10_000
DEEPEST = 20

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
        gone already.
        """
        if self.descriptor < 0:
            return
        try:
            device = os.fstat(self.descriptor).st_dev
            _clear(self.descriptor, device, DEEPEST, iter(range(MOST_ENTRIES)))
            _unlink_folder(self.descriptor, os.path.basename(self.path))
        except OSError:
            pass
        self.close()

    def close(self) -> None:
        """Close it, and leave it where it is; its lock goes."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


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
    """Open a private folder; None when there is none of ours under that name."""
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


# --- where they may lie -----------------------------------------------------


def places(beside: str = "") -> list[str]:
    """Give where a private folder may be made, the best first.

    All have the same name, which is new.

    :param beside: a folder that serves as well when the usual ones do not.
    """
    name = f"{prefix()}{os.urandom(4).hex()}"
    found = []
    for base in bases(beside):
        path = os.path.join(base, name)
        if len(os.fsencode(path)) + _LONGEST_NAME <= LONGEST_SOCKET_PATH:
            found.append(path)
    return found


def prefix() -> str:
    """Give how the names of this machine's private folders begin.

    TMPDIR may be shared by machines that do not see each other's locks.
    """
    name = os.fsencode(os.uname().nodename)
    return f"ipr-{int.from_bytes(name, 'big') % 65521:04x}"


def bases(beside: str = "") -> list[str]:
    """Give the folders that are safe to put one in, without links, each once."""
    return list(dict.fromkeys(base for base, why in _judged(beside) if not why))


def refused(beside: str = "") -> list[str]:
    """Say which of the folders that come before the first safe one are not.

    One sentence each.
    """
    found = []
    for base, why in _judged(beside):
        if not why:
            break
        found.append(f"no private folder is made in {base}: {why}")
    return found


def _judged(beside: str) -> "Iterator[tuple[str, str]]":
    named = (os.environ.get("XDG_RUNTIME_DIR", ""), os.environ.get("TMPDIR", ""))
    for base in (*named, "/tmp", "/var/tmp", beside, working_folder()):
        # JSON and libzmq must be able to hold it.
        if not base.startswith("/") or not _is_text(base):
            continue
        try:
            real = os.path.realpath(base, strict=True)
            why = danger(real)
        except OSError:
            continue
        if _is_text(real):
            yield real, why


def danger(path: str) -> str:
    """Say how others could replace what lies in a folder; ``""`` if they cannot.

    :param path: absolute and without links, as ``os.path.realpath`` gives it.
    :raises OSError: when it is not there.
    """
    at = path
    while True:
        about = os.lstat(at)
        if not stat.S_ISDIR(about.st_mode):
            return f"{at} is not a folder"
        if about.st_uid not in (0, os.geteuid()) and not _is_unmapped(about.st_uid):
            return f"{at} belongs to another user (uid {about.st_uid})"
        if about.st_mode & 0o022 and not about.st_mode & stat.S_ISVTX:
            return (
                f"others can rename what is in {at}"
                f" (mode {about.st_mode & 0o7777:04o}, no sticky bit)"
            )
        if at == "/":
            return ""
        at = os.path.dirname(at)


def _is_unmapped(uid: int) -> bool:
    """Say whether a number stands for root outside of our user namespace.

    In a container that maps only its user, as Apptainer's, all of the system's
    own folders seem to belong to nobody.
    """
    try:
        with open("/proc/self/uid_map", encoding="ascii") as file:
            maps = [line.split() for line in file]
        with open("/proc/sys/kernel/overflowuid", encoding="ascii") as file:
            nobody = int(file.read())
    except (OSError, ValueError):
        return False
    # Outside of any, all of the 2^32 - 1 are mapped to themselves.
    return uid == nobody and maps != [["0", "0", "4294967295"]]


def working_folder() -> str:
    """Give the working directory; ``""`` when it has been removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


# --- what others left -------------------------------------------------------


def remove_stale(where: "Sequence[str]" = (), age: float = STALE_AGE) -> int:
    """Remove folders whose daemon was killed together with its guardian.

    A node's epilog, or srun's end, kills all of a job at once: then nobody is
    left to clean up. A folder that can be locked has no daemon.

    :param where: folders to look in; those that are safe, if none is given.
    :param age: seconds; empty ones that are younger are left alone.
    :returns: how many were removed.
    """
    import re
    import time

    ours = re.compile(rf"{prefix()}[0-9a-f]{{8}}")
    removed = 0
    for base in where or bases():
        try:
            names = os.listdir(base)
        except OSError:
            continue
        for name in filter(ours.fullmatch, names):
            folder = find(os.path.join(base, name))
            if folder is None:
                continue
            # It is locked before anything is put into it.
            young = time.time() - os.fstat(folder.descriptor).st_ctime < age
            try:
                if young and not os.listdir(folder.descriptor):
                    continue
                folder.lock()
                folder.remove()
                removed += 1
            except OSError:
                continue
            finally:
                folder.close()
    return removed
