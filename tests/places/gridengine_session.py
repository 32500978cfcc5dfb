"""What a user does in a kernel that ``qrsh`` has started, told as JSON on stdout.

A program: it runs as that user, on the node. Knows Jupyter's blocking client; must not
know what its caller expects.

usage: gridengine_session.py KERNELSPEC restarts
       gridengine_session.py KERNELSPEC saves
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
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
BUSY = """\
import time
step = 0
print("runs", flush=True)
while step < 600:
    step += 1
    time.sleep(0.1)"""
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


def restarts(manager: KernelManager, client: BlockingKernelClient) -> dict[str, object]:
    """Look, restart, be warned, be deleted."""
    told: dict[str, object] = {}
    job = "print(__import__('os').environ['JOB_ID'], __import__('os').getpid())"
    first, old = run(client, job).split()
    run(client, "%restart")
    second, new = run(client, job).split()
    told["job"], told["jobs"], told["restarted"] = first, [first, second], old != new
    run(client, HANDLERS)
    told["status"] = run(client, "%ipr status")
    told["soft limit"] = signals("SIGUSR1")
    # What is said of the job's end may stand before it.
    told["shown"] = run(client, job)
    told["after it"] = str(told["shown"]).split()[-2:] == [second, new]
    delete(first)
    told["ended"] = ends(manager)
    return told


def saves(manager: KernelManager, client: BlockingKernelClient) -> dict[str, object]:
    """Be deleted in the middle of a cell."""
    job = run(client, "print(__import__('os').environ['JOB_ID'])").strip()
    started = threading.Event()

    def delete_later() -> None:
        if started.wait(60):
            delete(job)

    deleter = threading.Thread(target=delete_later)
    deleter.start()
    shown: list[str] = []

    def show(message: dict[str, Any]) -> None:
        content = message["content"]
        shown.append(content.get("text") or content.get("evalue") or "")
        started.set()

    reply = client.execute_interactive(BUSY, output_hook=show, timeout=60)
    deleter.join()
    return {
        "job": job,
        "reply": reply["content"].get("evalue"),
        "shown": "".join(shown),
        "ended": ends(manager),
    }


def delete(job: str) -> None:
    """Delete the job."""
    subprocess.run(["qdel", job], check=True, capture_output=True)


def ends(manager: KernelManager) -> bool:
    """Wait for the end of ``qrsh``."""
    deadline = time.monotonic() + PATIENCE
    while manager.is_alive() and time.monotonic() < deadline:
        time.sleep(0.2)
    return not manager.is_alive()


def main() -> None:
    """Start, do what is wanted, and tell it."""
    manager = KernelManager(kernel_name=sys.argv[1])
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    told = {"restarts": restarts, "saves": saves}[sys.argv[2]](manager, client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
