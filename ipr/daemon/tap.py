"""``twistd -n ipr``: the daemon by hand, for debugging.

Knows ``twistd``'s conventions. Must not import ZeroMQ or txZMQ: ``twistd``
loads this before it has chosen its reactor. Without ``-f`` a connection
file is made, and the line that connects a console to it is printed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from twisted.application.service import IService
from twisted.python import usage

import ipr
from ipr.boot import connection, first, guardian, options, settings
from ipr.daemon.ownfile import OwnFile


def _reader(option: options.Option) -> Callable[[str], object]:
    def read(text: str) -> object:
        return text if text == option.default else option.read(text)

    return read


class Options(usage.Options):
    """The options of :data:`ipr.boot.options.OPTIONS`, as ``twistd`` reads them."""

    synopsis = "[options] [-- ARGV ...]"
    longdesc = (
        "Run between Jupyter clients and a kernel, and restart the kernel in place"
        " when a cell says %restart. Without -f, a connection file is made. Without"
        " a kernel, python3 is started. The command that connects a console is"
        " printed."
    )

    # Lists of the class: that is where Twisted looks for them.
    optParameters: ClassVar[list[list[object]]] = [
        [
            option.name,
            option.short or None,
            None,  # Twisted would say the default once more
            option.help.replace("%%", "%"),
            _reader(option),
        ]
        for option in options.OPTIONS
        if option.metavar
    ]
    optFlags: ClassVar[list[list[object]]] = [
        [option.name, None, option.help.replace("%%", "%")]
        for option in options.OPTIONS
        if not option.metavar
    ]
    command: Sequence[str] = ()

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the command line.

        :raises SystemExit: it is wrong; one sentence has been printed that says why.
            ``twistd`` would print its own help, and end with code 0.
        """
        untyped: Any = super()
        try:
            untyped.parseOptions(options)
        except usage.UsageError as error:
            sentence = f"{error}; see twistd ipr --help"
            raise _complaint(sentence, 2) from None

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"ipr {ipr.__version__}")
        sys.exit(0)

    def parseArgs(self, *command: str) -> None:
        """Take the inner command, the words after ``--``."""
        self.command = list(command)

    def settings(self, defaults: Mapping[str, object]) -> dict[str, Any]:
        """Return the values by :attr:`ipr.boot.options.Option.key`.

        :param defaults: likewise, in place of the options' own.
        :raises SystemExit: one has no effect; one sentence has been printed that says
            why.
        """
        values = {option.key: option.default for option in options.OPTIONS}
        values.update(defaults)
        names = set()
        for option in options.OPTIONS:
            given = self[option.name]
            # A flag that is not there is 0.
            if given if not option.metavar else given is not None:
                values[option.key] = given
                names.add(option.name)
        values = options.settled(values)
        if alone := options.without_effect(names, values):
            raise _complaint(f"{alone}; see twistd ipr --help", 2)
        return values


def makeService(config: Options) -> IService:
    """Make the service; nothing of ZeroMQ yet, ``twistd`` may fork.

    :raises SystemExit: it cannot be done; one sentence has been printed that says why.
    """
    guardian.note_origin()
    first.forget_made_up_locale()
    site = settings.read(os.environ)
    for sentence in site.told:
        sys.stderr.write(f"twistd ipr: {sentence}\n")
    values = config.settings(site.values)
    path = values["connection_file"]
    made: OwnFile | None = None
    try:
        if not path or not os.path.exists(path):
            made = OwnFile.make(path)
            path = made.path
        outer = connection.read(path)
    except (connection.BadConnectionFile, OSError) as error:
        raise _complaint(error, 1) from None
    if not (config.command or values["kernel"] or values["resource_dir"]):
        values["kernel"] = "python3"
    planned = first.plan(values, list(config.command), outer)
    if planned.launch is None:
        if made:
            made.remove()
        raise _complaint(planned.problem, 1)

    from ipr.daemon.byhand import ByHand, say_how_to_connect

    detaches = config.parent is not None and not config.parent.get("nodaemon", True)
    if detaches:
        # Before the terminal is gone.
        say_how_to_connect(outer.path)
    return ByHand(planned, values, made, says=not detaches)


def _complaint(error: object, code: int) -> SystemExit:
    """Print a sentence; a ``UsageError`` here would be shown as a traceback."""
    sys.stderr.write(f"twistd ipr: {error}\n")
    return SystemExit(code)
