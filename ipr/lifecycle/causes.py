"""Says in words why an inner kernel is gone.

Knows exit codes, signals and how to tell a person. Must not know how the
facts were found.
"""

from __future__ import annotations

import os
import signal

import attrs

from ipr.jupyter.messages import Failure
from ipr.lifecycle.machine import Cause, Ending

#: bash(1), "EXIT STATUS": a command that a signal ended exits with this plus its
#: number; srun, uv and others do the same.
_SHELLS_SIGNAL = 128

_GOING_DOWN = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})

_NAMES = {
    Ending.ASKED: "KernelRestarted",
    Ending.DIED: "DeadKernelError",
    Ending.NEVER_STARTED: "KernelStartError",
    Ending.SHUT_DOWN: "KernelShutDown",
}


@attrs.frozen
class Facts:
    """What is known of an end.

    :ivar status: raw wait status, or None when there was none.
    :ivar problem: why there was none.
    :ivar ready: whether the kernel had come to be ready.
    :ivar because: ipr's own reason, when it killed the kernel.
    :ivar out_of_memory: whether the cgroup's OOM killer fired meanwhile.
    :ivar peak_kib: peak resident memory, or 0.
    :ivar tail: last lines of stderr.
    :ivar command: the command line.
    :ivar interrupted: it was sent an interrupt before it was ready.
    """

    status: int | None
    problem: str = ""
    ready: bool = False
    because: str = ""
    out_of_memory: bool = False
    peak_kib: int = 0
    tail: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    interrupted: bool = False


def cause(facts: Facts) -> Cause:
    """Put the facts into words."""
    details: list[str] = []
    number, code = 0, None
    if facts.status is None:
        text = f"the kernel could not be started: {facts.problem}"
        if facts.ready:
            text = f"the kernel is gone: {facts.problem}"
    elif facts.because:
        text = f"the kernel was ended by ipr because {facts.because}"
    elif os.WIFSIGNALED(facts.status):
        number = os.WTERMSIG(facts.status)
        text = f"the kernel was killed by {_signal(number)}"
        if facts.out_of_memory:
            text += ": the job ran out of memory (the cgroup's OOM killer fired)"
    else:
        code = os.waitstatus_to_exitcode(facts.status)
        text = f"the kernel exited with code {code}"
        if code > _SHELLS_SIGNAL and (name := _name(code - _SHELLS_SIGNAL)):
            text += f", by which a launcher or a shell says that {name} ended it"
    if not facts.ready and facts.status is not None and not facts.because:
        text += " before it was ready"
    if facts.peak_kib:
        details.append(f"peak memory: {facts.peak_kib / 1024:.0f} MiB")
    if facts.command and not facts.ready:
        details.append(f"command: {' '.join(facts.command)}")
    if facts.tail:
        details.append("its last lines on stderr:")
        details.extend(f"    {line}" for line in facts.tail)
    return Cause(
        Ending.DIED if facts.ready else Ending.NEVER_STARTED,
        text,
        tuple(details),
        hopeless=facts.status is None and not facts.ready,
        terminated=number in _GOING_DOWN and not facts.because,
        excused=facts.interrupted and not facts.ready,
        signal=number,
        exit_code=code,
        peak_kib=facts.peak_kib,
        out_of_memory=bool(number) and facts.out_of_memory,
    )


def failure(cause: Cause, *, dead: bool = False) -> Failure:
    """Make the error that a cell shows.

    :param dead: nothing will restart it but ``%restart``: say so.
    """
    text = cause.text
    name = _NAMES[cause.ending]
    details = cause.details
    if dead and cause.deaths:
        text = (
            f"this cell did not run: the kernel died {_times(cause.deaths)} in a row,"
            f" at last because {text}; {cause.remedy}"
        )
    elif dead:
        text = f"{text}; {cause.remedy}"
    elif cause.ending is Ending.DIED and cause.followed:
        details = ("A new kernel is started; all variables are gone.", *details)
    facts = (
        ("cause", cause.text),
        ("signal", cause.signal or None),
        ("exit_code", cause.exit_code),
        ("peak_kib", cause.peak_kib or None),
        ("oom", cause.out_of_memory),
    )
    return Failure(name, text, (f"{name}: {text}", *details), facts)


def _times(count: int) -> str:
    words = ("once", "twice", "three times", "four times", "five times", "six times")
    return words[count - 1] if count <= len(words) else f"{count} times"


def _signal(number: int) -> str:
    return _name(number) or f"signal {number}"


def _name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return ""
    return f"{name} ({signal.strsignal(number)})"
