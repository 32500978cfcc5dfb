"""``ipr`` and ``ipr-restart``: from the command line to the exit code.

Knows the exit codes: 0 done, 1 not done, 2 wrong usage, 130 Ctrl-C. Must not know what
a command does.
"""
# PYTHON_ARGCOMPLETE_OK

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from ipr.boot import completing, output
from ipr.terminal import commands
from ipr.terminal.parser import parser
from ipr.terminal.problem import Problem

_COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "ps": commands.ps,
    "status": commands.status,
    "restart": commands.restart,
    "stack": commands.stack,
    "output": commands.output,
    "interrupt": commands.interrupt,
    "log": commands.log,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``ipr``.

    :param argv: without the program's name; default ``sys.argv[1:]``.
    :returns: the exit code.
    """
    output.prepare()
    whole = parser()
    completing.offer(whole)
    try:
        args = whole.parse_args(argv)
        if args.command is None:
            whole.print_help(sys.stderr)
            return 2
        _COMMANDS[args.command](args)
        sys.stdout.flush()
    except SystemExit as error:  # argparse has printed the reason
        return error.code if isinstance(error.code, int) else 2
    except Problem as error:
        commands.note(f"ipr: {error}")
        return 1
    except BrokenPipeError:
        # Nobody reads on ("ipr ps | head -1"), which is no error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        commands.note(f"ipr: {error.strerror or error}")
        return 1
    except KeyboardInterrupt:
        return _interrupted(args.command)
    return 0


def restart() -> int:
    """Run ``ipr-restart``: ``ipr restart``."""
    return main(["restart", *sys.argv[1:]])


def _interrupted(command: str) -> int:
    if command == "restart":
        commands.note("ipr: no longer waiting; what was asked for is still to come")
    return 130


if __name__ == "__main__":
    sys.exit(main())
