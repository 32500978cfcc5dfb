"""``%restart --replay`` and ``%ipr replay`` in other languages."""

from __future__ import annotations

import pytest

from tests.e2e.harness import Place
from tests.kernels.subjects import BY_NAME
from tests.kernels.test_commands import started

pytestmark = pytest.mark.kernels


@pytest.mark.parametrize("name", ["bash", "ir"], indirect=True)
def test_cells_of_another_language_run_again(name: str, place: Place) -> None:
    subject = BY_NAME[name]
    client = started(name, place).client()
    client.run(subject.cells.keep)
    client.run(subject.cells.recall)
    cell = client.run("%restart --replay")
    assert "replayed 2 cells in 0:0" in client.shown(cell)
    assert "secret41" in client.shown(client.run(subject.cells.recall))
    client.fence()
    client.assert_once()


#: Kills the kernel.
CRASH = {
    "ir": "tools::pskill(Sys.getpid(), 9)",
    "bash": "kill -9 $PPID",
}


@pytest.mark.parametrize("name", CRASH, indirect=True)
def test_they_run_again_after_a_crash(name: str, place: Place) -> None:
    subject = BY_NAME[name]
    client = started(name, place).client()
    client.run(subject.cells.keep)
    client.run(subject.cells.print)
    reply = client.finish(client.execute(CRASH[name]))
    assert reply["ename"] == "DeadKernelError"
    offer = "'%ipr replay' runs the 2 cells before it again."
    assert offer in reply["traceback"]
    cell = client.run("%ipr replay")
    assert "replayed 2 cells in 0:0" in client.shown(cell)
    assert "42" not in client.text(cell, None)
    assert "secret41" in client.shown(client.run(subject.cells.recall))
    client.fence()
    client.assert_once()
