"""The Restart button with both its halves: jupyter_client's manager with our
provisioner, the daemon, and a real ipykernel.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from ipr.server.inplace import InPlaceProvisioner
from tests.e2e import harness
from tests.e2e.harness import Client, Place
from tests.e2e.situations import (
    SLEEP,
    Prepare,
    asking,
    behind_restart,
    busy,
    crashed,
    idle,
)
from tests.provisioning import register


class Button:
    """A kernel of an AsyncKernelManager, as a server starts it.

    :ivar process: the daemon.
    """

    def __init__(self, place: Place) -> None:
        register()
        self.place = place
        self.loop = asyncio.new_event_loop()
        metadata = {"kernel_provisioner": {"provisioner_name": "ipr-provisioner"}}
        name = place.wrapped_spec(metadata=metadata)
        self.manager: Any = AsyncKernelManager(
            kernel_name=name,
            kernel_spec_manager=KernelSpecManager(
                kernel_dirs=[place.specs], ensure_native_kernel=False
            ),
            connection_file=os.path.join(place.runtime, "kernel-button.json"),
        )
        self._stderr = os.path.join(place.root, "stderr")
        # As long as the kernel, for its restarts.
        self._sink = open(self._stderr, "wb")  # noqa: SIM115
        self.run(
            self.manager.start_kernel(
                env=place.environment(),
                cwd=place.work,
                stdout=self._sink,
                stderr=self._sink,
            )
        )
        assert isinstance(self.manager.provisioner, InPlaceProvisioner)
        self.process: Any = self.manager.provisioner.process
        self.clients: list[Client] = []

    def run(self, doing: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(doing)

    def client(self) -> Client:
        client = Client(self.manager.connection_file, f"client{len(self.clients)}")
        self.clients.append(client)
        client.wait_until_ready()
        return client

    def press(self, **how: Any) -> float:
        """Restart; :return: how many seconds it took."""
        began = time.monotonic()
        self.run(self.manager.restart_kernel(**how))
        return time.monotonic() - began

    def assert_in_place(self) -> None:
        assert self.manager.provisioner.process is self.process, self.stderr()
        assert self.process.poll() is None, self.stderr()

    def stderr(self) -> str:
        with open(self._stderr, errors="replace") as file:
            return file.read()

    def close(self) -> None:
        for client in self.clients:
            client.close()
        if self.manager.has_kernel:
            self.run(self.manager.shutdown_kernel(now=True))
        self.loop.close()
        self._sink.close()


# traitlets frowns at every field of kernel.json that it does not know.
pytestmark = pytest.mark.filterwarnings("ignore:Passing unrecognized arguments")


@pytest.fixture
def button(place: Place) -> Iterator[Button]:
    button = Button(place)
    try:
        yield button
    finally:
        button.close()
    harness.until(
        lambda: not place.processes() and not place.leftovers(),
        f"nothing to be left: {place.described_processes()} {place.leftovers()}",
        10,
    )


@pytest.mark.parametrize("now", [False, True])
@pytest.mark.parametrize("prepare", [idle, busy, asking, behind_restart, crashed])
def test_restart_keeps_the_process(button: Button, prepare: Prepare, now: bool) -> None:
    client = button.client()
    client.run("x = 1")
    before = prepare(client)
    button.press(now=now)
    if before:
        client.finish(*before)
    assert client.value("'x' in globals()") == "False"
    button.assert_in_place()
    client.fence()
    client.assert_once()


def test_many_in_a_row(button: Button) -> None:
    """Into idle, starting and running kernels; no traceback, no descriptor left."""
    client = button.client()
    button.press()
    before = len(os.listdir("/proc/self/fd"))
    daemons = len(os.listdir(f"/proc/{button.process.pid}/fd"))
    for number in range(30):
        button.press(now=number % 3 == 2)
        if number % 5 == 4:
            assert client.value("1 + 1") == "2"
        elif number % 5 == 2:
            client.execute(SLEEP)
            time.sleep(0.3)
    assert client.value("1 + 1") == "2"
    button.assert_in_place()
    assert "Traceback" not in button.stderr(), button.stderr()
    assert len(os.listdir("/proc/self/fd")) <= before
    client.fence()
    client.assert_once()
    assert len(os.listdir(f"/proc/{button.process.pid}/fd")) <= daemons


def test_environment_of_a_restart_holds(button: Button) -> None:
    """As the Jupyter server names a renamed notebook."""
    client = button.client()
    there = "__import__('os').environ.get('JPY_SESSION_NAME')"
    environment = {**button.place.environment(), "JPY_SESSION_NAME": "new.ipynb"}
    button.press(env=environment)
    assert client.value(there) == "new.ipynb"
    button.press()
    assert client.value(there) == "new.ipynb"
    client.run("%restart --reset")
    assert client.value(there) == "new.ipynb"
    button.assert_in_place()
