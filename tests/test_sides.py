"""The sockets of the two sides, against peers on ipc in the same process.

The fake reactor waits for the sockets' own wake-ups, with a bound; its clock
moves only where a test moves it.
"""

from __future__ import annotations

import os
from typing import Any

import zmq

from ipr import connection, sides
from ipr.channels import ChannelClosed, Factory
from ipr.connection import CHANNELS, Inner, Outer
from ipr.sides import LOST_TIME, Front, InnerSide
from ipr.wire import DELIMITER
from tests.case import Case
from tests.fakes import FakeReactor

BODY = [DELIMITER, b"sig", b"{}", b"{}", b"{}", b"{}"]
DEALERS = ("shell", "control", "stdin")


class SidesCase(Case):
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
        """Give what a peer gets, turning the reactor until it comes."""
        self.reactor.until(lambda: peer.poll(0), "a message at the peer")
        return peer.recv_multipart()


class InnerSideTests(SidesCase):
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

    def test_receives(self) -> None:
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

    def test_drain(self) -> None:
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

    def test_lost(self) -> None:
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

    def test_close(self) -> None:
        """Nothing stays: no reader, no timer, no socket that could be sent to."""
        self.connect()
        self.kernel["shell"].close(0)
        self.reactor.until(self.timer, "the end of the connection")
        self.side.close()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.reactor.readers, [])
        self.raised(ChannelClosed, self.side.send, "shell", BODY)
        self.side.close()


class FrontTests(SidesCase):
    def setUp(self) -> None:
        super().setUp()
        self.clients: list[zmq.Socket[bytes]] = []

    def outer(self, **more: str) -> Outer:
        raw = {f"{name}_port": port for name, port in self.ports.items()}
        return connection.parsed(
            {**raw, "transport": "ipc", "ip": self.base, **more}, ""
        )

    def front(self, **more: str) -> Front:
        made = Front(self.factory, self.outer(**more), self.lost.append)
        made.listen(self.receive)
        self.addCleanup(made.close, 0)
        return made

    def client(self, name: str, kind: int, **options: bytes) -> zmq.Socket[bytes]:
        made = self.context.socket(kind)
        made.linger = 0
        self.clients.append(made)
        for option, value in options.items():
            made.setsockopt(getattr(zmq, option), value)
        made.connect(self.outer().address(name))
        return made

    def test_requests(self) -> None:
        """A client's message comes with its identity, and the reply finds it."""
        front = self.front()
        for name in DEALERS:
            client = self.client(name, zmq.DEALER, IDENTITY=b"me")
            client.send_multipart(BODY)
            self.reactor.until(lambda: self.received, f"a message on {name}")
            self.assertEqual(self.received, [(name, [b"me", *BODY])])
            front.send(name, [b"me", *BODY])
            self.assertEqual(self.heard(client), BODY)
            self.received.clear()

    def test_question_to_who_is_not_there(self) -> None:
        """It is said, and a later one arrives whole; other channels drop it."""
        front = self.front()
        self.assertFalse(front.ask([b"me", *BODY]))
        front.send("shell", [b"me", *BODY])
        client = self.client("stdin", zmq.DEALER, IDENTITY=b"me")
        self.reactor.until(lambda: front.ask([b"me", *BODY]), "the client's stdin")
        self.assertEqual(self.heard(client), BODY)
        self.assertFalse(front.ask([b"you", *BODY]))
        self.assertTrue(front.ask([b"me", b"again"]))
        self.assertEqual(self.heard(client), [b"again"])

    def test_client_that_does_not_read(self) -> None:
        """What it has not read takes no more memory than is said; all is whole."""
        self.addCleanup(setattr, sides, "MOST_UNREAD", sides.MOST_UNREAD)
        vars(sides)["MOST_UNREAD"] = 1000
        front = self.front()
        client = self.client("iopub", zmq.SUB, SUBSCRIBE=b"")
        self.reactor.until(lambda: self.received, "the subscription")
        text = [b"x" * 100 for _ in BODY]
        for number in range(20_000):
            front.publish([b"topic", b"%d" % number, *text])
        came = []
        while client.poll(200):
            topic, number_, *rest = client.recv_multipart()
            self.assertEqual((topic, len(rest)), (b"topic", len(BODY)))
            came.append(int(number_))
        # And what is in the sockets' own buffers.
        self.assertTrue(1000 <= len(came) < 10_000, len(came))
        self.assertEqual(came, sorted(came))
        front.publish([b"topic", b"later"])
        self.assertEqual(self.heard(client), [b"topic", b"later"])

    def flood(self, number: int) -> zmq.Socket[bytes]:
        """Give a client that has sent what it could of ``number`` messages."""
        client = self.context.socket(zmq.DEALER)
        client.linger = 0
        client.sndhwm = 1
        client.connect(self.outer().address("shell"))
        for sent in range(number):
            if not client.poll(300, zmq.POLLOUT):
                break
            client.send_multipart([b"%d" % sent, b"x" * 100_000])
        return client

    def test_requests_that_nobody_reads(self) -> None:
        """A client has to wait: what it sends takes no memory without a bound."""
        self.front()
        client = self.flood(1000)
        self.assertFalse(client.poll(0, zmq.POLLOUT), "1000 messages were taken")

    def test_burst(self) -> None:
        """A client that sends more than is kept loses nothing."""
        self.front()
        client = self.client("shell", zmq.DEALER)
        for number in range(20 * sides.MOST_UNTAKEN):
            client.send_multipart([b"%d" % number])
            if number % 500 == 0:
                self.reactor.turn()
        self.reactor.until(
            lambda: len(self.received) == 20 * sides.MOST_UNTAKEN, "all", turns=2000
        )
        came = [int(frames[-1]) for _, frames in self.received]
        self.assertEqual(came, list(range(20 * sides.MOST_UNTAKEN)))

    def test_endless_topic(self) -> None:
        """Who subscribes to more than a topic is disconnected."""
        self.front()
        self.client("iopub", zmq.SUB, SUBSCRIBE=b"x" * 10_000)
        self.client("iopub", zmq.SUB, SUBSCRIBE=b"x" * 1000)
        self.reactor.until(lambda: self.received, "the subscription")
        self.reactor.settle()
        self.assertEqual(self.received, [("iopub", [b"\x01" + b"x" * 1000])])

    def test_beats_that_nobody_reads(self) -> None:
        """Echoes wait in a number that is bounded; a long beat gets none."""
        self.front()
        client = self.context.socket(zmq.DEALER)
        client.linger = 0
        client.connect(self.outer().address("hb"))
        client.send(b"x" * 5000)
        other = self.client("hb", zmq.REQ)
        other.send(b"x" * 4000)
        self.assertTrue(other.poll(5000), "a beat")
        self.assertEqual(client.poll(0), 0)
        client.close(0)

    def test_last_requests(self) -> None:
        """What has come by the end is answered before the front closes."""
        front = self.front()
        for name in ("shell", "control"):
            client = self.client(name, zmq.DEALER)
            client.send_multipart(BODY)
            # It has come, and no turn of the reactor reads it.
            self.assertTrue(front._channels[name].socket.poll(10_000))
        front.read_rest()
        self.assertEqual(
            [channel for channel, _ in self.received], ["control", "shell"]
        )

    def test_same_identity_again(self) -> None:
        """A client that comes back under its identity takes its place."""
        front = self.front()
        for text in (b"one", b"two"):
            client = self.client("shell", zmq.DEALER, IDENTITY=b"me")
            client.send_multipart([text])
            self.reactor.until(lambda: self.received, "the message")
            self.assertEqual(self.received.pop(), ("shell", [b"me", text]))
        front.send("shell", [b"me", b"reply"])
        self.assertEqual(self.heard(client), [b"reply"])

    def test_vanished_client(self) -> None:
        """A reply to nobody is dropped; that is no fault."""
        self.front().send("shell", [b"nobody", *BODY])
        self.assertEqual(self.lost, [])

    def test_publish(self) -> None:
        """Every subscription is told, each time, and each subscriber hears."""
        front = self.front()
        clients = [self.client("iopub", zmq.SUB, SUBSCRIBE=b"") for _ in "12"]
        self.reactor.until(lambda: len(self.received) == 2, "two subscriptions")
        self.assertEqual(self.received, [("iopub", [b"\x01"])] * 2)
        front.publish([b"topic", *BODY])
        for client in clients:
            self.assertEqual(self.heard(client), [b"topic", *BODY])

    def test_unsubscription(self) -> None:
        """Every end of a subscription is told, too: the last one counts."""
        self.front()
        clients = [self.client("iopub", zmq.SUB, SUBSCRIBE=b"") for _ in "12"]
        self.reactor.until(lambda: len(self.received) == 2, "two subscriptions")
        for client in clients:
            client.close(0)
        self.reactor.until(lambda: len(self.received) == 4, "their ends")
        self.assertEqual(self.received[2:], [("iopub", [b"\x00"])] * 2)

    def test_heartbeat(self) -> None:
        """It beats, whatever the reactor does."""
        self.front()
        client = self.client("hb", zmq.REQ)
        client.send(b"ping")
        self.assertTrue(client.poll(5000), "a beat")
        self.assertEqual(client.recv(), b"ping")

    def test_curve(self) -> None:
        """With keys in the file all five are encrypted: who has none is not heard."""
        public, secret = zmq.curve_keypair()
        front = self.front(
            curve_publickey=public.decode(), curve_secretkey=secret.decode()
        )
        own_public, own_secret = zmq.curve_keypair()
        keys = {
            "CURVE_SERVERKEY": public,
            "CURVE_PUBLICKEY": own_public,
            "CURVE_SECRETKEY": own_secret,
        }
        for name in DEALERS:
            self.client(name, zmq.DEALER).send(b"open")
            self.client(name, zmq.DEALER, IDENTITY=b"me", **keys).send(b"closed")
            self.reactor.until(lambda: self.received, f"a message on {name}")
            self.assertEqual(self.received.pop(), (name, [b"me", b"closed"]))
        listening = self.client("iopub", zmq.SUB, SUBSCRIBE=b"")
        welcome = self.client("iopub", zmq.SUB, SUBSCRIBE=b"", **keys)
        self.reactor.until(lambda: self.received, "a subscription")
        front.publish([b"secret"])
        self.assertEqual(self.heard(welcome), [b"secret"])
        beating = self.client("hb", zmq.REQ)
        beating.send(b"ping")
        welcome = self.client("hb", zmq.REQ, **keys)
        welcome.send(b"ping")
        self.assertTrue(welcome.poll(5000), "a beat")
        # By now an answer to those without keys would have come as well.
        self.assertEqual((listening.poll(0), beating.poll(0)), (0, 0))
        self.assertEqual(len(self.received), 1)

    def test_taken_address(self) -> None:
        """Nothing is left when one of the five cannot be had."""
        for name in CHANNELS:
            outer = self.outer()
            other = outer._replace(ip=f"{self.base}{name}")
            os.makedirs(other.address(name).removeprefix("ipc://"))
            self.raised(
                zmq.ZMQError,
                Front,
                self.factory,
                other,
                self.lost.append,
            )
            self.assertEqual(self.reactor.readers, [])

    def test_close(self) -> None:
        """What is sent after the end goes nowhere; that is no fault."""
        front = self.front()
        front.close(0)
        front.send("shell", [b"me", *BODY])
        self.assertEqual(self.reactor.readers, [])
        front.close(0)


class NamesTests(Case):
    def test_exports(self) -> None:
        """What others need of the channels is to be had here."""
        self.assertIs(sides.ChannelClosed, ChannelClosed)
