"""A checkpoint in kernels without subshells: after the cell, or by interrupting it."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import attrs
import pytest

from tests.e2e import harness
from tests.e2e.harness import Client, Place
from tests.kernels.starting import start
from tests.kernels.subjects import BY_NAME

pytestmark = pytest.mark.kernels


@attrs.frozen
class Words:
    """What a kernel is given.

    :ivar sets: gives a name the value "before".
    :ivar cell: says "on", sleeps for so many seconds, gives it the value "after".
    :ivar saves: writes the value into the file "saved".
    """

    sets: str
    cell: str
    saves: str


PYTHON = Words(
    sets="step = 'before'",
    cell="import time\nprint('on', flush=True)\ntime.sleep({})\nstep = 'after'",
    saves="_ = open('saved', 'a').write(step)",
)
WORDS = {
    "ipykernel6": PYTHON,
    "ir": Words(
        sets="step <- 'before'",
        cell="cat('on\\n'); flush.console()\nSys.sleep({})\nstep <- 'after'",
        saves="cat(step, file = 'saved', append = TRUE)",
    ),
    "bash": Words(
        sets="step=before",
        cell="echo on; sleep {}; step=after",
        saves='printf "$step" >> saved',
    ),
}
NAMES = list(WORDS)


#: Seconds from now until the checkpoint is due: a kernel that starts on a busy machine
#: must have run its first cell by then.
DUE = 20


def started(place: Place, name: str, *options: str) -> Client:
    """Start a kernel whose checkpoint is due after ``DUE`` seconds or a little more."""
    path = Path(place.root, "save.txt")
    path.write_text(WORDS[name].saves)
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=100 + DUE)
    return start(
        place,
        BY_NAME[name],
        f"--before-end={path}",
        "--before-end-at=100",
        f"--deadline={end.isoformat()}",
        *options,
    )


def saved(place: Place) -> str:
    """Wait for the checkpoint; return what it has saved."""
    path = Path(place.work, "saved")
    harness.until(lambda: path.exists() and path.read_text(), "the checkpoint", 30.0)
    return path.read_text()


@pytest.mark.parametrize("name", NAMES, indirect=True)
def test_checkpoint_runs_after_the_cell(place: Place, name: str) -> None:
    """The cell goes on to its end, and the checkpoint sees what it has left."""
    words = WORDS[name]
    client = started(place, name)
    client.run(words.sets)
    cell = client.execute(words.cell.format(DUE + 3))
    client.wait_for(cell, "text:on")
    assert client.finish(cell, within=60.0)["status"] == "ok"
    assert saved(place) == "after"
    # What it had to wait for the cell is not its own time.
    said = str(client.wait_for(cell, "text:Checkpoint save.txt ran, ").content)
    assert re.search(r"ran, [01]\.\d s", said), said
    assert "save.txt: ran, " in client.shown(client.run("%ipr status"))
    client.fence()
    client.assert_once()


@pytest.mark.parametrize("name", NAMES, indirect=True)
def test_checkpoint_interrupts_the_cell_where_that_is_wanted(
    place: Place, name: str
) -> None:
    """What was there before the cell is still there."""
    words = WORDS[name]
    client = started(place, name, "--before-end-interrupt")
    client.run(words.sets)
    cell = client.execute(words.cell.format(600))
    client.wait_for(cell, "text:on")
    client.finish(cell, within=60.0)
    assert saved(place) == "before"
    harness.until(
        lambda: "save.txt: ran, " in client.shown(client.run("%ipr status")),
        "the end of the checkpoint",
    )
    client.run(words.sets)
    client.fence()
    client.assert_once()
