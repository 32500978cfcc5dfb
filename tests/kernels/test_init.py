"""``%ipr init``, ``--init`` and ``%restart --run`` in kernels of other languages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.harness import Place
from tests.kernels.starting import start
from tests.kernels.subjects import BY_NAME

pytestmark = pytest.mark.kernels

NAMES = ["ir", "bash", "xeus-python", "lua"]


@pytest.mark.parametrize("name", NAMES, indirect=True)
def test_an_init_cell_has_run_in_the_new_kernel(place: Place, name: str) -> None:
    subject = BY_NAME[name]
    client = start(place, subject)
    client.run(f"%ipr init\n{subject.cells.keep}\n{subject.cells.print}")
    cell = client.run(f"%restart\n{subject.cells.recall}")
    assert ", ran 1 init cell" in client.shown(cell)
    text = client.text(cell, None)
    assert text.index("42") < text.index("secret41")
    client.fence()
    client.assert_once()


@pytest.mark.parametrize("name", ["ir", "bash"], indirect=True)
def test_a_failing_file_fails_the_cell_that_restarted(place: Place, name: str) -> None:
    subject = BY_NAME[name]
    client = start(place, subject)
    path = Path(place.work, "once.txt")
    path.write_text(subject.cells.fail)
    cell = client.execute(f"%restart --run once.txt\n{subject.cells.print}")
    assert client.finish(cell)["status"] == "error"
    assert "once.txt failed" in client.shown(cell)
    assert "42" not in client.text(cell, None)
    again = client.run(subject.cells.print)
    assert "42" in client.text(again, None)
    client.fence()
    client.assert_once()


@pytest.mark.parametrize("name", ["ir"], indirect=True)
def test_the_file_of_init_asks_who_restarted(place: Place, name: str) -> None:
    subject = BY_NAME[name]
    path = os.path.join(place.root, "init.R")
    Path(path).write_text("")
    client = start(place, subject, f"--init={path}")
    client.run(subject.cells.print)
    Path(path).write_text(subject.cells.ask)
    cell = client.execute("%restart", allow_stdin=True)
    client.answer(client.input_request(cell), "Ann")
    client.finish(cell)
    assert "got Ann" in client.text(cell, None)
    client.fence()
    client.assert_once()
