"""Ports that are held: nobody else gets them, and the front can listen there."""

from __future__ import annotations

import contextlib
import socket
import unittest
from collections.abc import Iterator

import zmq

from ipr.boot import connection, held, ports
from ipr.boot.connection import CHANNELS, Outer
from tests.case import Case


def outer(ip: str = "127.0.0.1", **more: object) -> Outer:
    numbers = ports.free(CHANNELS)
    raw = {f"{channel}_port": port for channel, port in numbers.items()}
    return connection.parsed({**raw, "ip": ip, "key": "k", **more}, "")


@contextlib.contextmanager
def holding(asked: Outer) -> Iterator[int]:
    """Hold them for a while; how many were had."""
    sockets = held.hold(asked)
    try:
        yield len(sockets)
    finally:
        for each in sockets:
            each.close()


def can_be_had(asked: Outer) -> list[str]:
    """:return: the channels whose port another program could bind."""
    found = []
    for channel, port in asked.ports.items():
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((asked.ip, port))
            found.append(channel)
    return found


class HeldTests(Case):
    def test_nobody_else_gets_a_held_port(self) -> None:
        asked = outer()
        self.assertEqual(can_be_had(asked), list(CHANNELS))
        with holding(asked) as count:
            self.assertEqual(count, len(CHANNELS))
            self.assertEqual(can_be_had(asked), [])
        self.assertEqual(can_be_had(asked), list(CHANNELS))

    def test_front_can_listen_there_and_goes_on_afterwards(self) -> None:
        addresses = [("127.0.0.1", 0), ("0.0.0.0", 0), ("*", 0), ("::1", 1), ("::", 1)]
        for ip, ipv6 in addresses:
            asked = outer(ip)
            with zmq.Context() as context, contextlib.ExitStack() as stack:
                with holding(asked) as count:
                    if ipv6 and not count:
                        continue  # A machine without IPv6.
                    self.assertEqual(count, len(CHANNELS))
                    for channel in CHANNELS:
                        front = stack.enter_context(context.socket(zmq.ROUTER))
                        front.ipv6 = bool(ipv6)
                        front.bind(asked.address(channel))
                reached = "::1" if ipv6 else "127.0.0.1"
                for port in asked.ports.values():
                    socket.create_connection((reached, port), 5).close()

    def test_port_that_is_taken_is_left_to_the_front(self) -> None:
        asked = outer()
        with socket.socket() as thief:
            thief.bind((asked.ip, asked.ports["shell"]))
            thief.listen()
            with holding(asked) as count:
                self.assertEqual(count, len(CHANNELS) - 1)

    def test_nobody_is_asked_for_an_address(self) -> None:
        """A name server that does not answer would hold up the start."""
        with holding(outer("localhost")) as count:
            self.assertEqual(count, 0)
        with holding(outer("/tmp/kernel", transport="ipc")) as count:
            self.assertEqual(count, 0)

    def test_no_child_inherits_them(self) -> None:
        sockets = held.hold(outer())
        try:
            for each in sockets:
                with socket.socket(fileno=each.fileno()) as same:
                    self.assertFalse(same.get_inheritable())
                    same.detach()
        finally:
            for each in sockets:
                each.close()


if __name__ == "__main__":
    unittest.main()
