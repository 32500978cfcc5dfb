"""What a person sees of the end of a job, in JupyterLab and Notebook 7, light and dark.

The pictures in ``artifacts/browser`` are to be looked at: the words have to stand out.
"""

from __future__ import annotations

import datetime
import os
import re
import signal

import pytest

from tests.browser.conftest import Open, picture
from tests.browser.lab import Lab
from tests.e2e import memorylimit

pytestmark = pytest.mark.browser

#: Has the page know a kernelspec that was not there before.
REFRESH = "() => jupyterapp.serviceManager.kernelspecs.refreshSpecs()"

#: Ends the kernel: its group cannot be removed before.
SHUT_DOWN = "() => jupyterapp.serviceManager.sessions.shutdownAll()"

BUSY = "import time\nfor step in range(120):\n    time.sleep(0.5)\nprint('done')"


@pytest.fixture(params=["lab", "seven"])
def front_end(request: pytest.FixtureRequest) -> Lab:
    found: Lab = request.getfixturevalue(request.param)
    return found


#: Of the file of ``--before-end``, and what comes of it.
CODE = {"Light": "saved = step", "Dark": "saved = nothing"}
TOLD = {"Light": "Checkpoint save.py ran, ", "Dark": "save.py FAILED after "}


def test_warning_of_the_end_becomes_that_of_the_checkpoint(
    front_end: Lab, theme: str, open_notebook: Open
) -> None:
    """One line under the running cell; nothing piles up."""
    place = front_end.server.place
    path = os.path.join(place.work, "save.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(CODE[theme])
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=60)
    options = (
        f"--deadline={end.isoformat()}",
        "--warn-before=58",
        "--before-end-at=20",
        f"--before-end={path}",
    )
    spec = place.wrapped_spec(options=options)
    front_end.page.evaluate(REFRESH)
    notebook = open_notebook([BUSY, "saved"], spec)
    notebook.start(0)
    cell = notebook.wait_for_text(0, TOLD[theme], 90.0)
    assert cell.text.count("Save what you need.") == 1
    assert cell.running
    assert front_end.dialogs() == []


LEAK = """\
import time
kept = []
while True:
    kept.append(bytes([1]) * (8 << 20))
    time.sleep(0.8)"""


def test_warning_of_the_memory_and_what_is_said_after_the_kill(
    front_end: Lab, theme: str, open_notebook: Open, request: pytest.FixtureRequest
) -> None:
    """The first before, the second in the error of the same cell."""
    if missing := memorylimit.missing():
        pytest.skip(missing)
    place = front_end.server.place
    spec = place.wrapped_spec()
    with memorylimit.limited(place, spec, 400):
        front_end.page.evaluate(REFRESH)
        notebook = open_notebook([LEAK, "%ipr status"], spec)
        notebook.start(0)
        cell = notebook.wait_for_text(0, "At the limit the system kills", 90.0)
        assert cell.running
        assert cell.text.count("Memory: ") == 1
        name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
        picture(front_end, f"{name}-warned")
        notebook.wait_for_text(0, "out of memory", 90.0)
        notebook.start(1)
        notebook.wait_for_text(1, "job memory", 30.0)
        picture(front_end, f"{name}-killed")
        front_end.page.evaluate(SHUT_DOWN)
    assert front_end.dialogs() == []


RUNS = "import time\nprint('epoch 1')\ntime.sleep(100)"


@pytest.mark.nightly
def test_end_of_the_job_is_said_once_in_the_cell(
    front_end: Lab, theme: str, open_notebook: Open, request: pytest.FixtureRequest
) -> None:
    """The next cell does not run; the server starts another kernel, and says so."""
    place = front_end.server.place
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=20)
    spec = place.wrapped_spec(
        options=(f"--deadline={end.isoformat()}", "--warn-before=0.1")
    )
    front_end.page.evaluate(REFRESH)
    notebook = open_notebook([RUNS, "print('next')"], spec)
    notebook.start(0)
    notebook.start(1)
    notebook.wait_for_text(0, "epoch 1")
    os.kill(front_end.server.outer_pid(notebook.kernel_id), signal.SIGTERM)
    why = "This kernel has reached its time limit"
    notebook.wait_for_text(0, why)
    notebook.until(lambda: not notebook.cell(0).running, "the end of the cell")
    cell, after = notebook.cells()
    assert cell.outputs == ("epoch 1", f"KernelShutDown: {why}")
    assert (after.prompt, after.outputs) == ("[ ]:", ())
    name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
    picture(front_end, f"{name}-ended")
    notebook.page.wait_for_selector(".jp-Dialog")
    notebook.accept()
    (dialog,) = front_end.dialogs()
    assert "It will restart automatically" in dialog
