"""What a daemon says that is one task of several."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import fail, succeed

from ipr.daemon import slurm
from ipr.kernel.asking import Answer, NoAnswer


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


@pytest.mark.parametrize(
    ("answer", "preempted"),
    [
        ("JobState=COMPLETING PreemptTime=2026-11-29T11:40:45 ", True),
        ("   PreemptEligibleTime=2026-11-29T11:40:41 PreemptTime=None", False),
        ("PreemptTime=N/A", False),
        ("slurm_load_jobs error: Invalid job id specified", None),
    ],
)
def test_preempted_job_is_one_that_has_a_time_of_it(
    monkeypatch: pytest.MonkeyPatch, answer: str, preempted: bool | None
) -> None:
    """As Slurm 22.05 says it, when it sends SIGTERM."""
    asked = []

    def ask(_reactor: object, argv: object, *_more: object) -> object:
        asked.append(argv)
        return succeed(Answer(0, answer.encode(), ""))

    monkeypatch.setattr(slurm, "ask", ask)
    found: list[bool | None] = []
    reactor: Any = None
    slurm.preempted(reactor, {"SLURM_JOB_ID": "7"}).addCallback(found.append)
    assert (found, asked) == ([preempted], [("scontrol", "show", "job", "7")])


def test_nothing_is_known_of_a_job_without_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor is anybody asked outside of one."""
    monkeypatch.setattr(slurm, "ask", lambda *_asked: fail(NoAnswer("no scontrol")))
    found: list[bool | None] = []
    reactor: Any = None
    for environ in ({"SLURM_JOB_ID": "7"}, {}):
        slurm.preempted(reactor, environ).addCallback(found.append)
    assert found == [None, None]
