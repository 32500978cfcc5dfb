"""The words of ``ipr-spec new``.

Knows its options and help. Must not know what is made of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from ipr.spec.templates import TEMPLATES

EXAMPLES = """\
examples:
  ipr-spec new                        asks for everything, in a terminal
  ipr-spec new --slurm --partition gpu --gpus 1 --mem 16G --time 8h gpu-python
  ipr-spec new --slurm --module gcc/12 --module cuda --env OMP_NUM_THREADS=4 NAME
  ipr-spec new --sge --mem 4G --extra '-pe smp 4' --extra -notify NAME
  ipr-spec new --slurm --mem 4G --check NAME         start it, and restart it, once

Writes a kernelspec that starts a Python kernel by srun, qrsh, qsub or bsub, with ipr
in the job. What is not said is the site's default.
"""


def joined(words: Sequence[str]) -> list[str]:
    """Tie ``--extra`` to its value, which begins with a dash as often as not.

    argparse would take that for an option of its own.

    :param words: of the command line.
    """
    made: list[str] = []
    for word in words:
        if made and made[-1] == "--extra":
            made[-1] = f"--extra={word}"
        else:
            made.append(word)
    return made


def fill(sub: argparse.ArgumentParser, seconds: Callable[[str], float]) -> None:
    """Add the arguments.

    :param seconds: reads a number of seconds.
    """
    sub.add_argument("name", nargs="?", default="", metavar="NAME", help="its name")
    which = sub.add_mutually_exclusive_group()
    for name, template in TEMPLATES.items():
        which.add_argument(
            f"--{name}",
            dest="scheduler",
            action="store_const",
            const=name,
            default="",
            help=f"{template.name}: {template.start[0]}",
        )
    _add_job(sub)
    sub.add_argument(
        "--python",
        metavar="PATH",
        help="the interpreter that has ipykernel and ipr in the job (default: the one"
        " that runs ipr-spec)",
    )
    sub.add_argument("--display-name", default="", metavar="TEXT", help="for people")
    sub.add_argument(
        "--abandoned-timeout",
        type=seconds,
        metavar="SECONDS",
        help="end, and with it the job, when no client has been connected for this"
        " long (off by default)",
    )
    sub.add_argument("--dry-run", action="store_true", help="only show it")
    sub.add_argument(
        "--check", action="store_true", help="start it and restart it, once"
    )
    sub.add_argument(
        "--timeout",
        type=seconds,
        default=600.0,
        metavar="SECONDS",
        help="for each step of --check (default: 600)",
    )


def _add_job(sub: argparse.ArgumentParser) -> None:
    for names, metavar, words in (
        (("--partition", "--queue"), "NAME", "partition, or queue"),
        (("--account",), "NAME", "account, or project"),
        (("--mem",), "SIZE", "memory: 4G, or a number of MiB"),
        (("--time",), "TIME", "time limit: 90m, 8h, 2d, [D-]HH:MM:SS, or minutes"),
        (("--cpus",), "N", "processors"),
        (("--gpus",), "N", "GPUs"),
    ):
        sub.add_argument(*names, default="", metavar=metavar, help=words)
    for name, metavar, words in (
        ("--extra", "WORDS", "further words for the scheduler's command"),
        ("--module", "NAME", "an environment module for the kernel (Slurm)"),
        ("--env", "NAME=VALUE", "a variable for the kernel"),
    ):
        sub.add_argument(name, action="append", default=[], metavar=metavar, help=words)
