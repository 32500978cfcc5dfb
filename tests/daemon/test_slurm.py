"""What a daemon says that is one task of several."""

from __future__ import annotations

import pytest

from ipr.daemon import slurm


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"},
        # A batch script that has several tasks to start.
        {"SLURM_PROCID": "0", "SLURM_NTASKS": "4"},
    ],
)
def test_only_task_is_not_one_too_many(environ: dict[str, str]) -> None:
    assert slurm.one_too_many(environ) == ""


def test_second_task_says_to_start_one() -> None:
    said = slurm.one_too_many({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"})
    assert said.startswith("this is task 1 of the 2 that srun started")
    assert "-n 1" in said
