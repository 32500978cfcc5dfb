"""Connection files: where they are, and how one of them is opened.

Knows that others may have put one there: it is opened without waiting for anybody, and
its owner, mode and size are looked at before a word of it is believed. Must not know
who listens where it says.
"""

from __future__ import annotations

import os
import re

from jupyter_core.paths import jupyter_runtime_dir

from ipr.boot import connection, plainfile
from ipr.boot.connection import Outer
from ipr.boot.light import loads
from ipr.terminal.problem import Problem

#: Bytes that a connection file may have.
LARGEST = 1 << 16

#: What root is told, who could do it, but not as root: a daemon is its user's.
AS_THAT_USER = "run this command as that user"

_ID = re.compile(r"(?:kernel-)?(.+)\.json")


def identity(path: str) -> str:
    """Return the kernel's id: the file's name without what all such names have."""
    name = os.path.basename(path)
    matched = _ID.fullmatch(name)
    return matched[1] if matched else name


def there() -> list[str]:
    """Return the connection files in Jupyter's runtime folder."""
    folder = jupyter_runtime_dir()
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(
        os.path.join(folder, name)
        for name in names
        if name.startswith("kernel-") and name.endswith(".json")
    )


def read(path: str) -> Outer:
    """Read a connection file.

    :raises Problem: it cannot be used.
    """
    try:
        text = plainfile.read_own(path, LARGEST).decode()
        return connection.parsed(loads(text), os.path.abspath(path))
    except OSError as error:
        why = error.strerror or str(error)
    except UnicodeDecodeError:
        why = "it is not UTF-8"
    except plainfile.NotOwn as error:
        why = f"{error}; {AS_THAT_USER}"
    except plainfile.NotPlain as error:
        why = str(error)
    except connection.BadConnectionFile as error:
        raise Problem(str(error)) from None
    except ValueError as error:
        why = f"it is not JSON ({error})"
    raise Problem(f"cannot use the connection file {path}: {why}")
