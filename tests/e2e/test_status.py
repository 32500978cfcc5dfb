"""``%ipr status`` where the programs that it asks do not answer.

A ``squeue`` that hangs, floods, or will not go.
"""

from __future__ import annotations

import os
import time

import pytest

from ipr.daemon.slurm import ASKING_TIME
from tests.e2e import harness
from tests.e2e.harness import Place

#: What squeue does, and what the table says then.
SQUEUE = {
    "answers": ("echo 1-02:03:04", "1234 on node7, time left 1-02:03:04"),
    "hangs": ("exec sleep 600", "squeue did not answer within 5 s"),
    "ignores SIGTERM": (
        "trap '' TERM HUP INT\nwhile :; do sleep 600; done",
        "squeue did not answer within 5 s",
    ),
    "leaves a session": (
        "setsid sleep 600 &\nsleep 600",
        "squeue did not answer within 5 s",
    ),
    "floods": ("exec cat /dev/zero", "1234 on node7"),
    "floods stderr": ("exec cat /dev/zero >&2", "squeue did not answer within 5 s"),
    "fails": ("echo slurm_load_jobs error >&2; exit 1", "1234 on node7"),
}


@pytest.mark.parametrize("what", SQUEUE)
def test_status_is_answered_whatever_squeue_does(place: Place, what: str) -> None:
    script, said = SQUEUE[what]
    folder = os.path.join(place.work, "bin")
    os.mkdir(folder)
    squeue = os.path.join(folder, "squeue")
    with open(squeue, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\n{script}\n")
    os.chmod(squeue, 0o755)
    kernel = place.start(
        "wrapped",
        SLURM_JOB_ID="1234",
        SLURMD_NODENAME="node7",
        PATH=f"{folder}:{os.environ['PATH']}",
    )
    client, other = kernel.client(), kernel.client()
    client.run("1")
    before = {process.pid for process in place.processes()}
    began = time.monotonic()
    status = client.execute("%ipr status")
    # Others are served meanwhile.
    assert other.value("1 + 1") == "2"
    client.finish(status)
    # The time itself, and what a busy machine adds to any cell.
    assert time.monotonic() - began < ASKING_TIME + harness.PATIENCE / 3
    text = client.shown(status)
    (row,) = [line for line in text.splitlines() if line.startswith("Slurm job")]
    assert said in row, row
    harness.until(
        lambda: {process.pid for process in place.processes()} <= before,
        f"the end of squeue: {place.described_processes()}",
    )
    client.assert_once()
    if what == "floods":
        with open(f"/proc/{kernel.pid}/status") as file:
            (peak,) = [line.split()[1] for line in file if line.startswith("VmHWM")]
        assert int(peak) < 120_000, f"{peak} kB"
