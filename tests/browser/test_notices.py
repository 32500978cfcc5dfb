"""What a person sees of the end of a job, in JupyterLab and Notebook 7, light and dark.

The pictures in ``artifacts/browser`` are to be looked at: the words have to stand out.
"""

from __future__ import annotations

import datetime
import os

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

#: Has the page know a kernelspec that was not there before.
REFRESH = "() => jupyterapp.serviceManager.kernelspecs.refreshSpecs()"

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
