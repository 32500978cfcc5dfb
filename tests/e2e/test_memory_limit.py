"""A kernel whose job runs out of memory: a limit that the system enforces."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from tests.e2e import memorylimit
from tests.e2e.harness import Client, Kernel, Place
from tests.e2e.memorylimit import FILES, LEAK

#: Mebibytes; an ipykernel and the daemon take 120.
LIMIT = 600


@pytest.fixture(autouse=True)
def _possible() -> None:
    if missing := memorylimit.missing():
        if os.environ.get("IPR_REQUIRE_MARKED") == "1":
            pytest.fail(missing)
        pytest.skip(missing)


@pytest.fixture
def options(request: pytest.FixtureRequest) -> list[str]:
    """The daemon's options."""
    return list(getattr(request, "param", []))


@pytest.fixture
def client(place: Place, options: list[str]) -> Iterator[Client]:
    spec = place.wrapped_spec(options=options)
    with memorylimit.limited(place, spec, LIMIT):
        kernel = Kernel(place, spec)
        yield kernel.client()
        kernel.shutdown()


def test_leak_is_told_before_the_system_kills_and_the_kill_is_explained(
    client: Client,
) -> None:
    pid = client.inner_pid()
    cell = client.execute(LEAK.format(step=8, pause=0.5))
    client.wait_for(cell, "text: in use. At the limit the system kills", within=90.0)
    assert not client.is_finished(cell)
    reply = client.finish(cell, within=90.0)
    assert "out of memory" in reply["evalue"], reply
    limit, killed = [line for line in reply["traceback"] if "MiB" in line]
    assert limit == f"memory limit of the job: {LIMIT} MiB"
    found = re.fullmatch(
        r"killed: the kernel, pid (\d+), whose peak was (\d+) MiB", killed
    )
    assert found, killed
    assert int(found[1]) == pid
    assert LIMIT / 2 < int(found[2]) < LIMIT
    (message,) = client.replies(cell)
    facts = message.metadata["ipr"]
    assert (facts["oom"], facts["limit_kib"], facts["pid"]) == (True, LIMIT << 10, pid)
    assert client.value("6 * 7") == "42"
    client.assert_once()


#: A worker that takes more than there is; it is larger than the kernel.
WORKER = """\
import subprocess, sys
leak = "kept = [bytes([1]) * (8 << 20) for _ in range(200)]"
print("worker", subprocess.run([sys.executable, "-c", leak]).returncode)"""


def test_worker_that_the_system_kills_is_told_of_and_the_kernel_goes_on(
    client: Client,
) -> None:
    pid = client.inner_pid()
    cell = client.run(WORKER, within=90.0)
    assert client.text(cell) == "worker -9\n"
    told = f"Memory: the limit of {LIMIT}.0 MiB was reached, and the system killed"
    client.wait_for(cell, f"text:{told} another process of the job.")
    assert client.inner_pid() == pid


@pytest.mark.parametrize("options", [["--memory-interrupt=90"]], indirect=True)
def test_cell_is_interrupted_before_the_system_kills(client: Client) -> None:
    """The kernel lives, with all that it has."""
    client.run("before = 'kept'")
    pid = client.inner_pid()
    cell = client.execute(LEAK.format(step=8, pause=0.8))
    reply = client.finish(cell, within=90.0)
    assert reply["ename"] == "KeyboardInterrupt", reply
    assert "so the cell was interrupted (--memory-interrupt)." in client.shown(cell)
    assert client.value("before") == "kept"
    assert client.inner_pid() == pid
    client.assert_once()


def test_page_cache_is_no_alarm(client: Client) -> None:
    """Files fill any limit, and nobody is killed for it."""
    client.run(FILES.format(count=2 * LIMIT), within=120.0)
    client.run("import time; time.sleep(3)")
    assert "At the limit" not in str(client.received)
    client.assert_once()
