"""``%ipr output`` in other languages."""

from __future__ import annotations

import pytest

from tests.e2e.harness import Place
from tests.kernels.subjects import BY_NAME
from tests.kernels.test_commands import started

pytestmark = pytest.mark.kernels


@pytest.mark.parametrize("name", ["bash", "ir"], indirect=True)
def test_output_of_another_language_is_shown_again(name: str, place: Place) -> None:
    subject = BY_NAME[name]
    client = started(name, place).client()
    client.run(subject.cells.keep)
    client.run(subject.cells.recall)
    shown = client.shown(client.run("%ipr output 2"))
    assert "secret41" in shown
    assert shown.count("(ok, ") == 2
    client.run("%restart")
    assert "in kernel 1, which is gone" in client.shown(client.run("%ipr output"))
    client.fence()
    client.assert_once()
