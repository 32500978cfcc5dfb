"""The command by which each scheduler starts one kernel in a job, as data.

Knows schedulers' options for a job's memory, time, processors, GPUs and queue. Must not
know kernelspecs, nor the command line on which somebody wishes for them.

Sources: srun(1); qrsh(1) and submit(1) of Grid Engine 8.1.9; qsub(1B) of PBS
Professional; bsub(1) of LSF. :mod:`ipr.spec.launchers` reads what is written here.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import attrs

from ipr.spec.errors import SpecError

_MEBIBYTES = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1 << 20}
_SECONDS = {"": 60, "s": 1, "m": 60, "h": 3600, "d": 86400}
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)([KMGT]?)B?", re.IGNORECASE)
_TIME = re.compile(r"(\d+)([smhd]?)", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)")
#: What a name of a queue, partition or account may be; no scheduler takes more.
_NAME = re.compile(r"[\w@][\w.,@:+/-]*")


def _memory(text: str) -> str:
    found = _MEMORY.fullmatch(text)
    size = float(found[1]) * _MEBIBYTES[found[2].upper() or "M"] if found else 0
    if size < 1:
        raise SpecError(f"{text!r} is no amount of memory, such as 4G or 500M")
    return str(round(size))


def _time(text: str) -> str:
    found = _TIME.fullmatch(text)
    clock = _CLOCK.fullmatch(text)
    seconds = 0
    if found:
        seconds = int(found[1]) * _SECONDS[found[2].lower()]
    elif clock and int(clock[3]) < 60 and int(clock[4]) < 60:
        days, hours = int(clock[1] or 0), int(clock[2])
        seconds = ((days * 24 + hours) * 60 + int(clock[3])) * 60 + int(clock[4])
    if seconds < 60:
        raise SpecError(
            f"{text!r} is no time of a minute or more, such as 90m, 8h, 2d or 08:00:00"
        )
    return str(seconds)


def _number(text: str) -> str:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 100_000:
        raise SpecError(f"{text!r} is no number of 1 or more")
    return str(int(text))


def _named(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise SpecError(f"{text!r} is not a name that a scheduler takes")
    return text


#: By the name of an option of ``ipr-spec new``: how its value is read.
READ: dict[str, Callable[[str], str]] = {
    "partition": _named,
    "account": _named,
    "mem": _memory,
    "time": _time,
    "cpus": _number,
    "gpus": _number,
}


@attrs.frozen
class Template:
    """How one scheduler starts a command in a job and waits for it.

    :ivar name: as people call it.
    :ivar start: the first words.
    :ivar options: the words for each wish, by the names in :data:`READ`. In them
        ``{}`` is the value, a memory in MiB, a time in seconds; ``{clock}`` is a time
        as HH:MM:SS, ``{minutes}`` in minutes.
    :ivar end: the words before the command.
    :ivar extra: what to write for a wish that it has no words for, since sites differ.
    """

    name: str
    start: tuple[str, ...]
    options: dict[str, tuple[str, ...]]
    end: tuple[str, ...] = ()
    extra: str = ""

    def words(self, wishes: dict[str, str]) -> list[str]:
        """Return the launcher's words.

        :param wishes: what was written, by the names in :data:`READ`.
        :raises SpecError: a value makes no sense, or there are no words for it.
        """
        words = list(self.start)
        for name, text in wishes.items():
            try:
                value = READ[name](text)
            except SpecError as error:
                raise SpecError(f"--{name}: {error}") from None
            if name not in self.options:
                raise SpecError(
                    f"{self.name} has no --{name} that holds at every site; say it in"
                    f" its own words, such as --extra {self.extra!r}"
                )
            words += [_filled(word, value) for word in self.options[name]]
        return [*words, *self.end]


def _filled(word: str, value: str) -> str:
    if "{clock}" in word or "{minutes}" in word:
        minutes, seconds = divmod(int(value), 60)
        hours, rest = divmod(minutes, 60)
        clock = f"{hours:02}:{rest:02}:{seconds:02}"
        whole = str(minutes + (seconds > 0))
        return word.replace("{clock}", clock).replace("{minutes}", whole)
    return word.replace("{}", value)


# fmt: off
TEMPLATES = {
    "slurm": Template(
        "Slurm",
        ("srun", "--quiet", "--job-name=jupyter", "--ntasks=1"),
        {"partition": ("--partition={}",), "account": ("--account={}",),
         "mem": ("--mem={}M",), "time": ("--time={clock}",),
         "cpus": ("--cpus-per-task={}",), "gpus": ("--gpus={}",)},
    ),
    "sge": Template(
        "Grid Engine",
        ("qrsh", "-V", "-now", "n", "-cwd", "-N", "jupyter"),
        {"partition": ("-q", "{}"), "account": ("-P", "{}"),
         "mem": ("-l", "h_vmem={}M"), "time": ("-l", "h_rt={}")},
        extra="-pe smp 4",
    ),
    "pbs": Template(
        "PBS",
        ("qsub", "-W", "block=true", "-V", "-N", "jupyter"),
        {"partition": ("-q", "{}"), "account": ("-A", "{}"),
         "mem": ("-l", "mem={}mb"), "time": ("-l", "walltime={clock}"),
         "cpus": ("-l", "ncpus={}"), "gpus": ("-l", "ngpus={}")},
        ("--",),
    ),
    "lsf": Template(
        "LSF",
        ("bsub", "-I", "-J", "jupyter"),
        {"partition": ("-q", "{}"), "account": ("-P", "{}"),
         "mem": ("-M", "{}MB"), "time": ("-W", "{minutes}"),
         "cpus": ("-n", "{}", "-R", "span[hosts=1]"), "gpus": ("-gpu", "num={}")},
    ),
}
# fmt: on
