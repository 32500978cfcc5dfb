"""The Slurm job that the daemon runs in.

Knows Slurm's environment variables and commands. Must not know kernels.
Everything here does nothing where there is no Slurm.

Sources: srun(1), "OUTPUT ENVIRONMENT VARIABLES"; squeue(1), ``--steps``.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred, succeed

from ipr.kernel.asking import Answer, NoAnswer, ask
from ipr.kernel.reactor import Asking

#: Seconds that squeue and scancel get.
ASKING_TIME = 5.0


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
        " the kernel: start one task (-n 1), and give it CPUs by --cpus-per-task"
    )


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
