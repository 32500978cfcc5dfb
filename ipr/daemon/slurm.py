"""The Slurm job that the daemon runs in.

Knows Slurm's environment variables and commands. Must not know kernels.
Everything here does nothing where there is no Slurm.

Sources: srun(1), "OUTPUT ENVIRONMENT VARIABLES"; squeue(1), ``--steps``.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping

from twisted.internet import defer
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from ipr.kernel.asking import Answer, NoAnswer, ask
from ipr.kernel.reactor import Asking

#: Seconds that squeue and scancel get.
ASKING_TIME = 5.0
#: Characters that the time left may have: ``365-23:59:59``, ``UNLIMITED``, ``INVALID``.
_LONGEST = 20


def described(reactor: Asking, environ: Mapping[str, str]) -> Deferred[str]:
    """Return job, node and time left; fires with ``""`` where there is no Slurm."""
    job = environ.get("SLURM_JOB_ID")
    if not job:
        return succeed("")
    told = f"{job} on {environ.get('SLURMD_NODENAME', platform.node())}"
    asking = _asked(reactor, environ, "squeue", "-h", "-j", job, "-o", "%L")

    def answered(output: bytes) -> str:
        left = output.decode(errors="replace").strip()
        return f"{told}, time left {left[:_LONGEST]}" if left else told

    def unanswered(reason: Failure) -> str:
        if reason.check(defer.TimeoutError):
            return f"{told}; squeue did not answer within {ASKING_TIME:g} s"
        return told

    result: Deferred[str] = asking.addCallbacks(answered, unanswered)
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
