"""What a user does in a kernel that sshpyk has started, told as JSON on stdout.

A program: it runs in sshpyk's environment. Knows Jupyter's clients; must not know what
its caller expects.

usage: sshpyk_session.py KERNELSPEC CODE

CODE prints, as JSON, which processes the kernel is made of.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager


async def run(client: AsyncKernelClient, code: str) -> str:
    """Run a cell; :return: what it printed, and the name of its error."""
    shown: list[str] = []

    def show(message: dict[str, Any]) -> None:
        content = message["content"]
        shown.append(content.get("text") or content.get("ename") or "")

    await client.execute_interactive(code, output_hook=show, timeout=60)
    return "".join(shown)


async def session(name: str, ids: str) -> dict[str, object]:
    """Start, restart in place, interrupt, restart as the button does, shut down."""
    manager = AsyncKernelManager(kernel_name=name)
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    told: dict[str, object] = {}
    try:
        await client.wait_for_ready(timeout=60)
        told["host"] = await run(
            client, "import socket; print(socket.gethostname(), end='')"
        )
        told["first"] = json.loads(await run(client, "x = 1\n" + ids))
        begun = time.monotonic()
        await run(client, "%restart")
        told["seconds"] = time.monotonic() - begun
        told["in place"] = json.loads(await run(client, ids))
        told["x"] = await run(client, "print('x' in globals(), end='')")
        busy = asyncio.create_task(run(client, "import time; time.sleep(60)"))
        await asyncio.sleep(2)
        await manager.interrupt_kernel()
        told["interrupted"] = await busy
        told["aborted"] = await run(client, "import os; os.abort()")
        told["after it"] = json.loads(await run(client, ids))
        await manager.restart_kernel()
        await client.wait_for_ready(timeout=60)
        told["button"] = json.loads(await run(client, ids))
        await run(client, "%restart")
        told["again"] = json.loads(await run(client, ids))
    finally:
        client.stop_channels()
        await manager.shutdown_kernel()
    return told


if __name__ == "__main__":
    print(json.dumps(asyncio.run(session(*sys.argv[1:]))))
