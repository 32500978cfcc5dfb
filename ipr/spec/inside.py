"""Wrapping a kernelspec so that its launcher starts the daemon on the far side.

Knows where in argv, or in remote_ikernel's ``--kernel_cmd``, the daemon's words go.
Must not know the options of launchers: :mod:`ipr.spec.farside` does.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence

from ipr.spec import farside
from ipr.spec.errors import SpecError
from ipr.spec.fields import (
    CONNECTION_FILE,
    INNER_CONNECTION_FILE,
    PLACE,
    argv_of,
    interrupt_mode_of,
)
from ipr.spec.restoring import replaced

_HOST_CONNECTION_FILE = "{host_connection_file}"
_NO_PLACE = "nothing after its launcher contains {}"


def patched_inside(
    spec: Mapping[str, object],
    start: Sequence[str],
    options: Sequence[str] = (),
    after: int | None = None,
    pattern: str | None = None,
) -> dict[str, object]:
    """Wrap what the launcher in *spec* starts, so that the daemon runs over there.

    In remote_ikernel's ``--kernel_cmd`` the daemon is put in front of the command
    that names the connection file; else after the launcher's own words.

    :param after: how many words are the launcher's own, in ``--kernel_cmd`` of the
        command there.
    :param pattern: a regular expression for them instead.
    :raises SpecError: it is not known where that is.
    """
    argv = argv_of(spec) or []
    if interrupt_mode_of(spec) == "message" and "--interrupt-mode" not in options:
        # The kernel.json may not be readable over there.
        options = ["--interrupt-mode", "message", *options]
    at = farside.kernel_cmd_at(argv)
    try:
        if at is not None:
            new = argv.copy()
            name, equals, command = argv[at].partition("=")
            if not (equals and name == "--kernel_cmd"):
                name, equals, command = "", "", argv[at]
            command = _inside_shell(command, start, options, after, pattern)
            new[at] = name + equals + command
        else:
            end = farside.launcher_end(argv, after, pattern)
            inner = [
                word.replace(CONNECTION_FILE, INNER_CONNECTION_FILE)
                for word in argv[end:]
            ]
            if inner == argv[end:]:
                raise SpecError(
                    f"nothing after its launcher contains {CONNECTION_FILE}"
                )
            new = [*argv[:end], *start, *PLACE, *options, "--", *inner]
    except farside.CannotPlace as error:
        raise SpecError(str(error)) from None
    return replaced(spec, new)


def _inside_shell(
    line: str,
    start: Sequence[str],
    options: Sequence[str],
    after: int | None,
    pattern: str | None,
) -> str:
    """Put the daemon into a shell's line, as ``--kernel_cmd`` holds one."""
    for place in (_HOST_CONNECTION_FILE, CONNECTION_FILE):
        commands = [
            words
            for words in farside.shell_commands(line)
            if any(place in word.value for word in words)
        ]
        if commands:
            break
    else:
        raise SpecError(f"its --kernel_cmd does not contain {_HOST_CONNECTION_FILE}")
    words = commands[-1]
    argv = [word.value for word in words]
    index = 0
    if after is not None or pattern is not None or os.path.basename(argv[0]) == "srun":
        index = farside.launcher_end(argv, after, pattern)
    begin, end = words[index].start, words[-1].end
    inner = line[begin:end]
    if place not in inner:
        raise SpecError(_NO_PLACE.format(place))
    pieces = inner.split(place)
    filled = pieces[0]
    for piece in pieces[1:]:
        # Braces mean something to some shells, and to str.format.
        name = farside.for_format(INNER_CONNECTION_FILE)
        filled += name if farside.quoted_at(filled, len(filled)) else f"'{name}'"
        filled += piece
    own = " ".join(
        [
            *(_shell_word(word) for word in start),
            "-f",
            place,
            *(_shell_word(word) for word in options),
            "--",
        ]
    )
    return f"{line[:begin]}{own} {filled}{line[end:]}"


def _shell_word(word: str) -> str:
    # "~/venv/bin/python" and "$HOME/…" are for the far side's shell to expand.
    if not re.fullmatch(r"[\w@%+=:,./~$-]+", word):
        word = shlex.quote(word)
    return farside.for_format(word)
