"""The Restart button through a Jupyter server: its REST API, and websockets as
JupyterLab has them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import urllib.error

import pytest

from tests.e2e import harness
from tests.e2e.harness import Place
from tests.e2e.serving import START_WITHOUT_IPR, Server, Socket, serving


async def connected(server: Server, kernel: str) -> tuple[Socket, int]:
    """Connect a front end, and run ``x = 1``; :return: it, and the daemon's pid."""
    one = Socket(server, kernel)
    await one.connect()
    await one.run("x = 1")
    return one, server.daemon()


@pytest.mark.parametrize("pending", [False, True])
def test_restart_by_rest_keeps_process_and_websocket(
    place: Place, pending: bool
) -> None:
    use = f"--MultiKernelManager.use_pending_kernels={pending}"
    with serving(place, True, use) as server:
        kernel = server.start(place.wrapped_spec())

        async def work() -> None:
            two = Socket(server, kernel)
            await two.connect()
            await two.run("x = 1")
            pid = server.daemon()
            session = ""
            for code in ("", "input()", "import time; print(1); time.sleep(600)"):
                # As JupyterLab does it after each restart.
                one = Socket(server, kernel, session)
                await one.connect()
                session = one.session
                await one.run("x = 1")
                queued = ""
                if code:
                    await one.start(code)
                    queued = await two.execute("x = 2")
                await asyncio.to_thread(server.restart, kernel)
                if queued:
                    assert (await two.finish(queued))["status"] == "aborted"
                    assert two.idles(queued) == 1
                    assert len(two.of(queued, "execute_reply")) == 1
                assert await one.run("print('x' in globals())") == "False\n"
                assert await two.run("print('x' in globals())") == "False\n"
                one.close()
            assert server.daemon() == pid
            states = [m for m in two.received if m["msg_type"] == "status"]
            said = {m["content"]["execution_state"] for m in states}
            assert said <= {"busy", "idle", "starting"}

        asyncio.run(work())
        state = server.ask("GET", f"api/kernels/{kernel}")["execution_state"]
        assert state == "idle"
        server.ask("DELETE", f"api/kernels/{kernel}")
        # An ipykernel that is ended in the middle of input() complains for itself.
        assert "[E " not in server.log()


def test_several_posts_at_once_keep_the_process(place: Place) -> None:
    with serving(place) as server:
        kernel = server.start(place.wrapped_spec())

        async def work() -> None:
            one, pid = await connected(server, kernel)

            def press() -> int:
                try:
                    server.restart(kernel)
                except urllib.error.HTTPError as error:
                    return error.code
                return 200

            for count in (2, 5):
                pressed = [asyncio.to_thread(press) for _ in range(count)]
                codes = await asyncio.gather(*pressed)
                assert 200 in codes, codes
                assert await one.run("print('x' in globals())") == "False\n"
                await one.run("x = 1")
            assert server.daemon() == pid

        asyncio.run(work())


def test_kernel_is_restarted_by_the_server_and_then_by_the_button(place: Place) -> None:
    """What autorestarts is the daemon that is gone, never one that lives."""
    with serving(place) as server:
        kernel = server.start(place.wrapped_spec())

        async def work() -> None:
            _, pid = await connected(server, kernel)
            os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(
                harness.until,
                lambda: [p for p in place.children(server.process.pid) if p != pid],
                "another daemon",
            )
            new = Socket(server, kernel)
            await new.connect()
            await new.run("x = 1")
            pid = server.daemon()
            for _ in range(2):
                await asyncio.to_thread(server.restart, kernel)
                assert await new.run("print('x' in globals())") == "False\n"
            # Longer than the server's restarter waits between two looks.
            await asyncio.sleep(3.5)
            assert server.daemon() == pid

        asyncio.run(work())


def test_renamed_notebook_is_known_after_the_restart(place: Place) -> None:
    with serving(place) as server:
        name = place.wrapped_spec()
        content = {
            "path": "old.ipynb",
            "type": "notebook",
            "name": "old.ipynb",
            "kernel": {"name": name},
        }
        session = server.ask("POST", "api/sessions", content)
        kernel = session["kernel"]["id"]

        async def work() -> None:
            one = Socket(server, kernel)
            await one.connect()
            look = "import os; print(os.path.basename(__session__))"
            assert await one.run(look) == "old.ipynb\n"
            pid = server.daemon()
            new = {**session, "path": "new.ipynb", "name": "new.ipynb"}
            server.ask("PATCH", f"api/sessions/{session['id']}", new)
            await asyncio.to_thread(server.restart, kernel)
            assert await one.run(look) == "new.ipynb\n"
            assert server.daemon() == pid

        asyncio.run(work())


def test_without_the_extension_the_process_goes_as_ever(place: Place) -> None:
    with serving(place, False) as server:
        kernel = server.start(place.wrapped_spec())

        async def work() -> None:
            _, pid = await connected(server, kernel)
            await asyncio.to_thread(server.restart, kernel)
            assert server.daemon() != pid
            new = Socket(server, kernel)
            await new.connect()
            assert await new.run("print('x' in globals())") == "False\n"

        asyncio.run(work())


def test_extension_does_no_harm_where_ipr_is_missing(place: Place) -> None:
    """Its file may be in a folder that the environments of a site share."""
    with serving(place, start=START_WITHOUT_IPR) as server:
        specs = [place.wrapped_spec(), place.plain_spec()]
        assert set(server.ask("GET", "api/kernelspecs")["kernelspecs"]) >= set(specs)
        for name in specs:
            kernel = server.start(name)

            async def work(kernel: str) -> None:
                one = Socket(server, kernel)
                await one.connect()
                await one.run("x = 1")
                pid = server.daemon()
                await asyncio.to_thread(server.restart, kernel)
                assert server.daemon() != pid
                new = Socket(server, kernel)
                await new.connect()
                assert await new.run("print('x' in globals())") == "False\n"

            asyncio.run(work(kernel))
            server.ask("DELETE", f"api/kernels/{kernel}")
        lines = [line for line in server.log().splitlines() if "ipr" in line]
        assert any("ipr.provisioner" in line for line in lines)
        print("\n".join(lines))


def test_plain_kernel_is_left_to_the_plain_provisioner(place: Place) -> None:
    with serving(place) as server:
        kernel = server.start(place.plain_spec())

        async def work() -> None:
            _, pid = await connected(server, kernel)
            await asyncio.to_thread(server.restart, kernel)
            assert server.daemon() != pid

        asyncio.run(work())
