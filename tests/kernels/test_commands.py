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


#: Lines of another language that go well, and some that fail.
LINES = {
    "ir": ("cat('went on')", "stop('no')"),
    "bash": ("echo went on", "false"),
}


def started(name: str, place: Place) -> Kernel:
    """Start a kernel of another language, wrapped."""
    subject = BY_NAME[name]
    with open(subject.lay(place.specs, name)) as file:
        argv = json.load(file)["argv"]
    return Kernel(place, place.wrapped_spec(argv, metadata={}), subject.environment)


@pytest.mark.parametrize("name", LINES, indirect=True)
def test_last_line_of_another_language_restarts_its_kernel(
    name: str, place: Place
) -> None:
    """When the lines before it have succeeded; otherwise the kernel stays."""
    subject = BY_NAME[name]
    client = started(name, place).client()
    client.run(subject.cells.keep)
    well, badly = LINES[name]
    cell = client.run(f"{badly}\n%restart")
    assert client.replies(cell)[0].content["status"] == "error"
    assert "secret41" in client.shown(client.run(subject.cells.recall))
    cell = client.run(f"{well}\n%restart")
    assert client.replies(cell)[0].content["status"] == "ok"
    assert "went on" in client.shown(cell)
    assert "secret41" not in client.shown(client.run(subject.cells.recall))
    client.fence()
    client.assert_once()


@pytest.mark.parametrize("name", CODE, indirect=True)
def test_cell_of_another_language_restarts_its_kernel(name: str, place: Place) -> None:
    subject = BY_NAME[name]
    kernel = started(name, place)
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
