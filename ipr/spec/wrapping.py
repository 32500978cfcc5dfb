"""How to tell whether a kernelspec is wrapped, and in which way.

Knows what a wrapped kernel.json looks like, in the older forms, too, and what
prevents a wrapping. Must not know how one is written or undone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import attrs

from ipr.boot.kernels import (
    INTERPRETER,
    KEPT,
    ORIGINAL_ARGV,
    ORIGINAL_INTERRUPT_MODE,
    kept,
)
from ipr.spec import farside
from ipr.spec.fields import CONNECTION_FILE, argv_of, provisioner_of

#: Fields that mean that a kernelspec is wrapped; in the older form, at the top level.
RESERVED = (ORIGINAL_ARGV, ORIGINAL_INTERRUPT_MODE, INTERPRETER)
#: The start of the first versions of ipr on Python 3.10, which has no -P.
_STARTS_IPR = re.compile(r"""run_module\(["']ipr["']""")
_PYTHON_FLAG = re.compile(r"-([bBEIOPqsSuv]+$|[WX])")
#: The name of ipr's own kernel provisioner, an entry point.
PROVISIONER = "ipr-provisioner"
#: Provisioners that are known to run argv; others may ignore it.
ARGV_PROVISIONERS = frozenset({"local-provisioner", "slurm-provisioner", PROVISIONER})


@attrs.frozen
class Wrapping:
    """How a kernelspec is wrapped.

    :ivar kind: ``around`` the whole command; ``inside`` it, after a launcher's
        own words or in remote_ikernel's ``--kernel_cmd``; ``earlier`` and
        ``earlier-inside``: the same, by the package ``inplace_restarter``.
    :ivar python: the interpreter that runs the daemon.
    :ivar options: the daemon's arguments other than files.
    :ivar by_hand: the command stands after ``--`` and was not put there by
        ``install``, so the original is not known.
    :ivar after: ``inside``, how many words before it are the launcher's.
    """

    kind: str
    python: str
    options: tuple[str, ...] = ()
    by_hand: bool = False
    after: int = 0

    @property
    def earlier(self) -> bool:
        """Whether the earlier package did it."""
        return self.kind.startswith("earlier")

    @property
    def inside(self) -> bool:
        """Whether the daemon runs on the far side of a launcher."""
        return self.kind.endswith("inside")


def wrapping_of(spec: Mapping[str, object]) -> Wrapping | None:
    """Return how *spec* is wrapped, None if it is not."""
    argv = argv_of(spec)
    if argv is None:
        return None
    start = _module_start(argv, 0)
    if start is not None and start[0] == "ipr":
        options, command = _options(argv[start[1] :])
        by_hand = command and ORIGINAL_ARGV not in kept(spec)
        return Wrapping("around", argv[0], options, by_hand)
    if start is not None and start[0] == "inplace_restarter":
        # Its own traits mean nothing to us; the log level does.
        level = tuple(
            word
            for word in argv[start[1] :]
            if word.startswith("--RestarterApp.log_level=")
        )
        return Wrapping("earlier", argv[0], level)
    at = farside.kernel_cmd_at(argv)
    if at is not None:
        return _far_side_wrapping(spec, argv[at])
    for index in range(1, len(argv)):
        start = _module_start(argv, index)
        if start is not None and start[0] == "ipr":
            options, command = _options(argv[start[1] :])
            if command:
                by_hand = ORIGINAL_ARGV not in kept(spec)
                return Wrapping("inside", argv[index], options, by_hand, index)
    return None


def starts_ipr(argv: Sequence[str]) -> bool:
    """Return whether a command starts the daemon, here or on a far side.

    Unlike :func:`wrapping_of`, it asks nothing of what comes after that.
    """
    commands = [list(argv)]
    for word in argv:
        if "ipr" in word and " " in word:
            line = farside.shell_commands(farside.formatted(word))
            commands += [[word.value for word in words] for words in line]
    return any(
        (_module_start(words, at) or ("",))[0] == "ipr"
        for words in commands
        for at in range(len(words))
    )


def _module_start(argv: Sequence[str], at: int) -> tuple[str, int] | None:
    """Return the module of ``PYTHON [flags] -m MODULE`` at *at*, and its end."""
    index = at + 1
    while index < len(argv) and _PYTHON_FLAG.match(argv[index]):
        index += 2 if argv[index] in ("-X", "-W") else 1
    if index + 1 >= len(argv):
        return None
    if argv[index] == "-m":
        return argv[index + 1], index + 2
    if argv[index] == "-c" and _STARTS_IPR.search(argv[index + 1]):
        return "ipr", index + 2
    return None


def _options(words: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """Return the daemon's options without the files, and whether ``--`` follows."""
    options: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            return tuple(options), True
        if word in ("-f", "--connection-file", "--resource-dir", "--spec-dir"):
            index += 2
            continue
        if not word.startswith(
            ("--connection-file=", "--resource-dir=", "--spec-dir=")
        ):
            options.append(word)
        index += 1
    return tuple(options), False


def _far_side_wrapping(spec: Mapping[str, object], command: str) -> Wrapping | None:
    by_hand = ORIGINAL_ARGV not in kept(spec)
    for words in farside.shell_commands(farside.formatted(command)):
        argv = [word.value for word in words]
        for index in range(len(argv)):
            start = _module_start(argv, index)
            if start is None:
                continue
            if start[0] == "inplace_restarter":
                return Wrapping("earlier-inside", argv[index])
            options, command_follows = _options(argv[start[1] :])
            if start[0] == "ipr" and command_follows:
                return Wrapping("inside", argv[index], options, by_hand, index)
    return None


def leftover_field(spec: Mapping[str, object]) -> str | None:
    """Return the name of a field that only a wrapped kernelspec has, None if none."""
    metadata = spec.get("metadata")
    if isinstance(metadata, dict) and KEPT in metadata:
        return f"metadata.{KEPT}"
    return next((field for field in RESERVED if field in spec), None)


def obstacle_to(spec: Mapping[str, object]) -> str | None:
    """Return why ``ipr`` cannot be put on *spec*, which is not wrapped yet."""
    leftover = leftover_field(spec)
    if leftover is not None:
        return (
            f"it has the field {leftover}, but its argv does not start ipr;"
            " take that field out, or put the argv back"
        )
    name = provisioner_of(spec)
    if name is not None and name not in ARGV_PROVISIONERS:
        return f"its provisioner {name!r} may not run argv (--force installs anyway)"
    if not any(CONNECTION_FILE in word for word in argv_of(spec) or ()):
        return f"its argv does not contain {CONNECTION_FILE} (--force installs anyway)"
    return None
