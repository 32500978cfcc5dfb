"""A kernel that ``qrsh`` of Grid Engine has started, of an ordinary user, on a node of
its own: made by ``ipr-spec new``, restarted in its job, warned before the end.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import ipr
from tests.places import cluster

pytestmark = [pytest.mark.gridengine, pytest.mark.netns]

SESSION = os.path.join(os.path.dirname(__file__), "gridengine_session.py")


class Node:
    """Grid Engine with one node, and a home of its user there."""

    def __init__(self, base: Path, python: str) -> None:
        self.base = base
        self.python = python
        self.home = base / "home"
        self.home.mkdir()
        shutil.chown(self.home, "nobody")

    def run(self, *words: str) -> str:
        """Run Python there as the user; return its stdout."""
        source = os.path.dirname(os.path.dirname(ipr.__file__))
        done = subprocess.run(
            [
                str(self.base / "bin" / "on-sge"),
                *cluster.USER,
                self.python,
                "-P",
                *words,
            ],
            capture_output=True,
            text=True,
            env={
                "HOME": str(self.home),
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": os.pathsep.join([source, sysconfig.get_path("purelib")]),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            cwd=self.home,
            timeout=150,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def node(python: str) -> Iterator[Node]:
    base = Path(tempfile.mkdtemp(prefix="ipr-sge-"))
    base.chmod(0o711)
    number = uuid.uuid4().int
    name, net = f"sge-{number % 0xFFFF:x}", f"10.99.{number % 251 + 2}"
    try:
        cluster.script("gridengine_up.sh", str(base), name, net, within=60)
        yield Node(base, python)
    finally:
        cluster.script("gridengine_down.sh", str(base), name)
        shutil.rmtree(base, ignore_errors=True)


def test_kernel_restarts_in_its_job_and_survives_the_soft_limit(node: Node) -> None:
    limits = ["--mem", "4G", "--time", "10m", "--extra", "-notify -l s_rt=45"]
    node.run("-m", "ipr", "new", "--sge", *limits, "sge-python")
    told = json.loads(node.run(SESSION, "sge-python", "restarts").splitlines()[-1])
    first, second = told["jobs"]
    assert first == second
    assert told["restarted"]
    row = [line for line in told["status"].splitlines() if "Grid Engine job" in line]
    assert row[0].split("job", 1)[1].strip().startswith(f"{first} on sge-"), row
    assert re.search(r"time left (9|10) min$", row[0]), row
    assert "SIGUSR1" in told["soft limit"]
    assert told["after it"], told
    # qdel: the daemon hears of it by the end of its parent.
    assert told["ended"]
    assert list(Path("/tmp").glob(f"{first}.1.all.q/ipr-*")) == []


def test_checkpoint_runs_in_the_cell_when_the_job_is_deleted(node: Node) -> None:
    """Grid Engine's ``-notify``: SIGUSR2 to all processes of the job, of which a kernel
    without a handler would die, and the shell that is our parent does.
    """
    code = node.home / "save.py"
    code.write_text("open('saved', 'a').write(f'{step} ')")
    node.run("-m", "ipr", "new", "--sge", "--extra=-notify", "sge-python")
    node.run("-m", "ipr", "install", "sge-python", "--", f"--before-end={code}")
    told = json.loads(node.run(SESSION, "sge-python", "saves").splitlines()[-1])
    why = f"Grid Engine job {told['job']} is being ended"
    assert told["reply"].startswith(why), told
    assert why in told["shown"], told
    assert "Checkpoint save.py ran, " in told["shown"], told
    assert "KeyboardInterrupt" not in told["shown"]
    assert int((node.home / "saved").read_text()) > 0
    assert told["ended"]
