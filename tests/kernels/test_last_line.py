"""``%restart`` as the last line of a cell, in one language after another.

R and bash are in test_commands.py, which guards the main job.
"""

from __future__ import annotations

import time

import pytest

from tests.e2e.harness import Client, Place
from tests.kernels.starting import start
from tests.kernels.subjects import BY_NAME

pytestmark = pytest.mark.kernels

NAMES = ["ipykernel6", "xeus-python", "lua", "deno", "tslab", "scheme", "octave"]
#: They answer ok whatever a cell has done: no line fails for them.
NEVER_FAIL = {"octave"}


def said(client: Client, cell: str) -> str:
    """Return all that was published; some print after their idle."""
    client.fence()
    return str([message.content for message in client.iopub(cell)])


@pytest.mark.parametrize("name", NAMES, indirect=True)
def test_lines_that_fail_keep_the_kernel_and_others_restart_it(
    place: Place, name: str
) -> None:
    cells = BY_NAME[name].cells
    client = start(place, BY_NAME[name])
    client.run(cells.keep)
    if name not in NEVER_FAIL:
        cell = client.execute(f"{cells.fail}\n%restart")
        assert client.finish(cell)["status"] == "error"
        time.sleep(0.5)  # tslab aborts what comes within a moment of an error
        assert "secret41" in said(client, client.run(cells.recall))
    cell = client.execute(f"{cells.print}\n%restart")
    assert client.finish(cell)["status"] == "ok"
    found = said(client, cell)
    assert "42" in found
    assert "restarted in place" in found
    cell = client.execute(cells.recall)
    client.finish(cell)
    assert "secret41" not in said(client, cell)
    client.assert_once()
