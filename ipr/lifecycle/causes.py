"""Why an inner kernel ended, in words and in numbers.

Knows exit codes, signals and how to tell a person. Must not know how the facts were
found, nor what follows from them.
"""

from __future__ import annotations

import os
import signal
from enum import Enum

import attrs

from ipr.jupyter.messages import Failure

#: bash(1), "EXIT STATUS": a command that a signal ended exits with this plus its
#: number; srun, uv and others do the same.
_SHELLS_SIGNAL = 128

_GOING_DOWN = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


class Ending(Enum):
    """How an inner kernel came to its end."""

    ASKED = "restarted"
    DIED = "died"
    NEVER_STARTED = "could not start"
    SHUT_DOWN = "shut down"


_NAMES = {
    Ending.ASKED: "KernelRestarted",
    Ending.DIED: "DeadKernelError",
    Ending.NEVER_STARTED: "KernelStartError",
    Ending.SHUT_DOWN: "KernelShutDown",
}


@attrs.frozen
class Figures:
    """The end of a kernel for programs.

    :ivar signal: the number of the signal that ended it, or 0.
    :ivar exit_code: of a kernel that exited by itself, else None.
    :ivar peak_kib: its peak resident memory, KiB; 0 when unknown.
    :ivar oom_kills: how many processes of the job the cgroup's OOM killer has killed
        while it ran, if it was one of them; else 0.
    :ivar limit_kib: what the job may use, KiB, where that was the reason; else 0.
    :ivar pid: of the process; 0 when it never ran.
    """

    signal: int = 0
    exit_code: int | None = None
    peak_kib: int = 0
    oom_kills: int = 0
    limit_kib: int = 0
    pid: int = 0

    def killed(self) -> tuple[str, ...]:
        """Say how much memory there was, and who was killed for want of it."""
        if not self.oom_kills:
            return ()
        said = "killed: the kernel"
        # That of its launcher tells nobody anything.
        said += f", pid {self.pid}" if self.signal else ""
        said += f", whose peak was {_mebibytes(self.peak_kib)}" if self.peak_kib else ""
        others = self.oom_kills - 1
        if others:
            said += f"; and in its time {others} more of the job's processes"
        limit = f"memory limit of the job: {_mebibytes(self.limit_kib)}"
        return (limit, said) if self.limit_kib else (said,)


UNKNOWN = Figures()


@attrs.frozen
class Cause:
    """Why there is no inner kernel (any longer), in words for a person.

    :ivar text: one sentence, without full stop.
    :ivar details: more lines, such as the tail of its stderr.
    :ivar hopeless: another try would end the same (command not found).
    :ivar terminated: by SIGTERM, SIGINT or SIGHUP: the whole job may be
        about to end.
    :ivar excused: an interrupt ended it before it was ready: that is not a
        failed start.
    :ivar followed: whether another kernel is on its way; False: not until somebody
        asks for one; None: the daemon goes, or it is not known yet.
    :ivar deaths: how many in a row it took until it is left dead; 0 when it is not,
        or for another reason.
    :ivar remedy: what to do, in words, when none follows.
    """

    ending: Ending
    text: str
    details: tuple[str, ...] = ()
    hopeless: bool = False
    terminated: bool = False
    excused: bool = False
    figures: Figures = UNKNOWN
    followed: bool | None = None
    deaths: int = 0
    remedy: str = "run %restart to start a new one"

    def offering(self, line: str) -> Cause:
        """Return it with a line that says how to get back to where the kernel was."""
        if self.ending is not Ending.DIED or not line:
            return self
        return attrs.evolve(self, details=(line.rstrip("\n"), *self.details))


RESTARTED = Cause(Ending.ASKED, "the kernel was restarted")
SHUT_DOWN = Cause(Ending.SHUT_DOWN, "the kernel was shut down")

#: Why ipr terminates a kernel with wrong signatures.
IMPOSTOR = (
    "its messages are not signed with the connection file's key: it signs them wrongly,"
    " or another program has taken its ports"
)
#: A process stuck in the file system, or a guardian that was stopped.
STUCK = "the kernel does not respond and cannot be killed"


@attrs.frozen
class Shortage:
    """A shortage of memory.

    :ivar kills: how many processes of the job were killed for it; 0: there was none.
    :ivar limit: bytes that the job may use; None: no limit is known.
    """

    kills: int = 0
    limit: int | None = None


@attrs.frozen
class Facts:
    """What is known of an end.

    :ivar status: raw wait status, or None when there was none.
    :ivar problem: why there was none, in words.
    :ivar ready: whether the kernel had come to be ready.
    :ivar because: ipr's own reason, when it killed the kernel.
    :ivar shortage: that of memory which the cgroup's OOM killer has ended meanwhile.
    :ivar peak_kib: peak resident memory, or 0.
    :ivar pid: of the kernel, or of its launcher; 0 when it never ran.
    :ivar tail: last lines of stderr.
    :ivar command: the command line.
    :ivar interrupted: it was sent an interrupt before it was ready.
    """

    status: int | None
    problem: str = ""
    ready: bool = False
    because: str = ""
    shortage: Shortage = Shortage()
    peak_kib: int = 0
    pid: int = 0
    tail: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    interrupted: bool = False


def cause(facts: Facts) -> Cause:
    """Put the facts into words."""
    number, code = 0, None
    early = "" if facts.ready else " before it was ready"
    if facts.status is None:
        text = f"the kernel could not be started: {facts.problem}"
        if facts.ready:
            text = f"the kernel died: {facts.problem}"
    elif facts.because:
        text = f"the kernel was terminated by ipr because {facts.because}"
    elif os.WIFSIGNALED(facts.status):
        number = os.WTERMSIG(facts.status)
        text = f"the kernel was killed by {_signal(number)}{early}"
    else:
        code = os.waitstatus_to_exitcode(facts.status)
        text = f"the kernel exited with code {code}{early}"
        if code > _SHELLS_SIGNAL and (name := _name(code - _SHELLS_SIGNAL)):
            text += f": its launcher or shell reports {name}"
    # A launcher outlives the process that was killed.
    killed = number or code == _SHELLS_SIGNAL + signal.SIGKILL
    shortage = facts.shortage if killed else Shortage()
    if shortage.kills:
        text += ": the job ran out of memory (the cgroup's OOM killer fired)"
    limit = (shortage.limit or 0) // 1024 if shortage.kills else 0
    figures = Figures(number, code, facts.peak_kib, shortage.kills, limit, facts.pid)
    return Cause(
        Ending.DIED if facts.ready else Ending.NEVER_STARTED,
        text,
        (*figures.killed(), *_details(facts, peak=not shortage.kills)),
        hopeless=facts.status is None and not facts.ready,
        terminated=number in _GOING_DOWN and not facts.because,
        excused=facts.interrupted and not facts.ready,
        figures=figures,
    )


def _details(facts: Facts, *, peak: bool) -> tuple[str, ...]:
    details: list[str] = []
    if peak and facts.peak_kib:
        details.append(f"peak memory: {_mebibytes(facts.peak_kib)}")
    if facts.command and not facts.ready:
        details.append(f"command: {' '.join(facts.command)}")
    if facts.tail:
        details.append("its last lines on stderr:")
        details.extend(f"    {line}" for line in facts.tail)
    return tuple(details)


def _mebibytes(kibibytes: int) -> str:
    return f"{kibibytes / 1024:,.0f} MiB"


def not_run(cause: Cause) -> Failure:
    """Make the error of a cell that did not run, while no kernel follows by itself."""
    text = cause.text
    if cause.deaths:
        text = (
            f"this cell did not run: the kernel died {_times(cause.deaths)} in a row;"
            f" the last time, {text}"
        )
    return _failure(cause, f"{text}; {cause.remedy}", cause.details)


def failure(cause: Cause) -> Failure:
    """Make the error of a cell that ran in the kernel that is gone."""
    text, details = cause.text, cause.details
    if cause.followed is False:
        if cause.deaths:
            text += (
                f"; it died {_times(cause.deaths)} in a row and is not started again"
            )
        text = f"{text}; {cause.remedy}"
    elif cause.ending is Ending.DIED and cause.followed:
        details = ("The kernel is restarting; all variables are gone.", *details)
    return _failure(cause, text, details)


def _failure(cause: Cause, text: str, details: tuple[str, ...]) -> Failure:
    name, figures = _NAMES[cause.ending], cause.figures
    facts = (
        ("cause", cause.text),
        ("signal", figures.signal or None),
        ("exit_code", figures.exit_code),
        ("peak_kib", figures.peak_kib or None),
        ("oom", bool(figures.oom_kills)),
        ("limit_kib", figures.limit_kib or None),
        ("pid", figures.pid or None),
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
