"""What docs/slurm.rst says of jobs that a server submits once more, and of two kernels
in one allocation.
"""

from __future__ import annotations

import pytest

from tests.e2e.harness import Kernel, Place, Waited, until
from tests.e2e.serving import serving
from tests.places import kernels, recipes
from tests.places.cluster import Slurm

pytestmark = pytest.mark.slurm


@pytest.mark.parametrize("install", [kernels.INSIDE, None], ids=["ipr", "plain"])
def test_server_submits_a_new_job_after_scancel_until_the_kernel_is_shut_down(
    slurm: Slurm,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    install: tuple[str, ...] | None,
) -> None:
    for name, value in slurm.environment().items():
        monkeypatch.setenv(name, value)
    kernels.srun_spec(place)
    if install is not None:
        recipes.ipr_spec(place, "install", kernels.NAME, *install)

    def running() -> list[int]:
        return [job.id for job in slurm.jobs() if job.state == "RUNNING"]

    with serving(place) as server:
        kernel = server.start(kernels.NAME)
        (first,) = until(running, "the job")
        slurm.run("scancel", str(first))
        (second,) = until(
            lambda: [number for number in running() if number != first],
            "the job that the server submits",
            within=20.0,
        )
        assert second > first
        server.ask("DELETE", f"api/kernels/{kernel}")
        until(lambda: not slurm.jobs(), f"the end of {slurm.jobs()}")


def test_second_kernel_of_an_allocation_waits_without_overlap(
    slurm: Slurm, place: Place
) -> None:
    """Silently: srun is quiet."""
    number = slurm.batch(wrap="--wrap=exec sleep 600")
    slurm.await_state(number, "RUNNING")

    def start(*srun: str) -> Kernel:
        words = (f"--jobid={number}", *srun)
        name = f"{kernels.NAME}-{len(place.kernels)}"
        return kernels.start(slurm, place, srun=words, name=name)

    # The batch script has the CPU. It needs none.
    shared = start("--overlap").client()
    assert kernels.job_of(shared) == number
    alone = start()
    with pytest.raises(Waited):
        alone.client(ready=False).wait(lambda: alone.stderr(), "a word", within=5.0)
    alone.close()
    other = start("--overlap").client()
    assert kernels.job_of(other) == number
    assert other.inner_pid() != shared.inner_pid()
    assert shared.value("1 + 1") == "2"
