"""Just enough of ZMTP 3.0 to be a ZeroMQ peer on a plain TCP socket.

Knows greeting, READY command and frames (RFC 23, https://rfc.zeromq.org/spec/23/),
without security. Must not know what is sent.

It exists so that a load generator costs a forwarder's peer nothing: whole
batches of messages are encoded beforehand and written with one system call,
and what comes back is compared as a stream of bytes, without parsing.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence

MORE, LONG, COMMAND = 0x01, 0x02, 0x04

GREETING = (
    b"\xff"
    + bytes(8)
    + b"\x7f"  # signature
    + b"\x03\x00"  # version 3.0: subscriptions come as messages
    + b"NULL".ljust(20, b"\0")
    + b"\0"  # as-server
    + bytes(31)
)


def frame(body: bytes, flags: int = 0) -> bytes:
    """Encode one frame."""
    if len(body) < 256:
        return bytes((flags, len(body))) + body
    return bytes((flags | LONG,)) + len(body).to_bytes(8, "big") + body


def message(frames: Sequence[bytes]) -> bytes:
    """Encode one multipart message."""
    encoded = [frame(one, MORE) for one in frames[:-1]]
    return b"".join([*encoded, frame(frames[-1])])


def ready(properties: Mapping[str, bytes]) -> bytes:
    """Encode the READY command."""
    body = b"\x05READY"
    for name, value in properties.items():
        body += bytes((len(name),)) + name.encode()
        body += len(value).to_bytes(4, "big") + value
    return frame(body, COMMAND)


def exactly(peer: socket.socket, size: int) -> bytes:
    """Receive ``size`` bytes.

    :raises ConnectionError: when the other side closes before.
    """
    parts = []
    while size:
        part = peer.recv(size)
        if not part:
            raise ConnectionError("the other side closed the connection")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def shake_hands(
    peer: socket.socket, socket_type: str, identity: bytes = b""
) -> socket.socket:
    """Become a ZeroMQ peer of the given type.

    :param peer: connected, or accepted.
    :param socket_type: as in the RFC, for instance ``DEALER``.
    :param identity: what a ROUTER on the other side puts before each message.
    :return: the same socket.
    :raises ConnectionError: when the other side closes, or refuses.
    """
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.sendall(GREETING)
    exactly(peer, len(GREETING))
    properties = {"Socket-Type": socket_type.encode()}
    if identity:
        properties["Identity"] = identity
    peer.sendall(ready(properties))
    flags, size = exactly(peer, 2)
    if flags & LONG:
        size = int.from_bytes(bytes((size,)) + exactly(peer, 7), "big")
    answer = exactly(peer, size)
    if not answer.startswith(b"\x05READY"):
        raise ConnectionError(f"instead of READY the other side sent {answer!r}")
    return peer
