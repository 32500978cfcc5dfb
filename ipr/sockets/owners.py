"""Whose program listens on a TCP port of this machine.

Knows how Linux is asked (sock_diag(7)), in the network namespace of the daemon. Must
not know ZeroMQ, nor why it matters. The same stands in ``/proc/net/tcp``, but reading
that goes through every connection of a busy machine: 15 ms, where this takes 0.1.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Collection, Iterator

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY
_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_DONE, _ERROR = 3, 2
_LISTENS = 1 << 10  # TCP_LISTEN
_HEAD = struct.Struct("=IHHII")  # struct nlmsghdr
#: struct inet_diag_msg: family, port and address of a socket, then its user.
_FOUND = struct.Struct("!B3xH2x16s")
_USER = struct.Struct("=I")
_USER_AT = 64

#: Whoever listens at one of these takes a connection to 127.0.0.1.
_TAKE_IT = {
    socket.AF_INET: {
        socket.inet_pton(socket.AF_INET, address)
        for address in ("127.0.0.1", "0.0.0.0")
    },
    socket.AF_INET6: {
        socket.inet_pton(socket.AF_INET6, address)
        for address in ("::ffff:127.0.0.1", "::")
    },
}


def ours(ports: Collection[int]) -> dict[int, bool] | None:
    """Find out who listens on these ports of 127.0.0.1.

    :returns: for each port on which somebody does, whether that is this user, or
        root. Root is not defended against, and a container's ports are root's. None:
        Linux does not tell.
    """
    friends = {os.geteuid(), 0}
    found: dict[int, bool] = {}
    try:
        for port, user in listening():
            if port in ports:
                found[port] = found.get(port, True) and user in friends
    except OSError:
        return None
    return found


def listening() -> Iterator[tuple[int, int]]:
    """Yield port and user of each socket that takes a connection to 127.0.0.1.

    :raises OSError: Linux does not tell.
    """
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    with socket.socket(socket.AF_NETLINK, kind, _SOCK_DIAG) as asking:
        asking.settimeout(1.0)
        for family, addresses in _TAKE_IT.items():
            question = struct.pack("=BBBxI48x", family, socket.IPPROTO_TCP, 0, _LISTENS)
            head = _HEAD.pack(_HEAD.size + len(question), _BY_FAMILY, _DUMP, 1, 0)
            asking.send(head + question)
            for body in _answers(asking):
                _, port, address = _FOUND.unpack_from(body)
                if address[: 4 if family == socket.AF_INET else 16] in addresses:
                    yield port, _USER.unpack_from(body, _USER_AT)[0]


def _answers(asking: socket.socket) -> Iterator[bytes]:
    while True:
        data = asking.recv(1 << 16)
        at = 0
        while at < len(data):
            length, kind, *_ = _HEAD.unpack_from(data, at)
            if kind == _DONE:
                return
            if kind == _ERROR:
                raise OSError("no sockets are told")
            yield data[at + _HEAD.size : at + length]
            at += (length + 3) & ~3
