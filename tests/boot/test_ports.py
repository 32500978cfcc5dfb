"""Free ports: they can be bound, and no outgoing connection gets them."""

from __future__ import annotations

import contextlib
import socket
import unittest

from ipr.boot import ports
from ipr.boot.connection import CHANNELS
from tests.case import Case


class PortsTests(Case):
    def test_free_ports_can_be_bound(self) -> None:
        """Five that can be bound, IPv6 too."""
        for ip, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
            with contextlib.ExitStack() as stack:
                probe = stack.enter_context(socket.socket(family))
                try:
                    probe.bind((ip, 0))
                except OSError:
                    continue  # A machine without IPv6.
                for port in ports.free(CHANNELS, ip).values():
                    stack.enter_context(socket.socket(family)).bind((ip, port))

    def test_not_where_connections_come_from(self) -> None:
        """A socket that tries a port for long must never get it to try from."""
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            first = int(file.read().split()[0])
        if first <= ports.LOWEST_PORT + 1000:
            raise unittest.SkipTest("this machine takes nearly every port for that")
        for port in ports.free(CHANNELS).values():
            self.assertTrue(ports.LOWEST_PORT <= port < first, port)
