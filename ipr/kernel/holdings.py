"""What a kernel's processes hold that only one process at a time can have.

Knows procfs: descriptors, sockets, locks. Must not know what is done about it. While a
kernel holds any of these, its successor may not begin: two kernels with the same GPU,
port or lock disturb each other. The kernel itself is not asked: it may be busy or
dead.

*Devices*: character and block devices, open or mapped, except terminals and the like
of ``/dev/null``. *Sockets*: those that wait for others (tcp, udp, Unix; not vsock),
except those that the kernel had when it was ready, before anything ran in it: its own
channels, and what each kernel of its kind has. *Locks*: of all kinds, on files.

What cannot be looked at, or takes too long, counts as held. Not seen are GPUs of
another machine, locks that a file system's own server keeps (GPFS), and files that are
written without a lock. It may block: run it by :mod:`ipr.kernel.apart`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator

from ipr.kernel import tree

#: Descriptors that are looked at, of all processes together.
MOST_DESCRIPTORS = 20_000
#: Bytes that are read of one table: of mappings, of sockets.
LONGEST = 16 << 20

#: Devices that everybody may have at once: (major, minor) of /dev/null, zero, full,
#: random, urandom, kmsg; tty, console, ptmx.
_HARMLESS = frozenset(
    ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (1, 11), (5, 0), (5, 1), (5, 2))
)
#: Majors of virtual consoles and pseudoterminals (Documentation/admin-guide/devices).
_TERMINALS = frozenset((4, *range(128, 144)))

#: Files that any number of kernels lock, each for a moment: IPython's history.
_SHARED = ("/history.sqlite", "/history.sqlite-journal")

_TCP_LISTEN = "0A"
#: A udp socket that is bound, and connected to nobody.
_UDP_OPEN = "07"
#: A Unix socket that was told to listen (SO_ACCEPTCON).
_UNIX_LISTENS = 0x10000


class TooMuch(Exception):
    """It cannot be looked at, or takes too long; the text says what."""


def sockets(kernel: int) -> frozenset[int]:
    """Return the sockets of a kernel's process, by inode: its own, when it is ready.

    It takes a tenth of a millisecond, and does not block.
    """
    own = set()
    try:
        for _, target in _descriptors(kernel):
            own.add(_socket(target))
    except TooMuch:
        pass
    return frozenset(own - {0})


def locks(pid: int) -> bool:
    """Whether a process holds a lock on any file, of whatever kind.

    It takes a tenth of a millisecond where few files are open.
    """
    try:
        return any(
            target.startswith("/") and _is_locked(pid, descriptor)
            for descriptor, target in _descriptors(pid)
        )
    except TooMuch:
        return True


def held(pids: Iterable[int], own: Collection[int]) -> tuple[str, ...]:
    """Return what is held; empty: a successor may begin at once.

    :param pids: all of the kernel's tree, see :mod:`ipr.kernel.tree`.
    :param own: what :func:`sockets` returned when the kernel was ready.
    :returns: words for people: ``"/dev/nvidia0"``, ``"tcp port 8050"``, ``"a lock on
        /scratch/x.h5"``.
    """
    found: dict[str, None] = {}
    left = MOST_DESCRIPTORS
    for pid in pids:
        if tree.is_zombie(pid):
            continue
        try:
            left -= _look(pid, found, own, left)
        except TooMuch as reason:
            if not tree.is_zombie(pid):
                found[f"{reason} of process {pid}"] = None
    return tuple(found)


def _look(pid: int, found: dict[str, None], own: Collection[int], left: int) -> int:
    """Put what a process holds into ``found``; returns its descriptors' number."""
    listening = set()
    number = 0
    for descriptor, target in _descriptors(pid):
        number += 1
        if number > left:
            raise TooMuch("too many descriptors")
        socket = _socket(target)
        if socket and socket not in own:
            listening.add(socket)
        elif target.startswith("/dmabuf:"):
            found["a buffer of a device"] = None
        elif target.startswith("/"):
            name = target.removesuffix(" (deleted)")
            path = f"/proc/{pid}/fd/{descriptor}"
            if target.startswith("/dev/") and _is_exclusive(path):
                found[name] = None
            if not name.endswith(_SHARED) and _is_locked(pid, descriptor):
                found[f"a lock on {name}"] = None
    for name in _mapped_devices(pid):
        found[name] = None
    if listening:
        found.update(dict.fromkeys(_waiting(pid, listening)))
    return number


def _descriptors(pid: int) -> Iterator[tuple[str, str]]:
    """Return the descriptors of a process, and where they point."""
    folder = f"/proc/{pid}/fd"
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    yield entry.name, os.readlink(f"{folder}/{entry.name}")
                except FileNotFoundError:
                    # Closed meanwhile.
                    continue
    except (FileNotFoundError, ProcessLookupError):
        return
    except OSError:
        raise TooMuch("unknown descriptors") from None


def _socket(target: str) -> int:
    """``socket:[123]`` -> 123; 0: it is none."""
    if not target.startswith("socket:["):
        return 0
    return int(target[8:-1])


def _is_exclusive(path: str) -> bool:
    """Whether it is a device that counts; what is not there any more may be one."""
    try:
        found = os.stat(path)
    except OSError:
        return True
    if stat.S_ISBLK(found.st_mode):
        return True
    device = os.major(found.st_rdev), os.minor(found.st_rdev)
    return stat.S_ISCHR(found.st_mode) and not (
        device in _HARMLESS or device[0] in _TERMINALS
    )


def _is_locked(pid: int, descriptor: str) -> bool:
    """Whether there is a lock on what the descriptor points to, of this process."""
    try:
        with open(f"/proc/{pid}/fdinfo/{descriptor}", "rb") as file:
            return b"\nlock:\t" in file.read(1 << 16)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except OSError:
        raise TooMuch("unknown locks") from None


def _mapped_devices(pid: int) -> list[str]:
    """Return the devices that are mapped: whoever did it may have closed them."""
    names = []
    for line in _lines(f"/proc/{pid}/maps", "mappings"):
        # Address, permissions, offset, device, inode, path.
        _, devices, rest = line.partition(" /dev/")
        name = f"/dev/{rest}".removesuffix(" (deleted)")
        if devices and not name.startswith("/dev/shm/") and _is_exclusive(name):
            names.append(name)
    return names


def _waiting(pid: int, inodes: Collection[int]) -> Iterator[str]:
    """Return which of these sockets wait for others."""
    for protocol, state in (("tcp", _TCP_LISTEN), ("udp", _UDP_OPEN)):
        for table in (protocol, f"{protocol}6"):
            for line in _lines(f"/proc/{pid}/net/{table}", "sockets"):
                # Number, local address, remote address, state, …, inode (the tenth).
                fields = line.split()
                if len(fields) < 10 or fields[3] == "st":
                    continue
                if fields[3] != state:
                    if protocol == "tcp":
                        # Those that listen come first.
                        break
                    continue
                if int(fields[9]) in inodes:
                    port = int(fields[1].rpartition(":")[2], 16)
                    yield f"{protocol} port {port}"
    for line in _lines(f"/proc/{pid}/net/unix", "sockets"):
        # Number, references, protocol, flags, type, state, inode, path.
        fields = line.split(None, 7)
        if len(fields) < 7 or fields[0] == "Num":
            continue
        if int(fields[3], 16) & _UNIX_LISTENS and int(fields[6]) in inodes:
            yield f"the socket {fields[7].rstrip() if fields[7:] else 'without name'}"


def _lines(path: str, what: str) -> Iterator[str]:
    """Read a table line by line.

    :raises TooMuch: it cannot be read, or is too long.
    """
    left = LONGEST
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                left -= len(line)
                if left < 0:
                    raise TooMuch(f"too many {what}")
                yield line.rstrip("\n")
    except (FileNotFoundError, ProcessLookupError):
        return
    except OSError:
        raise TooMuch(f"unknown {what}") from None
