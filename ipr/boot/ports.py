"""Free ports for the channels of a connection file.

Knows which ports the system does not take for outgoing connections. Must not know who
listens on them. Imported late: an ipykernel on this machine gets no ports.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

#: Where the inner kernels' ports begin.
LOWEST_PORT = 10000


def free(channels: Sequence[str], ip: str = "127.0.0.1") -> dict[str, int]:
    """Find ports that are free now; somebody may take them before the kernel.

    :returns: one for each channel.
    """
    # Late: it costs 13 ms.
    import contextlib
    import socket

    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    top = _first_ephemeral()
    with contextlib.ExitStack() as stack:
        ports = {}
        for channel in channels:
            probe = stack.enter_context(socket.socket(family))
            _bind_somewhere(probe, ip, top)
            ports[channel] = probe.getsockname()[1]
    return ports


def _bind_somewhere(probe: socket.socket, ip: str, top: int) -> None:
    for _ in range(20 if top > LOWEST_PORT + 1000 else 0):
        span = top - LOWEST_PORT
        port = LOWEST_PORT + int.from_bytes(os.urandom(4), "big") % span
        try:
            probe.bind((ip, port))
        except OSError:
            continue
        return
    probe.bind((ip, 0))


def _first_ephemeral() -> int:
    """Return the first port that the system takes for outgoing connections.

    A socket that tries again and again to reach a port from there, as ours do
    while a kernel waits in a queue, is one day given that very port to try
    from, and is then connected to itself: for good, and in the kernel's way.
    """
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            return int(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return 0
