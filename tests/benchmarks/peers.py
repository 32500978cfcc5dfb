"""The ends of a forwarder as ordinary pyzmq programs have them.

Run as ``python -m tests.benchmarks.peers source|sink ROUTE ADDRESS``; each
line on stdin asks for that many messages. Used for the row that can be
compared with figures which others measured with a generator in Python; such
a generator is slower than ``zmq_proxy``, and hides part of what a forwarder
costs.
"""

from __future__ import annotations

import sys
import time

import zmq

from tests.benchmarks.forwarders import IDENTITY


def _socket(kind: int) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = zmq.Socket(zmq.Context.instance(), kind)
    socket.sndhwm = socket.rcvhwm = 0
    socket.linger = 0
    return socket


def source(route: str, address: str) -> None:
    """Send the number of messages that stdin asks for."""
    from tests.benchmarks.forwarding import signed_message

    socket = _socket(zmq.XPUB if route == "iopub" else zmq.DEALER)
    batch = [signed_message(i, 0, topic=route == "iopub") for i in range(1000)]
    if route == "iopub":
        socket.bind(address)
        # Sent before somebody has subscribed it would be lost.
        socket.recv()
    else:
        socket.set(zmq.IDENTITY, IDENTITY)
        socket.connect(address)
    _say("ready")
    for line in sys.stdin:
        for number in range(int(line)):
            socket.send_multipart(batch[number % 1000])
        _say("sent")


def sink(route: str, address: str) -> None:
    """Count messages; say the seconds from the first to the last of them."""
    socket = _socket(zmq.SUB if route == "iopub" else zmq.ROUTER)
    if route == "iopub":
        socket.subscribe(b"")
        socket.connect(address)
    else:
        socket.bind(address)
    _say("ready")
    for line in sys.stdin:
        count = int(line)
        socket.recv_multipart()
        began = time.perf_counter()
        for _ in range(count - 1):
            last = socket.recv_multipart()
        took = time.perf_counter() - began
        # Content is the last frame, and holds the message's number.
        in_order = b'"number": %d}' % ((count - 1) % 1000) in last[-1]
        _say(f"{took / (count - 1):.9f} {int(in_order)}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    {"source": source, "sink": sink}[sys.argv[1]](*sys.argv[2:])
