"""Floods one port of a kernel, as somebody without its key: raw ZMTP 3.0.

Run as ``python raw.py PORT WHAT SIZE SECONDS CONNECTIONS``, by whom it may be; it
imports nothing of ours, and writes how many connections it had and how many bytes it
got rid of. The layout of greeting, command and message is rfc.zeromq.org/spec/23.

``WHAT``: ``unsigned`` (a message without signature), ``wrong`` (with one that fits
nothing), ``subscribe`` and ``unsubscribe`` (with a topic of ``SIZE`` bytes), ``beat``,
``deaf`` (subscribe once, and never read), ``nothing``: only connect, or ``replay``:
read for ``SECONDS`` what the kernel publishes, and then send each message of it to port
``SIZE`` as one that a client has sent, from each of the ``CONNECTIONS``. It is signed.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
import time

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
KINDS = {
    "subscribe": b"SUB",
    "unsubscribe": b"SUB",
    "deaf": b"SUB",
    "beat": b"REQ",
    "replay": b"SUB",
}


def frame(data: bytes, flags: int) -> bytes:
    if len(data) > 255:
        return struct.pack(">BQ", flags | 2, len(data)) + data
    return bytes([flags, len(data)]) + data


def connected(port: int, kind: bytes) -> socket.socket:
    made = socket.socket()
    if kind == b"SUB":
        # What is not read waits in the daemon, not on the way.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(20)
    made.connect(("127.0.0.1", port))
    ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    # libzmq forgets what comes while it still greets: each step waits for the other.
    made.sendall(GREETING)
    exactly(made, len(GREETING))
    made.sendall(frame(ready, 4))
    _, length = exactly(made, 2)
    exactly(made, length)
    made.setblocking(False)
    return made


def exactly(made: socket.socket, count: int) -> bytes:
    heard = b""
    while len(heard) < count:
        heard += made.recv(count - len(heard)) or sys.exit("the other side hung up")
    return heard


def message(what: str, size: int) -> bytes:
    if what == "subscribe":
        return frame(b"\x01" + b"t" * size, 0)
    if what == "unsubscribe":
        return frame(b"\x00" + b"t" * size, 0)
    if what == "beat":
        return frame(b"", 1) + frame(b"x" * size, 0)
    signature = b"ab" * 32 if what == "wrong" else b""
    parts = [b"<IDS|MSG>", signature, b"{}", b"{}", b"{}", b"x" * size]
    return b"".join(frame(part, int(part is not parts[-1])) for part in parts)


def flood(sockets: list[socket.socket], piece: bytes, seconds: float) -> int:
    end = time.monotonic() + seconds
    rest = {made.fileno(): (made, memoryview(piece)) for made in sockets}
    poll = select.poll()
    for made in sockets:
        poll.register(made, select.POLLOUT)
    total = 0
    while time.monotonic() < end:
        for descriptor, _ in poll.poll(100):
            made, left = rest[descriptor]
            try:
                sent = made.send(left)
            except BlockingIOError:
                continue
            except OSError:
                poll.unregister(descriptor)
                continue
            total += sent
            left = left[sent:] if sent < len(left) else memoryview(piece)
            rest[descriptor] = (made, left)
    return total


def listened(made: socket.socket, seconds: float) -> list[list[bytes]]:
    """Return the messages that are published meanwhile, as frames without topic."""
    end = time.monotonic() + seconds
    heard = b""
    while (left := end - time.monotonic()) > 0:
        if select.select([made], [], [], left)[0]:
            heard += made.recv(65536)
    messages: list[list[bytes]] = [[]]
    while len(heard) > 9:
        flags, long = heard[0], heard[0] & 2
        length = struct.unpack(">Q", heard[1:9])[0] if long else heard[1]
        begin = 9 if long else 2
        messages[-1].append(heard[begin : begin + length])
        heard = heard[begin + length :]
        if not flags & 1:
            messages.append([])
    found = [one for one in messages if b"<IDS|MSG>" in one]
    return [one[one.index(b"<IDS|MSG>") :] for one in found]


def replay(made: socket.socket, target: int, seconds: float, count: int) -> int:
    """Send what is published to another port; return how many bytes that were."""
    made.sendall(frame(b"\x01", 0))
    # For the welcome, which a kernel sends to the first with a topic only.
    select.select([made], [], [], 1)
    print("ready", flush=True)
    data = b"".join(
        frame(part, int(at < len(parts) - 1))
        for parts in listened(made, seconds)
        for at, part in enumerate(parts)
    )
    for _ in range(count):
        with connected(target, b"DEALER") as sender:
            sender.setblocking(True)
            sender.sendall(data)
            # What is not read when it hangs up may be dropped.
            time.sleep(1)
    return len(data) * count


def main(port: int, what: str, size: int, seconds: float, count: int) -> None:
    kind = KINDS.get(what, b"DEALER")
    sockets = [connected(port, kind) for _ in range(count)]
    total = 0
    if what == "replay":
        total = replay(sockets[0], size, seconds, count)
    elif what in ("nothing", "deaf"):
        if what == "deaf":
            for made in sockets:
                made.sendall(frame(b"\x01", 0))
        print("ready", flush=True)
        time.sleep(seconds)
    else:
        print("ready", flush=True)
        one = message(what, size)
        total = flood(sockets, one * max(1, 65536 // len(one)), seconds)
    print(len(sockets), total)


if __name__ == "__main__":
    main(
        int(sys.argv[1]),
        sys.argv[2],
        int(sys.argv[3]),
        float(sys.argv[4]),
        int(sys.argv[5]),
    )
