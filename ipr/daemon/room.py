"""Whether there is plainly room for a standby: a second kernel that only waits.

Knows the rule, and where its figures come from. Must not know what a standby is for,
nor how it is started.

The rule, for when nobody has said whether there is to be one:

* **Two cores.** On one, its start takes half of the time of the cell that is running or
  begins meanwhile. After its start it takes none.
* **It needs less than 5 % of the memory that is free**: of what the limit of the job
  leaves (its working set, without files that can be dropped), and of what the machine
  has. So it costs a kernel at most a twentieth of what the kernel could still use, and
  ten people on a machine, each with a standby, take less than half of what is free.
* **The same of the address space**, where that is limited: ``ulimit -v``, which Grid
  Engine sets for ``h_vmem``, and then counts all processes together.
* **A job's limit has to be known.** Slurm without cgroups adds up all processes of a
  step and ends the job; what it compares with is in no file.

A limit that was reached is a lost job, and a standby saves half a second: in doubt
there is no room. Whoever knows better says ``--standby``.
"""

from __future__ import annotations

import resource
from collections.abc import Iterable, Mapping

import attrs

from ipr.kernel import cgroup, memory

#: Cores that there have to be.
CORES = 2
#: Of what is free, the part that a standby may take.
PART = 0.05
#: What a standby takes before one has been measured: an ipykernel and its guardian, PSS
#: and address space, in bytes, rounded up.
TYPICAL_MEMORY = 64 << 20
TYPICAL_SPACE = 900 << 20

_MIB = 1 << 20

#: Variables of a job of a scheduler that may limit its memory without any cgroup.
_JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "PJM_JOBID", "FLUX_JOB_ID")


@attrs.frozen
class Room:
    """What there is.

    :ivar cores: that may be used at once.
    :ivar free: bytes of memory; None: the limit is not known.
    :ivar space: bytes of address space; None: there is no limit.
    """

    cores: float
    free: int | None
    space: int | None = None


def lacking(
    room: Room, needed: int = TYPICAL_MEMORY, space: int = TYPICAL_SPACE
) -> str:
    """Return why there is no room for a standby; ``""``: there is plainly room.

    :param needed: bytes of memory that it takes (PSS).
    :param space: bytes of address space that it takes.
    :returns: words for ``%ipr status``: ``"only 1 core"``.
    """
    if room.cores < CORES:
        return f"only {room.cores:.2g} core{'s' if room.cores > 1 else ''}"
    if room.free is None:
        return "the memory limit of the job is not known"
    if needed > PART * room.free:
        return f"only {room.free // _MIB} MiB of memory are free"
    if room.space is not None and space > PART * room.space:
        return f"only {room.space // _MIB} MiB of address space are free (ulimit -v)"
    return ""


def look(pids: Iterable[int], environment: Mapping[str, str], root: str = "/") -> Room:
    """Look at the machine and at our job: at files of procfs and cgroups only.

    :param pids: of the daemon, the kernel, and all that is below them.
    :param environment: the daemon's, in which a scheduler has put what it knows.
    """
    pids = tuple(pids)
    return Room(cgroup.cores(root), _free(pids, environment, root), _space(pids, root))


def _free(
    pids: tuple[int, ...], environment: Mapping[str, str], root: str
) -> int | None:
    job = memory.job(root)
    left = [memory.available(root)]
    if job is not None and job.limit is not None:
        left.append(job.limit - job.used)
    elif any(name in environment for name in _JOBS):
        limit = _slurm_limit(environment)
        if limit is None:
            return None
        left.append(limit - memory.proportional(pids, root))
    known = [each for each in left if each is not None]
    return max(min(known), 0) if known else None


def _slurm_limit(environment: Mapping[str, str]) -> int | None:
    """Return what Slurm says of a batch job's memory, in bytes."""
    try:
        if "SLURM_MEM_PER_NODE" in environment:
            # MiB, as the next one. 0 is all that the machine has.
            mib = int(environment["SLURM_MEM_PER_NODE"])
        else:
            cores = int(environment["SLURM_CPUS_ON_NODE"])
            mib = int(environment["SLURM_MEM_PER_CPU"]) * cores
    except (KeyError, ValueError):
        return None
    return mib * _MIB or None


def _space(pids: tuple[int, ...], root: str) -> int | None:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    return max(limit - memory.address_space(pids, root), 0)
