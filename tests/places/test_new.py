"""``ipr-spec new --slurm`` by an ordinary user: a kernel in a job, in place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import ipr
from tests.places.cluster import USER, USER_NAME, Slurm

pytestmark = pytest.mark.slurm


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ipr-user-"))
    shutil.chown(folder, USER_NAME)
    yield folder
    shutil.rmtree(folder)


def test_new_kernelspec_of_an_ordinary_user_restarts_in_its_job(
    slurm: Slurm, home: Path, python: str
) -> None:
    source = os.path.dirname(os.path.dirname(ipr.__file__))
    packages = [source, sysconfig.get_path("purelib"), os.environ.get("PYTHONPATH")]
    environment = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(filter(None, packages)),
        "PYTHONDONTWRITEBYTECODE": "1",
        **slurm.environment(),
    }
    words = ["new", "--slurm", "--mem", "200", "--time", "10m", "job-python"]
    done = subprocess.run(
        [*USER, python, "-P", "-m", "ipr", *words, "--check", "--timeout", "60"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=home,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    number = slurm.run("squeue", "-h", "-t", "all", "-o", "%i %u %l %m").splitlines()[
        -1
    ]
    job, user, limit, memory = number.split()
    assert (user, limit, memory) == (USER_NAME, "10:00", "200M")
    assert f"same Slurm job: {job} -> {job}" in done.stdout
    assert "'job-python' restarts in place." in done.stdout
    slurm.await_state(int(job), "COMPLETED", within=10.0)
    assert list((home / ".local/share/jupyter/runtime").glob("kernel-*.json")) == []
