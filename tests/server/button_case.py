"""A manager of jupyter_client, with our provisioner and a fake daemon.

Knows where the kernelspec lies and how the provisioner is registered, so that a test
does not depend on what is installed. Must not know what is tested.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Coroutine
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager, KernelManager

from tests import provisioning
from tests.case import Case
from tests.server import fake_daemon


class ButtonCase(Case):
    """A test with kernels that are no kernels."""

    def setUp(self) -> None:
        provisioning.register()
        self.place = self.folder()
        self.log = os.path.join(self.place, "log")
        self.environment(
            JUPYTER_RUNTIME_DIR=self.place, JUPYTER_DATA_DIR=self.place, PYTHONPATH=None
        )

    def manager(
        self,
        mode: str = "new",
        launcher: tuple[str, ...] = (),
        kind: type[KernelManager] = AsyncKernelManager,
        **traits: Any,
    ) -> Any:
        """Make a manager, of which nothing is left after the test."""
        folder = os.path.join(self.place, "kernels", mode)
        os.makedirs(folder)
        argv = [*launcher, sys.executable, fake_daemon.__file__, "-m", "ipr"]
        spec = {
            "argv": [*argv, "{connection_file}", self.log, mode],
            "display_name": mode,
            "language": "none",
            "interrupt_mode": "message",
            "metadata": {
                "kernel_provisioner": {"provisioner_name": provisioning.NAME},
                "supported_encryption": ["curve"],
            },
        }
        with open(os.path.join(folder, "kernel.json"), "w") as file:
            json.dump(spec, file)
        specs = KernelSpecManager(
            kernel_dirs=[os.path.dirname(folder)], ensure_native_kernel=False
        )
        made: Any = kind(kernel_name=mode, kernel_spec_manager=specs, **traits)
        made.connection_file = os.path.join(self.place, f"{mode}.json")
        made.log.disabled = True

        def end() -> None:
            process = getattr(made.provisioner, "process", None)
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
            # Python's end would wait for a socket that is still open, ours or not.
            made._close_control_socket()
            if getattr(made.provisioner, "_line", None) is not None:
                made.provisioner._hang_up()

        self.addCleanup(end)
        return made

    async def agreed(self, manager: Any) -> None:
        """Wait until the daemon has answered the greeting, in whatever way.

        A restart before that is a race between two connections.
        """
        line = manager.provisioner._line
        await line.has_agreed(time.monotonic() + 10, lambda: True)

    def run_async(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine to its end."""
        asyncio.run(asyncio.wait_for(work, 30))

    def messages(self, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
        """Return what the daemon has heard: types and contents."""
        found = []
        with open(self.log) as file:
            for line in file:
                kind, content, _ = json.loads(line)
                if not kinds or kind in kinds:
                    found.append((kind, content))
        return found

    def orders(self) -> list[dict[str, Any]]:
        """Return the restarts that the daemon was ordered to do."""
        return [content for _, content in self.messages("ipr_restart_request")]
