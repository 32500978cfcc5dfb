"""``%restart`` as the last line of a cell, on a wrapped ipykernel."""

from __future__ import annotations

import os
import sys

import pytest

from ipr.jupyter.placement import MISPLACED
from tests.e2e.harness import Client, Kernel, Place, until


@pytest.mark.core
def test_lines_run_and_then_the_kernel_is_restarted(client: Client) -> None:
    """All in one request; the cell after it, sent at once, runs in the new kernel."""
    before = client.inner_pid()
    first = client.execute("x = 3")
    code = "import os\nprint(x, os.getpid())\n%restart\n# done"
    cell = client.execute(code, user_expressions={"a": "x + 1"})
    after = client.execute("import os; print('x' in dir(), os.getpid())")
    client.finish(first, cell, after)
    (reply,) = client.replies(cell)
    assert reply.content["status"] == "ok"
    assert reply.content["execution_count"] == 2
    assert reply.content["user_expressions"]["a"]["data"]["text/plain"] == "4"
    types = client.types(cell)
    assert types == ["busy", "execute_input", "stream", "display_data", "idle"]
    assert client.iopub(cell)[1].content == {"code": code, "execution_count": 2}
    assert client.text(cell) == f"3 {before}\n"
    assert client.text(after).startswith("False ")
    assert str(before) not in client.text(after)


def test_lines_that_fail_keep_the_kernel(client: Client) -> None:
    failing = client.execute("y = 5\n1/0\n%restart")
    behind = client.execute("y = 6")
    reply = client.finish(behind, failing)
    assert (reply["status"], reply["ename"]) == ("error", "ZeroDivisionError")
    assert client.replies(behind)[0].content["status"] == "aborted"
    assert client.types(failing) == ["busy", "execute_input", "error", "idle"]
    assert client.value("y") == "5"


def test_misplaced_one_has_a_line_of_help(client: Client) -> None:
    """It stands beside the kernel's own words, which stay as they are."""
    cell = client.run("x = 1\n%restart\nx = 2")
    assert client.replies(cell)[0].content["ename"] == "UsageError"
    assert client.text(cell, None).endswith(MISPLACED)
    assert client.value("x") == "1"


def test_kernel_that_dies_in_the_lines_says_so_in_its_cell(client: Client) -> None:
    cell = client.run(
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n%restart"
    )
    assert client.replies(cell)[0].content["ename"] == "DeadKernelError"
    assert client.finish(client.execute("1"))["status"] == "ok"


def test_interrupted_lines_keep_the_kernel(client: Client) -> None:
    """No interrupt has a restart go ahead whose lines have not succeeded."""
    cell = client.execute(
        "z = 1\nimport time\nprint('on', flush=True)\ntime.sleep(60)\n%restart"
    )
    client.wait_for(cell, "text:on")
    client.send("interrupt_request", channel="control")
    assert client.finish(cell)["ename"] == "KeyboardInterrupt"
    assert client.value("z") == "1"


def test_input_in_the_lines_is_asked_as_ever(client: Client) -> None:
    cell = client.execute("print(input('name'))\n%restart")
    client.answer(client.input_request(cell), "me")
    assert client.finish(cell)["status"] == "ok"
    assert client.text(cell) == "me\n"


def test_wrong_option_is_found_before_any_line_runs(client: Client) -> None:
    cell = client.run("w = 1\n%restart --cwd /nowhere/at/all")
    assert client.replies(cell)[0].content["status"] == "error"
    assert client.value("'w' in dir()") == "False"


def test_option_holds_in_the_new_kernel(client: Client) -> None:
    assert (
        client.finish(client.execute("w = 1\n%restart --env A_B=c"))["status"] == "ok"
    )
    assert client.value("__import__('os').environ['A_B']") == "c"


@pytest.mark.parametrize("silent", [True, False])
def test_cell_that_shows_or_stores_nothing(client: Client, *, silent: bool) -> None:
    client.run("v = 1")
    cell = client.run("v\n%restart", silent=silent, store_history=False)
    assert client.replies(cell)[0].content["status"] == "ok"
    assert client.value("'v' in dir()") == "False"
    assert bool(client.shown(cell)) is not silent


def test_restart_happens_although_its_client_has_gone(
    place: Place, kernel: Kernel, client: Client
) -> None:
    """A laptop that is closed meanwhile: what was asked for comes."""
    before = client.inner_pid()
    leaving = kernel.client()
    cell = leaving.execute(
        "import os, time\n"
        "print('on', flush=True)\n"
        "while not os.path.exists('told'): time.sleep(0.05)\n"
        "%restart"
    )
    leaving.wait_for(cell, "text:on")
    leaving.close()
    kernel.clients.remove(leaving)
    with open(os.path.join(place.work, "told"), "w"):
        pass
    until(lambda: client.inner_pid() != before, "the new kernel")
    # Others have seen one busy and one idle of that cell.
    assert client.types(cell).count("idle") == 1
    assert client.types(cell).count("busy") == 1
    assert client.value("'time' in dir()") == "False"


@pytest.mark.parametrize("moment", ["after_busy", "after_reply", "after_idle"])
def test_kernel_killed_near_the_end_of_the_lines(place: Place, moment: str) -> None:
    """One reply and one idle, whenever it happens; after that there is a kernel."""
    script = os.path.join(os.path.dirname(__file__), "scripted_kernel.py")
    argv = [sys.executable, script, "{connection_file}"]
    spec = place.wrapped_spec(argv, metadata={}, language="scripted")
    client = Kernel(place, spec).client()
    cell = client.send(
        "execute_request",
        {"code": "print\n%restart", "silent": False, "store_history": True},
        metadata={"fault": {"moment": moment, "way": "kill:9"}},
    )
    reply = client.finish(cell)
    # Only when both were out had the lines gone well; then it is restarted.
    assert reply["status"] == ("ok" if moment == "after_idle" else "error")
    client.fence()
    assert client.finish(client.execute("print"))["status"] == "ok"
    client.assert_once()
