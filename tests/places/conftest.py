from __future__ import annotations

import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.e2e import harness
from tests.places import cluster
from tests.places.cluster import Node, Slurm

_HERE = pathlib.Path(__file__).parent

#: The first that applies says what is missing.
_MARKERS = ("slurm", "gridengine", "sshd", "netns", "launcher")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in _MARKERS:
        if item.get_closest_marker(marker) is not None:
            reason = cluster.missing(marker)
            if reason is not None:
                cluster.unavailable(reason)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the others go on while some wait."""
    ends = {
        "test_the_time_limit_is_set": -1,
        "test_the_wait_begins": -1,
        "test_longer_than_a_minute": 1,
        "test_the_time_limit": 1,
    }
    # Only ours change their places, among themselves.
    ours = [at for at, item in enumerate(items) if item.path.parent == _HERE]
    ordered = sorted((items[at] for at in ours), key=lambda i: ends.get(i.name, 0))
    for at, item in zip(ours, ordered, strict=True):
        items[at] = item


@pytest.fixture(scope="session", autouse=True)
def _end_properly() -> Iterator[None]:
    """Let SIGTERM end a test run as control-C does: daemons are taken away first."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def place() -> Iterator[harness.Place]:
    with harness.place() as made:
        yield made
        for kernel in made.kernels:
            # Before the harness kills it: srun's job would not go with srun, and
            # the next test would have to wait for the node.
            if kernel.process.poll() is None:
                kernel.shutdown()


@pytest.fixture(scope="session")
def _local_cluster() -> Iterator[Slurm]:
    with cluster.slurm() as made:
        yield made


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    with cluster.node() as made:
        yield made


@pytest.fixture(scope="session")
def _remote_cluster(node: Node) -> Iterator[Slurm]:
    with cluster.slurm(node) as made:
        yield made


@pytest.fixture
def python() -> str:
    """An interpreter of this version that an ordinary user may run.

    Ours may be in root's home.
    """
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for path in (sys.executable, f"/usr/bin/python{version}"):
        tried = subprocess.run([*cluster.USER, path, "-c", ""], check=False, timeout=30)
        if tried.returncode == 0:
            return path
    cluster.unavailable(f"needs a Python {version} that an ordinary user may run")
    raise AssertionError


@pytest.fixture
def slurm(_local_cluster: Slurm) -> Iterator[Slurm]:
    """A cluster whose node is this machine, with nothing in its queue."""
    _local_cluster.clear()
    yield _local_cluster
    _local_cluster.clear()


@pytest.fixture
def remote_slurm(_remote_cluster: Slurm) -> Iterator[Slurm]:
    """A cluster whose node has a loopback of its own, with nothing in its queue."""
    _remote_cluster.clear()
    yield _remote_cluster
    _remote_cluster.clear()
