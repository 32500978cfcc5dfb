"""On real Slurm the notebook is told when its job ends, and why it has ended."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterator

import pytest

from tests.e2e import harness
from tests.e2e.harness import Client, Kernel, Place
from tests.places import cluster, kernels, recipes
from tests.places.cluster import Slurm

pytestmark = pytest.mark.slurm

BUSY = "import time\nprint('runs')\nfor _ in range(200):\n    time.sleep(1)"


def busy(client: Client) -> tuple[str, str]:
    """Run a cell that does not end, and have another one wait; :return: both."""
    first = client.execute(BUSY)
    second = client.execute("print('another')")
    client.wait_for(first, "text:runs")
    return first, second


def assert_cut_short(client: Client, first: str, second: str, why: str) -> None:
    """The first cell says why it ended, and the second one is no success."""
    reply = client.finish(first)
    client.finish(second)
    assert reply["status"] == "error"
    assert why in reply["evalue"]
    assert "KeyboardInterrupt" not in client.shown(first)
    (other,) = client.replies(second)
    assert other.content["status"] != "ok"
    client.assert_once()


def test_cancelled_job_says_so_in_the_cell(slurm: Slurm, place: Place) -> None:
    client = kernels.start(slurm, place).client()
    number = kernels.job_of(client)
    cells = busy(client)
    slurm.run("scancel", str(number))
    assert_cut_short(client, *cells, f"Slurm job {number} is being ended")


@pytest.fixture(scope="module")
def minute() -> Iterator[tuple[Slurm, Client, int, tuple[str, str]]]:
    """A busy kernel in a job of a minute; Slurm warns it half a minute before."""
    with cluster.slurm() as slurm, harness.place() as place:
        client = kernels.start(
            slurm, place, srun=("--time=1", "--signal=USR1@30")
        ).client()
        number = kernels.job_of(client)
        client.run(
            "import signal\n"
            "_ = signal.signal(signal.SIGUSR1, lambda *_: print('checkpoint'))"
        )
        yield slurm, client, number, busy(client)


def test_job_of_a_minute_warns_before_its_end(
    minute: tuple[Slurm, Client, int, tuple[str, str]],
) -> None:
    """Slurm's own signal does no harm: the kernel's handler runs."""
    _, client, number, (cell, _) = minute
    client.wait_for(cell, "text:checkpoint", within=90.0)
    said = "".join(str(message) for message in client.received)
    assert f"Slurm job {number} ends in " in said
    assert not client.is_finished(cell)


def test_job_of_a_minute_ends_with_its_reason(
    minute: tuple[Slurm, Client, int, tuple[str, str]],
) -> None:
    """Slurm looks every half minute whether a job is over its limit."""
    _, client, number, cells = minute
    client.wait(lambda: client.is_finished(cells[0]), "the end of the cell", 120.0)
    assert_cut_short(client, *cells, f"Slurm job {number} has reached its time limit")


def test_extended_job_is_not_warned_of_the_end_that_it_had(
    slurm: Slurm, place: Place
) -> None:
    """Before each warning the scheduler is asked once more."""
    client = kernels.start(slurm, place, srun=("--time=1",)).client()
    number = kernels.job_of(client)
    client.run("import signal\n_ = signal.signal(signal.SIGUSR1, lambda *_: None)")
    harness.until(
        lambda: (
            "time left 1 min" in client.shown(client.run("%ipr status"))
            or "time left 5" in client.shown(client.run("%ipr status"))
        ),
        "the first answer of squeue",
    )
    client.run("1")
    client.forget()
    slurm.run("scontrol", "update", f"job={number}", "TimeLimit=30")
    slurm.run("scancel", "--signal=USR1", str(number))
    harness.until(
        lambda: re.search(
            r"time left (2[5-9]|30) min", client.shown(client.run("%ipr status"))
        ),
        "the answer of squeue after the update",
    )
    client.run("1")
    assert "ends in" not in "".join(str(message) for message in client.received)


def test_second_task_says_what_is_wrong(slurm: Slurm, place: Place) -> None:
    """The kernel of the other one works meanwhile."""
    argv = recipes.kernel_json(kernels.PAGE, "slurm-kernel.json")["argv"]
    two = ["--ntasks=2" if word == "--ntasks=1" else word for word in argv]
    two.insert(1, "--overcommit")
    kernel = kernels.start(slurm, place, argv=two)
    client = kernel.client()
    assert client.value("1 + 1") == "2"
    said = "of the 2 that srun started"
    harness.until(lambda: said in kernel.stderr(), "what the second task says")


# --------------------------------------------------------------------------------
# A checkpoint


@pytest.fixture
def in_cgroups() -> Iterator[Slurm]:
    """A cluster whose jobs are in cgroups."""
    if not os.access("/sys/fs/cgroup/freezer/tasks", os.W_OK):
        pytest.skip("needs the freezer of cgroup v1, writable")
    with cluster.slurm(cgroups=True) as slurm:
        yield slurm


def with_checkpoint(slurm: Slurm, place: Place, *srun: str) -> Client:
    """Start the kernel of the page, with the checkpoint of the page."""
    code = recipes.block(kernels.PAGE, "save.py")
    home = {"HOME": place.work}
    with open(os.path.join(place.work, "save.py"), "w", encoding="utf-8") as file:
        file.write(code)
    kernels.srun_spec(place, srun)
    (line,) = recipes.commands(kernels.PAGE, "slurm-install-checkpoint")
    recipes.carry_out(place, line, home)
    return Kernel(place, kernels.NAME, slurm.environment()).client()


COUNTS = """\
import time
step = 0
print("runs")
while True:
    step += 1
    time.sleep(0.1)"""


def counted(place: Place) -> int:
    """:return: how far the cell had come at the checkpoint."""
    with open(os.path.join(place.work, "state"), "rb") as file:
        found = pickle.load(file)["step"]
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize(
    ("ends", "why"),
    [
        ("scancel {job}", "cancelled, or shut down"),
        ("sbatch -p urgent -n1 -o /dev/null --wrap true", "it was preempted by"),
    ],
)
def test_job_that_is_ended_early_runs_its_checkpoint_first(
    in_cgroups: Slurm, place: Place, ends: str, why: str
) -> None:
    """In the middle of the cell, between SIGTERM and SIGKILL."""
    client = with_checkpoint(in_cgroups, place)
    job = kernels.job_of(client)
    cell = client.execute(COUNTS)
    client.wait_for(cell, "text:runs")
    in_cgroups.run(*ends.format(job=job).split())
    reply = client.finish(cell)
    assert reply["evalue"].startswith(f"Slurm job {job} is being ended: {why}")
    assert "Checkpoint save.py ran, " in client.shown(cell)
    assert counted(place) > 0
    client.assert_once()


def test_short_job_runs_its_checkpoint_after_half_of_its_time(
    slurm: Slurm, place: Place
) -> None:
    """It is shorter than what the page has the checkpoint run before."""
    client = with_checkpoint(slurm, place, "--time=1")
    cell = client.execute(COUNTS)
    client.wait_for(cell, "text:Checkpoint save.py ran, ", within=60.0)
    assert not client.is_finished(cell)
    assert counted(place) > 100
