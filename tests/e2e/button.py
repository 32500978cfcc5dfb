"""Knows how to press the Restart button as a front end's server does: by a kernel
manager with our provisioner.  Must not know what comes of it: that is what the tests
say.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Sequence
from typing import Any

from jupyter_client.manager import AsyncKernelManager, KernelManager
from jupyter_core.utils import ensure_async

from ipr.server.inplace import InPlaceProvisioner
from tests.e2e import harness
from tests.e2e.harness import Client, Kernel, Place

MANAGERS = (KernelManager, AsyncKernelManager)


class Pressed(Kernel):
    """A wrapped ipykernel whose manager restarts it in place.

    :ivar provisioner: the manager's.
    """

    def __init__(
        self,
        place: Place,
        name: str = "",
        kind: type[KernelManager] = AsyncKernelManager,
        options: Sequence[str] = (),
        agreed: bool = True,
        **environment: str,
    ) -> None:
        name = name or place.wrapped_spec(options=options)
        super().__init__(place, name, environment, kind)
        provisioner = self.manager.provisioner
        assert isinstance(provisioner, InPlaceProvisioner)
        self.provisioner = provisioner
        if agreed:
            self.wait_until_agreed()

    def wait_until_agreed(self) -> None:
        """Wait until the daemon has answered the greeting."""

        def answered() -> bool:
            line = self.provisioner._line
            assert line is not None
            line.read()
            return bool(line.agreed)

        harness.until(answered, "the daemon to answer the greeting")

    def adopt(self) -> None:
        """Take the manager's new process for ours."""
        self.process = self.provisioner.process
        self.pid = self.process.pid

    def launch_arguments(self) -> dict[str, Any]:
        """:return: what the manager was told to launch it with."""
        arguments: Any = self.manager._launch_args
        return dict(arguments)

    def restart(self, **how: Any) -> float:
        """Press the button.

        :return: how long that took, in seconds.
        """
        begin = time.monotonic()
        self.do(self.manager.restart_kernel(**how))
        return time.monotonic() - begin

    def restart_at_once(self, count: int, **how: Any) -> list[object]:
        """Press it several times at once, in a task each, as a server does.

        :return: what came of each, None or an error.
        """

        manager: Any = self.manager

        async def all_of_them() -> list[object]:
            tasks = [manager.restart_kernel(**how) for _ in range(count)]
            return list(await asyncio.gather(*tasks, return_exceptions=True))

        return list(self.do(all_of_them()))

    def is_alive(self) -> bool:
        """:return: whether the manager thinks that it lives, asked by another task."""

        async def ask() -> bool:
            return bool(await ensure_async(self.manager.is_alive()))

        return bool(contextvars.Context().run(lambda: self.do(ask())))

    def is_stopped(self) -> bool:
        """:return: whether the process has been sent SIGSTOP."""
        with open(f"/proc/{self.pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"T"


def assert_usable(client: Client, gone: str = "") -> int:
    """The kernel runs cells, and does not know a variable.

    :return: the process id of the inner kernel.
    """
    pid = client.inner_pid()
    if gone:
        assert client.value(f"{gone!r} in globals()") == "False"
    return pid
