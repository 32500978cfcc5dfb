"""The heartbeat channel, which beats whatever the reactor does.

Knows its own context and thread. Must not know the other channels.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

import zmq

#: Beats that one client may have under way, and the bytes of each: anybody can
#: send them, and never read the echo.
MOST_BEATS = 64
MOST_BEAT = 4096


class Heartbeat:
    """Echoes what comes, in a thread of its own, in C.

    Clients take a kernel for dead after a second without a beat; the
    reactor may be busier than that.

    :param address: to bind.
    :param options: socket options, set before.
    :raises zmq.ZMQError: when the address is taken.
    """

    def __init__(
        self, address: str, options: Mapping[int, int | bytes] | None = None
    ) -> None:
        self._context = zmq.Context(1)
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self._socket.set(zmq.ROUTER_HANDOVER, 1)
        self._socket.set(zmq.RCVHWM, MOST_BEATS)
        self._socket.set(zmq.SNDHWM, MOST_BEATS)
        self._socket.set(zmq.MAXMSGSIZE, MOST_BEAT)
        for name, value in (options or {}).items():
            self._socket.set(name, value)
        try:
            self._socket.bind(address)
        except zmq.ZMQError:
            self._socket.close()
            self._context.term()
            raise
        self._thread = threading.Thread(target=self._beat, name="hb", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        try:
            zmq.proxy(self._socket, self._socket)
        except zmq.ZMQError:
            # ETERM: the context ends, which is how close() stops the proxy.
            self._socket.close()

    def close(self) -> None:
        """Stop, and wait until the thread is gone."""
        self._context.term()
        self._thread.join()
