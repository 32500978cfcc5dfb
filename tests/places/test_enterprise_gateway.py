"""A kernel behind Enterprise Gateway, which an ordinary user runs: the gateway in one
environment, the kernel and ``ipr`` in another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence

import pytest

from tests.e2e import harness
from tests.e2e.harness import Place, until
from tests.e2e.serving import TOKEN, Api, Socket
from tests.places import cluster, ordinary, recipes
from tests.places.cluster import Slurm
from tests.places.ordinary import User
from tests.places.sessions import IDS

pytestmark = pytest.mark.launcher

PAGE = "howto/enterprise-gateway.rst"
SPEC = "py-kernel"
OF_JOBS = "srun-kernel"
PROGRAM = "/bin/jupyter-enterprisegateway"
PROXY = "enterprise_gateway.services.processproxies.processproxy.LocalProcessProxy"
#: Seconds, in place of the page's.
ABANDONED = 3


class Gateway(Api):
    """Enterprise Gateway.

    :param variables: further ones of its environment, and so of its kernels'.
    """

    def __init__(self, user: User, **variables: str) -> None:
        (port,) = cluster.free_ports(1)
        super().__init__(f"http://127.0.0.1:{port}/")
        self._user = user
        self.process = user.start(
            ordinary.environment("enterprise-gateway") + PROGRAM,
            *("--ip=127.0.0.1", f"--port={port}", "--port_retries=0"),
            f"--EnterpriseGatewayApp.auth_token={TOKEN}",
            log="gateway.log",
            JUPYTER_PATH=os.path.join(user.place.root, "data"),
            **variables,
        )

    def wait(self) -> None:
        """Wait until it is there."""
        self.wait_for("api/kernelspecs", self.process, self.log)

    def log(self) -> str:
        """:return: what it has said."""
        path = os.path.join(self._user.place.root, "gateway.log")
        with open(path, errors="replace") as file:
            return file.read()

    def left(self) -> list[str]:
        """:return: what runs beside it."""
        return self._user.left_but([self.process.pid])

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)


@contextlib.contextmanager
def serving(
    place: Place, block: str, argv: Sequence[str], **variables: str
) -> Iterator[Gateway]:
    """Run a gateway with one kernelspec, of which nothing is left.

    :param block: of the page: how ``ipr`` is put on it.
    :param argv: the launcher's words.
    :param variables: see :class:`Gateway`.
    """
    ordinary.environment("enterprise-gateway")
    kernels = ordinary.environment("kernels", "install-enterprise-gateway")
    ordinary.put_ipr_into(kernels)
    (line,) = recipes.commands(PAGE, block)
    line = line.replace("/path/to/share", os.path.join(place.root, "data"))
    place.plain_spec(
        [*argv, f"{kernels}/bin/python", *harness.IPYKERNEL_ARGV[1:]],
        line.split()[-1],
        metadata={"process_proxy": {"class_name": PROXY}},
    )
    user = User(place)
    user.own()
    line = line.replace("--abandoned-timeout 600", f"--abandoned-timeout {ABANDONED}")
    user.run("sh", "-c", line.replace("/path/to/kernel-env", kernels))
    made = Gateway(user, **variables)
    try:
        made.wait()
        yield made
    except BaseException:
        print(made.log())
        raise
    finally:
        made.close()
    until(lambda: not place.processes(), f"the end of {place.described_processes()}")


@pytest.fixture
def gateway(place: Place) -> Iterator[Gateway]:
    with serving(place, "gateway-install", ()) as made:
        yield made


@pytest.fixture
def of_jobs(slurm: Slurm, place: Place) -> Iterator[Gateway]:
    srun = ("srun", "--quiet", "--ntasks=1")
    with serving(
        place, "gateway-install-inside", srun, **slurm.environment()
    ) as gateway:
        yield gateway


async def connected(gateway: Gateway, kernel: str) -> Socket:
    """:return: a websocket to a kernel."""
    socket = Socket(gateway, kernel)
    await socket.connect()
    return socket


async def ids(socket: Socket) -> tuple[int, int]:
    """:return: the process ids of the inner kernel and of its daemon."""
    inner, daemon = json.loads(await socket.run(IDS))
    return inner, daemon


def test_restart_in_place_interrupt_crash_and_the_gateways_own_restart(
    gateway: Gateway,
) -> None:
    kernel = gateway.start(SPEC)

    async def session() -> None:
        socket = await connected(gateway, kernel)
        await socket.run("x = 1")
        inner, daemon = await ids(socket)
        begun = time.monotonic()
        await socket.run("%restart")
        print(f"%restart: {time.monotonic() - begun:.2f} s")
        second, same = await ids(socket)
        assert second != inner
        assert same == daemon
        assert await socket.run("print('x' in globals())") == "False\n"
        busy = await socket.start("import time; print(1, flush=True); time.sleep(60)")
        gateway.ask("POST", f"api/kernels/{kernel}/interrupt")
        assert (await socket.finish(busy))["ename"] == "KeyboardInterrupt"
        died = await socket.execute("import os; os.abort()")
        assert (await socket.finish(died))["ename"] == "DeadKernelError"
        third, same = await ids(socket)
        assert third != second
        assert same == daemon
        gateway.restart(kernel)
        socket.close()
        socket = await connected(gateway, kernel)
        fourth, other = await ids(socket)
        assert other != daemon
        until(lambda: not harness.is_alive(daemon), "the end of the first daemon")
        assert not harness.is_alive(third)
        await socket.run("%restart")
        fifth, same = await ids(socket)
        assert fifth != fourth
        assert same == other
        socket.close()

    asyncio.run(session())
    gateway.ask("DELETE", f"api/kernels/{kernel}")
    until(lambda: not gateway.left(), f"the end of {gateway.left()}")


def test_nothing_is_left_when_the_gateway_is_killed(gateway: Gateway) -> None:
    kernel = gateway.start(SPEC)

    async def session() -> None:
        socket = await connected(gateway, kernel)
        await socket.run("%restart")
        socket.close()

    asyncio.run(session())
    assert gateway.left()
    gateway.process.send_signal(signal.SIGKILL)
    gateway.process.wait()
    until(lambda: not gateway.left(), f"the end of {gateway.left()}")


@pytest.mark.slurm
def test_restart_keeps_the_job_which_ends_with_its_kernel_or_is_given_back(
    of_jobs: Gateway, slurm: Slurm
) -> None:
    async def session(kernel: str) -> None:
        socket = await connected(of_jobs, kernel)
        inner, daemon = await ids(socket)
        await socket.run("%restart")
        second, same = await ids(socket)
        assert second != inner
        assert same == daemon
        socket.close()

    first = of_jobs.start(OF_JOBS)
    asyncio.run(session(first))
    (job,) = slurm.jobs()
    of_jobs.ask("DELETE", f"api/kernels/{first}")
    until(lambda: not slurm.jobs(), f"the end of {job}")
    until(lambda: not of_jobs.left(), f"the end of {of_jobs.left()}")
    asyncio.run(session(of_jobs.start(OF_JOBS)))
    (other,) = slurm.jobs()
    assert other.id != job.id
    of_jobs.process.kill()
    of_jobs.process.wait()
    assert slurm.job(other.id).state == "RUNNING"
    until(lambda: not slurm.jobs(), f"the end of {other}")
    until(lambda: not of_jobs.left(), f"the end of {of_jobs.left()}")
