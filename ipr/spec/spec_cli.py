"""``ipr-spec``: put ipr on kernelspecs, take it off, see what is there.

Knows the commands and the exit codes: 0 done, 1 something could not be done, 2 wrong
usage. Must not know what a command does.
"""
# PYTHON_ARGCOMPLETE_OK

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from ipr import __version__
from ipr.boot import completing, options, output
from ipr.spec import changing, config, listing, newparser
from ipr.spec.errors import SpecError, why
from ipr.spec.parser import Usage, parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``ipr-spec``.

    :param argv: without the program's name; default ``sys.argv[1:]``.
    :returns: the exit code.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    after: list[str] | None = None
    if "--" in words:
        at = words.index("--")
        words, after = words[:at], words[at + 1 :]
    if words[:1] == ["new"]:
        words = newparser.joined(words)
    output.prepare()
    args = argparse.Namespace(command=None)
    try:
        whole = parser()
        completing.offer(whole, lambda: options.parser(__version__))
        _, unknown = whole.parse_known_args(words, args)
        if unknown:
            _check_whose(args.command, unknown)
            whole.error(f"unrecognized arguments: {' '.join(unknown)}")
        if args.command is None:
            whole.print_help(sys.stderr)
            return 2
        code = _run(args, after)
        sys.stdout.flush()
    except SystemExit as error:  # argparse has printed the reason
        return error.code if isinstance(error.code, int) else 2
    except Usage as error:
        print(f"ipr-spec {args.command}: {error}", file=sys.stderr)
        return 2
    except SpecError as error:
        print(f"ipr-spec: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        _report(error)
        return 1
    except KeyboardInterrupt:
        print("ipr-spec: interrupted", file=sys.stderr)
        return 1
    return code


def _run(args: argparse.Namespace, after: list[str] | None) -> int:
    if args.command == "install":
        return changing.install(args, after)
    if after is not None:
        raise Usage("only install takes options for the daemon after --")
    if args.command in ("remove", "uninstall"):
        return changing.remove(args)
    if args.command == "list":
        return listing.run(args)
    if args.command == "config":
        return config.run(args)
    # These take longer to import.
    if args.command == "check":
        from ipr.spec import check

        return check.run(args.name, args.timeout)
    if args.command == "new":
        from ipr.spec import newcommand

        return newcommand.run(args)
    from ipr.spec import wizard

    return wizard.run()


def _check_whose(command: str, unknown: Sequence[str]) -> None:
    """Look for options of the daemon that stand among those of ``install``.

    :raises Usage: there is one.
    """
    theirs = {f"--{option.name}": option for option in options.OPTIONS}
    for word in unknown:
        found = theirs.get(word.partition("=")[0])
        if command == "install" and found is not None:
            words = f"--{found.name} {found.metavar}".rstrip()
            raise Usage(
                f"--{found.name} is an option of the daemon; those go after --, as in"
                f" ipr-spec install NAME -- {words}"
            )


def _report(error: OSError) -> None:
    """Report an error that is not about one kernelspec.

    It is about the output, or about a folder that was there a moment ago.
    """
    if isinstance(error, BrokenPipeError):
        # Nobody reads on ("ipr-spec list | head -1"), which is no error.
        _drop_output()
        return
    where = f"{error.filename}: " if error.filename else ""
    print(f"ipr-spec: {where}{why(error)}", file=sys.stderr)
    try:
        # What was done before it is still to be shown.
        sys.stdout.flush()
    except OSError:
        _drop_output()


def _drop_output() -> None:
    """Keep Python from complaining about the output when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
