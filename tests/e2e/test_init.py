"""``--init FILE``: runs in each kernel before any cell, where its user sees it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e import harness
from tests.e2e.button import Pressed
from tests.e2e.harness import Client, Kernel, Place
from tests.e2e.situations import standby_status

CODE = """\
import os
print("hello from init")
initial = os.getpid()
"""
LOOK = "print(globals().get('initial') == __import__('os').getpid())"


@pytest.fixture
def file(place: Place) -> Path:
    path = Path(place.root, "init.py")
    path.write_text(CODE)
    return path


@pytest.fixture
def kernel(place: Place, file: Path) -> Kernel:
    return place.start("wrapped", options=[f"--init={file}"])


def test_it_has_run_before_the_first_cell(client: Client) -> None:
    first = client.run(LOOK)
    assert client.text(first) == "True\n"
    assert client.finish(client.execute("1"))["execution_count"] == 2


def test_its_output_stands_in_the_cell_that_restarted(client: Client) -> None:
    cell = client.run(f"%restart\n{LOOK}")
    assert "hello from init\n" in client.text(cell)
    assert client.text(cell).splitlines()[-1] == "True"
    assert ", ran init.py" in client.shown(cell)
    assert client.finish(client.execute("1"))["execution_count"] == 2
    client.fence()
    client.assert_once()


def test_after_a_crash_it_has_run_before_the_next_cell(client: Client) -> None:
    client.run("1")
    client.finish(client.execute("import os, signal; os.kill(os.getpid(), 9)"))
    cell = client.run(LOOK)
    assert client.text(cell).splitlines()[-1] == "True"


def test_its_error_fails_the_cell_that_restarted(client: Client, file: Path) -> None:
    client.run("1")
    file.write_text("print('so far')\nimport no_such_module\n")
    cell = client.execute("%restart\nprint('after')")
    reply = client.finish(cell)
    assert reply["status"] == "error"
    assert reply["ename"] == "ModuleNotFoundError"
    assert "after" not in client.shown(cell)
    assert "init.py failed" in client.shown(cell)
    assert client.text(client.run("print(1)")).splitlines()[-1] == "1"


def test_one_that_ends_the_kernel_is_left_out_of_the_next_one(
    client: Client, file: Path
) -> None:
    client.run("1")
    file.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    cell = client.execute("%restart")
    reply = client.finish(cell)
    assert reply["ename"] == "DeadKernelError"
    assert "while init.py ran" in reply["evalue"]
    assert client.text(client.run("print(1)")).splitlines()[-1] == "1"
    file.write_text(CODE)
    cell = client.run(f"%restart\n{LOOK}")
    assert client.text(cell).splitlines()[-1] == "True"


def test_it_asks_who_restarted(client: Client, file: Path) -> None:
    client.run("1")
    file.write_text("name = input('name? ')")
    cell = client.execute("%restart\nprint(name)", allow_stdin=True)
    client.answer(client.input_request(cell), "Ann")
    client.finish(cell)
    assert client.text(cell).splitlines()[-1] == "Ann"


def test_an_interrupt_ends_it(client: Client, file: Path, kernel: Kernel) -> None:
    client.run("1")
    file.write_text("import time\nprint('sleeps')\ntime.sleep(1000)")
    cell = client.execute("%restart")
    client.wait_for(cell, "text:sleeps")
    os.kill(kernel.pid, signal.SIGINT)
    reply = client.finish(cell)
    assert reply["ename"] == "KeyboardInterrupt"
    assert client.text(client.run("print(1)")).splitlines()[-1] == "1"


def test_an_init_cell_runs_after_restart_and_crash(client: Client) -> None:
    client.run("%ipr init\nmarked = 'yes'\nprint('hello from the cell')")
    for _ in range(2):
        cell = client.run("%restart")
        text = client.text(cell)
        assert text.index("hello from init") < text.index("hello from the cell")
        assert ", ran init.py and 1 init cell" in client.shown(cell)
    client.finish(client.execute("import os, signal; os.kill(os.getpid(), 9)"))
    assert client.text(client.run("print(marked)")).splitlines()[-1] == "yes"
    listed = client.shown(client.run("%ipr init list"))
    assert "init cell 1  marked = 'yes' ... (2 lines)" in listed
    status = client.shown(client.run("%ipr status"))
    assert "each new kernel runs  init.py and 1 init cell" in status
    client.run("%ipr init clear")
    cell = client.run("%restart\nprint(globals().get('marked'))")
    assert client.text(cell).splitlines()[-1] == "None"
    client.fence()
    client.assert_once()


def test_run_runs_a_file_once(client: Client, place: Place) -> None:
    Path(place.work, "once.py").write_text("once = 'yes'")
    cell = client.run("%restart --run once.py\nprint(once)")
    assert client.text(cell).splitlines()[-1] == "yes"
    assert ", ran init.py and once.py" in client.shown(cell)
    cell = client.run("%restart\nprint(globals().get('once'))")
    assert client.text(cell).splitlines()[-1] == "None"


def test_what_cannot_be_read_is_said_and_nothing_is_lost(
    client: Client, file: Path, place: Place
) -> None:
    client.run("kept = 1")
    os.mkfifo(os.path.join(place.work, "fifo"))
    for option in ("fifo", "gone", "/dev/zero", "."):
        cell = client.execute(f"%restart --run {option}")
        reply = client.finish(cell)
        assert reply["ename"] == "WrongChange"
        assert "--run: cannot read" in reply["evalue"]
    file.unlink()
    reply = client.finish(client.execute("%restart"))
    assert "the kernel was not restarted: cannot read" in reply["evalue"]
    assert client.text(client.run("print(kept)")) == "1\n"
    reply = client.finish(client.execute("%restart now"))
    assert reply["ename"] == "InitError"
    assert client.text(client.run("print(2)")).splitlines()[-1] == "2"
    client.fence()
    client.assert_once()


def test_restart_now_overtakes_it(client: Client, file: Path) -> None:
    client.run("1")
    file.write_text("import time\nprint('sleeps')\ntime.sleep(1000)")
    first = client.execute("%restart")
    client.wait_for(first, "text:sleeps")
    file.write_text(CODE)
    second = client.execute(f"%restart now\n{LOOK}")
    client.finish(first, second)
    assert client.text(second).splitlines()[-1] == "True"
    assert "init.py failed" in client.shown(first)
    client.fence()
    client.assert_once()


def test_a_standby_runs_it_when_it_takes_over(place: Place, file: Path) -> None:
    options = [f"--init={file}", "--standby=full"]
    client = place.start("wrapped", options=options).client()
    client.run("1")
    said = ""

    def ready() -> bool:
        nonlocal said
        said = standby_status(client)
        return said.startswith("ready")

    harness.until(ready, f"a standby; {said!r}", 60, every=0.5)
    cell = client.run(f"%restart\n{LOOK}")
    assert client.text(cell).splitlines()[-1] == "True"
    assert client.inner_pid() == int(said.partition("pid ")[2].partition(",")[0])


@pytest.mark.usefixtures("in_place")
def test_the_restart_button_runs_it(place: Place, file: Path) -> None:
    kernel = Pressed(place, options=[f"--init={file}"])
    client = kernel.client()
    client.run("%ipr init\nmarked = 'yes'")
    old = client.inner_pid()
    kernel.restart()
    cell = client.run("print(initial, marked)")
    assert client.text(cell).splitlines()[-1] == f"{client.inner_pid()} yes"
    assert client.inner_pid() != old
    file.write_text("1 / 0")
    kernel.restart()
    cell = client.run("print('runs')")
    assert "In the new kernel init.py failed, 1 init cell not run:" in client.text(
        cell, "stderr"
    )
    assert client.text(cell).splitlines()[-1] == "runs"
    client.fence()
    client.assert_once()


@pytest.mark.usefixtures("in_place")
def test_the_restart_button_ends_one_that_hangs(place: Place, file: Path) -> None:
    kernel = Pressed(place, options=[f"--init={file}"])
    client = kernel.client()
    client.run("1")
    file.write_text("import time\nprint('sleeps')\ntime.sleep(1000)")
    cell = client.execute("%restart")
    client.wait_for(cell, "text:sleeps")
    file.write_text(CODE)
    kernel.restart()
    assert client.finish(cell)["status"] == "error"
    assert client.text(client.run(LOOK)).splitlines()[-1] == "True"
    client.fence()
    client.assert_once()


def test_shutting_down_ends_one_that_hangs(
    client: Client, file: Path, kernel: Kernel
) -> None:
    client.run("1")
    file.write_text("import time\nprint('sleeps')\ntime.sleep(1000)")
    cell = client.execute("%restart")
    client.wait_for(cell, "text:sleeps")
    kernel.shutdown()
    client.finish(cell)
    assert kernel.exit_code(20) == 0
    assert kernel.place.leftovers() == []


def test_a_notebook_shows_it_where_it_restarts(place: Place) -> None:
    """By nbclient, which shows what stands in the cell that restarted."""
    cells = [
        "%ipr init\nimport os\nmarked = os.getpid()\nif os.path.exists('x'): 1 / 0",
        "%restart\nprint(marked == os.getpid())",
        "open('x', 'w').close()",
        "%restart",
    ]
    book = {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": None,
                "id": f"cell-{number}",
                "metadata": {},
                "outputs": [],
                "source": code,
            }
            for number, code in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"name": place.wrapped_spec(), "display_name": ""}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = Path(place.work, "book.ipynb")
    path.write_text(json.dumps(book))
    code = "from nbclient.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--allow-errors", "--inplace", str(path)],
        env=place.environment(),
        cwd=place.work,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    ran = [cell["outputs"] for cell in json.loads(path.read_text())["cells"]]
    assert [output["text"] for output in ran[1] if "text" in output] == [["True\n"]]
    assert "ran 1 init cell" in str(ran[1])
    errors = [output["ename"] for output in ran[3] if "ename" in output]
    assert errors == ["ZeroDivisionError"]


def test_a_file_that_another_restart_cuts_off_is_told_at_the_next_cell(
    client: Client, place: Place
) -> None:
    once = Path(place.work, "once.py")
    once.write_text("import time\nopen('begun', 'w').close()\ntime.sleep(1000)")
    client.run("import ipr; ipr.restart(run='once.py')")
    begun = Path(place.work, "begun")
    harness.until(begun.exists, "once.py to run", 30)
    client.run("%restart now")
    cell = client.run("print('runs')")
    told = "While once.py ran, another restart ended it. It is not run again."
    assert told in client.text(cell, "stderr")
    client.fence()
    client.assert_once()


def test_a_file_that_waits_is_run_by_the_restart_that_comes_first(
    client: Client, place: Place
) -> None:
    Path(place.work, "once.py").write_text("once = 'yes'")
    code = "import ipr, time; ipr.restart(run='once.py'); print('on', flush=True)"
    cell = client.execute(f"{code}; time.sleep(1000)")
    client.wait_for(cell, "text:on")
    client.run("%restart now")
    client.finish(cell)
    assert client.value("once") == "yes"
    client.fence()
    client.assert_once()


def test_a_terminal_runs_a_file_once(client: Client, place: Place) -> None:
    Path(place.work, "once.py").write_text("once = 'yes'")
    client.run("import ipr; ipr.restart(run='once.py')")
    client.fence()
    assert client.value("once") == "yes"
    Path(place.work, "once.py").write_text("1 / 0")
    client.run("import ipr; ipr.restart(run='once.py')")
    client.fence()
    cell = client.run("print('runs')")
    assert "once.py failed" in client.text(cell, "stderr")
    cell = client.execute("import ipr; ipr.restart(run='gone.py')")
    assert "--run: cannot read" in client.finish(cell)["evalue"]
