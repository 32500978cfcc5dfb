"""A kernel that ``srun`` starts, with ``ipr`` inside the job and around ``srun``: what
a restart does to the job, interrupts, and what a full queue does to a restart.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import pytest

from tests.e2e import harness
from tests.e2e.harness import Client, Place
from tests.places import kernels, recipes
from tests.places.cluster import Slurm, command

pytestmark = pytest.mark.slurm


def test_as_the_page_says(slurm: Slurm, place: Place) -> None:
    """Every command of the page, and a restart keeps job and node."""
    kernels.srun_spec(place)
    for line in recipes.commands(kernels.PAGE, "slurm-install-inside"):
        said = recipes.carry_out(place, line, slurm.environment())
    kernel = harness.Kernel(place, kernels.NAME, slurm.environment())
    client = kernel.client()
    number, host, pid = (
        kernels.job_of(client),
        kernels.host_of(client),
        client.inner_pid(),
    )
    client.run("x = 1")
    jobs = slurm.jobs(ended=True)
    (job,) = [job for job in jobs if job.id == number]
    assert (job.state, job.node) == ("RUNNING", slurm.node), said

    for _ in range(2):
        client.run("%restart")
        assert kernels.job_of(client) == number
        assert kernels.host_of(client) == host
        assert client.inner_pid() != pid
        pid = client.inner_pid()
        assert client.value("'x' in dir()") == "False"
    # Neither was another job submitted, nor has anything become of this one.
    assert slurm.jobs(ended=True) == jobs
    assert kernel.process.poll() is None

    kernel.shutdown()
    assert kernel.exit_code(5.0) == 0
    slurm.await_state(number, "COMPLETED", within=5.0)


def test_around_srun_each_restart_is_a_job(slurm: Slurm, place: Place) -> None:
    kernel = kernels.start(slurm, place, kernels.AROUND)
    client = kernel.client()
    number = kernels.job_of(client)
    client.run("%restart")
    assert kernels.job_of(client) != number
    assert slurm.job(number).state == "COMPLETED"
    kernel.shutdown()
    assert kernel.exit_code(5.0) == 0


def test_written_by_hand(slurm: Slurm, place: Place) -> None:
    """Whoever starts a kernelspec fills in the clients' file behind ``--`` too."""
    spec = recipes.kernel_json(kernels.PAGE, "slurm-kernel.json")
    words = spec["argv"]
    at = words.index("--ntasks=1") + 1
    daemon = [words[at], *harness.interpreter_options(), "-m", "ipr"]
    spec["argv"] = [
        *words[:at],
        *daemon,
        "-f",
        "{connection_file}",
        "--",
        *words[at:],
    ]
    spec["interrupt_mode"] = "message"
    place.spec(spec, kernels.NAME)
    kernel = harness.Kernel(place, kernels.NAME, slurm.environment())
    client = kernel.client()
    number, pid = kernels.job_of(client), client.inner_pid()
    client.run("%restart")
    assert kernels.job_of(client) == number
    assert client.inner_pid() != pid


# --------------------------------------------------------------------------------
# Interrupts


@pytest.mark.parametrize(
    ("install", "srun", "fields"),
    [
        pytest.param(kernels.INSIDE, (), {}, id="inside"),
        pytest.param(
            kernels.AROUND, (), {"interrupt_mode": "message"}, id="around-by-message"
        ),
        # srun swallows SIGINT, unless it is told not to care for it.
        pytest.param(kernels.AROUND, ("--disable-status",), {}, id="around-by-signal"),
    ],
)
def test_interrupt(
    slurm: Slurm,
    place: Place,
    install: tuple[str, ...],
    srun: tuple[str, ...],
    fields: harness.Json,
) -> None:
    client = kernels.start(slurm, place, install, srun, **fields).client()
    number, pid = kernels.job_of(client), client.inner_pid()
    cell = client.execute("import time\nprint('on', flush=True)\ntime.sleep(60)")
    client.wait_for(cell, "text:on")
    asked = harness.interrupt_by_message(client)
    reply = client.finish(asked, cell, within=10.0)
    assert reply["ename"] == "KeyboardInterrupt"
    assert (kernels.job_of(client), client.inner_pid()) == (number, pid)


# --------------------------------------------------------------------------------
# A full queue


def test_a_full_queue_costs_a_restart_nothing(slurm: Slurm, place: Place) -> None:
    client = kernels.start(slurm, place).client()
    number = kernels.job_of(client)
    idle = [kernels.restart_seconds(client) for _ in range(3)]
    waiting = slurm.sleeper(1)
    full = [kernels.restart_seconds(client) for _ in range(3)]
    print(f"%restart: idle {idle}, full queue {full}")
    assert slurm.job(waiting).state == "PENDING"
    assert kernels.job_of(client) == number
    # A node with one CPU, and other tests at the same time, are noisy; what a
    # queue costs is seconds.
    assert statistics.median(full) < 1.5 * statistics.median(idle) + 0.5


def test_a_full_queue_costs_the_front_ends_restart_its_place(
    slurm: Slurm, place: Place
) -> None:
    """Without ``ipr``: this is what it is for."""
    kernel = kernels.start(slurm, place, None, interrupt_mode="message")
    client = Client(kernel.connection_file)
    kernel.clients.append(client)
    client.wait_until_ready()
    number = kernels.job_of(client)
    waiting = slurm.sleeper(5)
    begun = time.monotonic()
    kernel.manager.restart_kernel()
    client.wait_until_ready()
    seconds = time.monotonic() - begun
    print(f"the front end's restart with a job of 5 s waiting: {seconds:.1f} s")
    assert kernels.job_of(client) != number
    assert slurm.job(waiting).state == "COMPLETED"
    assert seconds > 5


# --------------------------------------------------------------------------------
# ipr-spec check


@pytest.mark.parametrize("install", [kernels.INSIDE, kernels.AROUND], ids=["in", "out"])
def test_check_tells_the_job(
    slurm: Slurm, place: Place, install: tuple[str, ...]
) -> None:
    kernels.srun_spec(place)
    recipes.ipr_spec(place, "install", kernels.NAME, *install)
    said = recipes.ipr_spec(
        place, "check", kernels.NAME, environment=slurm.environment()
    )
    jobs = [str(job.id) for job in slurm.jobs(ended=True) if job.name == "jupyter"]
    if install == kernels.INSIDE:
        assert f"same Slurm job: {jobs[-1]} -> {jobs[-1]}" in said
    else:
        # The Restart button, which is tried after that, takes one more.
        assert f"new Slurm job: {jobs[-3]} -> {jobs[-2]}" in said
        assert "--inside" in said


# --------------------------------------------------------------------------------
# ipr in a terminal


def test_terminal_beside_a_job_restarts_its_kernel(slurm: Slurm, place: Place) -> None:
    """As docs/commands.rst says, by ``srun --overlap``."""
    kernel = kernels.start(slurm, place)
    client = kernel.client()
    number, pid = kernels.job_of(client), client.inner_pid()
    ipr = (sys.executable, *harness.interpreter_options(), "-m", "ipr")
    srun = ("srun", "--overlap", f"--jobid={number}", *ipr)
    variables = {**place.environment(), **slurm.environment()}

    listed = json.loads(command(*srun, "ps", "--json", environment=variables))
    # Other tests may run kernels on this machine, too.
    (one,) = [o for o in listed if o["connection_file"] == kernel.connection_file]
    assert (one["pid"], one["host"]) == (pid, kernels.host_of(client))

    cell = client.execute("print('on', flush=True)\nwhile True: pass")
    client.wait_for(cell, "text:on")
    words = ("restart", one["id"][:8], "--now")
    said = command(*srun, *words, within=60, environment=variables)
    assert said.startswith("restarted in place, "), said
    client.finish(cell)
    client.fence()
    assert client.inner_pid() != pid
    assert kernels.job_of(client) == number
