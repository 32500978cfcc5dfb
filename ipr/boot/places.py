"""Where private folders may lie, and what dead daemons have left there.

Knows which folders nobody else can rename things in, and how the names of private
folders begin on this machine. Must not know how one is made or removed (see
`private`), nor what is in it.

What is done to a private folder is done by its descriptor. A kernel, however, is told
names, and finds its connection file by one. So a folder is made only where every
folder on the way belongs to us or to root, and others cannot rename what is in it.

Sources: ``inode(7)`` on the sticky bit; ``unix(7)`` for the length of a socket's
path; ``user_namespaces(7)`` for owners that are not mapped.
"""

from __future__ import annotations

import os
import stat

from ipr.boot import private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Longest path of a Unix socket: sun_path holds 108 bytes with its NUL.
LONGEST_SOCKET_PATH = 107

#: The most that is appended to a folder's path to get that of a socket in it.
_LONGEST_NAME = len("/c-5")

#: Seconds for which an empty folder without a lock is left alone: it may have
#: been made this moment, and be locked the next.
STALE_AGE = 5.0


def fresh(beside: str = "") -> list[str]:
    """Return where a private folder may be made, the best first.

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
    """Return how the names of this machine's private folders begin.

    TMPDIR may be shared by machines that do not see each other's locks.
    """
    name = os.fsencode(os.uname().nodename)
    return f"ipr-{int.from_bytes(name, 'big') % 65521:04x}"


def bases(beside: str = "") -> list[str]:
    """Return the folders that are safe to put one in, without links, each once."""
    return list(dict.fromkeys(base for base, why in _judged(beside) if not why))


def refused(beside: str = "") -> list[str]:
    """Return why the folders that come before the first safe one are not safe.

    One sentence for each.
    """
    found = []
    for base, why in _judged(beside):
        if not why:
            break
        found.append(f"no private folder is made in {base}: {why}")
    return found


def _judged(beside: str) -> Iterator[tuple[str, str]]:
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
    """Return how others could replace what lies in a folder; ``""`` if they cannot.

    :param path: absolute and without links, as ``os.path.realpath`` returns it.
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
    """Return whether a number stands for root outside of our user namespace.

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
    """Return the working directory; ``""`` when it has been removed."""
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


def remove_stale(where: Sequence[str] = (), age: float = STALE_AGE) -> int:
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
            folder = private.find(os.path.join(base, name))
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
