"""The Restart button of a front end, where the kernel is in a Slurm job and the
provisioner is not: all that the two have in common is the control channel.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from ipr.server.inplace import ANSWER_TIME, TERM_TIME
from tests import provisioning
from tests.e2e import harness
from tests.e2e.button import Pressed, assert_usable
from tests.e2e.harness import Place
from tests.places import kernels, recipes
from tests.places.cluster import Slurm

pytestmark = pytest.mark.slurm

#: Seconds until the next cell's idle. A plain kernel, which loses its place, waits
#: until the other job has run.
SOON = 2.0
#: Nothing of the server's environment arrives in the job.
SCRUBBED = ("--export=NONE",)


@pytest.fixture(autouse=True)
def _in_place() -> Iterator[None]:
    with provisioning.by_default():
        yield


def start(
    slurm: Slurm, place: Place, srun: tuple[str, ...] = (), agreed: bool = True
) -> Pressed:
    """Start a kernel with ipr in its job."""
    kernels.srun_spec(place, srun)
    recipes.ipr_spec(place, "install", kernels.NAME, *kernels.INSIDE)
    configuration = slurm.environment()["SLURM_CONF"]
    return Pressed(place, kernels.NAME, agreed=agreed, SLURM_CONF=configuration)


@pytest.mark.parametrize("srun", [(), SCRUBBED], ids=["", "export-none"])
def test_button_keeps_the_job_while_another_one_waits(
    slurm: Slurm, place: Place, srun: tuple[str, ...]
) -> None:
    kernel = start(slurm, place, srun)
    client = kernel.client()
    number = kernels.job_of(client)
    waiting = slurm.sleeper(1)
    took = []
    for now in (False, True):
        client.run("x = 1")
        pid = client.inner_pid()
        begun = time.monotonic()
        kernel.restart(now=now)
        client.run("y = 1")
        took.append(time.monotonic() - begun)
        assert assert_usable(client, gone="x") != pid
        assert kernels.job_of(client) == number
    print(f"the button, until the next cell's idle: {took} s")
    assert kernel.provisioner.pid == kernel.pid
    assert slurm.job(waiting).state == "PENDING"
    assert max(took) < harness.allowing_for_load(SOON), took
    client.fence()
    client.assert_once()


def test_job_whose_daemon_hangs_gives_way_to_a_new_one(
    slurm: Slurm, place: Place
) -> None:
    """SIGTERM first, also for an urgent restart: a killed srun leaves its job."""
    kernel = start(slurm, place)
    client = kernel.client()
    number, inner = kernels.job_of(client), client.inner_pid()
    guardian = psutil.Process(inner).parent()
    assert guardian is not None
    os.kill(guardian.ppid(), signal.SIGSTOP)
    kernel.restart(now=True)
    assert kernel.provisioner.pid != kernel.pid
    kernel.adopt()
    assert kernels.job_of(kernel.client()) != number
    assert [job.name for job in slurm.jobs()] == ["jupyter"]
    assert not harness.is_alive(inner)


def test_job_that_is_still_queued_is_queued_again(slurm: Slurm, place: Place) -> None:
    """As without ipr, and bounded: nobody is there to ask."""
    running = slurm.sleeper(600)
    slurm.await_state(running, "RUNNING")
    kernel = start(slurm, place, agreed=False)
    harness.until(lambda: len(slurm.jobs()) == 2, "the kernel in the queue")
    # Two seconds for an answer, and some for srun to go.
    assert kernel.restart(now=True) < ANSWER_TIME + TERM_TIME + 2.0
    assert kernel.provisioner.pid != kernel.pid
    kernel.adopt()
    slurm.run("scancel", str(running))
    kernel.wait_until_agreed()
    client = kernel.client()
    number, inner = kernels.job_of(client), client.inner_pid()
    kernel.restart()
    assert kernels.job_of(client) == number
    assert client.inner_pid() != inner
    assert [job.name for job in slurm.jobs()] == ["jupyter"]
