"""When a channel to a port is connected that others may take, and what is sent."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import zmq
from twisted.internet.task import Clock

from ipr.sockets.channels import ChannelClosed
from ipr.sockets.dialling import (
    BLIND_TIME,
    CONNECTING_TIME,
    LATER_LOOK_TIME,
    LONG_TIME,
    LOOK_TIME,
    Dialling,
)
from tests.case import Case


class FakeChannel:
    """Notes what is done to it; it is its own socket."""

    def __init__(self, done: list[tuple[Any, ...]], name: str) -> None:
        self._done = done
        self._name = name
        self.closed = False
        self.socket = self
        self.gone = False
        #: How many messages it takes before its connection has ended.
        self.takes = 99

    def connect(self, _address: str) -> None:
        self._done.append(("connect", self._name))

    def disconnect(self, _address: str) -> None:
        if self.gone:
            raise zmq.ZMQError(2)
        self._done.append(("disconnect", self._name))

    def send(self, body: list[bytes]) -> None:
        if not self.takes:
            raise zmq.Again
        self.takes -= 1
        self._done.append(("send", self._name, *body))


class DiallingTests(Case):
    def setUp(self) -> None:
        self.clock = Clock()
        self.done: list[tuple[Any, ...]] = []
        #: Who listens where; None: nobody tells.
        self.owners: dict[int, bool] | None = {}
        self.looks = 0
        clock: Any = self.clock
        self.dialling = Dialling(clock, self.who)
        self.shell = self.add("shell", 1)
        self.addCleanup(self.dialling.stop)

    def add(self, name: str, port: int) -> FakeChannel:
        fake = FakeChannel(self.done, name)
        channel: Any = fake
        self.dialling.add(name, channel, f"tcp://127.0.0.1:{port}", port)
        return fake

    def who(self, ports: Collection[int]) -> dict[int, bool] | None:
        self.looks += 1
        if self.owners is None:
            return None
        return {port: ours for port, ours in self.owners.items() if port in ports}

    def took(self) -> list[tuple[Any, ...]]:
        found, self.done[:] = list(self.done), []
        return found

    def pass_by(self, seconds: float) -> None:
        for _ in range(round(seconds / LOOK_TIME)):
            self.clock.advance(LOOK_TIME)

    def run_kernel(self) -> None:
        self.owners = {1: True}
        self.pass_by(LOOK_TIME)
        self.dialling.connected("shell")
        self.took()

    def test_connects_when_our_kernel_listens(self) -> None:
        """What was sent before goes when it is connected, in its order."""
        self.dialling.send("shell", [b"1"])
        self.pass_by(0.1)
        self.assertEqual(self.took(), [])
        self.owners = {1: True}
        self.pass_by(LOOK_TIME)
        self.dialling.send("shell", [b"2"])
        self.assertEqual(self.took(), [("connect", "shell")])
        self.assertTrue(self.dialling.connected("shell"))
        self.dialling.send("shell", [b"3"])
        self.assertEqual(
            self.took(), [("send", "shell", each) for each in (b"1", b"2", b"3")]
        )
        self.pass_by(LOOK_TIME)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_never_connects_to_another_user(self) -> None:
        self.dialling.send("shell", [b"secret"])
        self.owners = {1: False}
        self.pass_by(5)
        self.assertEqual(self.took(), [])
        # He has gone, and the kernel has come.
        self.owners = {1: True}
        self.pass_by(LOOK_TIME)
        self.assertEqual(self.took(), [("connect", "shell")])

    def test_another_user_in_the_last_moment_is_sent_nothing(self) -> None:
        self.dialling.send("shell", [b"secret"])
        self.owners = {1: True}
        self.pass_by(LOOK_TIME)
        self.owners = {1: False}
        self.assertFalse(self.dialling.connected("shell"))
        self.pass_by(5)
        self.assertEqual(self.took(), [("connect", "shell"), ("disconnect", "shell")])

    def test_what_comes_after_its_end_is_kept(self) -> None:
        """Until it is known that the kernel is dead; or it listens once more."""
        self.run_kernel()
        self.owners = {1: False}
        self.shell.gone = True
        self.dialling.disconnected("shell")
        self.dialling.send("shell", [b"secret"])
        self.pass_by(1)
        self.assertEqual(self.took(), [])
        self.owners = {1: True}
        self.pass_by(LOOK_TIME)
        self.dialling.connected("shell")
        self.assertEqual(
            self.took(), [("connect", "shell"), ("send", "shell", b"secret")]
        )

    def test_an_end_that_has_not_been_told_yet_is_no_error(self) -> None:
        """What the socket does not take waits for the next connection, in order."""
        self.run_kernel()
        self.shell.takes = 1
        for each in (b"1", b"2", b"3"):
            self.dialling.send("shell", [each])
        self.assertEqual(self.took(), [("send", "shell", b"1")])
        for left in (1, 99):
            # The first of them comes, and ends once more in the middle.
            self.dialling.disconnected("shell")
            self.pass_by(LOOK_TIME)
            self.shell.takes = left
            self.assertTrue(self.dialling.connected("shell"))
        sent = [each for each in self.took() if each[0] == "send"]
        self.assertEqual(sent, [("send", "shell", b"2"), ("send", "shell", b"3")])

    def test_tries_again_when_nothing_comes_of_it(self) -> None:
        self.owners = {1: True}
        self.pass_by(CONNECTING_TIME / 2)
        self.assertEqual(self.took(), [("connect", "shell")])
        self.pass_by(CONNECTING_TIME)
        self.assertEqual(self.took(), [("disconnect", "shell"), ("connect", "shell")])

    def test_tries_where_nobody_is_seen(self) -> None:
        """After a while: a port may be forwarded without a socket."""
        self.pass_by(BLIND_TIME - LOOK_TIME)
        self.assertEqual(self.took(), [])
        self.pass_by(0.05)
        self.assertEqual(self.took(), [("connect", "shell")])

    def test_connects_at_once_where_nobody_tells(self) -> None:
        self.owners = None
        self.clock.advance(0)
        self.assertEqual(self.took(), [("connect", "shell")])
        self.assertTrue(self.dialling.connected("shell"))

    def test_looks_seldom_when_it_takes_long(self) -> None:
        """One look is for all channels."""
        self.owners = {1: False, 2: False}
        self.add("stdin", 2)
        self.pass_by(LONG_TIME + 1)
        looks = self.looks
        self.pass_by(10)
        self.assertTrue(self.looks - looks <= 10 / LATER_LOOK_TIME + 1, self.looks)

    def test_closed_channel_is_left_alone(self) -> None:
        self.shell.closed = True
        self.owners = {1: True}
        self.pass_by(1)
        self.assertEqual(self.took(), [])
        self.raised(ChannelClosed, self.dialling.send, "shell", [b"1"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
