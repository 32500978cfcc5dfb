"""``ipr-spec``: put ipr on kernelspecs, take it off, see what is there.

Knows words, arguments and exit codes. Must not know the layout of a kernel.json.
Exit codes: 0 done, 1 something could not be done, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence

from ipr import __version__
from ipr.spec import specfolders, specplan
from ipr.spec.kernelspec import SpecError, why
from ipr.spec.specfolders import NotWritable
from ipr.spec.specplan import Standing, Step, Wish

_EXAMPLES = """\
examples:
  ipr-spec list                       where it is, and where it could be
  ipr-spec install python3 ir         put it on these two
  ipr-spec install --user python3     ... on a copy of your own, when the
                                      kernelspec belongs to the site's admins
  ipr-spec check python3              start it and restart it in place, once
  ipr-spec remove --all               take it off again, everywhere

'ipr-spec COMMAND --help' says more about one of them.
"""

_LIST_EXAMPLES = """\
examples:
  ipr-spec list
  ipr-spec list --prefix ~/envs/analysis    those of another environment
  ipr-spec list --json | jq -r '.kernels[] | select(.state == "installed").name'

"state" in --json is one of installed, inside (on the far side of a launcher),
earlier (patched by the package inplace_restarter), installable, impossible.
"""

_INSTALL_EXAMPLES = """\
examples:
  ipr-spec install python3
  ipr-spec install --all --dry-run          show what would be written
  ipr-spec install python3 -- --log-level DEBUG --restart-limit 2
  ipr-spec install python3 --option log-level=DEBUG      the same way, by option
  ipr-spec install --prefix ~/envs/analysis python3
  ipr-spec install --inside --abandoned-timeout 3600 slurm-python
                            argv starts with srun: ipr runs in the allocation
  ipr-spec install --inside --python ~/env/bin/python rik_ssh_node_py3
                            remote_ikernel: ipr runs on the far side
  ipr-spec install --inside --launcher 'qrsh( -(l|q) \\S+| -\\S+)*' sge-python

What stands behind -- goes to the daemon; 'python -m ipr --help' lists its options.
Installing once more changes nothing, or brings an older installation up to date.
"""

_REMOVE_EXAMPLES = """\
examples:
  ipr-spec remove python3
  ipr-spec remove --all

The kernel.json is again what it was. A copy that 'install --user' made is deleted.
"""

_CHECK_EXAMPLES = """\
examples:
  ipr-spec check                      python3
  ipr-spec check ir
  ipr-spec check --timeout 600 slurm-python      it may wait in the queue first

Starts the kernel through ipr as Jupyter would, restarts it in place, and says how
long each step took. A kernelspec without ipr is tried in a temporary copy.
"""


class _Usage(Exception):
    """The command line makes no sense."""


def _parser() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="ipr-spec",
        description="Restart Jupyter kernels in place: put ipr on kernelspecs.",
        epilog=_EXAMPLES,
        formatter_class=formatter,
    )
    parser.add_argument("--version", action="version", version=f"ipr {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def add(
        name: str, words: str, examples: str, aliases: Sequence[str] = ()
    ) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=words,
            description=words[0].upper() + words[1:] + ".",
            epilog=examples,
            formatter_class=formatter,
            aliases=aliases,
            allow_abbrev=False,
        )

    sub = add(
        "list", "show where ipr is installed and where it could be", _LIST_EXAMPLES
    )
    sub.add_argument(
        "-l", "--long", action="store_true", help="with display names and folders"
    )
    sub.add_argument("--json", action="store_true", help="for programs")
    _add_places(sub, "only the kernelspecs of")

    sub = add("install", "put ipr on kernelspecs", _INSTALL_EXAMPLES)
    sub.add_argument("names", nargs="*", metavar="NAME", help="of a kernelspec")
    sub.add_argument("--all", action="store_true", help="wherever it is possible")
    _add_places(sub, "if it is not there yet, on a copy in")
    sub.add_argument("--dry-run", action="store_true", help="only show the change")
    sub.add_argument(
        "--option",
        action="append",
        type=_option_words,
        metavar="NAME[=VALUE]",
        help="an option for the daemon, without its dashes; the same as behind --",
    )
    sub.add_argument(
        "--force", action="store_true", help="although it is not sure to work"
    )
    far = sub.add_argument_group("far side", "for remote_ikernel and srun")
    far.add_argument(
        "--inside",
        action="store_true",
        help="run ipr there: the connection or the job stays, only the kernel is"
        " restarted; without it ipr runs here, around the launcher",
    )
    far.add_argument(
        "--python",
        metavar="PATH",
        help="the interpreter that has ipr there (default: 'python' with"
        " remote_ikernel, else the one that runs ipr-spec)",
    )
    where = far.add_mutually_exclusive_group()
    where.add_argument(
        "--after",
        type=int,
        metavar="N",
        help="the launcher and its arguments are the first N words",
    )
    where.add_argument(
        "--launcher",
        metavar="REGEX",
        help="they are what REGEX matches, from the start of the command, its words"
        " joined by spaces",
    )
    far.add_argument(
        "--abandoned-timeout",
        type=_seconds,
        metavar="SECONDS",
        help="end, and with it the job, when no client has been connected for so"
        " long (off by default)",
    )

    sub = add(
        "remove", "take ipr off kernelspecs", _REMOVE_EXAMPLES, aliases=["uninstall"]
    )
    sub.add_argument("names", nargs="*", metavar="NAME", help="of a kernelspec")
    sub.add_argument("--all", action="store_true", help="wherever it is")
    _add_places(sub, "only from")
    sub.add_argument("--dry-run", action="store_true", help="only show the change")

    add("wizard", "choose kernelspecs from a list on the screen", "", aliases=["wiz"])

    sub = add("check", "try whether a kernel restarts in place", _CHECK_EXAMPLES)
    sub.add_argument(
        "name", nargs="?", default="python3", metavar="NAME", help="default: python3"
    )
    sub.add_argument(
        "--timeout",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="for each step (default: 60)",
    )
    return parser


def _add_places(parser: argparse.ArgumentParser, words: str) -> None:
    places = parser.add_mutually_exclusive_group()
    places.add_argument(
        "--user", action="store_true", help=f"{words} your own kernels folder"
    )
    places.add_argument(
        "--sys-prefix",
        action="store_true",
        help=f"{words} the environment that ipr-spec runs in",
    )
    places.add_argument("--prefix", metavar="DIR", help=f"{words} the environment DIR")


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        value = float(text)
        if 0 < value < float("inf"):
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")


def _option_words(text: str) -> list[str]:
    words = shlex.split(text)
    if words and not words[0].startswith("-"):
        words[0] = "--" + words[0]
    return words


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``ipr-spec``.

    :param argv: without the program's name; default ``sys.argv[1:]``.
    :returns: the exit code.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    behind: list[str] | None = None
    if "--" in words:
        at = words.index("--")
        words, behind = words[:at], words[at + 1 :]
    # Whoever starts us may have closed them.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # A kernel's name must not break the listing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        parser = _parser()
        args = parser.parse_args(words)
        if args.command is None:
            parser.print_help(sys.stderr)
            return 2
        code = _COMMANDS[args.command](args, behind)
        sys.stdout.flush()
    except SystemExit as error:  # argparse has said why
        return error.code if isinstance(error.code, int) else 2
    except _Usage as error:
        print(f"ipr-spec {args.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Nobody reads on ("ipr-spec list | head -1"), Python must not complain.
        _drop_output()
        return 1
    except SpecError as error:
        print(f"ipr-spec: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        # Of a kernelspec it has been said already: this is the output, or a folder
        # that was there a moment ago.
        where = f"{error.filename}: " if error.filename else ""
        print(f"ipr-spec: {where}{why(error)}", file=sys.stderr)
        try:
            # What was done before it counts.
            sys.stdout.flush()
        except OSError:
            _drop_output()
        return 1
    except KeyboardInterrupt:
        print("ipr-spec: interrupted", file=sys.stderr)
        return 1
    return code


def _drop_output() -> None:
    """See that Python does not complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _target(args: argparse.Namespace) -> str | None:
    if args.user:
        return specfolders.user_dir()
    if args.sys_prefix:
        return specfolders.prefix_dir(sys.prefix)
    if args.prefix is not None:
        if not os.path.isdir(args.prefix):
            raise _Usage(f"--prefix {args.prefix}: there is no such folder")
        return specfolders.prefix_dir(args.prefix)
    return None


def _complain(name: str, error: Exception | str) -> None:
    print(f"ipr-spec: {name!r}: {error}", file=sys.stderr)


def _nothing_behind(behind: list[str] | None) -> None:
    if behind is not None:
        raise _Usage("only install takes options for the daemon behind --")


# list


_GROUPS = (
    (
        specplan.INSTALLED,
        "In place restarting installed on:",
        "✓",
        "Use: ipr-spec remove [name …] to remove",
    ),
    (
        specplan.INSIDE,
        "In place restarting installed on the far side of:",
        "✓",
        "Use: ipr-spec remove [name …] to remove",
    ),
    (
        specplan.EARLIER,
        "Patched by the earlier package inplace_restarter:",
        "-",
        "Use: ipr-spec install [name …] to upgrade",
    ),
    (
        specplan.INSTALLABLE,
        "In place restarting installable on:",
        "-",
        "Use: ipr-spec install [name …] to install",
    ),
    (specplan.IMPOSSIBLE, "Cannot be installed on:", "✘", ""),
)
_ASCII = {"✓": "+", "✘": "x", "…": "..."}


def _shown(text: str) -> str:
    """Give *text* as the terminal can show it."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        for fine, plain in _ASCII.items():
            text = text.replace(fine, plain)
    return text


def _list(args: argparse.Namespace, behind: list[str] | None) -> int:
    _nothing_behind(behind)
    target = _target(args)
    dirs = specfolders.kernel_dirs() if target is None else [target]
    survey = specplan.survey(dirs)
    if args.json:
        kernels = [_as_json(standing) for standing in survey]
        print(json.dumps({"kernels": kernels}, indent=1))
        return 0
    blocks = []
    for state, heading, mark, use in _GROUPS:
        group = [standing for standing in survey if standing.state == state]
        if group:
            blocks.append(_block(group, heading, mark, use, args.long))
    if not blocks:
        blocks.append(_nothing_found(dirs))
    print(_shown("\n\n".join(blocks)))
    return 0


def _nothing_found(dirs: Sequence[str]) -> str:
    return "No kernelspecs found. Looked in:\n" + "\n".join(f"  {d}" for d in dirs)


def _block(
    group: Sequence[Standing], heading: str, mark: str, use: str, long: bool
) -> str:
    rows = []
    for standing in group:
        found = standing.found
        row = [repr(found.name)]
        if long:
            row += [str(found.spec.get("display_name") or "-"), found.folder]
        rows.append([*row, standing.detail])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [heading]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append(f"  {mark} {'   '.join(cells)}".rstrip())
    if use:
        lines += ["", use]
    return "\n".join(lines)


def _as_json(standing: Standing) -> dict[str, object]:
    found, wrapped = standing.found, standing.wrapping
    return {
        "name": found.name,
        "state": standing.state,
        "detail": standing.detail,
        "folder": found.folder,
        "display_name": found.spec.get("display_name"),
        "language": found.spec.get("language"),
        "python": None if wrapped is None else wrapped.python,
        "options": None if wrapped is None else list(wrapped.options),
        "copy_of": specfolders.copied_from(found.folder),
    }


# install and remove


def _names(args: argparse.Namespace) -> None:
    if args.all and args.names:
        raise _Usage("names or --all, not both")
    if not (args.all or args.names):
        raise _Usage("say which kernelspecs, by their names or by --all")


def _install(args: argparse.Namespace, behind: list[str] | None) -> int:
    _names(args)
    far = {
        "--python": args.python,
        "--after": args.after,
        "--launcher": args.launcher,
        "--abandoned-timeout": args.abandoned_timeout,
    }
    if not args.inside:
        for name, value in far.items():
            if value is not None:
                raise _Usage(f"{name} goes with --inside")
    if args.inside and args.all:
        raise _Usage("--inside needs the names of the kernelspecs")
    if args.launcher is not None:
        try:
            re.compile(args.launcher)
        except re.error as error:
            raise _Usage(f"--launcher {args.launcher!r}: {error}") from None
    target = _target(args)
    wish = Wish(
        target=target,
        options=_daemon_options(args, behind),
        inside=args.inside,
        python=args.python,
        after=args.after,
        pattern=args.launcher,
        force=args.force,
    )
    dirs = specfolders.kernel_dirs()
    names = args.names
    if args.all:
        everything = [target, *dirs] if target is not None else dirs
        names = []
        survey = specplan.survey(everything)
        if not survey:
            print(_nothing_found(everything))
        for standing in survey:
            if standing.state == specplan.IMPOSSIBLE:
                print(f"skipped {standing.found.name!r}: {standing.detail}")
            elif not (standing.wrapping is not None and standing.wrapping.by_hand):
                names.append(standing.found.name)
    own = specfolders.user_dir()

    def offer(name: str) -> str:
        if target is not None:
            return ""
        if os.path.dirname(specfolders.find(name, dirs).folder) == own:
            return ""
        return (
            f"; to install on a copy in your own kernels folder, which takes"
            f" precedence: ipr-spec install --user {shlex.quote(name)}"
        )

    return _carry_out(
        names, lambda name: specplan.install(name, wish, dirs), args.dry_run, offer
    )


def _daemon_options(
    args: argparse.Namespace, behind: list[str] | None
) -> tuple[str, ...] | None:
    """Gather what the daemon is to be given, None if nothing was said about it."""
    if behind is None and args.option is None and args.abandoned_timeout is None:
        return None
    words = [word for words in args.option or () for word in words]
    words += behind or ()
    if args.abandoned_timeout is not None:
        seconds = repr(args.abandoned_timeout).removesuffix(".0")
        words += ["--abandoned-timeout", seconds]
    from ipr.boot import options

    own = {"-h", "--help", "--version"} & set(words)
    if own:
        raise _Usage(f"{own.pop()} is no option to be written into a kernelspec")
    try:
        values, command = options.parse(words, __version__)
    except options.BadOption as error:
        raise _Usage(f"not an option of the daemon: {error}") from None
    taken = [
        key for key in ("connection_file", "resource_dir", "kernel") if values[key]
    ]
    if taken or command:
        name = "--" + taken[0].replace("_", "-") if taken else "a command behind --"
        raise _Usage(f"{name} is for install itself to write")
    return tuple(words)


def _remove(args: argparse.Namespace, behind: list[str] | None) -> int:
    _nothing_behind(behind)
    _names(args)
    target = _target(args)
    dirs = specfolders.kernel_dirs()
    names = args.names
    if args.all:
        there = specplan.survey(dirs if target is None else [target])
        names = [
            standing.found.name
            for standing in there
            if standing.wrapping is not None and not standing.wrapping.by_hand
        ]
        if not names:
            print("nothing to do: ipr is installed on no kernelspec")
    return _carry_out(
        names, lambda name: specplan.remove(name, target, dirs), args.dry_run
    )


def _no_offer(_name: str) -> str:
    return ""


def _carry_out(
    names: Sequence[str],
    plan: Callable[[str], Step],
    dry: bool,
    offer: Callable[[str], str] = _no_offer,
) -> int:
    done = [_carry_out_one(name, plan, dry, offer) for name in names]
    return 0 if all(done) else 1


def _carry_out_one(
    name: str, plan: Callable[[str], Step], dry: bool, offer: Callable[[str], str]
) -> bool:
    try:
        step = plan(name)
        left_out = [] if dry else specplan.perform(step)
    except NotWritable as error:
        _complain(name, f"{error}{offer(name)}")
        return False
    except SpecError as error:
        _complain(name, error)
        return False
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(name, f"{where}{why(error)}")
        return False
    if step.idle:
        print(_shown(f"nothing to do: ipr {step.done}"))
    elif dry:
        print(_shown(f"would {step.will}"))
        sys.stdout.write(_diff(step))
    else:
        print(_shown(step.done))
    if step.warning:
        _complain(name, step.warning)
    if not dry:
        for line in left_out:
            _complain(name, f"not copied: {line}")
    return True


def _diff(step: Step) -> str:
    before, after = step.before, step.after
    if step.source is not None:
        with open(os.path.join(step.source, "kernel.json"), "rb") as file:
            before = file.read()
    lines = difflib.unified_diff(
        (before or b"").decode().splitlines(keepends=True),
        (after or b"").decode().splitlines(keepends=True),
        step.path if step.source is None else step.source,
        step.path if after is not None else os.devnull,
    )
    end = "\n\\ No newline at end of file\n"
    return "".join(line if line.endswith("\n") else line + end for line in lines)


# the others, which need more


def _wizard(_args: argparse.Namespace, behind: list[str] | None) -> int:
    _nothing_behind(behind)
    from ipr.spec import wizard

    return wizard.run()


def _check(args: argparse.Namespace, behind: list[str] | None) -> int:
    _nothing_behind(behind)
    from ipr.spec import check

    return check.run(args.name, args.timeout)


_COMMANDS: dict[str, Callable[[argparse.Namespace, list[str] | None], int]] = {
    "list": _list,
    "install": _install,
    "remove": _remove,
    "uninstall": _remove,
    "wizard": _wizard,
    "wiz": _wizard,
    "check": _check,
}


if __name__ == "__main__":
    sys.exit(main())
