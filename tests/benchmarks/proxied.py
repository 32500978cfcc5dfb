"""A kernel behind ``zmq.proxy``: what a hop costs that does nothing, in C.

Run as ``python -m tests.benchmarks.proxied CONNECTION_FILE``, as a kernelspec's
argv. It does for each channel what the daemon does, but for all that needs to
look at a message: it is no restarter, only the least that any can cost.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

import zmq

CHANNELS = {
    "shell": (zmq.ROUTER, zmq.DEALER),
    "control": (zmq.ROUTER, zmq.DEALER),
    "stdin": (zmq.ROUTER, zmq.DEALER),
    "hb": (zmq.ROUTER, zmq.DEALER),
    "iopub": (zmq.XPUB, zmq.XSUB),
}


def main(path: str) -> int:
    """Run the kernel behind proxies until it ends; give its exit code."""
    with open(path, encoding="utf-8") as file:
        outer = json.load(file)
    folder = tempfile.mkdtemp(prefix="ipr-proxied-")
    try:
        inner = {**outer, "transport": "ipc", "ip": os.path.join(folder, "c")}
        inner |= {f"{name}_port": port for port, name in enumerate(CHANNELS, 1)}
        written = os.path.join(folder, "kernel.json")
        with open(written, "w", encoding="utf-8") as file:
            json.dump(inner, file)
        kernel = subprocess.Popen(
            [sys.executable, "-m", "ipykernel_launcher", "-f", written]
        )
        context = zmq.Context()
        for name, kinds in CHANNELS.items():
            ahead, behind = (context.socket(kind) for kind in kinds)
            for socket in (ahead, behind):
                socket.linger = socket.sndhwm = socket.rcvhwm = 0
            port = f"{name}_port"
            ahead.bind(f"tcp://{outer['ip']}:{outer[port]}")
            behind.connect(f"ipc://{inner['ip']}-{inner[port]}")
            threading.Thread(
                target=zmq.proxy, args=(ahead, behind), daemon=True
            ).start()
        return kernel.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    code = main(*sys.argv[1:])
    # The proxies' threads do not end by themselves.
    os._exit(code)
