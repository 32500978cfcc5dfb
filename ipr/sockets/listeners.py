"""Who listens on iopub, and which of them have stopped reading.

Knows the connections by their descriptors, which libzmq tells, and what TCP
says of them. Must not know ZeroMQ or messages.

libzmq bounds what waits for a listener by its number of messages only, and a
message may be large. But what waits can be told: it is what was published
since a connection was last in step, less what its TCP has acknowledged
(``tcpi_bytes_acked``, tcp(7) and linux/tcp.h). Whoever is further behind than
``MOST_BEHIND`` is disconnected, by shutdown(2) of the connection; libzmq then
frees what waited. The client connects again by itself and goes on from there:
it has lost what a plain kernel, which keeps 1000 messages, would not have kept
either, as long as these were of half a megabyte or more.

A listener that is behind holds the last bytes that were published, without a
gap, and all listeners hold the same messages, if these are large: where many are
behind, each may be less so (``MOST_TOGETHER``). On ipc, and where TCP tells
nothing, there is no bound but the number of messages.

A listener has nothing to say but which topics it wants, and libzmq keeps each topic
that is new with 48 bytes for each of its own. So those who have sent the most are
disconnected when all together have sent more than ``MOST_SENT``.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

import attrs

#: Bytes that may wait for a listener. A plain kernel keeps 1000 messages: as much
#: when they are of half a megabyte.
MOST_BEHIND = 512 * 2**20

#: The same for all of them together. They share what is large, but of each message
#: every one has 64 bytes for each frame: a hundred who do not read, and 60 000 short
#: messages, took 2.5 GB. Anybody can connect here.
MOST_TOGETHER = MOST_BEHIND

#: Bytes that all connections together may have sent. A client's greeting and its topic
#: are below a hundred; 20 MB of topics took 960 MB here.
MOST_SENT = 2**19

#: Where ``struct tcp_info`` has tcpi_unacked, tcpi_bytes_acked and tcpi_bytes_received
#: (Linux 4.1), and tcpi_notsent_bytes (Linux 4.6).
_UNACKED, _ACKED, _RECEIVED, _UNSENT = 24, 120, 128, 144
_INFO_SIZE = 256


@attrs.define
class _Listener:
    """One connection.

    :ivar published: all that was published when it was last in step.
    :ivar acked: what its TCP had acknowledged by then.
    """

    published: int
    acked: int = 0


@attrs.frozen
class Progress:
    """What TCP says of a connection.

    :ivar acked: bytes that the other side has taken since it connected.
    :ivar waiting: whether bytes are on their way, or in the socket's buffer.
    :ivar sent: bytes that the other side has sent.
    """

    acked: int
    waiting: bool
    sent: int = 0


class Listeners:
    """The connections to iopub.

    :param ask: says how far a descriptor's connection is; None: it cannot be told.
    :param cut: ends it.
    """

    def __init__(
        self, ask: Callable[[int], Progress | None], cut: Callable[[int], None]
    ) -> None:
        self._ask = ask
        self._cut = cut
        self._open: dict[int, _Listener] = {}

    def __len__(self) -> int:
        return len(self._open)

    def came(self, descriptor: int, published: int) -> None:
        """Note a new connection; ``published`` is all that was published so far."""
        self._open[descriptor] = _Listener(published)

    def went(self, descriptor: int) -> None:
        """Note its end."""
        self._open.pop(descriptor, None)

    def look(self, published: int) -> int:
        """Disconnect those who are too far behind.

        :param published: all that was published so far, in bytes.
        :return: how many that were.
        """
        waits: dict[int, int] = {}
        for descriptor, listener in self._open.items():
            progress = self._ask(descriptor)
            if progress is None:
                continue
            came = published - listener.published
            behind = came - (progress.acked - listener.acked)
            if behind <= 0 or not progress.waiting:
                listener.published, listener.acked = published, progress.acked
            else:
                waits[descriptor] = behind
        late = [
            descriptor
            for descriptor, behind in waits.items()
            if behind > MOST_BEHIND or behind * len(waits) > MOST_TOGETHER
        ]
        for descriptor in late:
            self._cut(descriptor)
        return len(late)

    def hush(self) -> int:
        """Disconnect those who have sent the most, until the rest is little.

        :return: how many that were.
        """
        found = {number: self._ask(number) for number in self._open}
        sent = {number: one.sent for number, one in found.items() if one is not None}
        left, loud = sum(sent.values()), 0
        for number in sorted(sent, key=sent.__getitem__, reverse=True):
            if left <= MOST_SENT:
                break
            left -= sent[number]
            loud += 1
            self._cut(number)
        return loud


class Tcp:
    """What can be asked of, and done to, the connections to one port.

    A descriptor is libzmq's own, which may have closed it a moment ago, and it may
    be another file's by now: each time it is looked whether it is a connection to
    the port.

    :param port: where the listeners connect to.
    """

    def __init__(self, port: int) -> None:
        self._port = port

    def progress(self, descriptor: int) -> Progress | None:
        """Return how far it is, or None."""
        with suppress(OSError, AttributeError), self._socket(descriptor) as found:
            if self._fits(found):
                info = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE)
                if len(info) >= _UNSENT + 4:
                    (unacked,) = struct.unpack_from("I", info, _UNACKED)
                    (acked,) = struct.unpack_from("Q", info, _ACKED)
                    (unsent,) = struct.unpack_from("I", info, _UNSENT)
                    (received,) = struct.unpack_from("Q", info, _RECEIVED)
                    return Progress(acked, bool(unacked or unsent), received)
        return None

    def cut(self, descriptor: int) -> None:
        """End the connection, for both sides."""
        with suppress(OSError), self._socket(descriptor) as found:
            if self._fits(found):
                found.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _socket(descriptor: int) -> socket.socket:
        copy = os.dup(descriptor)
        try:
            return socket.socket(fileno=copy)
        except BaseException:
            os.close(copy)
            raise

    def _fits(self, found: socket.socket) -> bool:
        name = found.getsockname()
        return isinstance(name, tuple) and name[1] == self._port
