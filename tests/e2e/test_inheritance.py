"""What a kernel inherits from whoever starts it: it is the same behind ``ipr``, for the
first inner kernel and for each that follows.
"""

from __future__ import annotations

import json
import os
import shutil

import pytest

import ipr
from tests.e2e.harness import Kernel, Place

#: Has descriptors open, as what srun (for MPI), systemd or make starts; two with the
#: numbers of the guardian's own pipes. Ignores two signals.
STARTER = 'exec 3>>given 4>>given 9>>given <given; trap "" USR1 TTOU; exec "$@"'

#: What a cell says of that.
SEEN = (
    "[__import__('os').readlink(f'/proc/self/fd/{fd}').rpartition('/')[2]"
    " for fd in (0, 3, 4, 9)],"
    " [__import__('signal').getsignal(n).name for n in ('USR1', 'TTOU', 'USR2')"
    " for n in [getattr(__import__('signal'), 'SIG' + n)]],"
    " 'JPY_PARENT_PID' in __import__('os').environ"
)
EXPECTED = "['given', 'given', 'given', 'given'] ['SIG_IGN', 'SIG_IGN', 'SIG_DFL'] True"


@pytest.mark.parametrize("kind", ["plain", "wrapped"])
def test_descriptors_and_signals(place: Place, kind: str) -> None:
    open(os.path.join(place.work, "given"), "w").close()
    name = place.plain_spec() if kind == "plain" else place.wrapped_spec()
    path = os.path.join(place.specs, name, "kernel.json")
    with open(path) as file:
        spec = json.load(file)
    spec["argv"] = ["sh", "-c", STARTER, "sh", *spec["argv"]]
    with open(path, "w") as file:
        json.dump(spec, file)
    client = Kernel(place, name).client()
    assert client.value(SEEN) == EXPECTED
    if kind == "wrapped":
        for command in ("%restart", "%restart now"):
            client.run(command)
            assert client.value(SEEN) == EXPECTED
        client.run("import os; os.write(9, b'told'); os.kill(os.getpid(), 9)")
    else:
        client.run("import os; os.write(9, b'told')")
    with open(os.path.join(place.work, "given")) as file:
        assert file.read() == "told"


def test_without_the_package(place: Place) -> None:
    """``pip uninstall ipr`` below a daemon: its kernel restarts all the same."""
    site = os.path.join(place.work, "site")
    shutil.copytree(os.path.dirname(ipr.__file__), os.path.join(site, "ipr"))
    kernel = place.start("wrapped", PYTHONPATH=site)
    client = kernel.client()
    client.run("x = 1")
    shutil.rmtree(site)
    for command in ("%restart", "%restart", "import os; os.kill(os.getpid(), 9)"):
        pid = client.inner_pid()
        client.finish(client.execute(command))
        assert client.inner_pid() != pid


def oom_score(pid: int) -> int:
    with open(f"/proc/{pid}/oom_score_adj") as file:
        return int(file.read())


def test_oom_score(place: Place) -> None:
    """The OOM killer takes the kernel, and not the daemon."""
    kernel = place.start("wrapped")
    client = kernel.client()
    own = oom_score(os.getpid())
    for _ in range(2):
        assert oom_score(kernel.pid) == own
        assert oom_score(client.inner_pid()) == min(own + 500, 1000)
        client.run("%restart")
