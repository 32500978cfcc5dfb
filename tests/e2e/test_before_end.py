"""What is saved before the job ends: in the middle of a cell, and once."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.e2e import harness
from tests.e2e.fakejob import fake_job
from tests.e2e.harness import Client, Kernel, Place

#: Counts for a minute, in the middle of everything.
BUSY = (
    "import time\nstep = 0\nprint('runs')\n"
    "while step < 600:\n    step += 1\n    time.sleep(0.1)"
)
SAVE = """\
print("not seen")
with open("saved", "a") as file:
    file.write(f"{step}\\n")
"""


def saved(place: Place) -> list[str]:
    """Return what the hook has written, a line for each time."""
    try:
        with open(os.path.join(place.work, "saved"), encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def start(place: Place, left: str, *options: str, code: str = SAVE) -> Kernel:
    """Start a kernel in a job of Slurm with so much time left.

    :param options: further ones of the daemon.
    :param code: in the file of ``--before-end``.
    """
    path = os.path.join(place.work, "save.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(code)
    with open(os.path.join(place.work, "left"), "w", encoding="utf-8") as file:
        file.write(left)
    job = fake_job(place, f"cat {place.work}/left")
    return place.start("wrapped", options=(f"--before-end={path}", *options), **job)


def busy(client: Client) -> str:
    """Run a cell that does not end; return it."""
    cell = client.execute(BUSY)
    client.wait_for(cell, "text:runs")
    return cell


def test_checkpoint_runs_in_the_middle_of_a_cell_and_is_told_there(
    place: Place,
) -> None:
    """In a subshell: the cell goes on. What it prints is nobody's."""
    client = start(place, "0:10", "--before-end-at=8").client()
    cell = busy(client)
    client.wait_for(cell, "text:Checkpoint save.py ran, ")
    assert len(saved(place)) == 1
    assert not client.is_finished(cell)
    assert "not seen" not in str(client.received)
    client.send("interrupt_request", channel="control")
    client.finish(cell)
    assert "save.py: ran, " in client.shown(client.run("%ipr status"))
    client.assert_once()


def test_checkpoint_runs_when_the_job_is_cancelled(place: Place) -> None:
    """What the scheduler leaves between SIGTERM and SIGKILL is enough for it."""
    kernel = start(place, "10:00:00")
    client = kernel.client()
    cell = busy(client)
    os.kill(kernel.pid, signal.SIGTERM)
    client.wait_for(cell, "text:Checkpoint save.py ran, ")
    reply = client.finish(cell)
    assert reply["evalue"].startswith("Slurm job 1234 is being ended")
    assert len(saved(place)) == 1
    client.assert_once()
    assert kernel.exit_code(within=10) == 0


def test_checkpoint_that_has_run_does_not_run_again_at_the_end(place: Place) -> None:
    kernel = start(place, "0:20", "--before-end-at=17")
    client = kernel.client()
    cell = busy(client)
    client.wait_for(cell, "text:Checkpoint save.py ran, ")
    os.kill(kernel.pid, signal.SIGTERM)
    assert client.finish(cell)["evalue"] == "Slurm job 1234 has reached its time limit"
    assert kernel.exit_code(within=10) == 0
    assert len(saved(place)) == 1


def test_running_cell_is_interrupted_first_where_that_is_wanted(place: Place) -> None:
    """Then it runs as a cell does, and what was queued behind the cell is aborted."""
    code = SAVE + "import threading\nmain = threading.current_thread().name\n"
    options = ("--before-end-at=8", "--before-end-interrupt")
    client = start(place, "0:10", *options, code=code).client()
    cell = busy(client)
    other = client.execute("print('another')")
    assert client.finish(cell)["ename"] == "KeyboardInterrupt"
    assert client.finish(other)["status"] == "aborted"
    harness.until(lambda: len(saved(place)) == 1, "the checkpoint")
    assert client.value("main") == "MainThread"
    client.assert_once()


def test_checkpoint_that_fails_says_so_loudly(place: Place) -> None:
    """Where its traceback is as well."""
    client = start(place, "0:10", "--before-end-at=8", code="1 / nothing").client()
    cell = client.run("1")
    said = client.wait_for(cell, "text:Checkpoint save.py FAILED after ")
    assert "NameError: name 'nothing' is not defined." in str(said.content)
    status = client.shown(client.run("%ipr status"))
    assert "1 / nothing" in status
    client.assert_once()


def test_checkpoint_that_kills_the_kernel_does_it_once(place: Place) -> None:
    """The kernel comes back, and its successor is spared."""
    code = SAVE + "import os\nos._exit(3)"
    client = start(place, "0:15", "--before-end-at=12", code=code).client()
    cell = busy(client)
    assert "exited with code 3" in str(client.finish(cell))
    harness.until(
        lambda: (
            # A terminal's width may cut it in two.
            "the kernel ended before it was over"
            in " ".join(client.shown(client.run("%ipr status")).split())
        ),
        "what is said of it",
    )
    assert client.value("1 + 1") == "2"
    assert len(saved(place)) == 1
    client.assert_once()


def test_checkpoint_that_hangs_harms_nothing_else(place: Place) -> None:
    """Cells go on, a %restart too; at the end of a job of PBS it has five seconds."""
    hangs = "import time\nwhile True:\n    time.sleep(0.1)"
    path = os.path.join(place.work, "hang.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(hangs)
    kernel = place.start(
        "wrapped", options=(f"--before-end={path}",), PBS_JOBID="7.host"
    )
    client = kernel.client()
    cell = busy(client)
    begun = time.monotonic()
    os.kill(kernel.pid, signal.SIGTERM)
    client.wait_for(cell, "text:Checkpoint hang.py did NOT end in 5.0 s.")
    client.finish(cell)
    assert kernel.exit_code(within=10) == 0
    assert 5 <= time.monotonic() - begun < 12
    client.assert_once()
    assert place.processes() == []


def test_checkpoint_that_comes_in_a_restart_runs_in_the_new_kernel(
    place: Place,
) -> None:
    """The one that goes is thrown away because its user wants that."""
    code = "print(1)\nopen('saved', 'a').write(str(__import__('os').getpid()) + '\\n')"
    client = start(place, "0:12", "--before-end-at=10", code=code).client()
    for _ in range(4):
        client.run("%restart")
        if saved(place):
            break
        time.sleep(0.5)
    harness.until(lambda: saved(place), "the checkpoint")
    assert client.value("1 + 1") == "2"
    assert len(saved(place)) == 1
    client.assert_once()


def test_checkpoint_beside_a_cell_does_not_end_the_cell(place: Place) -> None:
    """What belongs to its end is left to it, and it may ask its user something."""
    client = start(place, "0:10", "--before-end-at=8").client()
    client.run(
        "import os, time\n"
        "step = 1\n"
        "ends = []\n"
        "get_ipython().events.register('post_execute', lambda: ends.append(1))"
    )
    cell = client.execute(
        "before = len(ends)\n"
        "while not os.path.exists('saved'):\n    time.sleep(0.05)\n"
        "time.sleep(0.5)\n"
        "print(len(ends) - before, input('name? '))",
        allow_stdin=True,
    )
    client.answer(client.input_request(cell), "Ann")
    assert client.finish(cell)["status"] == "ok"
    assert client.text(cell) == "0 Ann\n"
    assert client.value("len(ends) - before") == "1"
    client.assert_once()


@pytest.mark.parametrize("code", [SAVE, SAVE + "1 / 0"])
def test_threads_of_the_cell_print_into_it_after_the_checkpoint(
    place: Place, code: str
) -> None:
    """As they did before; also when the checkpoint failed."""
    options = ("--before-end-at=8", "--warn-before=")
    client = start(place, "0:10", *options, code=code).client()
    cell = client.execute(
        "import threading, time\n"
        "step = 1\n"
        "def prints():\n"
        "    for number in range(100):\n"
        "        print('thread', number)\n"
        "        time.sleep(0.1)\n"
        "thread = threading.Thread(target=prints)\n"
        "thread.start()\n"
        "thread.join()"
    )
    client.wait_for(cell, "text:Checkpoint save.py ")
    assert client.finish(cell)["status"] == "ok"
    # What comes in the very moment of the checkpoint may be lost.
    printed = [f"thread {number}" for number in range(100)]
    assert set(printed) - set(client.text(cell).splitlines()) <= set(printed[:50])
    assert client.text(cell).splitlines()[-50:] == printed[-50:]
    client.assert_once()


@pytest.mark.core
def test_file_that_is_missing_is_told_before_anything_starts(place: Place) -> None:
    """In one sentence; nothing runs."""
    kernel = place.start("wrapped", options=("--before-end=/nowhere/save.py",))
    assert kernel.exit_code(within=20) == 2
    assert kernel.stderr() == (
        "ipr: argument --before-end: cannot read /nowhere/save.py: No such file or"
        " directory; see python -m ipr --help\n"
    )
