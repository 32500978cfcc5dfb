"""The Slurm job that the daemon runs in.

Knows Slurm's environment variables and commands. Must not know kernels.
Everything here does nothing where there is no Slurm.

Sources: srun(1), "OUTPUT ENVIRONMENT VARIABLES"; squeue(1), ``--steps``;
scontrol(1), "PreemptTime".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from twisted.internet.defer import Deferred, succeed

from ipr.kernel.asking import Answer, NoAnswer, ask
from ipr.kernel.reactor import Asking

#: Seconds that squeue and scancel get.
ASKING_TIME = 5.0
#: Seconds that scontrol gets when the job is being ended.
ENDING_TIME = 2.0

_PREEMPT_TIME = re.compile(r"\bPreemptTime=(\S+)")


def one_too_many(environ: Mapping[str, str]) -> str:
    """Return what is wrong when this is one task of several; else ``""``.

    Each task of ``srun -n 2`` starts the kernel's command, with the same addresses;
    whichever comes first has them. The variable is a step's: a batch script with
    several tasks is one process itself.
    """
    task = environ.get("SLURM_PROCID", "0")
    tasks = environ.get("SLURM_STEP_NUM_TASKS", "1")
    if tasks == "1":
        return ""
    return (
        f"this is task {task} of the {tasks} that srun started, and another one has"
        " the kernel: start one task (-n 1), and give it CPUs with --cpus-per-task"
    )


def preempted(reactor: Asking, environ: Mapping[str, str]) -> Deferred[bool | None]:
    """Ask whether another job takes the place of this one.

    Slurm notes the time of it before it sends SIGTERM, with a GraceTime and without.

    :returns: fires with None when that is not known; soon in any case.
    """
    job = environ.get("SLURM_JOB_ID")
    if not job:
        return succeed(None)

    def told(answer: Answer) -> bool | None:
        found = _PREEMPT_TIME.search(answer.output.decode(errors="replace"))
        return None if found is None else found[1] not in ("None", "N/A")

    asking = ask(reactor, ("scontrol", "show", "job", job), environ, ENDING_TIME)
    result: Deferred[bool | None] = asking.addCallbacks(told, lambda _reason: None)
    return result


def give_back(reactor: Asking, environ: Mapping[str, str]) -> Deferred[None]:
    """End the job, if nothing else of it runs; fires in any case.

    When srun's whole process group was killed, nobody is left to give the
    allocation back when its only step ends. A job with other steps, or a
    batch script, is still in use, and stays.
    """
    job, step = environ.get("SLURM_JOB_ID"), environ.get("SLURM_STEP_ID")
    if not job or not step:
        return succeed(None)
    own = {f"{job}.{step}", f"{job}.extern"}

    def told(output: bytes) -> Deferred[bytes] | None:
        steps = set(output.decode(errors="replace").split())
        # A list that lacks our own step is not to be relied upon.
        if f"{job}.{step}" not in steps or steps - own:
            return None
        return _asked(reactor, environ, "scancel", job)

    asking = _asked(reactor, environ, "squeue", "-h", "-s", "-j", job, "-o", "%i")
    result: Deferred[None] = asking.addCallback(told).addBoth(lambda _result: None)
    return result


def _asked(reactor: Asking, environ: Mapping[str, str], *argv: str) -> Deferred[bytes]:
    asking = ask(reactor, argv, environ, ASKING_TIME)

    def answered(answer: Answer) -> bytes:
        if answer.status or answer.said:
            raise NoAnswer(answer.said)
        return answer.output

    result: Deferred[bytes] = asking.addCallback(answered)
    return result
