"""Restart from the front end, as its kernel manager's provisioner orders it: raw
messages to a wrapped ipykernel, without the provisioner.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import harness
from tests.e2e.harness import Client, Kernel, Place
from tests.e2e.situations import (
    ALL,
    SLEEP,
    Prepare,
    asking,
    busy,
    crashed,
    queued,
    restarting,
)

#: States of the cells in which a core run presses the button.
CORE = (busy, asking, queued, restarting)

#: Seconds that an answer to a greeting or to an order may take, under load.
AT_ONCE = 2.0


class Button:
    """What a provisioner sends, and what its manager does.

    :ivar line: the provisioner's, with a session id of its own.
    :ivar owner: the manager.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.line = kernel.client()
        self.owner = kernel.client()
        self.count = 0
        self.greet()

    def _answer(self, line: Client, kind: str, content: dict[str, Any]) -> Any:
        msg_id = line.send(kind, content, "control")
        line.wait(lambda: line.replies(msg_id), f"the answer to {kind}", AT_ONCE)
        [reply] = line.replies(msg_id)
        assert reply.channel == "control"
        return reply.content

    def greet(self) -> dict[str, Any]:
        """Greet; :return: what the answer says of the daemon."""
        content = {"ipr": {"owner": self.owner.session}}
        found = self._answer(self.line, "kernel_info_request", content)["ipr"]
        assert found["restart"] is True
        assert found["owner"] == self.owner.session
        assert isinstance(found, dict)
        return found

    def order(self, line: Client | None = None, **content: Any) -> dict[str, Any]:
        """Order a restart; :return: the content of the answer."""
        found = self._answer(line or self.line, "ipr_restart_request", content)
        assert isinstance(found, dict)
        return found

    def press(self, *, now: bool = False, **content: Any) -> None:
        """Do all that a manager and its provisioner do at a restart."""
        self.owner.send("interrupt_request", channel="control")
        if not now:
            self.owner.send("shutdown_request", {"restart": True}, "control")
            self.count += 1
            harness.until(
                lambda: self.greet()["asked"] >= self.count,
                "the request to be counted",
                AT_ONCE,
            )
        assert self.order(now=now, **content) == {"status": "ok", "ignored": []}

    def check(self) -> None:
        """Nobody published anything for what went over the line."""
        assert [
            str(m)
            for m in self.line.received
            if m.channel == "iopub" and (m.parent.get("session") == self.line.session)
        ] == []
        check(self.owner)


@pytest.fixture
def client(kernel: Kernel) -> Iterator[Client]:
    client = kernel.client()
    yield client
    check(client)


def check(client: Client) -> None:
    """All is answered, once; nothing made the front end give the kernel up."""
    if client.kernel is not None and client.kernel.process.poll() is None:
        client.fence()
    client.assert_once()
    states = {m.state for m in client.received}
    assert not states & {"dead", "restarting"}


@pytest.fixture
def button(kernel: Kernel, client: Client) -> Iterator[Button]:
    button = Button(kernel)
    client.run("x = 1")
    yield button
    button.check()


def is_new(client: Client) -> bool:
    """Whether the kernel knows nothing of what was run before."""
    return client.value("'x' in globals()") == "False"


def pressed() -> list[Any]:
    """Return each state of the cells, and whether the button is pressed urgently."""
    urgent = [
        pytest.param(
            prepare,
            True,
            marks=pytest.mark.core if prepare in CORE else pytest.mark.slow,
        )
        for prepare in ALL
    ]
    return [*urgent, *((prepare, False) for prepare in ALL)]


@pytest.mark.parametrize(("prepare", "now"), pressed())
def test_restart_is_in_place(
    kernel: Kernel, client: Client, button: Button, prepare: Prepare, now: bool
) -> None:
    """Same process, same sockets; what was asked before it does not run after it."""
    before = prepare(client)
    generation = button.greet()["generation"]
    button.press(now=now)
    if before:
        client.finish(*before, within=20)
    assert is_new(client)
    assert button.greet()["generation"] > generation
    assert kernel.process.poll() is None
    for msg_id in before:
        assert client.replies(msg_id)[0].content["status"] != "ok", client.story()


def test_other_clients_input_box_is_closed(client: Client, button: Button) -> None:
    """JupyterLab closes it at a shutdown_reply{restart: true} on iopub."""
    for now in (True, False):
        client.forget()
        [msg_id] = asking(client)
        button.press(now=now)
        client.finish(msg_id)
        freed = [m for m in client.received if m.type == "shutdown_reply"]
        assert freed, client.story()
        assert all(m.content["restart"] for m in freed)


def test_twice_in_a_row(kernel: Kernel, client: Client, button: Button) -> None:
    """And many times; the interrupts do not end kernels that are starting."""
    for number in range(10):
        button.press(now=number % 3 == 2)
        # At every point of the next kernel's imports.
        time.sleep(0.06 * number)
    assert is_new(client)
    assert "Traceback" not in kernel.stderr(), kernel.stderr()


def test_cells_after_the_order_run_in_the_new_kernel(
    client: Client, button: Button
) -> None:
    button.press()
    cells = [client.execute(f"x = {number}") for number in range(5)]
    client.finish(*cells)
    assert client.value("x") == "4"


def test_dead_kernel_comes_back(place: Place) -> None:
    kernel = place.start("wrapped", ["--no-autorestart"])
    client = kernel.client()
    button = Button(kernel)
    crashed(client)
    refused = client.run("1")
    assert client.replies(refused)[0].content["status"] == "error"
    button.press()
    assert client.value("1 + 1") == "2"
    check(client)
    button.check()


def test_kernel_that_cannot_start_is_told_and_comes_back(place: Place) -> None:
    """The order is carried out; the next cell says what is wrong."""
    command = os.path.join(place.root, "python")
    os.symlink("/usr/bin/env", command)
    name = place.wrapped_spec(
        [command, sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    )
    kernel = Kernel(place, name)
    client = kernel.client()
    button = Button(kernel)
    os.rename(command, f"{command}2")
    button.press()
    reply = client.finish(client.execute("1"))
    assert reply["ename"] == "KernelStartError", reply
    os.rename(f"{command}2", command)
    button.press()
    assert client.value("1 + 1") == "2"
    check(client)


@pytest.mark.parametrize("now", [False, True])
def test_shutdown_right_after(
    place: Place, kernel: Kernel, client: Client, button: Button, now: bool
) -> None:
    """Nothing is left, and the last cell is answered."""
    cell = client.execute(SLEEP)
    client.wait_for(cell, "text:on")
    button.press(now=now)
    held = client.execute("1")
    gone = button.owner.send("shutdown_request", {"restart": False}, "control")
    button.owner.finish(gone)
    client.finish(cell, held)
    assert kernel.exit_code(10) == 0
    os.unlink(kernel.connection_file)
    harness.until(
        lambda: not place.processes() and not place.leftovers(),
        "nothing to be left",
        5,
    )


def test_request_without_an_order_changes_nothing(
    kernel: Kernel, client: Client, button: Button
) -> None:
    """A restart that was aborted half way: the kernel is the same."""
    button.owner.send("shutdown_request", {"restart": True}, "control")
    harness.until(lambda: button.greet()["asked"] == 1, "it to be counted", AT_ONCE)
    time.sleep(1)
    assert client.value("x") == "1"
    assert kernel.process.poll() is None


def test_other_clients_request_ends_the_daemon(
    kernel: Kernel, client: Client, button: Button
) -> None:
    """As without a provisioner."""
    client.finish(client.send("shutdown_request", {"restart": True}, "control"))
    assert kernel.exit_code(10) == 0


def test_orders_of_others_are_not_taken(client: Client, button: Button) -> None:
    found = button.order(client)
    assert found["status"] == "error"
    assert "run %restart instead" in found["evalue"]
    assert client.value("x") == "1"
    client.forget()


def test_environment_and_folder(place: Place, client: Client, button: Button) -> None:
    """Kept for later restarts, %restart --reset too; under what %restart changes."""
    folder = os.path.join(place.root, "other")
    os.mkdir(folder)
    both = "[os.environ.get(n) for n in ('JPY_SESSION_NAME', 'A')], os.getcwd()"
    value = f"(lambda os: ({both}))(__import__('os'))"
    client.run("%restart --env A=mine")
    button.press(env={"JPY_SESSION_NAME": "new.ipynb", "A": "theirs"}, cwd=folder)
    assert client.value(value) == str((["new.ipynb", "mine"], folder))
    client.run("%restart")
    assert client.value(value) == str((["new.ipynb", "mine"], folder))
    client.run("%restart --reset")
    assert client.value(value) == str((["new.ipynb", "theirs"], folder))
    button.press(env={"A": None})
    assert client.value(value) == str((["new.ipynb", None], folder))
    gone = os.path.join(place.root, "gone")
    assert button.order(cwd=gone) == {"status": "ok", "ignored": ["cwd"]}
    assert client.value(value) == str((["new.ipynb", None], folder))


def test_wrong_orders_leave_the_kernel_alone(client: Client, button: Button) -> None:
    for content, part in (
        ({"env": {"A": "nul\0"}}, "NUL character"),
        ({"env": {"A=B": "1"}}, "cannot be the name of a variable"),
        ({"env": {"A": "x" * 200_000}}, "more than 128 KiB in one piece"),
        ({"cwd": "x\0"}, "NUL character"),
        ({"now": "yes"}, "has to be true or false"),
    ):
        found = button.order(**content)
        assert found["status"] == "error"
        assert part in found["evalue"], found
    many = {f"A{number}": "x" * 100_000 for number in range(70)}
    assert "the environment and the command take" in button.order(env=many)["evalue"]
    assert client.value("x") == "1"


def test_stopped_kernel_is_ended(
    kernel: Kernel, client: Client, button: Button
) -> None:
    """It hears nothing; the order is answered at once all the same."""
    pid = client.inner_pid()
    os.kill(pid, signal.SIGSTOP)
    button.press(now=True)
    assert is_new(client)
    assert not harness.is_alive(pid)
