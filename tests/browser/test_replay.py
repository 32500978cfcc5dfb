"""What a person sees of cells that run again, in JupyterLab and Notebook 7, light and
dark.

The pictures in ``artifacts/browser`` are to be looked at.
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser


@pytest.fixture(params=["lab", "seven"])
def front_end(request: pytest.FixtureRequest) -> Lab:
    found: Lab = request.getfixturevalue(request.param)
    return found


#: Twelve cells of a notebook; the fifth prints, the eighth takes a moment.
CELLS = [
    "import os, signal, time; x = 1",
    *(f"x += {number}" for number in range(3)),
    "print('rows:', x); x",
    *(f"x += {number}" for number in range(2)),
    "time.sleep(2)",
    *(f"x += {number}" for number in range(4)),
]
CRASH = "os.kill(os.getpid(), signal.SIGSEGV)"


@pytest.mark.usefixtures("theme")
def test_twelve_cells_run_again_after_a_crash(open_notebook: Open) -> None:
    """One line with a bar, and then what they have printed, folded away."""
    last = "%restart --replay 3\nprint('new', x)"
    notebook = open_notebook([*CELLS, CRASH, "%ipr replay", "print('again', x)", last])
    for number in range(12):
        notebook.run(number)
    notebook.start(12)
    notebook.wait_for_text(12, "'%ipr replay' runs the 12 cells before it again.")
    notebook.start(13)
    notebook.wait_for_text(13, "replaying cell 8 of 12 · 0:0")
    assert notebook.locate(13).locator("progress").count() == 1
    line, *below = notebook.wait_for_text(13, "replayed 12 cells in 0:0").outputs
    assert re.match(r"replayed 12 cells in 0:0\d\s*their output", line)
    assert below == []
    details = notebook.locate(13).locator("details")
    assert details.locator("pre").first.is_hidden()
    details.locator("summary").click()
    assert details.locator("pre").first.inner_text() == "rows: 4\n4"
    assert notebook.run(14).text == "again 11"
    # Three of them do not set the name: it stops at the first, and says so.
    notebook.start(15)
    notebook.wait_for_text(15, "stopped at cell 1 of 3")
    notebook.wait_for_text(15, "NameError: name 'x' is not defined")
    notebook.wait_until_still()


@pytest.mark.nightly
@pytest.mark.usefixtures("theme")
def test_terminal_restarts_and_runs_the_cells_again_beside_the_page(
    front_end: Lab, open_notebook: Open
) -> None:
    """The page shows it under the last cell that a person ran; what comes next is 1."""
    slow = "time.sleep(2); print('slow')"
    notebook = open_notebook(["import time; x = 1", slow, "x * 10", "print('new', x)"])
    for number in range(3):
        notebook.run(number)
    restarting = subprocess.Popen(
        [sys.executable, "-m", "ipr", "restart", notebook.kernel_id, "--replay"],
        env=front_end.server.place.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        notebook.wait_for_text(2, "replaying cell 2 of 3")
        assert notebook.locate(2).locator("progress").count() == 1
        said, _ = restarting.communicate(timeout=60)
    finally:
        restarting.kill()
    assert re.match(r"restarted in place, [\d.]+ s, replayed 3 cells in 0:0", said)
    result, line = notebook.wait_for_text(2, "replayed 3 cells in 0:0").outputs
    assert result == "10"
    assert re.match(r"restarted in place, .* 0:0\d\s*their output", line)
    cells = notebook.wait_until_still()
    assert [cell.prompt for cell in cells[:3]] == ["[1]:", "[2]:", "[3]:"]
    assert notebook.run(3).text == "new 1"
    assert notebook.cell(3).prompt == "[1]:"
    assert front_end.dialogs() == []
