"""JupyterHub with batchspawner: a user's whole server is a job of Slurm, and its
kernels are processes in there.  The hub, too, is an ordinary user's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import time
import urllib.error
from collections.abc import Iterator

import psutil
import pytest

from tests.e2e.harness import Place, until
from tests.e2e.serving import TOKEN, Api, Socket
from tests.places import cluster, ordinary, recipes
from tests.places.cluster import Slurm
from tests.places.ordinary import User
from tests.places.sessions import IDS

pytestmark = [pytest.mark.launcher, pytest.mark.slurm]

PAGE = "howto/jupyterhub.rst"
NAME = "nobody"
#: The user has no home that passwd(5) knows.
CONFIGURATION = """\
import batchspawner

c.JupyterHub.bind_url = "http://127.0.0.1:{front}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy}"
c.ConfigurableHTTPProxy.command = [{node!r}]
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.services = [dict(name="tests", api_token={token!r})]
scopes = ["admin:users", "admin:servers", "access:servers"]
c.JupyterHub.load_roles = [dict(name="tests", services=["tests"], scopes=scopes)]
c.SlurmSpawner.exec_prefix = "env SLURM_CONF={conf}"
c.SlurmSpawner.req_prologue += {prologue!r}
c.Spawner.pre_spawn_hook = lambda spawner: setattr(spawner, "req_homedir", {home!r})
"""


class Hub(Api):
    """JupyterHub, and the server of its only user.

    :param minutes: how long the server's job may run; as on the page if left out.
    """

    def __init__(
        self, user: User, slurm: Slurm, programs: str, minutes: str = ""
    ) -> None:
        front, hub, proxy = cluster.free_ports(3)
        super().__init__(f"http://127.0.0.1:{front}/hub/")
        self._user = user
        self.server = Api(f"http://127.0.0.1:{front}/user/{NAME}/")
        home = user.place.work
        variables = user.environment(HOME=home, SLURM_CONF=f"{slurm.base}/slurm.conf")
        # The job's script gets these from its own, as the page has it.
        del variables["PATH"]
        text = recipes.block(PAGE, "jupyterhub_config.py")
        text = text.replace("/path/to/env/bin", programs) + "\n"
        text += CONFIGURATION.format(
            front=front,
            hub=hub,
            proxy=proxy,
            token=TOKEN,
            home=home,
            node=f"{programs}/../node_modules/.bin/configurable-http-proxy",
            conf=f"{slurm.base}/slurm.conf",
            prologue="".join(f"\nexport {n}={v}" for n, v in variables.items()),
        )
        if minutes:
            text += f"c.SlurmSpawner.req_runtime = {minutes!r}\n"
        file = os.path.join(user.place.root, "jupyterhub_config.py")
        with open(file, "w") as out:
            out.write(text)
        user.own()
        self.process = user.start(f"{programs}/jupyterhub", "-f", file, log="hub.log")

    def wait(self) -> None:
        """Wait until it is there."""
        self.wait_for("api/", self.process, self.log)

    def start_server(self) -> float:
        """Have the user's server submitted; :return: the seconds until it answers."""
        begun = time.monotonic()
        with contextlib.suppress(urllib.error.HTTPError):
            self.ask("POST", f"api/users/{NAME}")
        self.ask("POST", f"api/users/{NAME}/server")

        def ready() -> bool:
            servers = self.ask("GET", f"api/users/{NAME}")["servers"]
            return any(server["ready"] for server in servers.values())

        until(ready, f"the server; {self.log()[-2000:]}", 120, every=0.3)
        return time.monotonic() - begun

    def stop_server(self) -> None:
        """Have it ended."""
        self.ask("DELETE", f"api/users/{NAME}/server")

    def log(self) -> str:
        """:return: what the hub and the server have said."""
        said = []
        names = [os.path.join(self._user.place.root, "hub.log")]
        work = self._user.place.work
        names += [os.path.join(work, n) for n in os.listdir(work) if n.endswith(".log")]
        for name in names:
            with open(name, errors="replace") as file:
                said.append(file.read())
        return "\n---\n".join(said)[-8000:]

    def left(self) -> list[str]:
        """:return: what runs of the user's, apart from the hub and its proxy."""
        own = [self.process.pid]
        with contextlib.suppress(psutil.Error):
            hub = psutil.Process(self.process.pid)
            own += [child.pid for child in hub.children(recursive=True)]
        return self._user.left_but(own)

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


@contextlib.contextmanager
def running(slurm: Slurm, place: Place, minutes: str = "") -> Iterator[Hub]:
    """Run a hub, with a kernelspec as the page says; nothing is left of it.

    :param minutes: see :class:`Hub`.
    """
    programs = os.path.join(ordinary.environment("jupyterhub"), "bin")
    ordinary.put_ipr_into(os.path.dirname(programs))
    user = User(place, (programs,))
    mine = user.environment()
    (line,) = recipes.commands(PAGE, "jupyterhub-install")
    cluster.command("sh", "-c", line, environment=mine)
    try:
        made = Hub(user, slurm, programs, minutes)
        try:
            made.wait()
            yield made
        except BaseException:
            print(made.log())
            raise
        finally:
            made.close()
    finally:
        cluster.command("sh", "-c", "ipr-spec remove python3", environment=mine)
    until(lambda: not place.processes(), f"the end of {place.described_processes()}")


def test_kernel_is_warned_of_the_end_of_the_servers_job_and_ends_with_it(
    slurm: Slurm, place: Place
) -> None:
    """No signal of Slurm's reaches it: the server does what is to be done."""
    with running(slurm, place, minutes="2") as hub:
        hub.start_server()
        (job,) = slurm.jobs()
        kernel = hub.server.start("python3")

        async def session() -> None:
            socket = Socket(hub.server, kernel)
            await socket.connect()
            asked = await socket.execute("1 + 1")
            await socket.finish(asked)
            warning = f"Slurm job {job.id} ends in "
            await socket.until(lambda: warning in str(socket.received), "a warning")
            await socket.start("import time; print(1); time.sleep(300)")

        asyncio.run(session())
        slurm.run("scancel", str(job.id))
        until(lambda: "received signal 15, stopping" in hub.log(), "SIGTERM")
        until(lambda: not hub.left(), f"the end of {hub.left()}")
        until(lambda: not slurm.jobs(), f"the end of {job}")


def test_kernel_restarts_in_its_server_and_nothing_is_left_when_that_stops(
    slurm: Slurm, place: Place
) -> None:
    with running(slurm, place) as hub:
        print(f"the server is there after {hub.start_server():.1f} s")
        (job,) = slurm.jobs()
        kernel = hub.server.start("python3")

        async def session() -> None:
            socket = Socket(hub.server, kernel)
            await socket.connect()

            async def ids() -> list[int]:
                return list(json.loads(await socket.run(IDS)))

            inner, daemon = await ids()
            assert (
                await socket.run("print(os.environ['SLURM_JOB_ID'])") == f"{job.id}\n"
            )
            begun = time.monotonic()
            await socket.run("%restart")
            print(f"%restart: {time.monotonic() - begun:.2f} s")
            second, same = await ids()
            assert second != inner
            assert same == daemon
            asked = await socket.execute("%ipr status")
            await socket.finish(asked)
            shown = "".join(
                message["content"]["data"]["text/plain"]
                for message in socket.of(asked, "display_data")
            )
            row = rf"Slurm job +{job.id} on {job.node}, time left (10|9) min$"
            assert re.search(row, shown, re.MULTILINE), shown
            # The button, by the server's own REST API.
            await socket.run("x = 1")
            print(f"Restart: {hub.server.restart(kernel):.2f} s")
            assert await socket.run("print('x' in globals())") == "False\n"
            third, same = await ids()
            assert third != second
            assert same == daemon
            socket.close()

        asyncio.run(session())
        assert [one.id for one in slurm.jobs()] == [job.id]
        assert hub.left()
        hub.stop_server()
        until(lambda: not hub.left(), f"the end of {hub.left()}")
        slurm.await_state(job.id, "COMPLETED", "CANCELLED")
        assert slurm.jobs() == []
