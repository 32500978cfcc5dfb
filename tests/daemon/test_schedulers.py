"""Which scheduler's job it is, and what its answers mean."""

from __future__ import annotations

import math

from ipr.daemon import schedulers
from ipr.daemon.schedulers import SCHEDULERS
from tests.case import Case

GRID_ENGINE = "job_number: 5\nhard resource_list:   h_rt=300,s_rt=200,h_vmem=1G\n"
PBS = "Job Id: 7.host\n    Resource_List.walltime = 01:00:00\n"
#: What each of them says, and the seconds that it means.
ANSWERS = {
    "Slurm": (
        ("1-02:03:04\n", 93784.0),
        ("9:59\n", 599.0),
        ("0:00\n", 0.0),
        ("UNLIMITED\n", math.inf),
        ("NOT_SET\n", math.inf),
        ("INVALID\n", None),
        ("", None),
        ("slurm_load_jobs error", None),
    ),
    "Grid Engine": (
        (
            f"{GRID_ENGINE}usage    1:  wallclock=00:01:40, cpu=00:00:01\n",
            200.0,
        ),
        (
            (
                f"now 11/30/2026 00:00:30\n{GRID_ENGINE}usage 1: cpu=00:00:01\n"
                "job-ID  prior   name  user  state submit/start at     queue  slots\n"
                "     15 0.5 jupyter me r 11/29/2026 10:00:00 all.q@node 1\n"
                "      5 0.5 jupyter me r 11/29/2026 23:59:00 all.q@node 1\n"
            ),
            210.0,
        ),
        # It is not in the list yet.
        (f"now 11/30/2026 00:00:30\n{GRID_ENGINE}usage 1: cpu=00:00:01\n", 300.0),
        (GRID_ENGINE, None),
        ("job_number: 5\n", math.inf),
        ("Following jobs do not exist", None),
    ),
    "PBS": (
        (
            f"{PBS}    resources_used.walltime = 00:10:00\n",
            3000.0,
        ),
        (PBS, 3600.0),
        ("Job Id: 7.host\n", math.inf),
        ("qstat: Unknown Job Id", None),
    ),
    "LSF": (("1:30 L\n", 5400.0), ("-\n", math.inf), ("", None)),
    "HTCondor": (("", None),),
    "Flux": (("1799.5\n", 1799.5), ("0.0\n", math.inf), ("", None)),
}


class LeftTests(Case):
    def test_each_answer_is_understood_or_left_alone(self) -> None:
        """A table, one row a scheduler."""
        self.assertEqual(set(ANSWERS), {one.name for one in SCHEDULERS})
        for scheduler in SCHEDULERS:
            for answer, seconds in ANSWERS[scheduler.name]:
                found = scheduler.left(answer)
                self.assertEqual(
                    (scheduler.name, answer, found), (scheduler.name, answer, seconds)
                )

    def test_condor_says_number_and_end_in_a_file(self) -> None:
        """Without a limit there is no end."""
        ad = "ClusterId = 4\nProcId = 1\nJobCurrentStartDate = 1000\n"
        self.assertEqual(schedulers.condor(ad), ("4.1", None))
        ad += "AllowedJobDuration = 20\n"
        self.assertEqual(schedulers.condor(ad), ("4.1", 1020.0))


class JobTests(Case):
    def test_job_is_recognised_by_all_of_its_variables(self) -> None:
        """JOB_ID alone may be anybody's."""
        for environ, name in (
            ({"SLURM_JOB_ID": "7"}, "Slurm"),
            ({"JOB_ID": "7", "SGE_ROOT": "/sge"}, "Grid Engine"),
            ({"PBS_JOBID": "7.host"}, "PBS"),
            ({"LSB_JOBID": "7"}, "LSF"),
            ({"FLUX_JOB_ID": "ƒ7"}, "Flux"),
            ({"_CONDOR_JOB_AD": "/ad"}, "HTCondor"),
        ):
            job = schedulers.job_of(environ)
            assert job is not None
            self.assertEqual(job.scheduler.name, name)
        self.assertEqual(schedulers.job_of({"JOB_ID": "7"}), None)
        self.assertEqual(schedulers.job_of({}), None)

    def test_query_names_the_job(self) -> None:
        """As a word of its own."""
        job = schedulers.job_of({"SLURM_JOB_ID": "7"})
        assert job is not None
        self.assertEqual(job.query, ["squeue", "-h", "-j", "7", "-o", "%L"])

    def test_end_in_the_environment(self) -> None:
        """Slurm has it since 23.02."""
        for environ, ends in (
            ({"SLURM_JOB_END_TIME": "1700000000"}, 1700000000.0),
            ({"SLURM_JOB_END_TIME": "soon"}, None),
            ({}, None),
        ):
            self.assertEqual(schedulers.end_in_environment(environ), ends)
