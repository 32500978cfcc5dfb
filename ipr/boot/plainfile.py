"""Reads files that a person named, or that a stranger may have put there.

Knows how to open one so that nobody is kept waiting: a FIFO without a
writer, a terminal or a device would block whoever opens or reads it, for
ever. Must not know what is in the file. Needed before the first inner kernel
is spawned: no attrs here.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class NotPlain(ValueError):
    """The file cannot be read as asked; the text says why, without its path."""


class NotOwn(NotPlain):
    """It belongs to another user."""


def read(path: str, most: int) -> bytes:
    """Read a regular file.

    :param most: bytes that it may hold.
    :raises NotPlain: it is none, or is larger.
    :raises OSError: it cannot be opened or read.
    """
    return _read(path, most, _anybodys)


def read_own(path: str, most: int) -> bytes:
    """Read a regular file that nobody else may have written.

    Parameters and errors as of :func:`read`; it is not plain if it is another's.
    """
    return _read(path, most, _check_owner)


def _read(path: str, most: int, check: Callable[[os.stat_result], None]) -> bytes:
    # O_NONBLOCK means nothing to a regular file, and everything to a FIFO;
    # O_NOCTTY: a terminal must not become ours.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        # To open a device may have it do something: look before, and again after.
        _check(os.stat(path).st_mode)
        descriptor = os.open(path, flags)
    except ValueError as error:
        if isinstance(error, NotPlain):
            raise
        raise NotPlain("its name holds a NUL character") from None
    try:
        about = os.fstat(descriptor)
        _check(about.st_mode)
        check(about)
        parts: list[bytes] = []
        left = most + 1
        while left:
            # Not by st_size: files of /proc and /sys say 0.
            part = os.read(descriptor, min(left, 1 << 16))
            if not part:
                return b"".join(parts)
            parts.append(part)
            left -= len(part)
    finally:
        os.close(descriptor)
    raise NotPlain(f"it is larger than {most >> 10} KiB")


def _check(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise NotPlain(f"it is {_kind(mode)}, not a regular file")


def _anybodys(_about: os.stat_result) -> None:
    """Whoever wrote it."""


def _check_owner(about: os.stat_result) -> None:
    if about.st_uid != os.geteuid():
        raise NotOwn(f"it belongs to another user (uid {about.st_uid})")
    if about.st_mode & 0o022:
        raise NotPlain(f"others may write to it (mode {about.st_mode & 0o7777:04o})")


def _kind(mode: int) -> str:
    for is_one, name in (
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
    ):
        if is_one(mode):
            return name
    return "a device"
