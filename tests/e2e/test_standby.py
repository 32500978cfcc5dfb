"""A standby from end to end: it takes over where it is as good as a new kernel, and
nothing of it is left or seen otherwise.
"""

from __future__ import annotations

import os
import signal
import sys
import zipfile

import psutil
import pytest

from tests.e2e import harness
from tests.e2e.harness import Client, Kernel, Place
from tests.e2e.situations import standby_status

#: Seconds until there is one: the kernel has to be idle, and it has to boot.
SOON = 60.0


@pytest.fixture
def kernel(place: Place) -> Kernel:
    return place.start("wrapped", options=["--standby", "full"])


def waiting(client: Client) -> int:
    """Wait until there is one; its pid."""
    said = ""

    def ready() -> bool:
        nonlocal said
        said = standby_status(client)
        return said.startswith("ready")

    harness.until(ready, f"a standby; {said!r}", SOON, every=0.5)
    return int(said.partition("pid ")[2].partition(",")[0])


def gone(pid: int) -> None:
    """Wait until a process has ended."""
    harness.until(lambda: not harness.is_alive(pid), f"the end of {pid}", 10)


def restart(client: Client) -> int:
    """Restart; the new kernel's pid."""
    assert client.finish(client.execute("%restart"))["status"] == "ok"
    return client.inner_pid()


def test_takes_over_at_restart_and_is_followed_by_another(client: Client) -> None:
    standby = waiting(client)
    client.forget()
    client.run("print('before')")
    cell = client.run("%restart\nprint('first output')")
    assert client.text(cell) == "first output\n"
    assert client.inner_pid() == standby
    assert client.value("1 + 1") == "2"
    # One session on each channel, and then another one.
    sessions = [m.header["session"] for m in client.received if m.channel == "iopub"]
    assert len(dict.fromkeys(sessions)) == 2
    assert sessions == sorted(sessions, key=list(dict.fromkeys(sessions)).index)
    assert waiting(client) != standby


def test_takes_over_after_a_crash(client: Client) -> None:
    standby = waiting(client)
    msg_id = client.execute("import os; os.kill(os.getpid(), 9)")
    assert client.finish(msg_id)["ename"] == "DeadKernelError"
    assert client.inner_pid() == standby


def test_one_that_still_starts_is_adopted(client: Client) -> None:
    def starts() -> bool:
        return standby_status(client).startswith("it has been starting")

    harness.until(starts, "a standby that starts", SOON, every=0.05)
    restart(client)
    assert client.value("1 + 1") == "2"


def test_other_environment_is_a_cold_start(client: Client) -> None:
    standby = waiting(client)
    cell = client.execute("%restart --env COLOUR=green")
    assert client.finish(cell)["status"] == "ok"
    assert client.inner_pid() != standby
    assert client.value("__import__('os').environ['COLOUR']") == "green"
    gone(standby)
    standby = waiting(client)
    assert restart(client) == standby
    assert client.value("__import__('os').environ['COLOUR']") == "green"


def wheel(folder: str, version: str) -> str:
    """Make a wheel of a package with one module."""
    path = os.path.join(folder, f"iprtest-{version}-py3-none-any.whl")
    info = f"iprtest-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("iprtest.py", f"version = '{version}'\n")
        file.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: iprtest\nVersion: {version}\n",
        )
        file.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\n"
            "Tag: py3-none-any\n",
        )
        file.writestr(f"{info}/RECORD", "")
    return path


def test_installed_package_is_seen_though_it_was_imported(
    place: Place, client: Client
) -> None:
    """pip install in a cell, then %restart, at once."""
    folder = client.value("__import__('os').getcwd()")
    site = os.path.join(folder, "site")
    os.mkdir(site)

    def install(version: str) -> None:
        argv = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps"]
        argv += ["--upgrade", "--target", site, "-q", wheel(folder, version)]
        client.run(f"import subprocess; subprocess.run({argv}, check=True)", within=120)

    install("1.0")
    cell = client.execute(f"%restart --env PYTHONPATH={site}")
    assert client.finish(cell)["status"] == "ok"
    assert client.value("__import__('iprtest').version") == "1.0"
    standby = waiting(client)
    install("2.0")
    assert restart(client) != standby
    assert client.value("__import__('iprtest').version") == "2.0"


def test_switched_off_nothing_is_left(
    place: Place, kernel: Kernel, client: Client
) -> None:
    """No process, no descriptor, no file."""

    def counted() -> tuple[int, int, list[str]]:
        daemon = psutil.Process(kernel.pid)
        return len(place.processes()), daemon.num_fds(), sorted(place.leftovers())

    before = counted()
    waiting(client)
    assert counted() > before
    client.finish(client.execute("%ipr standby off"))
    try:
        harness.until(lambda: counted() == before, "what there was before", 10)
    except harness.Waited:
        assert counted() == before
        raise
    assert "switched off" in standby_status(client)


@pytest.mark.parametrize("whom", ["the daemon", "its guardian", "the standby"])
def test_no_orphan_is_left_by_sigkill(
    kernel: Kernel, client: Client, whom: str
) -> None:
    standby = psutil.Process(waiting(client))
    guardian = standby.parent()
    assert guardian is not None
    pids = {
        "the daemon": kernel.pid,
        "its guardian": guardian.pid,
        "the standby": standby.pid,
    }
    harness.kill(pids[whom], signal.SIGKILL)
    for pid in (standby.pid, guardian.pid):
        gone(pid)
    if whom != "the daemon":
        assert client.value("1 + 1") == "2"
        # Where it was is no reason not to try again, once. What a killed guardian left
        # is looked for first, and until then the daemon does not say that it has ended.
        harness.until(
            lambda: waiting(client) != standby.pid, "another standby", SOON, every=0.1
        )
