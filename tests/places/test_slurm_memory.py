"""A job's ``--mem`` on real Slurm, enforced by the system: the notebook is told before
the kill, and with ``--memory-interrupt`` there is none.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

import pytest

from tests.e2e.harness import Client, Kernel, Place
from tests.e2e.memorylimit import FILES, LEAK
from tests.places import cluster, kernels, recipes
from tests.places.cluster import Slurm

pytestmark = pytest.mark.slurm

#: Mebibytes.
LIMIT = 600
SRUN = (f"--mem={LIMIT}",)


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    """A cluster whose jobs have a limit; shared, for it takes a while."""
    for controller in ("freezer", "memory"):
        if not os.access(f"/sys/fs/cgroup/{controller}/tasks", os.W_OK):
            cluster.unavailable(f"needs the {controller} of cgroup v1, writable")
    with cluster.slurm(cgroups=True, memory=True) as made:
        yield made


@pytest.fixture
def kernel(request: pytest.FixtureRequest, slurm: Slurm, place: Place) -> Kernel:
    options = getattr(request, "param", ())
    slurm.clear()
    return kernels.start(slurm, place, (*kernels.INSIDE, *options), SRUN)


@pytest.fixture
def client(kernel: Kernel) -> Client:
    return kernel.client()


def assert_same_job(slurm: Slurm, client: Client, number: int) -> None:
    assert slurm.job(number).state == "RUNNING"
    assert kernels.job_of(client) == number
    client.assert_once()


def test_leak_is_told_before_the_kill_and_the_job_outlives_it(
    slurm: Slurm, client: Client
) -> None:
    number = kernels.job_of(client)
    cell = client.execute(LEAK.format(step=8, pause=0.5))
    client.wait_for(cell, "text: in use. At the limit the system kills", within=90.0)
    assert f" of {LIMIT}.0 MiB" in client.shown(cell)
    assert not client.is_finished(cell)
    reply = client.finish(cell, within=90.0)
    assert "out of memory" in reply["evalue"], reply
    assert client.value("6 * 7") == "42"
    assert_same_job(slurm, client, number)


def options_of_the_page() -> list[str]:
    (line,) = recipes.commands(kernels.PAGE, "slurm-install-memory")
    # "ipr-spec install --inside NAME -- OPTION ..."
    at = shlex.split(line).index("--")
    return shlex.split(line)[at:]


@pytest.mark.parametrize("kernel", [options_of_the_page()], indirect=True)
def test_cell_is_interrupted_at_97_percent_and_the_kernel_lives(
    slurm: Slurm, client: Client
) -> None:
    client.run("before = 'kept'")
    number, pid = kernels.job_of(client), client.inner_pid()
    cell = client.execute(LEAK.format(step=4, pause=0.4))
    reply = client.finish(cell, within=120.0)
    assert reply["ename"] == "KeyboardInterrupt", reply
    assert "so the cell was interrupted (--memory-interrupt)." in client.shown(cell)
    assert client.value("before") == "kept"
    assert client.inner_pid() == pid
    assert_same_job(slurm, client, number)


def test_files_larger_than_the_limit_are_no_alarm(slurm: Slurm, client: Client) -> None:
    number = kernels.job_of(client)
    client.run(FILES.format(count=2 * LIMIT), within=120.0)
    client.run("import time; time.sleep(3)")
    assert "At the limit" not in str(client.received)
    assert_same_job(slurm, client, number)
