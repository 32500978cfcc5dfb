"""Knows how the tests start a kernel in a Slurm job, and how they look at it from
inside; must not know what the tests expect of it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from tests.e2e.harness import Client, Kernel, Place
from tests.places import recipes
from tests.places.cluster import Slurm

NAME = "slurm-python"
PAGE = "slurm.rst"

INSIDE = ("--inside",)
AROUND = ()


def srun_spec(
    place: Place, srun: Sequence[str] = (), name: str = NAME, **fields: Any
) -> None:
    """Write the kernelspec of docs/slurm.rst.

    :param srun: further options of srun.
    :param name: of the kernelspec.
    :param fields: further fields of its kernel.json.
    """
    spec = recipes.kernel_json(PAGE, "slurm-kernel.json")
    spec["argv"][1:1] = srun
    spec.update(fields)
    place.spec(spec, name)


def start(
    slurm: Slurm,
    place: Place,
    install: Sequence[str] | None = INSIDE,
    srun: Sequence[str] = (),
    name: str = NAME,
    **fields: Any,
) -> Kernel:
    """Start a kernel by ``srun``.

    :param install: the arguments of ``ipr-spec install``; None: without ``ipr``.
    :param srun: see :func:`srun_spec`.
    :param name: of the kernelspec.
    :param fields: see :func:`srun_spec`.
    """
    srun_spec(place, srun, name, **fields)
    if install is not None:
        recipes.ipr_spec(place, "install", name, *install)
    return Kernel(place, name, slurm.environment())


def job_of(client: Client) -> int:
    """:return: the number of the job that the kernel runs in."""
    return int(client.value("__import__('os').environ['SLURM_JOB_ID']"))


def host_of(client: Client) -> str:
    """:return: the name of the host that the kernel runs on."""
    return client.value("__import__('socket').gethostname()")


def restart_seconds(client: Client) -> float:
    """Restart in place; :return: how long it took, from the request to its idle."""
    begun = time.monotonic()
    restart = client.execute("%restart")
    reply = client.finish(restart)
    assert reply["status"] == "ok", reply
    return time.monotonic() - begun


def spawn_worker(client: Client) -> int:
    """Let the kernel start a process that leaves its process group.

    :return: its process id.
    """
    cell = client.run(
        "import subprocess\n"
        "worker = subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        "print(worker.pid)"
    )
    return int(client.text(cell))
