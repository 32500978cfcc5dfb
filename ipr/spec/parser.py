"""The command line of ``ipr-spec``: its words, options and help.

Knows arguments and examples. Must not know what a command does.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
from collections.abc import Sequence

from ipr import __version__
from ipr.boot.completing import completed_by
from ipr.spec import folders, newparser
from ipr.spec.wrapping import wrapping_of

_EXAMPLES = """\
examples:
  ipr-spec list                       where it is, and where it could be
  ipr-spec install python3 ir         put it on these two
  ipr-spec install --user python3     ... on a copy of your own, when the
                                      kernelspec belongs to the site's admins
  ipr-spec new --slurm --mem 4G NAME  make one that starts its kernel in a job
  ipr-spec check python3              start it and restart it in place, once
  ipr-spec remove --all               take it off again, everywhere

'ipr-spec COMMAND --help' shows more about one of them.
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
  ipr-spec install --inside --launcher 'qrsh( -(l|now|q) \\S+| -\\S+)*' sge-python

What follows -- goes to the daemon; 'python -m ipr --help' lists its options.
Installing again changes nothing, or brings an older installation up to date.
"""
_REMOVE_EXAMPLES = """\
examples:
  ipr-spec remove python3
  ipr-spec remove --all

The kernel.json is restored byte for byte. A copy that 'install --user' made is deleted.
"""
_CONFIG_EXAMPLES = """\
examples:
  ipr-spec config                     what the files say, for every kernel
  ipr-spec config python3             what holds for this one
  ipr-spec config --json

A file ipr.toml in one of Jupyter's config folders (yours, the environment's, /etc):

  [daemon]
  restart-limit = 3
  no-exec = true

kernel.json wins over your file, and your file over the site's, option by option.
"""
_CHECK_EXAMPLES = """\
examples:
  ipr-spec check                      python3
  ipr-spec check ir
  ipr-spec check --timeout 600 slurm-python      it may wait in the queue first

Starts the kernel through ipr as Jupyter would, restarts it in place, and reports
how long each step took. A kernelspec without ipr is tried in a temporary copy.
"""


class Usage(Exception):
    """The command line makes no sense."""


def target_of(args: argparse.Namespace) -> str | None:
    """Return the kernels folder that was named, None if none was.

    :raises Usage: it does not exist.
    """
    if args.user:
        return folders.user_dir()
    if args.sys_prefix:
        return folders.prefix_dir(sys.prefix)
    if args.prefix is not None:
        if not os.path.isdir(args.prefix):
            raise Usage(f"--prefix {args.prefix}: there is no such folder")
        return folders.prefix_dir(args.prefix)
    return None


def parser() -> argparse.ArgumentParser:
    """Return the parser of the words before ``--``."""
    whole = argparse.ArgumentParser(
        prog="ipr-spec",
        description="Restart Jupyter kernels in place: put ipr on kernelspecs.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"ipr {__version__}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND")

    def add(
        name: str, words: str, examples: str, aliases: Sequence[str] = ()
    ) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=words,
            description=words[0].upper() + words[1:] + ".",
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            aliases=aliases,
            allow_abbrev=False,
        )

    _add_list(add("list", "show where ipr is, and where it could be", _LIST_EXAMPLES))

    _add_install(add("install", "put ipr on kernelspecs", _INSTALL_EXAMPLES))

    words = "take ipr off kernelspecs"
    _add_remove(add("remove", words, _REMOVE_EXAMPLES, aliases=["uninstall"]))

    sub = add("new", "make a kernelspec for a kernel in a job", newparser.EXAMPLES)
    newparser.fill(sub, _seconds)
    _add_places(sub, "in (default: your own kernels folder)")

    add("wizard", "choose kernelspecs from a list on the screen", "", aliases=["wiz"])

    words = "show the daemon's options and where they come from"
    _add_config(add("config", words, _CONFIG_EXAMPLES))

    _add_check(add("check", "try whether a kernel restarts in place", _CHECK_EXAMPLES))
    return whole


def _add_list(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "-l", "--long", action="store_true", help="with display names and folders"
    )
    sub.add_argument("--json", action="store_true", help="for programs")
    _add_places(sub, "only the kernelspecs of")


def _add_install(sub: argparse.ArgumentParser) -> None:
    _add_names(sub)
    sub.add_argument("--all", action="store_true", help="wherever it is possible")
    _add_places(sub, "if it is not there yet, on a copy in")
    sub.add_argument("--dry-run", action="store_true", help="only show the change")
    sub.add_argument(
        "--option",
        action="append",
        type=_option_words,
        metavar="NAME[=VALUE]",
        help="an option for the daemon, without its dashes; the same as after --",
    )
    sub.add_argument(
        "--force", action="store_true", help="install even if it may not work"
    )
    sub.add_argument(
        "--provisioner",
        action=argparse.BooleanOptionalAction,
        help="have kernel.json name ipr's kernel provisioner, so that the Restart"
        " button works without the server extension; Jupyter then hides the"
        " kernelspec in every environment that has no ipr (servers, nbconvert,"
        " papermill, consoles)",
    )
    _add_far_side(sub)


def _add_far_side(sub: argparse.ArgumentParser) -> None:
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
        help="end, and with it the job, when no client has been connected for this"
        " long (off by default)",
    )


def _add_remove(sub: argparse.ArgumentParser) -> None:
    _add_names(sub, wrapped=True)
    sub.add_argument("--all", action="store_true", help="wherever it is installed")
    _add_places(sub, "only from")
    sub.add_argument("--dry-run", action="store_true", help="only show the change")


def _add_config(sub: argparse.ArgumentParser) -> None:
    name = sub.add_argument(
        "name", nargs="?", metavar="NAME", help="name of a kernelspec"
    )
    completed_by(name, _names)
    sub.add_argument("--json", action="store_true", help="for programs")


def _add_check(sub: argparse.ArgumentParser) -> None:
    name = sub.add_argument(
        "name", nargs="?", default="python3", metavar="NAME", help="default: python3"
    )
    completed_by(name, _names)
    sub.add_argument(
        "--timeout",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="for each step (default: 60)",
    )


def _add_names(sub: argparse.ArgumentParser, *, wrapped: bool = False) -> None:
    names = sub.add_argument(
        "names", nargs="*", metavar="NAME", help="name of a kernelspec"
    )
    completed_by(names, _wrapped_names if wrapped else _names)


def _names() -> list[str]:
    return list(folders.find_all(folders.kernel_dirs()))


def _wrapped_names() -> list[str]:
    found = folders.find_all(folders.kernel_dirs()).items()
    return [
        name
        for name, folder in found
        if wrapping_of(folders.read(name, folder).spec) is not None
    ]


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
