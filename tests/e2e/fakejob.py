"""A job of Slurm that is none: its environment, and a squeue of our own."""

from __future__ import annotations

import os

from tests.e2e.harness import Place


def fake_job(place: Place, script: str) -> dict[str, str]:
    """Return the environment of job 1234 on node7.

    :param script: what squeue does, as lines for sh.
    """
    folder = os.path.join(place.work, "bin")
    os.mkdir(folder)
    squeue = os.path.join(folder, "squeue")
    with open(squeue, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\n{script}\n")
    os.chmod(squeue, 0o755)
    return {
        "SLURM_JOB_ID": "1234",
        "SLURMD_NODENAME": "node7",
        "PATH": f"{folder}:{os.environ['PATH']}",
    }
