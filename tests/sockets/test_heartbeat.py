"""The heartbeat beats by itself."""

from __future__ import annotations

import os

import zmq

from ipr.sockets.heartbeat import Heartbeat
from tests.case import Case


class HeartbeatTests(Case):
    def setUp(self) -> None:
        self.address = f"ipc://{os.path.join(self.folder(), 'hb')}"
        self.context = zmq.Context()
        self.addCleanup(self.context.destroy, 0)

    def beats(self, identity: bytes = b"") -> bool:
        """Whether an echo comes within the bound."""
        client = self.context.socket(zmq.REQ)
        if identity:
            client.setsockopt(zmq.IDENTITY, identity)
        client.connect(self.address)
        client.send(b"ping")
        answered = client.poll(5000) and client.recv() == b"ping"
        client.close(0)
        return bool(answered)

    def test_heartbeat_echoes_without_this_thread(self) -> None:
        """It echoes, whoever asks, while this thread does nothing for it."""
        heart = Heartbeat(self.address)
        self.addCleanup(heart.close)
        self.assertEqual([self.beats(), self.beats()], [True, True])

    def test_heartbeat_echoes_a_client_that_comes_back(self) -> None:
        """A client that comes back under its identity is echoed, too."""
        heart = Heartbeat(self.address)
        self.addCleanup(heart.close)
        self.assertEqual([self.beats(b"me"), self.beats(b"me")], [True, True])

    def test_closed_heartbeat_frees_thread_and_address(self) -> None:
        """After close the thread is gone, and the address is free."""
        heart = Heartbeat(self.address)
        heart.close()
        self.assertFalse(heart._thread.is_alive())
        other = Heartbeat(self.address)
        other.close()

    def test_taken_address_is_raised_by_the_heartbeat(self) -> None:
        """An address that cannot be had is the caller's business."""
        where = os.path.join(self.folder(), "no", "such", "folder")
        self.raised(zmq.ZMQError, Heartbeat, f"ipc://{where}")
