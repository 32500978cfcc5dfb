"""Reads a file of code that kernels are to run.

Knows what such a file may be. Must not know which kernel runs it, nor when. Needed
before the first inner kernel is spawned: no attrs here.
"""

from __future__ import annotations

from ipr.boot import plainfile

#: Bytes that a file may have.
LARGEST = 1 << 20


class BadCode(ValueError):
    """The file cannot be run; the text names it and says why."""


def read(path: str) -> str:
    """Return what is in it; it may wait for a file system.

    :raises BadCode: it is missing, no regular file, too large, or not UTF-8.
    """
    try:
        # As Python itself reads a source file: without a byte order mark.
        return plainfile.read(path, LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadCode(f"{path} is not UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise BadCode(f"cannot read {path}: {error.strerror}") from None
    except plainfile.NotPlain as error:
        raise BadCode(f"cannot read {path}: {error}") from None
