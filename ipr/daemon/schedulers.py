"""The schedulers that may have started the job that the daemon runs in.

Knows by which variables a job is recognised, and how its scheduler says how much time
is left. Must not know who asks, or when. Each row of :data:`SCHEDULERS` is one of them.

Sources: squeue(1) "%L"; slurm.conf(5) "KillWait"; queue_conf(5) "notify"; PBS
Professional's "kill_delay"; LSF's "JOB_TERMINATE_INTERVAL"; HTCondor's
"job_max_vacate_time"; qstat(1) of Grid Engine; qstat(1B) of PBS Professional,
"Resource_List.walltime"; bjobs(1) of LSF, "time_left"; HTCondor's manual, "Job ClassAd
Attributes".
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Mapping

import attrs

from ipr.boot import gridengine

#: Seconds above which a limit is none: where there is none, Slurm names a year.
NO_LIMIT = 300 * 86400.0
#: Characters of an answer that are looked at.
LONGEST = 1 << 16

_DATE = r"(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)"
#: What the job may use, and when it began: those are two commands.
_GRID_ENGINE_ASKS = 'date "+now %m/%d/%Y %H:%M:%S" && qstat -j "$1" && qstat -s r'

_SPAN = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)")


@attrs.frozen
class Scheduler:
    """One scheduler.

    :ivar name: as people call it.
    :ivar variables: those that a job of it has; the first one is the job's number.
    :ivar query: a command that says more, with ``{job}`` in it; empty: none.
    :ivar left: reads the seconds that are left out of the answer: ``inf`` without a
        limit, None when it does not say.
    :ivar grace: seconds between SIGTERM and SIGKILL, unless the site has changed that.
    """

    name: str
    variables: tuple[str, ...]
    query: tuple[str, ...]
    left: Callable[[str], float | None]
    grace: float


@attrs.frozen
class Job:
    """The job that we are in.

    :ivar notice: seconds between SIGUSR2 and SIGKILL; 0: it gets no SIGUSR2.
    """

    scheduler: Scheduler
    number: str
    notice: float = 0.0

    @property
    def grace(self) -> float:
        """Seconds between what tells it to end and SIGKILL, as far as known."""
        return self.notice or self.scheduler.grace

    @property
    def query(self) -> list[str]:
        """The command that says how much time is left; empty: none."""
        return [word.replace("{job}", self.number) for word in self.scheduler.query]


def seconds(text: str) -> float | None:
    """Read ``[[D-]HH:]MM:SS``; None when it is something else."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        return None
    days, hours, minutes, rest = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60.0 + rest


def _slurm(answer: str) -> float | None:
    if answer.strip() in ("UNLIMITED", "NOT_SET"):
        return math.inf
    return seconds(answer)


def _grid_engine(answer: str) -> float | None:
    hard = re.search(r"^hard resource_list:.*\bh_rt=(\d+)", answer, re.MULTILINE)
    if hard is None:
        return math.inf if "job_number:" in answer else None
    spent = _spent(answer)
    return None if spent is None else int(hard[1]) - spent


def _spent(answer: str) -> float | None:
    """Return for how long a job of Grid Engine has run.

    Some say it. 8.1.9 says only when it began, in its list of jobs, in the local time
    that stands first in the answer.
    """
    used = re.search(r"^usage .*\bwallclock=([\d:-]+)", answer, re.MULTILINE)
    if used:
        return seconds(used[1])
    now = re.match(f"now {_DATE}", answer)
    number = re.search(r"^job_number: +(\d+)", answer, re.MULTILINE)
    if now is None or number is None:
        return None
    line = rf"^ *{number[1]} [^\n]* {_DATE} "
    began = re.search(line, answer, re.MULTILINE)
    # One that has just begun is not in the list yet.
    return _moment(now[1]) - _moment(began[1]) if began else 0.0


def _moment(date: str) -> float:
    """Return seconds, from any one moment on."""
    month, day, year, hours, minutes, rest = map(int, re.split("[/ :]", date))
    days = datetime.date(year, month, day).toordinal()
    return ((days * 24 + hours) * 60 + minutes) * 60.0 + rest


def _pbs(answer: str) -> float | None:
    limit = re.search(r"Resource_List\.walltime = ([\d:]+)", answer)
    if limit is None:
        return math.inf if "Job Id:" in answer else None
    used = re.search(r"resources_used\.walltime = ([\d:]+)", answer)
    whole, spent = seconds(limit[1]), seconds(used[1]) if used else 0.0
    return None if whole is None or spent is None else whole - spent


def _lsf(answer: str) -> float | None:
    if answer.strip() == "-":
        return math.inf
    # "1:30 L": hours and minutes; L: the limit's, E: an estimate.
    found = re.match(r"\s*(\d+):(\d+) [LEX]", answer)
    return (int(found[1]) * 60 + int(found[2])) * 60.0 if found else None


def _flux(answer: str) -> float | None:
    try:
        left = float(answer)
    except ValueError:
        return None
    # Without a limit it says 0, as for one that has ended.
    return left or math.inf


def _nothing(_answer: str) -> None:
    return None


# fmt: off
SCHEDULERS = (
    Scheduler("Slurm", ("SLURM_JOB_ID",),
              ("squeue", "-h", "-j", "{job}", "-o", "%L"), _slurm, 30.0),
    Scheduler("HTCondor", ("_CONDOR_JOB_AD",), (), _nothing, 600.0),
    Scheduler("LSF", ("LSB_JOBID",),
              ("bjobs", "-noheader", "-o", "time_left", "{job}"), _lsf, 10.0),
    Scheduler("PBS", ("PBS_JOBID",), ("qstat", "-f", "{job}"), _pbs, 10.0),
    Scheduler("Grid Engine", ("JOB_ID", "SGE_ROOT"),
              ("sh", "-c", _GRID_ENGINE_ASKS, "sh", "{job}"), _grid_engine, 60.0),
    Scheduler("Flux", ("FLUX_JOB_ID",),
              ("flux", "jobs", "-n", "-o", "{t_remaining}", "{job}"), _flux, 5.0),
)
# fmt: on


def job_of(environ: Mapping[str, str]) -> Job | None:
    """Return the job whose environment this is; None: it is no job's."""
    for scheduler in SCHEDULERS:
        if all(environ.get(name) for name in scheduler.variables):
            number = environ[scheduler.variables[0]]
            return Job(scheduler, number, gridengine.notice(environ))
    return None


def end_in_environment(environ: Mapping[str, str]) -> float | None:
    """Return when the job ends, in seconds since 1970, as its environment says.

    :returns: None: it does not say. Slurm does since 23.02.
    """
    try:
        return float(environ["SLURM_JOB_END_TIME"])
    except (KeyError, ValueError):
        return None


def condor(ad: str) -> tuple[str, float | None]:
    """Read the job's ClassAd: its number, and when it ends in seconds since 1970."""
    found = dict(re.findall(r"^(\w+) = (\d+)$", ad[:LONGEST], re.MULTILINE))
    number = f"{found.get('ClusterId', '?')}.{found.get('ProcId', '0')}"
    start, allowed = found.get("JobCurrentStartDate"), found.get("AllowedJobDuration")
    if start is None or allowed is None:
        return number, None
    return number, float(start) + float(allowed)
