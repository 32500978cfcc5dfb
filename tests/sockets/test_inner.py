"""The sockets of one inner kernel."""

from __future__ import annotations

import errno
import os
from typing import Any
from unittest import mock

import zmq

from ipr.boot.connection import Inner
from ipr.sockets import inner as inner_module
from ipr.sockets import monitor
from ipr.sockets.channels import Channel, ChannelClosed
from ipr.sockets.dialling import LOOK_TIME
from ipr.sockets.inner import LOST_TIME, InnerSide
from tests.sockets.sockets_case import BODY, DEALERS, SocketsCase


class InnerSideTests(SocketsCase):
    def setUp(self) -> None:
        super().setUp()
        self.inner = Inner(os.path.dirname(self.base), "", "ipc", self.base, self.ports)
        self.kernel: dict[str, zmq.Socket[bytes]] = {}
        for name in (*DEALERS, "iopub"):
            self.bind(name)
        self.side = InnerSide(self.factory, self.inner, 3, self.lost.append)
        self.side.listen(self.receive)
        self.addCleanup(self.side.close)

    def bind(self, name: str) -> None:
        kind = zmq.XPUB if name == "iopub" else zmq.ROUTER
        self.kernel[name] = self.context.socket(kind)
        if kind == zmq.XPUB:
            self.kernel[name].setsockopt(zmq.XPUB_VERBOSE, 1)
        self.kernel[name].bind(self.inner.address(name))

    def connect(self) -> dict[str, bytes]:
        """Turn until all are connected; give the identities that the kernel sees."""
        identities = {}
        for name in DEALERS:
            self.side.send(name, BODY)
            identity, *body = self.heard(self.kernel[name])
            self.assertEqual(body, BODY)
            identities[name] = identity
        while self.heard(self.kernel["iopub"]) != [b"\x01"]:
            pass  # The end of an earlier subscription.
        self.reactor.settle()
        return identities

    def timer(self) -> bool:
        """Whether something is to be done later than at once."""
        now = self.reactor.seconds()
        return any(call.getTime() > now for call in self.reactor.getDelayedCalls())

    def test_one_identity(self) -> None:
        """A kernel asks for input on stdin under the identity it knows from shell."""
        identities = self.connect()
        self.assertEqual(len(set(identities.values())), 1)
        self.assertTrue(identities["shell"].startswith(b"3-"))

    def test_without_descriptors_it_is_an_error_of_the_system(self) -> None:
        """And none of ipr's own; those that were opened are closed."""
        made: list[Channel] = []

        def channel(*args: Any, **more: Any) -> Channel:
            if len(made) == 5:
                raise zmq.ZMQError(errno.EMFILE)
            made.append(Channel(*args, **more))
            return made[-1]

        with (
            mock.patch.object(inner_module, "Channel", channel),
            mock.patch.object(monitor, "Channel", channel),
        ):
            error = self.raised(
                OSError, InnerSide, self.factory, self.inner, 4, self.lost.append
            )
        self.assertEqual(error.errno, errno.EMFILE)
        self.assertEqual([one.closed for one in made], [True] * 5)

    def test_another_generation_another_identity(self) -> None:
        """Nothing of a generation is used again."""
        before = self.connect()["shell"]
        self.side.close()
        self.side = InnerSide(self.factory, self.inner, 4, self.lost.append)
        self.side.listen(self.receive)
        self.addCleanup(self.side.close)
        after = self.connect()["shell"]
        self.assertTrue(after.startswith(b"4-"))
        self.assertFalse(before == after)

    def test_message_comes_with_its_channels_name(self) -> None:
        """Each message comes with its channel's name."""
        identities = self.connect()
        for name in DEALERS:
            self.kernel[name].send_multipart([identities[name], *BODY])
            self.reactor.until(lambda: self.received, f"a message on {name}")
            self.assertEqual(self.received, [(name, BODY)])
            self.received.clear()
        self.kernel["iopub"].send_multipart([b"any topic", *BODY])
        self.reactor.until(lambda: self.received, "a message on iopub")
        self.assertEqual(self.received, [("iopub", [b"any topic", *BODY])])

    def test_all_is_read_before_the_end_is_told(self) -> None:
        """All that a kernel sent before it ended is read before the end is told."""
        identities = self.connect()
        for _ in range(100):
            for name in DEALERS:
                self.kernel[name].send_multipart([identities[name], *BODY])
            self.kernel["iopub"].send_multipart([b"t", *BODY])
        for peer in self.kernel.values():
            peer.close(linger=5000)
        counts: list[int] = []
        self.side.drain(lambda: counts.append(len(self.received)))
        self.reactor.until(lambda: counts, "the last connection to end", turns=2000)
        self.assertEqual(counts, [400])
        self.reactor.settle()
        self.assertEqual(len(self.received), 400)

    def test_is_connected(self) -> None:
        """Until the kernel closes that very socket."""
        self.assertFalse(self.side.is_connected("iopub"))
        self.connect()
        self.reactor.until(lambda: self.side.is_connected("iopub"), "iopub")
        self.kernel["iopub"].close(linger=0)
        self.reactor.until(lambda: not self.side.is_connected("iopub"), "its end")
        self.assertTrue(self.side.is_connected("shell"))

    def test_drain_waits_for_every_connection(self) -> None:
        """While one socket is still open its last words may be on their way."""
        self.connect()
        done: list[None] = []
        for name in ("shell", "control", "stdin"):
            self.kernel[name].close(linger=0)
        self.side.drain(lambda: done.append(None))
        self.turn_until_disconnected(3)
        self.assertEqual(done, [])
        self.kernel["iopub"].close(linger=0)
        self.reactor.until(lambda: done, "the last connection to end")
        self.assertEqual(done, [None])

    def turn_until_disconnected(self, number: int) -> None:
        """Turn until so many of the connections are known to have ended."""
        self.reactor.until(
            lambda: len(self.side._connected) == 4 - number,
            f"the end of {number} connections",
        )

    def test_drain_of_a_kernel_that_never_came(self) -> None:
        """What was never connected has nothing to say."""
        for peer in self.kernel.values():
            peer.close(0)
        self.side.close()
        self.side = InnerSide(
            self.factory,
            self.inner._replace(ip=f"{self.base}-nowhere"),
            4,
            self.lost.append,
        )
        self.addCleanup(self.side.close)
        self.reactor.settle()
        done: list[None] = []
        self.side.drain(lambda: done.append(None))
        self.assertEqual(done, [None])

    def test_close_while_draining(self) -> None:
        """Nobody is told any more."""
        self.connect()
        done: list[None] = []
        self.side.drain(lambda: done.append(None))
        self.side.close()
        self.reactor.settle()
        self.assertEqual(done, [])

    def test_closed_socket_of_a_running_kernel_is_told_of(self) -> None:
        """A kernel that runs and has one of its sockets closed is told of."""
        self.connect()
        self.kernel["shell"].close(0)
        self.reactor.until(self.timer, "the end of the connection")
        self.reactor.advance(LOST_TIME - 0.1)
        self.assertEqual(self.lost, [])
        self.reactor.advance(0.1)
        self.assertEqual(self.lost, ["shell"])

    def test_not_lost(self) -> None:
        """A connection that comes back in time was none that was lost.

        But who knows whether it is the same kernel.
        """
        self.connect()
        self.assertTrue(self.side.steady)
        self.kernel["shell"].close(0)
        self.reactor.until(self.timer, "the end of the connection")
        self.bind("shell")
        self.reactor.until(lambda: not self.timer(), "the connection again")
        self.reactor.settle()
        self.reactor.advance(2 * LOST_TIME)
        self.assertEqual(self.lost, [])
        self.assertFalse(self.side.steady)

    def test_closed_inner_side_leaves_nothing(self) -> None:
        """Nothing stays: no reader, no timer, no socket that could be sent to."""
        self.connect()
        self.kernel["shell"].close(0)
        self.reactor.until(self.timer, "the end of the connection")
        self.side.close()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.reactor.readers, [])
        self.raised(ChannelClosed, self.side.send, "shell", BODY)
        self.side.close()


class TcpTests(SocketsCase):
    """On tcp, where libzmq does not connect again by itself."""

    def bound(self, kind: int, port: int = 0) -> tuple[zmq.Socket[bytes], int]:
        made = self.context.socket(kind)
        made.bind(f"tcp://127.0.0.1:{port or '*'}")
        endpoint: Any = made.getsockopt(zmq.LAST_ENDPOINT)
        return made, int(bytes(endpoint).rstrip(b"\0").rpartition(b":")[2])

    def dialled(self, peer: zmq.Socket[bytes]) -> list[bytes]:
        """Return what a peer gets, who may have to be looked for."""

        def come() -> bool:
            self.reactor.advance(LOOK_TIME)
            return bool(peer.poll(0))

        self.reactor.until(come, "a message at the peer")
        return peer.recv_multipart()

    def test_a_kernel_that_has_just_closed_its_shell_is_sent_it_later(self) -> None:
        """Nothing is raised; what found no connection goes when it listens again."""
        kinds = dict.fromkeys(DEALERS, zmq.ROUTER) | {"iopub": zmq.XPUB}
        made = {name: self.bound(kind) for name, kind in kinds.items()}
        ports = {name: port for name, (_, port) in made.items()} | {"hb": 1}
        inner = Inner("", "", "tcp", "127.0.0.1", ports)
        side = InnerSide(self.factory, inner, 1, self.lost.append)
        self.addCleanup(side.close)
        shell, port = made["shell"]
        side.send("shell", BODY)
        self.dialled(shell)
        shell.close(0)
        # The fake reactor does not turn meanwhile: the monitor's word waits.
        watching = side._monitors[list(side._channels).index("shell")]
        self.assertTrue(watching.socket.poll(10_000), "the end of the connection")
        assert side._dialling is not None
        line = side._dialling._lines["shell"]
        sent = 0
        while line.open:
            sent += 1
            self.assertLess(sent, 100_000, "the socket takes what goes nowhere")
            side.send("shell", [*BODY[:-1], b"%d" % sent])
        side.send("shell", [*BODY[:-1], b"and another"])
        again, _ = self.bound(zmq.ROUTER, port)
        self.assertEqual(
            [self.dialled(again)[-1] for _ in range(2)], [b"%d" % sent, b"and another"]
        )
