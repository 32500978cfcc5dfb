"""Which tests run together, where several processes share them."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.conftest import together


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/e2e/test_soak.py::test_a[x/y::z]", "e2e/test_soak.py"),
        ("tests/test_where.py::Cases::test_a", "test_where.py"),
        # One Slurm, one second user.
        ("tests/places/test_slurm.py::test_a", "node"),
        ("tests/neighbour/test_floods.py::test_a", "node"),
        ("tests/peers/test_peers.py::test_a[b]", "peers/test_peers.py::test_a[b]"),
    ],
)
def test_together(nodeid: str, group: str) -> None:
    assert together(nodeid) == group


@pytest.mark.slow
def test_a_file_has_one_worker() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "tests/test_where.py"),
            *("-v", "-n", "2", "--dist", "loadgroup"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    workers = re.findall(r"^\[(gw\d)\].*PASSED", done.stdout, re.MULTILINE)
    assert len(workers) > 5, done.stdout + done.stderr
    assert len(set(workers)) == 1
