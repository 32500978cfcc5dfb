"""A job that waits in the queue for longer than a minute: what a client that has been
there all the time gets.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e import harness
from tests.e2e.harness import Client, Place, until
from tests.places import cluster, kernels
from tests.places.cluster import Slurm

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

#: Longer than the default of --start-timeout, than the bound of jupyter_client's
#: wait_for_ready and than the one that a Jupyter server has for kernel_info.
QUEUE = 65.0


PRINT_JOB = "print(__import__('os').environ['SLURM_JOB_ID'])"


@dataclass
class Waiting:
    """Two kernels in a queue, the first with ``ipr`` inside the job, the second around.

    :ivar early: what was sent to the second before its job began.
    """

    slurm: Slurm
    place: Place
    begun: float
    inside: Client
    sent: list[str]
    around: Client
    early: list[str]

    def jobs(self, *states: str) -> list[int]:
        """:return: the jobs of the two kernels that are in one of these states."""
        return [
            job.id
            for job in self.slurm.jobs(ended=True)
            if job.name == "jupyter" and job.state in states
        ]


@pytest.fixture(scope="session")
def waiting() -> Iterator[Waiting]:
    # A cluster of its own: the other tests go on in the meantime.
    with cluster.slurm() as slurm, harness.place() as place:
        slurm.sleeper(QUEUE)
        begun = time.monotonic()
        inside = kernels.start(slurm, place, name="inside").client(ready=False)
        sent = [inside.send("kernel_info_request"), inside.execute(PRINT_JOB)]
        until(lambda: len(slurm.jobs()) == 2, "the first kernel in the queue")
        kernel = kernels.start(slurm, place, kernels.AROUND, name="around")
        around = kernel.client(ready=False)
        early = [around.send("kernel_info_request"), around.execute(PRINT_JOB)]
        until(lambda: len(slurm.jobs()) == 3, "the second kernel in the queue")
        yield Waiting(slurm, place, begun, inside, sent, around, early)
        for each in place.kernels:
            if each.process.poll() is None:
                each.shutdown()


def assert_it_works(client: Client) -> None:
    pid = client.inner_pid()
    client.run("%restart")
    assert client.inner_pid() != pid
    client.fence()
    client.assert_once()


def test_the_wait_begins(waiting: Waiting) -> None:
    """conftest.py puts this one first, and the next one last."""
    assert waiting.jobs("PENDING") == [2, 3]


def test_longer_than_a_minute(waiting: Waiting) -> None:
    inside, around = waiting.inside, waiting.around
    inside.finish(*waiting.sent, within=QUEUE + 30)
    assert time.monotonic() > waiting.begun + QUEUE - 2
    assert inside.text(waiting.sent[1]) == "2\n"
    assert_it_works(inside)

    # Around: the front end got a kernel_info after 30 s, to show what it has.
    # Nothing has made it give up its place in the queue.
    assert waiting.jobs("PENDING") == [3]
    info, cell = waiting.early
    around.wait(lambda: around.replies(info), "the kernel_info_reply", 5.0)
    (reply,) = around.replies(info)
    assert reply.content["implementation"] == "ipr"
    assert reply.content["language_info"]["name"] == "python"
    assert not around.replies(cell)

    assert inside.kernel is not None
    inside.kernel.shutdown()
    around.finish(info, cell, within=30.0)
    jobs = waiting.slurm.jobs(ended=True)
    assert around.text(cell) == "3\n", f"{jobs}{around.story()}"
    # It goes on with what the kernel itself says.
    info = around.send("kernel_info_request")
    around.finish(info)
    assert around.replies(info)[0].content["implementation"] == "ipython"
    assert_it_works(around)
