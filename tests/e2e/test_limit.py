"""``%ipr limit`` on a wrapped ipykernel."""

from __future__ import annotations

import time

import pytest

from tests.e2e.harness import Client, Kernel, Place


@pytest.fixture
def kernel(place: Place) -> Kernel:
    return place.start("wrapped")


def test_a_cell_that_runs_too_long_is_interrupted_and_says_why(
    kernel: Kernel, client: Client
) -> None:
    client.run("%ipr limit 2s")
    assert "time limit of a cell" in client.shown(client.run("%ipr status"))
    cell = client.execute("import time\nx = 7\ntime.sleep(600)")
    client.finish(cell)
    assert client.text(cell, "stderr") == "stopped after 2s: %ipr limit 2s\n"
    assert client.replies(cell)[0].content["ename"] == "KeyboardInterrupt"
    # The kernel has stayed; each cell has the whole time; off is off.
    assert client.value("x") == "7"
    client.run("%ipr limit off")
    client.run("time.sleep(4)")
    assert "time limit" not in client.shown(client.run("%ipr status"))


def test_a_cell_that_does_not_end_has_its_kernel_restarted(
    kernel: Kernel, client: Client
) -> None:
    client.run("import signal\nx = 7")
    client.run("%ipr limit 1s")
    began = time.monotonic()
    cell = client.execute(
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    )
    client.finish(cell)
    assert time.monotonic() - began > 10
    assert "the kernel is restarted (%ipr limit)" in client.text(cell, "stderr")
    assert client.replies(cell)[0].content["status"] == "error"
    assert client.value("'x' in dir()") == "False"
    # It holds in the new kernel, too.
    assert "1s" in client.shown(client.run("%ipr limit"))


def test_time_in_input_does_not_count(kernel: Kernel, client: Client) -> None:
    client.run("%ipr limit 2s")
    cell = client.execute("print(input('? '))")
    question = client.input_request(cell)
    time.sleep(4)
    client.answer(question, "yes")
    client.finish(cell)
    assert client.replies(cell)[0].content["status"] == "ok"


def test_wrong_limit_is_one_sentence(kernel: Kernel, client: Client) -> None:
    client.run("%ipr limit 1h")
    for wrong in ("0s", "10", "soon", "off now"):
        cell = client.run(f"%ipr limit {wrong}")
        (why,) = client.replies(cell)
        assert "write a time such as 90s, 10m or 1h30m" in why.content["evalue"]
    assert "1h" in client.shown(client.run("%ipr limit"))
