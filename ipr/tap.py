"""``twistd -n ipr``: the daemon by hand, for debugging.

Knows ``twistd``'s conventions. Must not import ZeroMQ or txZMQ: ``twistd``
loads this before it has chosen its reactor. Without ``-f`` a connection
file is made, and the line that connects a console to it is printed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, ClassVar

from twisted.application.service import IService
from twisted.python import usage

import ipr
from ipr import connection, early, guardian, options


def _reader(option: options.Option) -> Any:
    def read(text: Any) -> Any:
        return text if text == option.default else option.read(text)

    return read


class Options(usage.Options):
    """The options of :data:`ipr.options.OPTIONS`, as ``twistd`` reads them."""

    synopsis = "[options] [-- ARGV ...]"
    longdesc = (
        "Stand between Jupyter clients and a kernel, and restart it in place when"
        " a cell says %restart. Without -f a connection file is made, --kernel is"
        " python3, and the line that connects a console is printed."
    )

    # Lists of the class: that is where Twisted looks for them.
    optParameters: ClassVar[list[list[Any]]] = [
        [
            option.name,
            option.short or None,
            option.default,
            option.help.replace("%%", "%"),
            _reader(option),
        ]
        for option in options.OPTIONS
        if option.metavar
    ]
    optFlags: ClassVar[list[list[Any]]] = [
        [option.name, None, option.help.replace("%%", "%")]
        for option in options.OPTIONS
        if not option.metavar
    ]
    command: Sequence[str] = ()

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"ipr {ipr.__version__}")
        sys.exit(0)

    def parseArgs(self, *command: str) -> None:
        """Take the inner command, which stands behind ``--``."""
        self.command = list(command)

    def settings(self) -> dict[str, Any]:
        """Give the values by :attr:`ipr.options.Option.key`."""
        return options.settled(
            {option.key: self[option.name] for option in options.OPTIONS}
        )


def makeService(config: Options) -> IService:
    """Make the service; nothing of ZeroMQ yet, ``twistd`` may fork.

    :raises usage.UsageError: with one sentence, for ``twistd`` to print.
    """
    guardian.note_origin()
    early.forget_made_up_locale()
    values = config.settings()
    path = values["connection_file"]
    made = ""
    try:
        if path and os.path.exists(path):
            outer = connection.read(path)
        else:
            made = path or _new_path()
            connection.write_private(made, connection.fresh())
            outer = connection.read(made)
    except (connection.BadConnectionFile, OSError) as error:
        raise usage.UsageError(str(error)) from None
    if not (config.command or values["kernel"] or values["resource_dir"]):
        values["kernel"] = "python3"
    planned = early.plan(values, list(config.command), outer)
    if planned.launch is None:
        if made:
            os.unlink(made)
        raise usage.UsageError(planned.problem)

    from ipr.byhand import ByHand

    return ByHand(planned, values, made)


def _new_path() -> str:
    from jupyter_core.paths import jupyter_runtime_dir

    folder = jupyter_runtime_dir()
    os.makedirs(folder, 0o700, exist_ok=True)
    return os.path.join(folder, f"kernel-ipr-{os.getpid()}.json")
