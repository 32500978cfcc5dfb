"""The clients' sockets, and what somebody without a key can do there."""

from __future__ import annotations

import os

import zmq

from ipr.boot import connection
from ipr.boot.connection import CHANNELS, Outer
from ipr.sockets import front as front_module
from ipr.sockets.front import MOST_UNTAKEN, Front
from ipr.sockets.listeners import MOST_SENT
from tests.sockets.sockets_case import BODY, DEALERS, SocketsCase


class FrontTests(SocketsCase):
    def setUp(self) -> None:
        super().setUp()
        self.clients: list[zmq.Socket[bytes]] = []
        self.sent = 0

    def outer(self, **more: str) -> Outer:
        raw = {f"{name}_port": port for name, port in self.ports.items()}
        return connection.parsed(
            {**raw, "key": "", "transport": "ipc", "ip": self.base, **more}, ""
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

    def test_request_comes_with_identity_and_reply_finds_it(self) -> None:
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
        options = front_module.OPTIONS["iopub"]
        self.addCleanup(options.update, dict(options))
        options[zmq.SNDHWM] = 1000
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
        """Return a client that has sent what it could of ``number`` messages."""
        client = self.context.socket(zmq.DEALER)
        client.linger = 0
        client.sndhwm = 1
        client.connect(self.outer().address("shell"))
        for sent in range(number):
            if not client.poll(300, zmq.POLLOUT):
                break
            client.send_multipart([b"%d" % sent, b"x" * 100_000])
            self.sent = sent + 1
        return client

    def test_requests_that_nobody_reads(self) -> None:
        """A client has to wait: what it sends takes no memory without a bound."""
        self.front()
        client = self.flood(1000)
        self.assertFalse(client.poll(0, zmq.POLLOUT), "1000 messages were taken")
        # And what is in the sockets' own buffers.
        self.assertTrue(MOST_UNTAKEN <= self.sent < 200, self.sent)

    def test_burst_of_requests_is_not_lost(self) -> None:
        """A client that sends more than is kept loses nothing."""
        self.front()
        client = self.client("shell", zmq.DEALER)
        for number in range(20 * MOST_UNTAKEN):
            client.send_multipart([b"%d" % number])
            if number % 500 == 0:
                self.reactor.turn()
        self.reactor.until(
            lambda: len(self.received) == 20 * MOST_UNTAKEN,
            "all",
            turns=2000,
        )
        came = [int(frames[-1]) for _, frames in self.received]
        self.assertEqual(came, list(range(20 * MOST_UNTAKEN)))

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

    def test_read_rest_of_one_client(self) -> None:
        """More than libzmq keeps of it at a time."""
        front = self.front()
        client = self.client("shell", zmq.DEALER)
        for _ in range(50 * MOST_UNTAKEN):
            client.send_multipart(BODY)
        self.assertTrue(front._channels["shell"].socket.poll(10_000))
        front.read_rest()
        self.assertEqual(len(self.received), 50 * MOST_UNTAKEN)

    def test_client_of_the_same_identity_takes_its_place(self) -> None:
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

    def test_each_subscriber_hears(self) -> None:
        """Every subscription is told, and each subscriber hears."""
        front = self.front()
        clients = [self.client("iopub", zmq.SUB, SUBSCRIBE=b"") for _ in "12"]
        self.reactor.until(lambda: front.clients == 2, "two connections")
        self.reactor.until(lambda: len(self.received) == 2, "both subscriptions")
        self.assertEqual(self.received, [("iopub", [b"\x01"])] * 2)
        front.publish([b"topic", *BODY])
        for client in clients:
            self.assertEqual(self.heard(client), [b"topic", *BODY])

    def test_connections_count_as_clients(self) -> None:
        """Connections count: no subscription, and no end of one."""
        front = self.front()
        clients = [self.client("iopub", zmq.SUB, SUBSCRIBE=b"") for _ in "12"]
        self.reactor.until(lambda: front.clients == 2, "two connections")
        for number in range(20):
            clients[0].setsockopt(zmq.SUBSCRIBE, b"%d" % number)
            clients[0].setsockopt(zmq.SUBSCRIBE, b"")
        raw = self.client("iopub", zmq.XSUB)
        for _ in range(5):
            raw.send(b"\x00")
        self.reactor.until(lambda: front.clients == 3, "the third connection")
        self.reactor.settle()
        self.assertEqual(front.clients, 3)
        raw.close(0)
        clients[0].close(0)
        self.reactor.until(lambda: front.clients == 1, "their ends")

    def test_heartbeat_beats_while_the_reactor_does_not(self) -> None:
        """It beats, whatever the reactor does."""
        self.front()
        client = self.client("hb", zmq.REQ)
        client.send(b"ping")
        self.assertTrue(client.poll(5000), "a beat")
        self.assertEqual(client.recv(), b"ping")

    def test_keys_encrypt_all_five_sockets(self) -> None:
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

    def test_taken_address_leaves_nothing_of_the_front(self) -> None:
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

    def test_closed_front_takes_messages_silently(self) -> None:
        """What is sent after the end goes nowhere; that is no fault."""
        front = self.front()
        front.close(0)
        front.send("shell", [b"me", *BODY])
        self.assertEqual(self.reactor.readers, [])
        front.close(0)

    def test_who_sends_topics_without_end_is_cut_off(self) -> None:
        """libzmq keeps each of them many times over; who listens goes on."""
        outer = connection.parsed(connection.fresh(), "")
        front = Front(self.factory, outer, self.lost.append)
        self.addCleanup(front.close, 0)
        front.listen(self.receive)
        one, other = self.context.socket(zmq.SUB), self.context.socket(zmq.XSUB)
        one.subscribe(b"")
        for client in (one, other):
            client.connect(outer.address("iopub"))
        self.reactor.until(lambda: front.clients == 2, "both connections")
        ends = other.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        topic = bytes(1000)
        for number in range(MOST_SENT // len(topic) + 100):
            other.send(b"\x01%d" % number + topic)
        self.reactor.until(lambda: ends.poll(0), "the end of its connection")
        front.publish([b"still", b"here"])
        self.assertEqual(self.heard(one), [b"still", b"here"])
        # Where it comes again, it sends all that once more.
        other.close()
