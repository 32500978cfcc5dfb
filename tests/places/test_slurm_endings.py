"""However a job ends, or whoever forgets it: nothing that ``ipr`` has on the node is
left, neither processes nor the connection files of its kernels.
"""

from __future__ import annotations

import datetime
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.e2e import harness
from tests.e2e.harness import Client, Place, until
from tests.places import cluster, kernels, recipes
from tests.places.cluster import Slurm

pytestmark = pytest.mark.slurm


def assert_nothing_left(place: Place, *files: str, within: float = 10.0) -> None:
    """No process and no file of a place is left.

    :param files: these are not ipr's.
    """
    until(
        lambda: not place.processes(),
        f"the end of {place.described_processes()}",
        within,
    )
    until(
        lambda: set(place.leftovers()) <= set(files),
        f"the end of {place.leftovers()}",
        within,
    )


def inner_files(place: Place) -> list[str]:
    """:return: the connection files of inner kernels."""
    return [
        path
        for path in place.leftovers()
        if path.endswith(".json") and not path.startswith(place.runtime)
    ]


def sruns(place: Place) -> list[psutil.Process]:
    """:return: the srun that the kernelspec started, and its helper."""
    return place.processes_called("srun")


def connected(slurm: Slurm, place: Place, *options: str) -> tuple[Client, int]:
    """Start a kernel that has a worker; :return: a client, and its job."""
    client = kernels.start(slurm, place, (*kernels.INSIDE, *options)).client()
    assert harness.is_alive(kernels.spawn_worker(client))
    # What is left is to be seen, if it is.
    assert inner_files(place)
    return client, kernels.job_of(client)


def test_scancel(slurm: Slurm, place: Place) -> None:
    _, number = connected(slurm, place)
    slurm.run("scancel", str(number))
    # Slurm sends SIGTERM, and SIGKILL after KillWait, which is 5 s here.
    assert_nothing_left(place, place.kernels[0].connection_file, within=4.0)
    slurm.await_state(number, "CANCELLED")


def test_scancel_without_a_word(slurm: Slurm, place: Place) -> None:
    """SIGKILL to the whole step, as when the time that Slurm gives is over."""
    _, number = connected(slurm, place)
    slurm.run("scancel", "--signal=KILL", str(number))
    assert_nothing_left(place, place.kernels[0].connection_file)


@pytest.fixture(scope="session")
def limited() -> Iterator[tuple[Slurm, Place, int]]:
    """A kernel whose job has a second left; the other tests go on meanwhile."""
    with cluster.slurm() as slurm, harness.place() as place:
        _, number = connected(slurm, place)
        # Limits are whole minutes; the end of a job need not be one.
        slurm.run("scontrol", "update", f"job={number}", "EndTime=now+1")
        yield slurm, place, number


def test_the_time_limit_is_set(limited: tuple[Slurm, Place, int]) -> None:
    """conftest.py puts this one first, and the next one last."""
    slurm, _, number = limited
    assert slurm.job(number).state == "RUNNING"


def test_the_time_limit(limited: tuple[Slurm, Place, int]) -> None:
    slurm, place, number = limited
    # The controller looks every 30 s.
    slurm.await_state(number, "TIMEOUT", within=60.0)
    assert_nothing_left(place, place.kernels[0].connection_file)


def test_srun_is_killed(slurm: Slurm, place: Place) -> None:
    """Its helper cancels the step, by SIGKILL to all of its processes at once."""
    _, number = connected(slurm, place)
    os.kill(place.kernels[0].pid, signal.SIGKILL)
    slurm.await_state(number, "CANCELLED")
    until(
        lambda: not place.processes(),
        f"the end of {place.described_processes()}",
    )
    # Nobody was left to take the files away; the next one does when it has time.
    left = inner_files(place)
    kernel = harness.Kernel(place, kernels.NAME, slurm.environment())
    kernel.client()
    until(lambda: not any(map(os.path.exists, left)), f"the end of {left}", within=20.0)
    kernel.shutdown()
    files = [kernel.connection_file for kernel in place.kernels]
    assert_nothing_left(place, *files)


def test_sruns_process_group_is_killed(slurm: Slurm, place: Place) -> None:
    """What a hard kill by the Jupyter server does: Slurm keeps the job."""
    client, number = connected(slurm, place)
    pid = client.inner_pid()
    os.killpg(place.kernels[0].pid, signal.SIGKILL)
    until(lambda: not sruns(place), "the end of srun")
    # So does ipr: a client that comes back finds its kernel.
    client.kernel = None
    assert client.inner_pid() == pid
    client.run("%restart")
    assert client.inner_pid() != pid
    assert slurm.job(number).state == "RUNNING"
    client.send("shutdown_request", channel="control")
    assert_nothing_left(place, place.kernels[0].connection_file)


def test_an_abandoned_job_ends(slurm: Slurm, place: Place) -> None:
    (line,) = recipes.commands(kernels.PAGE, "slurm-install-abandoned")
    # "ipr-spec install OPTION ... NAME"
    _, _, _, *options, _ = shlex.split(line.replace("600", "4"))
    assert options == ["--abandoned-timeout", "4"]
    client, number = connected(slurm, place, *options)
    kernel = place.kernels[0]
    pid = client.inner_pid()
    os.killpg(kernel.pid, signal.SIGKILL)
    until(lambda: not sruns(place), "the end of srun")
    # The job does not notice, and as long as there is a client it is not abandoned.
    client.kernel = None
    end = time.monotonic() + 6
    while time.monotonic() < end:
        assert client.inner_pid() == pid
        time.sleep(0.5)
    assert slurm.job(number).state == "RUNNING"

    client.close()
    kernel.clients.remove(client)
    closed = time.monotonic()
    slurm.await_state(number, "CANCELLED", within=15.0)
    assert time.monotonic() - closed > 3.5
    assert_nothing_left(place, kernel.connection_file)


def test_a_job_that_never_had_a_client_ends(slurm: Slurm, place: Place) -> None:
    kernel = kernels.start(slurm, place, (*kernels.INSIDE, "--abandoned-timeout", "2"))
    assert kernel.exit_code(20.0) == 0
    assert_nothing_left(place, kernel.connection_file)


def test_requeue(slurm: Slurm, place: Place) -> None:
    """A batch job: the kernel ends and comes back, at the same address."""
    for line in recipes.commands(kernels.PAGE, "batch-connection-file"):
        recipes.carry_out(place, line)
    connection_file = os.path.join(place.runtime, "k.json")
    os.rename(os.path.join(place.work, "k.json"), connection_file)
    with open(connection_file) as file:
        assert json.load(file)["key"]
    daemon = shlex.join([sys.executable, *harness.interpreter_options(), "-m", "ipr"])
    script = recipes.block(kernels.PAGE, "kernel.sh")
    script = script.replace(f"{sys.executable} -P -m ipr", daemon)
    path = os.path.join(place.work, "kernel.sh")
    with open(path, "w") as file:
        file.write(script + "\n")
    for line in recipes.commands(kernels.PAGE, "slurm-batch"):
        said = recipes.carry_out(
            place, line, {"CONNECTION_FILE": connection_file, **slurm.environment()}
        )
    number = int(said.split()[-1])
    client = Client(connection_file)
    try:
        client.wait_until_ready()
        assert kernels.job_of(client) == number
        pid, worker = client.inner_pid(), kernels.spawn_worker(client)
        (inner,) = inner_files(place)

        slurm.run("scontrol", "requeue", str(number))
        until(lambda: not harness.is_alive(pid), "the end of the kernel")
        until(lambda: not harness.is_alive(worker), "the end of its worker")
        until(lambda: not os.path.exists(inner), f"the end of {inner}")
        # Slurm waits two minutes before it starts a job again. Within the second
        # of its end it refuses it: "Job credential revoked", and the job fails.
        until(lambda: slurm.job(number).state == "PENDING", f"{number} in the queue")
        starts = slurm.run("squeue", "-h", "-j", str(number), "-o", "%S")
        wait = datetime.datetime.fromisoformat(starts) - datetime.datetime.now()
        assert 90 < wait.total_seconds() < 130, starts
        slurm.run("scontrol", "update", f"job={number}", "StartTime=now+3seconds")
        slurm.await_state(number, "RUNNING")
        client.wait_until_ready()
        assert client.inner_pid() != pid
        assert kernels.job_of(client) == number
        client.finish(client.send("shutdown_request", channel="control"))
    finally:
        client.close()
    slurm.await_state(number, "COMPLETED")
    assert_nothing_left(place, connection_file)
