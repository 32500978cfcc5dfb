"""``%ipr replay`` and ``%restart --replay``: back to where the kernel was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.e2e.harness import Client, Kernel, Place

#: Twelve cells, as a notebook has them; each but the first needs the one before.
CELLS = [
    "import os, signal; x = 1",
    *(f"x += {n}; print('cell', x)" for n in range(11)),
]
LAST = "print(x)"
CRASH = "os.kill(os.getpid(), signal.SIGSEGV)"


@pytest.fixture
def notebook(client: Client) -> Client:
    for code in CELLS:
        client.run(code)
    return client


def crash(client: Client) -> str:
    reply = client.finish(client.execute(CRASH))
    assert reply["ename"] == "DeadKernelError"
    return "\n".join(reply["traceback"])


def test_after_a_crash_twelve_cells_run_again(notebook: Client) -> None:
    assert "'%ipr replay' runs the 12 cells before it again." in crash(notebook)
    cell = notebook.run("%ipr replay")
    assert "replayed 12 cells in 0:0" in notebook.shown(cell)
    assert "cell 56" not in notebook.text(cell)
    assert notebook.text(notebook.run(LAST)) == "56\n"
    notebook.fence()
    notebook.assert_once()


def test_a_restart_runs_them_in_the_new_kernel_and_its_rest_after_them(
    notebook: Client,
) -> None:
    cell = notebook.run(f"%restart --replay\n{LAST}")
    assert "replayed 12 cells in 0:0" in notebook.shown(cell)
    assert notebook.text(cell) == "56\n"
    notebook.fence()
    notebook.assert_once()


def test_it_stops_at_the_first_error_and_says_where(notebook: Client) -> None:
    notebook.run("import tempfile; path = tempfile.mkdtemp()")
    notebook.run("os.rmdir(path) if x == 56 else None; x = 0")
    notebook.run("print('end')")
    cell = notebook.execute("%restart --replay 2")
    assert notebook.finish(cell)["ename"] == "NameError"
    assert "stopped at cell 1 of 2: os.rmdir(path)" in notebook.shown(cell)
    notebook.fence()
    notebook.assert_once()


def test_an_interrupt_stops_it_and_says_where(client: Client, kernel: Kernel) -> None:
    client.run("import time; t = 0.01")
    client.run("time.sleep(t); t = 30")
    client.run("time.sleep(min(t, 0.01)); done = 1")
    client.run("%restart\nimport time; t = 30")
    cell = client.execute("%ipr replay 2")
    client.wait_for(cell, "display_data")
    time.sleep(0.5)  # until the kernel is in it
    kernel.process.send_signal(signal.SIGINT)
    assert client.finish(cell)["ename"] == "KeyboardInterrupt"
    assert "interrupted at cell 1 of 2: time.sleep(t)" in client.shown(cell)
    client.fence()
    client.assert_once()


def test_a_crash_in_it_says_where_and_does_not_go_on(notebook: Client) -> None:
    notebook.run(f"{CRASH} if x == 0 else None")
    notebook.run("%restart\nimport os, signal; x = 0")
    cell = notebook.execute("%ipr replay 1")
    reply = notebook.finish(cell)
    assert reply["ename"] == "DeadKernelError"
    assert reply["evalue"].endswith(" while cell 1 of 1 was replayed")
    assert "stopped at cell 1 of 1" in notebook.shown(cell)
    assert notebook.text(notebook.run("print('alive')")) == "alive\n"
    cell = notebook.execute("%ipr replay")
    notebook.finish(cell)
    assert "replayed 1 cell in" in notebook.shown(cell)
    notebook.fence()
    notebook.assert_once()


#: Both go on after the crash: papermill goes by the tag of its cell.
PROGRAMS = {
    "nbclient": ["-c", "from nbclient.cli import main; main()", "--allow-errors"],
    "papermill": ["-m", "papermill"],
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_runs_notebooks_gets_its_line_and_the_state(
    place: Place, program: str
) -> None:
    """A replay that stops fails its cell, and so the run of papermill."""
    sources = [
        "import os, signal; x = 40",
        "x += 2; print('first', x)",
        CRASH,
        "%ipr replay",
        "print('after the crash', x)",
        "%restart --replay\nprint('in the new kernel', x)",
        "%restart --replay 1",
    ]
    book = {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": None,
                "id": f"cell-{number}",
                "metadata": {"tags": ["raises-exception"]} if code == CRASH else {},
                "outputs": [],
                "source": code,
            }
            for number, code in enumerate(sources)
        ],
        "metadata": {"kernelspec": {"name": place.wrapped_spec(), "display_name": ""}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    source, result = (os.path.join(place.work, name) for name in ("a.ipynb", "b.ipynb"))
    with open(source, "w") as file:
        json.dump(book, file)
    to = {"nbclient": [f"--output={result}", source], "papermill": [source, result]}
    # papermill ends with 1 where a cell has failed at last.
    subprocess.run(
        [sys.executable, *PROGRAMS[program], *to[program]],
        env=place.environment(),
        cwd=place.work,
        capture_output=True,
        text=True,
        timeout=90,
    )
    with open(result) as file:
        cells = json.load(file)["cells"]
    shown = [
        json.dumps(cell["outputs"]) for cell in cells if cell["cell_type"] == "code"
    ]
    assert "'%ipr replay' runs the 2 cells before it again." in shown[2]
    assert "replayed 2 cells in 0:0" in shown[3]
    assert "after the crash 42" in shown[4]
    assert ", replayed 3 cells in 0:0" in shown[5]
    assert "in the new kernel 42" in shown[5]
    assert "stopped at cell 1 of 1: print('in the new kernel', x)" in shown[6]
    assert "NameError" in shown[6]
