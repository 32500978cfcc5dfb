"""What a user does in a kernel that ``qrsh`` has started, told as JSON on stdout.

A program: it runs as that user, on the node. Knows Jupyter's blocking client; must not
know what its caller expects.

usage: gridengine_session.py KERNELSPEC
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

#: Notes each signal in a file; the kernel lives on.
HANDLERS = """\
import os, signal
def note(number, frame):
    with open("signals", "a") as file: file.write(signal.Signals(number).name + " ")
signal.signal(signal.SIGUSR1, note)
"""
#: Seconds for the soft limit, which comes after 45, and for the end after qdel.
PATIENCE = 80.0


def run(client: BlockingKernelClient, code: str) -> str:
    """Run a cell; return all that it shows."""
    shown: list[str] = []

    def show(message: dict[str, Any]) -> None:
        content = message["content"]
        shown.append(
            content.get("text") or content.get("data", {}).get("text/plain", "")
        )

    client.execute_interactive(code, output_hook=show, timeout=60)
    return "".join(shown)


def signals(name: str) -> str:
    """Wait for a signal to be noted; return all of them."""
    deadline = time.monotonic() + PATIENCE
    noted = ""
    while name not in noted and time.monotonic() < deadline:
        time.sleep(0.2)
        if os.path.exists("signals"):
            with open("signals") as file:
                noted = file.read()
    return noted


def main() -> None:
    """Start, look, restart, be warned, be deleted."""
    told: dict[str, object] = {}
    manager = KernelManager(kernel_name=sys.argv[1])
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    job = "print(__import__('os').environ['JOB_ID'], __import__('os').getpid())"
    first, old = run(client, job).split()
    run(client, "%restart")
    second, new = run(client, job).split()
    told["job"], told["jobs"], told["restarted"] = first, [first, second], old != new
    run(client, HANDLERS)
    told["status"] = run(client, "%ipr status")
    told["soft limit"] = signals("SIGUSR1")
    told["after it"] = run(client, job).split() == [second, new]
    subprocess.run(["qdel", first], check=True, capture_output=True)
    deadline = time.monotonic() + PATIENCE
    while manager.is_alive() and time.monotonic() < deadline:
        time.sleep(0.2)
    told["ended"] = not manager.is_alive()
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
