"""``%restart --replay`` in other languages."""

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
