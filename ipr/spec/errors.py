"""Why ``ipr-spec`` could not do something, in words for the user.

Knows the words for what the operating system refuses. Must not know kernelspecs.
"""

from __future__ import annotations

import errno


class SpecError(Exception):
    """A kernelspec cannot be read, changed or used; the text says why."""


class NotWritable(SpecError):
    """The kernelspec may be read but not changed."""


def why(error: OSError) -> str:
    """Return, in a few words, why the operating system refused."""
    words = {
        errno.EACCES: "permission denied",
        errno.EPERM: "permission denied",
        errno.EROFS: "the file system is read-only",
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EFBIG: "the file size limit is reached",
    }
    if error.errno in words:
        return words[error.errno]
    return (error.strerror or str(error)).lower()
