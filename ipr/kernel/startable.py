"""Whether a program can be started as it stands, found out without starting it.

Knows what execve(2) refuses: NUL characters, too much of everything, commands
that are not there. Must not know what the program is for. A ``%restart``
with options that cannot be had thus leaves the running kernel alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

#: Bytes that one word or variable may have on Linux: MAX_ARG_STRLEN, 32 pages.
LONGEST_WORD = 32 * os.sysconf("SC_PAGE_SIZE")
#: Linux lets all of them together have no more than this, whatever the stack's limit
#: (fs/exec.c: three quarters of _STK_LIM); and what we keep free for the guardian's
#: and the launcher's own variables.
_MOST = 6 << 20
_SPARE = 8 << 10
_POINTER = 8


class NotStartable(ValueError):
    """It could not be started; the text says why."""


def check(argv: Sequence[str], environment: Mapping[str, str], cwd: str) -> None:
    """Check that a kernel can be started with this.

    :param environment: the complete one.
    :param cwd: the folder to start in; ``""``: our own.
    :raises NotStartable: it cannot.
    """
    check_size(argv, environment)
    if cwd and not os.path.isdir(cwd):
        raise NotStartable(f"there is no folder {cwd}")
    if cwd and not os.access(cwd, os.X_OK):
        raise NotStartable(f"the folder {cwd} cannot be entered: permission denied")
    if not argv or not argv[0]:
        raise NotStartable("the kernel's command is empty")
    _find(argv[0], environment.get("PATH", os.defpath), cwd)


def check_size(argv: Sequence[str], environment: Mapping[str, str]) -> None:
    """Check that a program can have all this; no file is looked at.

    :raises NotStartable: it cannot.
    """
    total = 0
    for word in argv:
        total += check_word(word, "a word of the kernel's command")
    for name, value in environment.items():
        if not name:
            continue  # inherited; the guardian leaves it out
        total += check_variable(name, value)
    most = min(os.sysconf("SC_ARG_MAX"), _MOST) - _SPARE
    if total > most:
        raise NotStartable(
            f"the environment and the command take {total >> 10} KiB, and no program"
            f" can have more than {most >> 10} KiB; put large values into a file"
        )


def check_variable(name: str, value: str) -> int:
    """Check that a variable can be passed on; return its bytes.

    :raises NotStartable: it cannot.
    """
    shown = repr(name[:50])
    if not name or "=" in name:
        raise NotStartable(f"{shown} cannot be the name of a variable")
    before = _size(name, f"the name {shown}")
    return _bounded(before + _size(value, f"the value of {shown}"), f"variable {shown}")


def check_word(word: str, what: str) -> int:
    """Check that a word can be passed on; return its bytes.

    :raises NotStartable: it cannot.
    """
    return _bounded(_size(word, what), what)


def _size(text: str, what: str) -> int:
    """Return the bytes that it takes, with the NUL or equals sign after it."""
    if "\0" in text:
        raise NotStartable(f"{what} holds a NUL character, which no program can take")
    try:
        return len(os.fsencode(text)) + 1
    except UnicodeEncodeError:
        raise NotStartable(
            f"{what} holds half a character (a lone surrogate), which no program can"
            " take"
        ) from None


def _bounded(size: int, what: str) -> int:
    if size > LONGEST_WORD:
        raise NotStartable(
            f"{what} takes {size >> 10} KiB, and no program can have more than"
            f" {LONGEST_WORD >> 10} KiB in one piece; put it into a file"
        )
    return size + _POINTER


def _find(command: str, search: str, cwd: str) -> None:
    """Check that there is such a command, as execvp(3) looks for it."""
    base = cwd or os.curdir
    if "/" in command:
        candidates = [command]
    else:
        candidates = [os.path.join(folder, command) for folder in search.split(":")]
    there = ""
    for path in candidates:
        whole = os.path.join(base, path)
        if os.path.isfile(whole):
            if os.access(whole, os.X_OK):
                return
            there = there or path
    if there:
        raise NotStartable(f"the command {there!r} may not be executed")
    looked = "" if "/" in command else f" (PATH is {search[:1000]})"
    raise NotStartable(f"there is no command {command!r}{looked}")
