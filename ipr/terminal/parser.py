"""The command line of ``ipr``: its words, options and help.

Knows arguments and examples. Must not know what a command does.
"""

from __future__ import annotations

import argparse

from ipr import __version__
from ipr.boot.completing import completed_by
from ipr.jupyter.howmany import count, how_many
from ipr.terminal import naming

_EXAMPLES = """\
examples:
  ipr ps                      the kernels with ipr on this machine
  ipr restart 1b2c            restart the one whose id begins with 1b2c
  ipr restart                 in a kernel (!ipr restart): that one, when the
                              running cell has finished
  srun --overlap --jobid 4711 ipr ps
                              those of a Slurm job

ID is the beginning of a kernel's id or of its connection file's name, the path
of that file, or the pid of a process of the kernel. In a kernel it can be left
out.

Exit code: 0 done, 1 not done (a sentence says why), 2 wrong usage. 'ipr COMMAND
--help' shows more about one of them; ipr-spec puts ipr on kernelspecs.
"""
_PS_EXAMPLES = """\
examples:
  ipr ps
  ipr ps --json | jq -r '.[] | select(.state == "dead").id'

MEMORY is that of the kernel's own process; UP is how long this kernel has been
running. --json has bytes and seconds, and names each connection file.
"""
_STATUS_EXAMPLES = """\
examples:
  ipr status 1b2c
  ipr status --json

Shows what %ipr status shows in a cell.
"""
_RESTART_EXAMPLES = """\
examples:
  ipr restart 1b2c                      wait for its running cells, then restart
  ipr restart 1b2c --now                do not wait for them
  ipr restart 1b2c --env CUDA_VISIBLE_DEVICES=1 --cwd ~/data
  ipr restart 1b2c --replay             then run its cells again
  ipr restart --no-wait                 in a kernel; it never waits for itself

Takes its turn as a %restart in a cell does: cells that were sent before it
finish in the old kernel, cells sent after it run in the new one. The options
are those of %restart, and stay in force for later restarts; if one is invalid,
nothing is restarted. A folder or file is looked for from where this command
runs.
"""
_STACK_EXAMPLES = """\
examples:
  ipr stack 1b2c
  watch ipr stack 1b2c

Shows the processes of the kernel, and, of a Python, which calls it is in: while
a cell runs, and where the front end hangs. With py-spy installed there is an
answer even where Python itself can give none. The kernel is not stopped for it.
"""
_OUTPUT_EXAMPLES = """\
examples:
  ipr output 1b2c                       of the cell that runs, or ran last
  ipr output 1b2c 3                     of the last three
  watch ipr output 1b2c

Shows what cells have shown, whether or not a front end was there: while they
run, after the page was reloaded, and after a crash. A picture is named only;
%ipr output in a cell shows it.
"""
_INTERRUPT_EXAMPLES = """\
examples:
  ipr interrupt 1b2c

Interrupts the running cell, as the front end's button does.
"""
_LOG_EXAMPLES = """\
examples:
  ipr log 1b2c
  ipr log 1b2c -f                       go on as more is written

The last records of the daemon: warnings, and when kernels started and ended.
With --log-level DEBUG, or %ipr debug DEBUG in a cell, there are more.
"""


_ID_HELP = "the kernel, as 'ipr ps' lists it; 'ipr --help' says what else will do"


def parser() -> argparse.ArgumentParser:
    """Return the parser."""
    whole = argparse.ArgumentParser(
        prog="ipr",
        description="Look at, restart and interrupt Jupyter kernels that have ipr.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"ipr {__version__}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND")

    def add(name: str, words: str, examples: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=words,
            description=words[0].upper() + words[1:] + ".",
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    sub = add("ps", "list the kernels with ipr on this machine", _PS_EXAMPLES)
    sub.add_argument("--json", action="store_true", help="for programs")
    sub = add("status", "show the state of a kernel's daemon", _STATUS_EXAMPLES)
    _add_id(sub)
    sub.add_argument("--json", action="store_true", help="for programs")
    _add_restart(add("restart", "restart a kernel in place", _RESTART_EXAMPLES))
    _add_id(add("stack", "show where a kernel is, or hangs", _STACK_EXAMPLES))
    sub = add("output", "show the output of a kernel's last cells", _OUTPUT_EXAMPLES)
    _add_id(sub)
    sub.add_argument(
        "cells",
        nargs="?",
        type=_cells,
        default=1,
        metavar="N",
        help="how many cells (default: 1)",
    )
    _add_id(add("interrupt", "interrupt a kernel's running cell", _INTERRUPT_EXAMPLES))
    sub = add("log", "show the log of a kernel's daemon", _LOG_EXAMPLES)
    _add_id(sub)
    sub.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    return whole


def _add_id(sub: argparse.ArgumentParser) -> None:
    action = sub.add_argument("id", nargs="?", default="", metavar="ID", help=_ID_HELP)
    completed_by(action, naming.ids)


def _add_restart(sub: argparse.ArgumentParser) -> None:
    _add_id(sub)
    sub.add_argument(
        "--now", action="store_true", help="do not wait for the running cells"
    )
    sub.add_argument(
        "--no-wait",
        action="store_true",
        help="end as soon as the daemon has accepted it",
    )
    sub.add_argument(
        "--timeout",
        type=_seconds,
        default=600.0,
        metavar="SECONDS",
        help="how long to wait for the new kernel (default: 600)",
    )
    new = sub.add_argument_group("the new kernel", "options as those of %restart")
    for name, metavar, words in (
        ("--env", "NAME=VALUE", "set environment variables"),
        ("--unset", "NAME", "remove environment variables"),
        ("--module", "NAME", "set what 'module load NAME ...' sets"),
    ):
        new.add_argument(
            name, nargs="+", action="extend", default=[], metavar=metavar, help=words
        )
    new.add_argument("--env-file", default="", metavar="PATH", help="a .env file")
    new.add_argument("--cwd", default="", metavar="DIR", help="start in another folder")
    new.add_argument(
        "--kernel", default="", metavar="NAME", help="start another kernelspec"
    )
    new.add_argument(
        "--reset", action="store_true", help="first discard earlier changes"
    )
    _add_once(sub)


def _add_once(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--run", default="", metavar="FILE", help="run its code in the new kernel"
    )
    sub.add_argument(
        "--replay",
        nargs="?",
        const="",
        type=_how_many,
        metavar="N | all",
        help="then run the cells again that have succeeded since the kernel started:"
        " each, the last N, or those of all kernels; ID comes before it",
    )
    sub.add_argument(
        "--keep-detached",
        action="store_true",
        help="let what cells have started in sessions of their own go on",
    )


def _cells(text: str) -> int:
    try:
        return count(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _how_many(text: str) -> str:
    try:
        how_many([text] if text else [])
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; ID comes first") from None
    return text


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value
