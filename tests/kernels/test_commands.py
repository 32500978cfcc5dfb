"""``ipr restart`` by code of other languages: the kernel that runs it is restarted when
the cell has finished.
"""

from __future__ import annotations

import json
import sys

import pytest

from tests.e2e.harness import Kernel, Place
from tests.kernels.subjects import BY_NAME

pytestmark = pytest.mark.kernels

IPR = f"{sys.executable} -P -m ipr restart"
#: By kernel: code that asks, and then says that it has gone on.
CODE = {
    "ir": f"system('{IPR}')\ncat('went on')",
    "bash": f"{IPR}\necho went on",
}


@pytest.mark.parametrize("name", CODE, indirect=True)
def test_cell_of_another_language_restarts_its_kernel(name: str, place: Place) -> None:
    subject = BY_NAME[name]
    with open(subject.lay(place.specs, name)) as file:
        argv = json.load(file)["argv"]
    spec = place.wrapped_spec(argv, metadata={})
    kernel = Kernel(place, spec, subject.environment)
    client = kernel.client()
    client.run(subject.cells.keep)
    cell = client.run(subject.cells.recall)
    assert "secret41" in client.shown(cell)

    cell = client.run(CODE[name])
    assert "went on" in client.shown(cell)
    client.fence()
    cell = client.execute(subject.cells.recall)
    client.finish(cell)
    assert "secret41" not in client.shown(cell)
    client.fence()
    client.assert_once()
    assert kernel.process.poll() is None
