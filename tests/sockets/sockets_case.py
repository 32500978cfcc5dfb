"""Sockets of either side, against peers on ipc in the same process.

The fake reactor waits for the sockets' own wake-ups, with a bound; its clock
moves only where a test moves it.
"""

from __future__ import annotations

import os
from typing import Any

import zmq

from ipr.boot.connection import CHANNELS
from ipr.jupyter.wire import DELIMITER
from ipr.sockets.factory import Factory
from tests.case import Case
from tests.fakes import FakeReactor

BODY = [DELIMITER, b"sig", b"{}", b"{}", b"{}", b"{}"]
DEALERS = ("shell", "control", "stdin")


class SocketsCase(Case):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.factory = Factory(self.reactor, linger=0)
        self.context = zmq.Context()
        self.received: list[tuple[str, list[Any]]] = []
        self.lost: list[str] = []
        self.base = os.path.join(self.folder(), "c")
        self.ports = dict(zip(CHANNELS, range(1, 6), strict=True))
        self.leaves_nothing(self.reactor)
        self.addCleanup(self.shut)

    def shut(self) -> None:
        self.context.destroy(0)
        self.factory.shutdown()
        self.assertEqual(self.reactor.readers, [])

    def receive(self, channel: str, frames: list[Any]) -> None:
        self.received.append((channel, [bytes(frame) for frame in frames]))

    def heard(self, peer: zmq.Socket[bytes]) -> list[bytes]:
        """Return what a peer gets, turning the reactor until it comes."""
        self.reactor.until(lambda: peer.poll(0), "a message at the peer")
        return peer.recv_multipart()
