"""What is said when the front cannot listen where the connection file says."""

from __future__ import annotations

import socket

import pytest

from ipr.boot import connection
from ipr.daemon import parts
from ipr.daemon.parts import CannotListen
from ipr.sockets.factory import Factory
from tests.sockets.sockets_case import SocketsCase


class CannotListenTests(SocketsCase):
    def refused(self, ip: str, **ports: int) -> str:
        raw = {**connection.fresh(), "ip": ip, **ports}
        outer = connection.parsed(raw, "/run/kernel-1.json")
        with pytest.raises(CannotListen) as caught:
            # It is shut down by then.
            parts._front(Factory(self.reactor), outer, self.lost.append)
        return str(caught.value)

    def test_port_is_taken(self) -> None:
        """The usual reason is asked for."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            said = self.refused("127.0.0.1", shell_port=other.getsockname()[1])
        self.assertIn("cannot listen where /run/kernel-1.json says: Address", said)
        self.assertTrue(said.endswith("; does another kernel use it?"), said)

    def test_address_of_another_machine(self) -> None:
        """No other kernel is to blame for that (192.0.2.0/24 is nobody's)."""
        for ip in ("192.0.2.1", "no.such.host.invalid", "127.0.0.1:5", ""):
            said = self.refused(ip)
            asked = f"; is {ip!r} an address of this machine?"
            self.assertTrue(said.endswith(asked), said)
