"""What libzmq reports of a socket's connections.

Knows socket monitors (zmq_socket_monitor(3)). Must not know what follows from the
end of a connection.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

import zmq
from twisted.python.failure import Failure

from ipr.sockets.channels import Channel, Frames, Receive
from ipr.sockets.factory import Factory


def watched(
    factory: Factory,
    channel: Channel,
    events: int,
    told: Receive,
    lost: Callable[[Failure], None],
) -> Channel:
    """Have a channel's connections reported; return the channel that reports them.

    :param events: for instance ``zmq.EVENT_CONNECTED``; see zmq_socket_monitor(3).
    :param told: called with frames that :func:`event_of` understands.
    """
    address = f"inproc://monitor-{id(channel):x}-{os.urandom(4).hex()}"
    channel.socket.monitor(address, events)
    monitor = Channel(factory, zmq.PAIR, told, lost)
    monitor.connect(address)
    return monitor


def event_of(frames: Frames) -> tuple[int, int]:
    """Read what a monitor tells: the event, and its value (here: a descriptor)."""
    event, value = struct.unpack("=Hi", frames[0][:6])
    return event, value


def named_loss(lost: Callable[[str], None], name: str) -> Callable[[Failure], None]:
    """Have a socket's failure told in a sentence that begins with its name."""

    def fail(reason: Failure) -> None:
        lost(f"{name}: {reason.getErrorMessage()}")

    return fail
