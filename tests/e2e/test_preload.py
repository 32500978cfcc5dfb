"""``--preload FILE``: runs in each kernel before the first cell, and in a standby."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e import harness
from tests.e2e.harness import Client, Kernel, Place
from tests.e2e.situations import status

#: Says where it runs, and is not done at once.
CODE = """\
import os, sys, time
print("said by the preload")
print("and this", file=sys.stderr)
time.sleep(0.3)
preloaded = os.getpid()
"""
LOOK = "print(globals().get('preloaded') == __import__('os').getpid())"


@pytest.fixture
def file(place: Place) -> Path:
    path = Path(place.root, "preload.py")
    path.write_text(CODE)
    return path


@pytest.fixture
def kernel(place: Place, file: Path) -> Kernel:
    return place.start("wrapped", options=["--standby=full", f"--preload={file}"])


def standby(client: Client) -> int:
    """Wait until one waits; its pid."""
    said = ""

    def ready() -> bool:
        nonlocal said
        said = status(client, "standby")
        return said.startswith("ready")

    harness.until(ready, f"a standby; {said!r}", 60, every=0.5)
    return int(said.partition("pid ")[2].partition(",")[0])


@pytest.mark.core
def test_it_has_run_before_the_first_cell(client: Client, file: Path) -> None:
    first = client.run(LOOK)
    assert client.text(first) == "True\n"
    assert client.finish(client.execute("1"))["execution_count"] == 2
    said = status(client, "preload").removeprefix(f"{file}: it has run ")
    # Two streams: each is flushed by itself.
    assert said in (
        "said by the preload and this",
        "and this said by the preload",
    )


def test_standby_has_run_it_and_nobody_hears_of_it(client: Client) -> None:
    waits = standby(client)
    cell = client.run(f"%restart\n{LOOK}")
    assert client.text(cell) == "True\n"
    assert client.inner_pid() == waits
    # None of it was ever anybody's business.
    assert "preload" not in "".join(
        str(message.content.get("text"))
        for message in client.received
        if message.channel == "iopub" and message.header["msg_type"] == "stream"
    )
    client.fence()
    client.assert_once()


def test_changed_file_is_seen_after_a_restart(client: Client, file: Path) -> None:
    before = standby(client)
    file.write_text("preloaded = 'new'")
    cell = client.run("%restart\nprint(preloaded)")
    assert client.text(cell).splitlines()[-1] == "new"
    assert client.inner_pid() != before


def test_failing_file_is_told_in_the_status_and_keeps_no_kernel(
    client: Client, file: Path
) -> None:
    file.write_text("print('so far')\nimport no_such_module\n")
    cell = client.run("%restart\nprint('runs')")
    assert client.text(cell).splitlines()[-1] == "runs"
    said = status(client, "preload")
    assert said.startswith(f"{file}: ModuleNotFoundError: No module named")
    assert "so far" in said
    assert "import no_such_module" in said
    assert standby(client)


def test_file_that_is_gone_keeps_no_kernel(client: Client, file: Path) -> None:
    client.run("1")
    file.unlink()
    cell = client.run("%restart\nprint('runs')")
    assert client.text(cell).splitlines()[-1] == "runs"
    said = status(client, "preload")
    assert said == f"{file}: not run: cannot read {file}: No such file or directory"


def test_interrupt_ends_it_and_the_cell_runs(client: Client, file: Path) -> None:
    client.run("1")
    begun = file.with_name("begun")
    file.write_text(f"open({str(begun)!r}, 'w')\nimport time\ntime.sleep(1000)\n")
    cell = client.execute("%restart\nprint('runs')")
    # A kernel that still starts takes no interrupt.
    harness.until(begun.exists, "the preload")
    assert "it runs" in status(client, "preload")
    client.finish(harness.interrupt_by_message(client))
    client.finish(cell)
    assert status(client, "preload").startswith(f"{file}: KeyboardInterrupt")
    assert client.value("2") == "2"
    client.fence()
    client.assert_once()


def test_kernel_that_dies_of_it_is_no_loop(place: Place, file: Path) -> None:
    file.write_text("import os; os._exit(3)")
    options = [f"--preload={file}", "--restart-limit=1"]
    client = place.start("wrapped", options=options).client(ready=False)
    reply = client.finish(client.execute("1"))
    assert reply["status"] == "error"
    client.fence()
    client.assert_once()


@pytest.mark.parametrize("kind", ["missing", "fifo", "huge", "bytes"])
def test_bad_file_is_one_sentence_before_anything_starts(
    place: Place, kind: str
) -> None:
    path = Path(place.root, "bad.py")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "huge":
        path.write_bytes(b"#" * (2 << 20))
    elif kind == "bytes":
        path.write_bytes(b"x = '\xe4'")
    done = subprocess.run(
        [sys.executable, "-m", "ipr", "-f", "none.json", f"--preload={path}"],
        capture_output=True,
        text=True,
        timeout=20,
        env={**os.environ, **place.environment()},
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("ipr: argument --preload: ")
    assert str(path) in line
