"""``%ipr stack`` on a wrapped ipykernel: where it is, and that it does not mind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.e2e.harness import Client, Kernel, Place, until

SLEEP = "import time\nprint('on', flush=True)\ndef f():\n    time.sleep(600)\nf()"
SPIN = "print('on', flush=True)\nwhile True: pass"
LOCK = (
    "import threading\nlock = threading.Lock()\nlock.acquire()\n"
    "def work():\n    lock.acquire()\n"
    "worker = threading.Thread(target=work, name='the worker')\n"
    "worker.start()\nprint('on', flush=True)\nworker.join()"
)
#: C code that keeps the GIL, for minutes: what it has printed before need not come out.
MATCH = "import re\nopen('reached', 'w').close()\nre.match(r'(a+)+$', 'a' * 33 + 'b')"


def running(client: Client, code: str) -> str:
    """Start a cell, and wait until it runs."""
    cell = client.execute(code)
    client.wait_for(cell, "text:on")
    return cell


def keep_the_gil(kernel: Kernel, client: Client) -> None:
    """Start a cell that does, and wait until it is about to."""
    client.execute(MATCH)
    reached = os.path.join(kernel.place.work, "reached")
    until(lambda: os.path.exists(reached), "the cell to run")


def stack(client: Client) -> str:
    """:return: what is shown, within 3 s while the machine is quiet."""
    began = time.monotonic()
    shown = client.execute("%ipr stack")
    client.finish(shown)
    assert time.monotonic() - began < 6
    return client.shown(shown)


@pytest.mark.core
def test_stack_shows_where_a_running_cell_is(kernel: Kernel, client: Client) -> None:
    cell = running(client, SLEEP)
    text = stack(client)
    for line in ("  cell In[1], line 4, in f", "    time.sleep(600)"):
        assert line in text.splitlines(), text
    client.run("%restart now")
    assert client.is_finished(cell)


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        (SPIN, ["  cell In[1], line 2", "    while True: pass"]),
        (LOCK, ["  cell In[1], line 9", "    worker.join()", "thread the worker"]),
    ],
    ids=["busy loop", "lock"],
)
def test_stack_shows_the_line_that_hangs(
    kernel: Kernel, client: Client, code: str, lines: list[str]
) -> None:
    running(client, code)
    shown = stack(client).splitlines()
    for line in lines:
        assert line in shown, shown
    client.run("%restart now")


def test_c_code_that_keeps_the_gil_leaves_processes_and_advice(
    kernel: Kernel, client: Client
) -> None:
    client.run("1")
    pid = client.inner_pid()
    keep_the_gil(kernel, client)
    text = stack(client)
    (row,) = [line for line in text.splitlines() if line.split()[:1] == [str(pid)]]
    assert "running" in row
    assert "C code keeps Python's lock" in text.replace("\n", " ")
    assert "pip install py-spy" in text.replace("\n", " ")
    client.run("%restart now")


def test_a_cell_does_not_notice_that_it_was_looked_at(
    kernel: Kernel, client: Client
) -> None:
    """What it has for its end stays its own: figures, pager, input(), threads."""
    client.run(
        "import threading, time, os\n"
        "ended = []\n"
        "get_ipython().events.register('post_execute', lambda: ended.append(1))"
    )
    cell = client.execute(
        "ended.clear()\n"
        "def late():\n"
        "    while not os.path.exists('told'): time.sleep(0.05)\n"
        "    print('late')\n"
        "thread = threading.Thread(target=late)\n"
        "thread.start()\n"
        "payloads = get_ipython().payload_manager\n"
        "payloads.write_payload({'source': 'page', 'data': {}, 'start': 0})\n"
        "print('on', flush=True)\n"
        "thread.join()\n"
        "print(ended, threading.active_count(), input('? '))"
    )
    client.wait_for(cell, "text:on")
    for _ in range(3):
        assert "thread.join()" in stack(client)
    with open(os.path.join(kernel.place.work, "told"), "w"):
        pass
    question = client.input_request(cell)
    client.answer(question, "yes")
    client.finish(cell)
    assert client.text(cell).startswith("on\nlate\n[] ")
    assert client.text(cell).endswith(" yes\n")
    payload = client.replies(cell)[0].content["payload"]
    assert [each["source"] for each in payload] == ["page"]
    assert client.replies(cell)[0].content["execution_count"] == 2
    assert client.value("len(ended)") != "0"


def test_cells_that_may_not_ask_still_may_not(kernel: Kernel, client: Client) -> None:
    """As those of nbclient."""
    cell = client.execute(
        "import os, time\n"
        "print('on', flush=True)\n"
        "while not os.path.exists('told'): time.sleep(0.05)\n"
        "input('? ')",
        allow_stdin=False,
    )
    client.wait_for(cell, "text:on")
    assert "time.sleep(0.05)" in stack(client)
    with open(os.path.join(kernel.place.work, "told"), "w"):
        pass
    client.finish(cell)
    assert client.replies(cell)[0].content["ename"] == "StdinNotImplementedError"


def test_stack_is_answered_whatever_becomes_of_the_kernel(
    kernel: Kernel, client: Client
) -> None:
    keep_the_gil(kernel, client)
    first = client.execute("%ipr stack")
    restart = client.execute("%restart now")
    second = client.execute("%ipr stack")
    client.finish(first, restart, second)
    assert "PID" in client.shown(first) or "kernel has ended" in client.shown(first)


def test_stack_in_a_terminal_is_that_of_a_cell(
    place: Place, kernel: Kernel, client: Client
) -> None:
    running(client, SLEEP)
    name = os.path.basename(kernel.connection_file).removeprefix("kernel-")[:8]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "ipr", "stack", name],
        capture_output=True,
        text=True,
        timeout=60,
        env=place.environment(),
        cwd=place.work,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "    time.sleep(600)" in done.stdout.splitlines()
    assert max(map(len, done.stdout.splitlines())) <= 80
    client.run("%restart now")


def test_stopped_kernel_is_said_to_be_stopped(kernel: Kernel, client: Client) -> None:
    client.run("1")
    pid = client.inner_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: psutil.Process(pid).status() == "stopped", "its stop")
        text = stack(client)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "stopped (SIGSTOP)" in text


def test_a_pyspy_that_hangs_or_fails_costs_no_answer(place: Place) -> None:
    folder = os.path.join(place.work, "bin")
    os.makedirs(folder)
    program = os.path.join(folder, "py-spy")
    kernel = place.start("wrapped", PATH=f"{folder}:{os.environ['PATH']}")
    client = kernel.client()
    running(client, SPIN)
    for script in (
        "exec sleep 600",
        "echo 'Error: Permission denied' >&2; exit 1",
        "exec cat /dev/zero",
        "echo '[]'",
    ):
        with open(program, "w") as file:
            file.write(f"#!/bin/sh\n{script}\n")
        os.chmod(program, 0o755)
        # ipykernel answers instead.
        assert "    while True: pass" in stack(client).splitlines(), script
        until(lambda: not place.processes_called("py-spy"), "its end")
    client.run("%restart now")
