"""Whose program listens where, asked of the real system."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from unittest import mock

import pytest

from ipr.sockets import owners
from tests.case import Case

#: Binds a port of 127.0.0.1 as another user, and says which.
STRANGER = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


class OwnersTests(Case):
    def listener(self, family: socket.AddressFamily, address: str) -> int:
        made = socket.socket(family)
        self.addCleanup(made.close)
        made.bind((address, 0))
        made.listen()
        port: int = made.getsockname()[1]
        return port

    def test_who_takes_a_connection_to_loopback_is_seen(self) -> None:
        seen = [
            self.listener(socket.AF_INET, "127.0.0.1"),
            self.listener(socket.AF_INET, "0.0.0.0"),
        ]
        unseen = [self.listener(socket.AF_INET, "127.0.0.2")]
        if socket.has_ipv6:
            seen.append(self.listener(socket.AF_INET6, "::"))
            unseen.append(self.listener(socket.AF_INET6, "::1"))
        self.assertEqual(owners.ours([*seen, *unseen]), dict.fromkeys(seen, True))

    def test_a_port_that_is_only_bound_takes_none(self) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            self.assertEqual(owners.ours([bound.getsockname()[1]]), {})

    def test_others_are_not_ours_and_root_is(self) -> None:
        found = [(1, 1234), (2, 0), (3, 1000), (4, 1000), (4, 1234)]
        with (
            mock.patch.object(owners, "listening", return_value=found),
            mock.patch.object(os, "geteuid", return_value=1000),
        ):
            told = owners.ours([1, 2, 3, 4, 5])
        self.assertEqual(told, {1: False, 2: True, 3: True, 4: False})

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
    def test_another_user_is_seen_by_his_number(self) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", STRANGER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as stranger:
            assert stranger.stdout is not None
            port = int(stranger.stdout.readline())
            self.assertIn((port, 65534), list(owners.listening()))
            self.assertEqual(owners.ours([port]), {port: False})
            stranger.communicate()

    def test_where_the_system_does_not_tell_nothing_is_known(self) -> None:
        with mock.patch.object(socket, "socket", side_effect=OSError):
            self.assertIsNone(owners.ours([1]))

    def test_many_listeners_are_all_told(self) -> None:
        """They come in several pieces."""
        ports = [self.listener(socket.AF_INET, "127.0.0.1") for _ in range(600)]
        self.assertEqual(owners.ours(ports), dict.fromkeys(ports, True))
