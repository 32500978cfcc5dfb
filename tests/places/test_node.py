"""A cluster whose node has a loopback of its own: a kernel on its 127.0.0.1 is not to
be reached from where the clients are, except by ssh.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess

import pytest

from tests.e2e import harness
from tests.e2e.harness import Client, Kernel, Place, until
from tests.places import kernels, recipes
from tests.places.cluster import Node, Slurm

pytestmark = [pytest.mark.slurm, pytest.mark.sshd, pytest.mark.netns]

SCRIPT = "srun-tunnels.sh"


def assert_stays(client: Client, slurm: Slurm, node: Node) -> None:
    """A restart keeps the job and the node, and asks nobody."""
    number, pid = kernels.job_of(client), client.inner_pid()
    assert kernels.host_of(client) == node.name
    jobs = slurm.jobs(ended=True)
    client.run("%restart")
    assert client.inner_pid() != pid
    assert kernels.job_of(client) == number
    assert kernels.host_of(client) == node.name
    assert slurm.jobs(ended=True) == jobs


def test_srun(remote_slurm: Slurm, node: Node, place: Place) -> None:
    kernel = kernels.start(remote_slurm, place)
    client = kernel.client(ready=False)
    (job,) = until(
        lambda: [job for job in remote_slurm.jobs() if job.state == "RUNNING"],
        "the job to run",
    )
    assert job.node == node.name
    # The test is the user here, who makes the tunnels when the job has begun.
    with open(kernel.connection_file) as file:
        ports = [port for name, port in json.load(file).items() if "_port" in name]
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", ports[0])) == errno.ECONNREFUSED
    forwards = [f"-L127.0.0.1:{port}:127.0.0.1:{port}" for port in ports]
    ssh = subprocess.Popen(
        ["ssh", "-N", *forwards, job.node],
        env=place.environment(**node.environment()),
        stdin=subprocess.DEVNULL,
    )
    try:
        client.wait_until_ready()
        assert_stays(client, remote_slurm, node)
        asked = client.execute("import time; print('on', flush=True); time.sleep(60)")
        client.wait_for(asked, "text:on")
        interrupted = harness.interrupt_by_message(client)
        reply = client.finish(interrupted, asked)
        assert reply["ename"] == "KeyboardInterrupt"
        kernel.shutdown()
    finally:
        ssh.terminate()
        ssh.wait(5)


def tunnelled(place: Place) -> None:
    spec = recipes.kernel_json(kernels.PAGE, "node-kernel.json")
    assert spec["argv"][0] == f"/path/to/{SCRIPT}"
    spec["argv"][0] = os.path.join(harness.SOURCE, "docs", SCRIPT)
    place.spec(spec, kernels.NAME)


def test_srun_with_tunnels(remote_slurm: Slurm, node: Node, place: Place) -> None:
    tunnelled(place)
    path = os.path.join(place.specs, kernels.NAME, "kernel.json")
    said = []
    for name in ("node-install-launcher", "node-install-after"):
        (line,) = recipes.commands(kernels.PAGE, name)
        recipes.carry_out(place, line)
        with open(path) as file:
            said.append(file.read())
        if name == "node-install-launcher":
            recipes.ipr_spec(place, "remove", kernels.NAME)
    assert said[0] == said[1]

    kernel = Kernel(
        place, kernels.NAME, {**remote_slurm.environment(), **node.environment()}
    )
    client = kernel.client()
    assert_stays(client, remote_slurm, node)
    number = kernels.job_of(client)

    # The connection breaks, as they do; the kernel does not notice.
    pid = client.inner_pid()
    (ssh,) = place.processes_called("ssh")
    ssh.kill()
    until(lambda: not harness.is_alive(ssh.pid), "the end of ssh")
    client.wait_until_ready()
    assert client.inner_pid() == pid
    assert kernels.job_of(client) == number

    kernel.shutdown()
    assert kernel.exit_code(10.0) == 0
    remote_slurm.await_state(number, "COMPLETED")
    until(
        lambda: not place.processes(),
        f"the end of {place.described_processes()}",
    )


def test_a_hard_kill(remote_slurm: Slurm, node: Node, place: Place) -> None:
    """Of the script, srun and ssh at once; the job is abandoned."""
    tunnelled(place)
    recipes.ipr_spec(
        place,
        *("install", "--inside", "--after", "5", "--abandoned-timeout", "3"),
        kernels.NAME,
    )
    kernel = Kernel(
        place, kernels.NAME, {**remote_slurm.environment(), **node.environment()}
    )
    client = kernel.client()
    number = kernels.job_of(client)
    kernel.manager.shutdown_kernel(now=True)
    assert remote_slurm.job(number).state == "RUNNING"
    until(
        lambda: remote_slurm.job(number).state in ("COMPLETED", "CANCELLED"),
        "the end of the job",
        20.0,
    )
    until(
        lambda: not place.processes(),
        f"the end of {place.described_processes()}",
    )
    assert place.leftovers() == []
