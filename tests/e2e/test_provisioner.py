"""The Restart button while all goes well: whatever the kernel is doing, the process,
the connection and the clients stay, and each request is answered once.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from jupyter_client.manager import AsyncKernelManager, KernelManager

from tests.e2e import harness
from tests.e2e.button import MANAGERS, Pressed, assert_usable
from tests.e2e.harness import Client, Place

pytestmark = pytest.mark.usefixtures("in_place")

#: Seconds that a restart takes at most as the manager sees it: less than what it waits
#: for before it sends SIGTERM.
SOON = 2.4


def connection(kernel: Pressed) -> bytes:
    with open(kernel.connection_file, "rb") as file:
        return file.read()


def running(client: Client, code: str = "import time; time.sleep(600)") -> str:
    """Have a cell run that does not end by itself."""
    cell = client.execute(f"print('on', flush=True)\n{code}")
    client.wait_for(cell, "text:on")
    return cell


@pytest.mark.core
@pytest.mark.parametrize("kind", MANAGERS)
@pytest.mark.parametrize("now", [False, True])
def test_process_connection_and_clients_stay(
    place: Place, kind: type[KernelManager], now: bool
) -> None:
    kernel = Pressed(place, kind=kind)
    before = connection(kernel)
    one, two = kernel.client(), kernel.client()
    one.run("x = 41")
    old = one.inner_pid()
    cell = running(one)
    queued = one.execute("x = 42"), two.execute("x = 43")

    assert kernel.restart(now=now) < SOON
    assert kernel.manager.provisioner is kernel.provisioner
    assert kernel.provisioner.pid == kernel.pid
    assert harness.is_alive(kernel.pid)
    assert kernel.is_alive()
    harness.receive(
        [one, two],
        lambda: (
            one.is_finished(cell)
            and one.is_finished(queued[0])
            and two.is_finished(queued[1])
        ),
        "the answers to what ran and what was queued",
    )
    assert assert_usable(one, gone="x") != old
    assert assert_usable(two, gone="x") != old
    harness.fence([one, two])
    one.assert_once()
    two.assert_once()
    assert one.replies(cell)[0].content["ename"] in (
        "KeyboardInterrupt",
        "KernelRestarted",
    )
    assert one.replies(queued[0])[0].content["status"] == "aborted"
    assert two.replies(queued[1])[0].content["status"] == "aborted"
    assert connection(kernel) == before
    kernel.shutdown()
    harness.until(lambda: not place.processes(), "the end of every process", 5)
    assert place.leftovers() == []


def test_new_client_after_it(place: Place) -> None:
    kernel = Pressed(place)
    kernel.client().run("x = 1")
    kernel.restart()
    assert_usable(kernel.client(), gone="x")


@pytest.mark.core
@pytest.mark.parametrize("now", [False, True])
def test_while_input_is_waited_for(place: Place, now: bool) -> None:
    kernel = Pressed(place)
    client = kernel.client()
    cell = client.execute("input('name? ')")
    client.input_request(cell)
    kernel.restart(now=now)
    client.finish(cell)
    assert_usable(client)
    client.fence()
    client.assert_once()
    assert kernel.provisioner.pid == kernel.pid


@pytest.mark.parametrize("now", [False, True])
def test_while_the_kernel_starts(place: Place, now: bool) -> None:
    """Twice in a row: the second finds the kernel of the first in its imports."""
    kernel = Pressed(place)
    client = kernel.client()
    client.run("x = 1")
    kernel.restart(now=now)
    cell = client.execute("y = 1")
    kernel.restart(now=now)
    client.finish(cell)
    assert_usable(client, gone="x")
    client.fence()
    client.assert_once()
    assert kernel.provisioner.pid == kernel.pid
    assert "Traceback" not in kernel.stderr()


@pytest.mark.parametrize("now", [False, True])
def test_just_after_a_crash(place: Place, now: bool) -> None:
    kernel = Pressed(place)
    client = kernel.client()
    cell = client.execute("import os; os._exit(3)")
    kernel.restart(now=now)
    client.finish(cell)
    assert_usable(client)
    client.fence()
    client.assert_once()
    assert kernel.provisioner.pid == kernel.pid


@pytest.mark.parametrize("now", [False, True])
def test_of_a_kernel_that_stays_dead(place: Place, now: bool) -> None:
    kernel = Pressed(place, options=["--no-autorestart"])
    client = kernel.client()
    client.run("import os; os._exit(3)")
    refused = client.execute("1")
    assert client.finish(refused)["status"] == "error"
    kernel.restart(now=now)
    assert_usable(client)
    client.fence()
    client.assert_once()
    assert kernel.provisioner.pid == kernel.pid


@pytest.mark.core
@pytest.mark.parametrize(("count", "now"), [(2, False), (5, False), (5, True)])
def test_several_at_once(place: Place, count: int, now: bool) -> None:
    """jupyter_client fails all but one of them, between shutdown and start."""
    kernel = Pressed(place)
    kernel.manager.log.disabled = True
    client = kernel.client()
    client.run("x = 1")
    cell = running(client)
    done = kernel.restart_at_once(count, now=now)
    assert None in done
    client.finish(cell)
    assert_usable(client, gone="x")
    assert kernel.provisioner.pid == kernel.pid
    assert kernel.is_alive()
    kernel.restart(now=now)
    assert_usable(client)
    assert kernel.provisioner.pid == kernel.pid
    client.fence()
    client.assert_once()


def test_given_up_half_way(place: Place) -> None:
    """What comes after it finds the same process."""
    kernel = Pressed(place)
    client = kernel.client()
    client.run("x = 1")
    for now in (False, True):
        kernel.do(kernel.manager.shutdown_kernel(now=now, restart=True))
        # Here jupyter_client raised.
        assert harness.is_alive(kernel.pid)
        assert client.value("x") == "1"
        kernel.restart(now=now)
        assert_usable(client, gone="x")
        client.run("x = 1")
    assert kernel.provisioner.pid == kernel.pid


def test_is_never_dead_for_other_tasks(place: Place) -> None:
    """The server's restarter would launch another one on the same ports."""
    kernel = Pressed(place)
    client = kernel.client()
    manager: Any = kernel.manager
    seen: list[bool] = []

    async def restarts() -> None:
        async def poll() -> None:
            while True:
                seen.append(await manager.is_alive())
                await asyncio.sleep(0.0002)

        polling = asyncio.create_task(poll())
        restarted = 0
        while restarted < 3 or len(seen) < 500:
            await manager.restart_kernel(now=bool(restarted % 2))
            restarted += 1
        polling.cancel()

    kernel.do(restarts())
    assert len(seen) >= 500
    assert seen.count(False) == 0
    assert kernel.provisioner.pid == kernel.pid
    assert_usable(client)


def test_thirty_in_a_row(place: Place) -> None:
    """Nothing is left open, here or in the daemon, and nothing is complained of."""
    kernel = Pressed(place)
    client = kernel.client()
    kernel.restart()
    assert_usable(client)

    def open_files() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), len(
            os.listdir(f"/proc/{kernel.pid}/fd")
        )

    before = open_files()
    for at in range(30):
        kernel.restart(now=bool(at % 3))
        if at % 2:
            assert_usable(client)
    assert_usable(client)
    harness.until(lambda: open_files() == before, f"{before} files, not {open_files()}")
    assert kernel.provisioner.pid == kernel.pid
    assert "Traceback" not in kernel.stderr()
    client.fence()
    client.assert_once()


def test_cells_after_a_restart_cell_are_dropped(place: Place) -> None:
    """The front end has forgotten the rest of "Run All"; the new kernel must not."""
    kernel = Pressed(place)
    client = kernel.client()
    cells = [
        running(client),
        client.execute("%restart"),
        client.execute("ran = 1"),
        client.execute("ran = 2"),
    ]
    old = kernel.provisioner.pid
    kernel.restart()
    client.finish(*cells)
    assert_usable(client, gone="ran")
    client.fence()
    client.assert_once()
    assert kernel.provisioner.pid == old


@pytest.mark.parametrize("now", [False, True])
def test_while_a_restart_cell_is_under_way(place: Place, now: bool) -> None:
    kernel = Pressed(place)
    client = kernel.client()
    client.run("x = 1")
    cells = [client.execute("%restart now"), client.execute("ran = 1")]
    client.wait_for(cells[0], "execute_input")
    kernel.restart(now=now)
    client.finish(*cells)
    assert_usable(client, gone="x")
    client.fence()
    client.assert_once()


def test_status_that_clients_see(place: Place) -> None:
    """Never restarting, nor dead: JupyterLab and VS Code would give the kernel up."""
    kernel = Pressed(place)
    client = kernel.client()
    client.run("1")
    client.forget()
    kernel.restart()
    assert_usable(client)
    states = {m.state for m in client.received if m.state is not None}
    assert states <= {"busy", "idle", "starting"}
    restarted = [m for m in client.received if m.type == "shutdown_reply"]
    assert restarted
    assert all(m.content["restart"] for m in restarted)


@pytest.mark.parametrize("kind", MANAGERS)
def test_over_ipc(place: Place, kind: type[KernelManager]) -> None:
    class OverIpc(kind):  # type: ignore[misc,valid-type]
        def __init__(self, **traits: Any) -> None:
            super().__init__(
                transport="ipc", ip=os.path.join(place.runtime, "s"), **traits
            )

    kernel = Pressed(place, kind=OverIpc)
    client = kernel.client()
    client.run("x = 1")
    for now in (False, True):
        kernel.restart(now=now)
        assert_usable(client, gone="x")
    assert kernel.provisioner.pid == kernel.pid


def test_with_curve(place: Place) -> None:
    class Encrypted(AsyncKernelManager):
        def __init__(self, **traits: Any) -> None:
            super().__init__(transport_encryption="required", **traits)

    kernel = Pressed(place, kind=Encrypted)
    client = kernel.client()
    client.run("x = 1")
    kernel.restart()
    assert_usable(client, gone="x")
    assert kernel.provisioner.pid == kernel.pid


@pytest.mark.parametrize("now", [False, True])
def test_right_after_the_start(place: Place, now: bool) -> None:
    """Whether the daemon is there in time or not, there is one, and it works."""
    kernel = Pressed(place, agreed=False)
    kernel.restart(now=now)
    client = Client(kernel.connection_file)
    client.wait_until_ready()
    assert_usable(client)
    client.close()
    daemons = [p for p in place.processes() if p.ppid() == os.getpid()]
    assert [p.pid for p in daemons] == [kernel.provisioner.pid]
