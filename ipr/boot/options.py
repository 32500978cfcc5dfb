"""The daemon's options, once for both of its command lines.

Knows each option's name, unit, default and help. Must not know what they
do. ``python -m ipr`` reads them by argparse, ``twistd ipr`` by
``twisted.python.usage``; both are made from :data:`OPTIONS`. Needed before
the first inner kernel is spawned: no attrs here.
"""

from __future__ import annotations

from ipr.boot.light import NamedTuple
from ipr.boot.values import (
    LEVELS,
    count,
    level,
    moment,
    one_of,
    percent,
    program,
    seconds,
    spans,
    stretch,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Container, Mapping, Sequence
    from typing import Any, NoReturn

#: What some clients (jpterm, nbterm) leave as kernel.json has it.
UNFILLED = "{resource_dir}"


class Option(NamedTuple):
    """One option; a flag has no metavar."""

    name: str
    short: str
    metavar: str
    default: object
    read: Callable[[str], object]
    help: str

    @property
    def key(self) -> str:
        """Its name as an attribute."""
        return self.name.replace("-", "_").replace(".", "_")


# fmt: off
OPTIONS = (
    Option("connection-file", "f", "FILE", "", str,
           "connection file that the clients use"),
    Option("resource-dir", "", "DIR", "", str,
           "folder of the kernelspec; restarter_original_argv in its kernel.json is"
           " the command of the inner kernel"),
    Option("spec-dir", "", "DIR", "", str,
           "the same folder, for clients that do not fill in {resource_dir}"),
    Option("kernel", "", "NAME", "", str,
           "name of the kernelspec to start as the inner kernel"),
    Option("interrupt-mode", "", "MODE", "", one_of("signal", "message"),
           "how to interrupt the inner kernel: signal or message (default: what"
           " its kernelspec says, or signal)"),
    Option("inner-transport", "", "HOW", "auto", one_of("auto", "ipc", "tcp"),
           "how to reach the inner kernel: ipc (Unix sockets in a private folder),"
           " tcp (on 127.0.0.1), or auto: ipc if the kernel is known to support"
           " it, otherwise tcp (default: auto)"),
    Option("restart-limit", "", "N", 5, count,
           "how many times in a row a kernel that died is restarted; after that it"
           " stays dead until %%restart (default: 5)"),
    Option("stable-start-time", "", "SECONDS", 10.0, seconds,
           "after a kernel has run this long, earlier crashes no longer count"
           " (default: 10)"),
    Option("start-timeout", "", "SECONDS", -1.0, seconds,
           "kill a kernel that is not ready after this time; 0: never (default: 60;"
           " 600 with --preload; 0 if the command may wait in a queue: srun, qsub, ssh"
           " ...)"),
    Option("no-autorestart", "", "", False, bool,
           "do not restart a kernel that died until %%restart"),
    Option("restart-overlap", "", "WHEN", "auto", one_of("never", "auto"),
           "whether the old kernel may end beside the new one: auto (once it has closed"
           " its sockets, if it holds no device, port, lock, file open for writing, or"
           " process) or never (default: auto)"),
    Option("keep-detached", "", "", False, bool,
           "let what cells have started in sessions of their own (setsid, nohup setsid,"
           " start_new_session) go on after a restart or crash; it ends with the"
           " daemon"),
    Option("standby", "", "WHICH", "off", one_of("off", "auto", "full"),
           "start the next kernel in advance: full (a whole kernel, about 40 MiB for an"
           " ipykernel), auto (if there is plainly room), or off (default: off)"),
    Option("preload", "", "FILE", "", program,
           "code that each kernel runs first, in its own language, and a standby in"
           " advance: imports, for instance; %%ipr status shows how it went"),
    Option("init", "", "FILE", "", program,
           "code that each kernel runs before any cell, in its own language, after each"
           " restart and crash, too; what it prints stands in the cell that restarted"),
    Option("max-held", "", "MIB", 256, count,
           "mebibytes of requests to keep while the kernel restarts"
           " (default: 256)"),
    Option("replay-limit", "", "MIB", 16, count,
           "mebibytes of cells to remember for %%restart --replay and %%ipr history;"
           " the oldest are forgotten first; 0: none (default: 16)"),
    Option("output-limit", "", "MIB", 2, count,
           "mebibytes of output to remember for %%ipr output; the oldest is forgotten"
           " first; 0: none (default: 2)"),
    Option("abandoned-timeout", "", "SECONDS", 0.0, seconds,
           "shut down after this time without a connected client or a running"
           " cell; 0: never (default: 0)"),
    Option("warn-before", "", "SECONDS", (600.0, 120.0), spans,
           "warn in the notebook this long before the job ends; \"\":"
           " never (default: 600,120)"),
    Option("deadline", "", "TIME", 0.0, moment,
           "when the job ends, as 2026-11-29T18:00, where its scheduler cannot be"
           " asked (Slurm, Grid Engine, HTCondor, LSF and PBS can)"),
    Option("before-end", "", "FILE", "", program,
           "code to run in the kernel before the job ends, in the kernel's language: a"
           " checkpoint; while a cell runs in a subshell, where the kernel has those,"
           " else after the cell"),
    Option("before-end-at", "", "SECONDS", 120.0, stretch,
           "run it this long before the end (default: 120); where that has not come,"
           " when the scheduler ends the job"),
    Option("before-end-interrupt", "", "", False, bool,
           "interrupt the running cell first"),
    Option("memory-interrupt", "", "PERCENT", 0, percent,
           "interrupt the running cell when the job uses this much of its memory;"
           " 0: never (default: 0)"),
    Option("no-exec", "", "", False, bool,
           "disable %%ipr exec"),
    Option("log-level", "", "LEVEL", "WARNING", level,
           f"one of {', '.join(LEVELS)} (default: WARNING)"),
    Option("RestarterApp.log_level", "", "LEVEL", "", level,
           "same as --log-level, as inplace_restarter 0.1 called it"),
)
# fmt: on


#: Options that say nothing by themselves, and the one that they are about.
ABOUT = (
    ("before-end-at", "before-end"),
    ("before-end-interrupt", "before-end"),
)
#: Options that say nothing beside a flag, and that flag.
BESIDE = (
    ("restart-limit", "no-autorestart"),
    ("stable-start-time", "no-autorestart"),
)


#: The names in what "ipr-spec install" writes.
_USUAL = ("-f", "--resource-dir", "--spec-dir")


class BadOption(ValueError):
    """The command line makes no sense; the text says why."""


def cut(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part the options from the inner command after ``--``."""
    words = list(argv)
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def parser(
    version: str, defaults: Mapping[str, Any] | None = None
) -> argparse.ArgumentParser:
    """Make the parser of ``python -m ipr``.

    :param defaults: by :attr:`Option.key`, in place of the options' own.
    """
    # Late: it costs 12 ms before the first kernel starts, and most command
    # lines are just what ``ipr-spec install`` wrote.
    import argparse

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise BadOption(f"{message}; see python -m ipr --help")

    made = Parser(
        prog="python -m ipr",
        usage="python -m ipr -f CONNECTION_FILE [options] [-- ARGV ...]\n"
        "       python -m ipr list|install|remove|wizard|check ...",
        description="Run between Jupyter clients and a kernel, and restart the kernel"
        " in place when a cell says %restart.",
        epilog="ARGV is the command of the inner kernel, with {connection_file}"
        " in it. Without ARGV, the command comes from the kernelspec.",
        allow_abbrev=False,
    )
    for option in OPTIONS:
        names = [f"-{option.short}"] if option.short else []
        names.append(f"--{option.name}")
        if option.metavar:
            made.add_argument(
                *names,
                dest=option.key,
                metavar=option.metavar,
                default=option.default,
                type=_reader(option),
                help=option.help,
            )
        else:
            made.add_argument(
                *names, dest=option.key, action="store_true", help=option.help
            )
    made.set_defaults(**(defaults or {}))
    made.add_argument("--version", action="version", version=f"ipr {version}")
    return made


def _reader(option: Option) -> Callable[[str], object]:
    import argparse

    def read(text: str) -> object:
        # argparse reads its own default if that is a string.
        if text == option.default:
            return text
        try:
            return option.read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def settled(values: dict[str, Any]) -> dict[str, Any]:
    """Let what has two names have its say under the one that the daemon reads.

    A ``{resource_dir}`` that nobody has filled in is the folder of ``--spec-dir``.
    """
    folder = values.pop("spec_dir", "")
    if values["resource_dir"] in ("", UNFILLED):
        values["resource_dir"] = folder
    older = values.pop("RestarterApp_log_level", "")
    if older:
        values["log_level"] = older
    return values


def parse(
    argv: Sequence[str], version: str, defaults: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Read the command line of ``python -m ipr``.

    :param argv: without the program's name.
    :param defaults: by :attr:`Option.key`, in place of the options' own.
    :returns: values by :attr:`Option.key`, and the inner command.
    :raises BadOption: with one sentence.
    """
    words, command = cut(argv)
    values = usual(words, defaults)
    if values is not None:
        return values, command
    values = settled(vars(parser(version, defaults).parse_args(words)))
    alone = without_effect({word.partition("=")[0][2:] for word in words}, values)
    if alone:
        raise BadOption(f"{alone}; see python -m ipr --help")
    return values, command


def without_effect(given: Container[str], values: Mapping[str, Any]) -> str:
    """Say which option has no effect, by itself or beside another; ``""``: none.

    :param given: the names of those on the command line; ``ipr.toml`` may well set one
        for kernelspecs that have the other.
    :param values: by :attr:`Option.key`.
    """
    for name, about in ABOUT:
        if name in given and not values[about.replace("-", "_")]:
            return f"--{name} has no effect without --{about}"
    for name, flag in BESIDE:
        # Both: the flag in ipr.toml is a site's word, and no mistake here.
        if name in given and flag in given:
            return f"--{name} has no effect beside --{flag}"
    return ""


def usual(
    words: Sequence[str], defaults: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """Read just what ``ipr-spec install`` writes, without argparse.

    :param defaults: by :attr:`Option.key`, in place of the options' own.
    :returns: values by :attr:`Option.key`; None when there is more, or else.
    """
    if len(words) not in (4, 6) or tuple(words[::2]) != _USUAL[: len(words) // 2]:
        return None
    values = {option.key: option.default for option in OPTIONS}
    values.update(defaults or {})
    values.update(connection_file=words[1], resource_dir=words[3])
    values.update(spec_dir=words[5] if words[5:] else "")
    return settled(values)
