"""``--init FILE``: runs in each kernel before any cell, where its user sees it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.harness import Client, Kernel, Place

CODE = """\
import os
print("hello from init")
initial = os.getpid()
"""
LOOK = "print(globals().get('initial') == __import__('os').getpid())"


@pytest.fixture
def file(place: Place) -> Path:
    path = Path(place.root, "init.py")
    path.write_text(CODE)
    return path


@pytest.fixture
def kernel(place: Place, file: Path) -> Kernel:
    return place.start("wrapped", options=[f"--init={file}"])


def test_it_has_run_before_the_first_cell(client: Client) -> None:
    first = client.run(LOOK)
    assert client.text(first) == "True\n"
    assert client.finish(client.execute("1"))["execution_count"] == 2


def test_its_output_stands_in_the_cell_that_restarted(client: Client) -> None:
    cell = client.run(f"%restart\n{LOOK}")
    print(client.shown(cell))
    assert "hello from init\n" in client.text(cell)
    assert client.text(cell).splitlines()[-1] == "True"
    assert ", ran init.py" in client.shown(cell)
    assert client.finish(client.execute("1"))["execution_count"] == 2
    client.fence()
    client.assert_once()


def test_after_a_crash_it_has_run_before_the_next_cell(client: Client) -> None:
    client.run("1")
    client.finish(client.execute("import os, signal; os.kill(os.getpid(), 9)"))
    cell = client.run(LOOK)
    assert client.text(cell).splitlines()[-1] == "True"


def test_its_error_fails_the_cell_that_restarted(client: Client, file: Path) -> None:
    client.run("1")
    file.write_text("print('so far')\nimport no_such_module\n")
    cell = client.execute("%restart\nprint('after')")
    reply = client.finish(cell)
    print(client.shown(cell), reply)
    assert reply["status"] == "error"
    assert reply["ename"] == "ModuleNotFoundError"
    assert "after" not in client.shown(cell)
    assert "init.py failed" in client.shown(cell)
    assert client.text(client.run("print(1)")).splitlines()[-1] == "1"


def test_one_that_ends_the_kernel_is_left_out_of_the_next_one(
    client: Client, file: Path
) -> None:
    client.run("1")
    file.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    cell = client.execute("%restart")
    reply = client.finish(cell)
    print(client.shown(cell), reply)
    assert reply["ename"] == "DeadKernelError"
    assert "while init.py ran" in reply["evalue"]
    assert client.text(client.run("print(1)")).splitlines()[-1] == "1"
    file.write_text(CODE)
    cell = client.run(f"%restart\n{LOOK}")
    assert client.text(cell).splitlines()[-1] == "True"


def test_it_asks_who_restarted(client: Client, file: Path) -> None:
    client.run("1")
    file.write_text("name = input('name? ')")
    cell = client.execute("%restart\nprint(name)", allow_stdin=True)
    client.answer(client.input_request(cell), "Ann")
    client.finish(cell)
    assert client.text(cell).splitlines()[-1] == "Ann"


def test_an_interrupt_ends_it(client: Client, file: Path, kernel: Kernel) -> None:
    client.run("1")
    file.write_text("import time\nprint('sleeps')\ntime.sleep(1000)")
    cell = client.execute("%restart")
    client.wait_for(cell, "text:sleeps")
    os.kill(kernel.pid, signal.SIGINT)
    reply = client.finish(cell)
    assert reply["ename"] == "KeyboardInterrupt"
    assert client.text(client.run("print(1)")).splitlines()[-1] == "1"
