"""Sockets in the reactor: fair, whole, and closed for good when they fail.

Over ``inproc://`` on a fake reactor: what one side sent, the other side has.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

import zmq
from twisted.python.failure import Failure

from ipr.jupyter.wire import DELIMITER, MOST_FRAMES
from ipr.sockets.channels import (
    READ_BUDGET,
    READ_BYTES,
    SMALL,
    Channel,
    ChannelClosed,
)
from ipr.sockets.factory import Factory
from tests.case import Case
from tests.fakes import FakeReactor

MESSAGE = [DELIMITER, b"sig", b"header", b"parent", b"metadata", b'{"n": 1}']


class ChannelCase(Case):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.factory = Factory(self.reactor, linger=0)
        self.open: list[Channel] = []
        self.lost: list[Failure] = []
        self.leaves_nothing(self.reactor)
        self.addCleanup(self.close_all)
        self.address = f"inproc://{id(self):x}"

    def close_all(self) -> None:
        for channel in self.open:
            channel.close()
        self.factory.shutdown()
        self.assertEqual(self.reactor.readers, [])

    def channel(self, kind: int, into: list[Any] | None = None, **how: Any) -> Channel:
        receive = (lambda _frames: None) if into is None else into.append
        channel = Channel(self.factory, kind, receive, self.lost.append, **how)
        self.open.append(channel)
        return channel

    def pair(self, into: list[Any], **how: Any) -> tuple[Channel, Channel]:
        """Return a DEALER that sends and one that receives into a list."""
        receiver = self.channel(zmq.DEALER, into, **how)
        receiver.bind(self.address)
        sender = self.channel(zmq.DEALER)
        sender.connect(self.address)
        self.reactor.settle()
        return sender, receiver


class SendTests(ChannelCase):
    def test_whole_messages(self) -> None:
        """Frames arrive as they were sent, one list for each message."""
        into: list[Any] = []
        sender, _ = self.pair(into)
        sender.send(MESSAGE)
        sender.send([b"one"])
        sender.send((b"", b"two"))
        self.reactor.settle()
        self.assertEqual(into, [MESSAGE, [b"one"], [b"", b"two"]])

    def test_frames_may_be_views(self) -> None:
        """What a socket gave can be sent on as it is."""
        into: list[Any] = []
        sender, _ = self.pair(into)
        sender.send([b"a", memoryview(b"b"), zmq.Frame(b"c")])
        self.reactor.settle()
        self.assertEqual(into, [[b"a", b"b", b"c"]])

    def test_closed_channel_says_so(self) -> None:
        """A closed channel takes nothing, and says so."""
        sender, _ = self.pair([])
        sender.close()
        self.assertTrue(sender.closed)
        self.raised(ChannelClosed, sender.send, MESSAGE)

    def test_what_came_while_sending_is_read(self) -> None:
        """The descriptor is edge-triggered: sending may take its wake-up."""
        into: list[Any] = []
        sender, receiver = self.pair(into)
        sender.send([b"one"])
        receiver.send([b"answer"])  # It takes the wake-up of what came.
        self.reactor.advance(0)  # No reader is called.
        self.assertEqual(into, [[b"one"]])

    def test_nothing_is_scheduled_without_need(self) -> None:
        """Sending while nothing came costs no delayed call."""
        sender, _ = self.pair([])
        sender.send([b"one"])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.reactor.settle()


class OptionsTests(ChannelCase):
    def test_router_answers_to_the_identity(self) -> None:
        """A ROUTER sees the identity, and answers to it."""
        heard: list[Any] = []
        answered: list[Any] = []
        router = self.channel(zmq.ROUTER, heard)
        router.bind(self.address)
        dealer = self.channel(zmq.DEALER, answered, identity=b"me")
        dealer.connect(self.address)
        dealer.send([b"hello"])
        self.reactor.settle()
        router.send([*heard[0], b"back"])
        self.reactor.settle()
        self.assertEqual(heard, [[b"me", b"hello"]])
        self.assertEqual(answered, [[b"hello", b"back"]])

    def test_options_come_before_bind(self) -> None:
        """A client that comes back under its identity takes its place."""
        heard: list[Any] = []
        router = self.channel(zmq.ROUTER, heard, options={zmq.ROUTER_HANDOVER: 1})
        router.bind(self.address)
        for text in (b"first", b"second"):
            dealer = self.channel(zmq.DEALER, identity=b"me")
            dealer.connect(self.address)
            dealer.send([text])
            self.reactor.settle()
        self.assertEqual(heard, [[b"me", b"first"], [b"me", b"second"]])

    def test_nothing_is_dropped(self) -> None:
        """There is no high water mark: many messages may wait."""
        into: list[Any] = []
        sender, _ = self.pair(into)
        for number in range(3000):
            sender.send([b"%d" % number])
        self.reactor.settle()
        self.assertEqual(len(into), 3000)

    def test_taken_address_is_raised_by_a_channel(self) -> None:
        """An address that is taken is the caller's business."""
        self.channel(zmq.DEALER).bind(self.address)
        other = self.channel(zmq.DEALER)
        self.raised(zmq.ZMQError, other.bind, self.address)
        self.reactor.settle()


class FairTests(ChannelCase):
    def test_one_turn_reads_a_bounded_number(self) -> None:
        """One turn reads so many messages; the rest comes in the turns after it."""
        into: list[Any] = []
        sender, receiver = self.pair(into)
        for number in range(2 * READ_BUDGET + 1):
            sender.send([b"%d" % number])
        counts = []
        receiver.doRead()
        counts.append(len(into))
        while self.reactor.getDelayedCalls():
            # Only what was scheduled: it does not take another wake-up.
            self.reactor.round()
            counts.append(len(into))
        self.assertEqual(counts, [READ_BUDGET, 2 * READ_BUDGET, 2 * READ_BUDGET + 1])
        self.assertEqual(into, [[b"%d" % n] for n in range(2 * READ_BUDGET + 1)])

    def test_budget_of_bytes(self) -> None:
        """Large messages use a turn up sooner."""
        into: list[Any] = []
        sender, receiver = self.pair(into)
        for _ in range(4):
            sender.send([b"x" * (READ_BYTES // 2 + 1)])
        receiver.doRead()
        first = len(into)
        self.reactor.settle()
        self.assertEqual((first, len(into)), (2, 4))

    def test_a_flood_delays_nobody(self) -> None:
        """While one socket is flooded, the other's message waits one budget."""
        order: list[str] = []
        flooded = Channel(
            self.factory,
            zmq.DEALER,
            lambda _frames: order.append("flood"),
            self.lost.append,
        )
        quiet = Channel(
            self.factory,
            zmq.DEALER,
            lambda _frames: order.append("quiet"),
            self.lost.append,
        )
        self.open += [flooded, quiet]
        senders = []
        for channel in (flooded, quiet):
            address = f"inproc://{id(channel):x}"
            channel.bind(address)
            sender = self.channel(zmq.DEALER)
            sender.connect(address)
            senders.append(sender)
        self.reactor.settle()
        for _ in range(10 * READ_BUDGET):
            senders[0].send([b"x"])
        senders[1].send([b"x"])
        self.reactor.turn()
        self.assertEqual(order.index("quiet"), READ_BUDGET)
        self.reactor.settle()
        self.assertEqual(len(order), 10 * READ_BUDGET + 1)

    def test_draining_ignores_the_budget(self) -> None:
        """Draining reads all at once, whatever the budget."""
        into: list[Any] = []
        sender, receiver = self.pair(into)
        for _ in range(3 * READ_BUDGET):
            sender.send([b"x"])
        receiver.drain()
        self.assertEqual(len(into), 3 * READ_BUDGET)

    def test_drain_of_a_flood(self) -> None:
        """Whoever goes on sending does not keep anybody from ending."""
        sender, receiver = self.pair([])
        sender.send([b"x"])
        with mock.patch.object(Channel, "doRead") as read:
            receiver.drain(7)
        self.assertEqual(read.call_count, 7)

    def test_drain_after_close(self) -> None:
        """There is nothing to drain then."""
        _, receiver = self.pair([])
        receiver.close()
        receiver.drain()


class FaultTests(ChannelCase):
    def test_receiver_that_raises(self) -> None:
        """It is logged, and the next message is read all the same."""
        into: list[Any] = []

        def receive(frames: list[Any]) -> None:
            if frames == [b"bad"]:
                raise ZeroDivisionError
            into.append(frames)

        receiver = Channel(self.factory, zmq.DEALER, receive, self.lost.append)
        self.open.append(receiver)
        receiver.bind(self.address)
        sender = self.channel(zmq.DEALER)
        sender.connect(self.address)
        sender.send([b"bad"])
        sender.send([b"good"])
        self.reactor.settle()
        self.assertEqual(into, [[b"good"]])
        self.assertEqual(len(self.logged_errors(ZeroDivisionError)), 1)
        self.assertEqual(self.lost, [])

    def test_receiver_that_closes(self) -> None:
        """A message may be what ends its channel; no other is read then."""
        into: list[Any] = []

        def receive(frames: list[Any]) -> None:
            into.append(frames)
            receiver.close()

        receiver = Channel(self.factory, zmq.DEALER, receive, self.lost.append)
        self.open.append(receiver)
        receiver.bind(self.address)
        sender = self.channel(zmq.DEALER)
        sender.connect(self.address)
        sender.send([b"one"])
        sender.send([b"two"])
        self.reactor.settle()
        self.assertEqual((into, receiver.closed, self.lost), ([[b"one"]], True, []))

    def test_closed_channel_leaves_nothing_in_the_reactor(self) -> None:
        """Nothing of it stays in the reactor: no reader, no delayed call."""
        into: list[Any] = []
        sender, receiver = self.pair(into)
        for _ in range(READ_BUDGET + 1):
            sender.send([b"x"])
        receiver.doRead()
        self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
        receiver.close()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertFalse(receiver in self.reactor.readers)
        receiver.close()
        receiver.doRead()
        self.assertEqual(len(into), READ_BUDGET)

    def test_socket_that_fails(self) -> None:
        """It does not stay open and deaf: it is closed, and somebody is told."""

        class Failing(Channel):
            def _read_any(self, socket: Any) -> list[Any]:
                raise zmq.ZMQError(zmq.ENOTSOCK)

        receiver = Failing(
            self.factory, zmq.DEALER, lambda _frames: None, self.lost.append
        )
        self.open.append(receiver)
        receiver.bind(self.address)
        sender = self.channel(zmq.DEALER)
        sender.connect(self.address)
        sender.send(MESSAGE)
        self.reactor.settle()
        self.assertTrue(receiver.closed)
        self.assertEqual([f.type for f in self.lost], [zmq.ZMQError])
        self.assertFalse(receiver in self.reactor.readers)

    def test_lost_once(self) -> None:
        """The reactor may say so as well; who was told is not told again."""
        _, receiver = self.pair([])
        reason = Failure(zmq.ZMQError(zmq.ENOTSOCK))
        receiver.connectionLost(reason)
        receiver.connectionLost(reason)
        self.assertEqual(self.lost, [reason])


class ReadAnyTests(ChannelCase):
    """What clients send may look like anything."""

    def test_types_of_frames(self) -> None:
        """What is looked at is bytes; large buffers are passed on uncopied."""
        into: list[Any] = []
        sender, _ = self.pair(into)
        large = b"x" * 10_000
        sender.send([large, *MESSAGE[:5], large, b"small", large])
        self.reactor.settle()
        (frames,) = into
        self.assertEqual([type(frame) for frame in frames], [*[bytes] * 8, zmq.Frame])
        self.assertEqual(
            [bytes(frame) for frame in frames],
            [large, *MESSAGE[:5], large, b"small", large],
        )

    def test_absurd_number_of_frames(self) -> None:
        """A message of absurdly many frames is cut, and the next one is whole."""
        into: list[Any] = []
        sender, _ = self.pair(into)
        sender.send([b"x"] * (MOST_FRAMES + 50))
        sender.send([b"next"])
        self.reactor.settle()
        self.assertEqual([len(frames) for frames in into], [MOST_FRAMES + 1, 1])

    def test_bytes_read(self) -> None:
        """All of what came is counted."""
        sender, receiver = self.pair([])
        sender.send([b"12345", b"67"])
        self.reactor.settle()
        self.assertEqual(receiver.bytes_read, 7)


class ReadOrderlyTests(ChannelCase):
    """The inner kernel keeps to the layout; and if it does not, it is noticed."""

    def received(self, *messages: list[bytes]) -> list[list[bytes]]:
        into: list[Any] = []
        sender, _ = self.pair(into, orderly=True)
        for message in messages:
            sender.send(message)
        self.reactor.settle()
        for frames in into:
            # The relay looks into these: they must be bytes.
            head = frames[: frames.index(DELIMITER) + 5] if DELIMITER in frames else []
            self.assertTrue(all(type(frame) is bytes for frame in head[:-1]), head)
        return [[bytes(frame) for frame in frames] for frames in into]

    def test_usual_messages_are_read_whole(self) -> None:
        """With and without identities or topic, with and without buffers."""
        messages = [
            MESSAGE,
            [b"topic", *MESSAGE],
            [b"id", b"another", *MESSAGE],
            [*MESSAGE, b"buffer", b"x" * 10_000, DELIMITER],
            MESSAGE,
        ]
        self.assertEqual(self.received(*messages), messages)

    def test_only_large_content_is_not_copied(self) -> None:
        """It is mostly passed on; a small one would keep all that was read with it."""
        into: list[Any] = []
        sender, _ = self.pair(into, orderly=True)
        for size, kind in ((SMALL - 1, bytes), (SMALL, zmq.Frame)):
            sender.send([*MESSAGE[:5], b"x" * size])
            self.reactor.settle()
            kinds = [type(frame) for frame in into.pop()]
            self.assertEqual(kinds, [*[bytes] * 5, kind])

    def test_cut_short_and_nothing_after_it(self) -> None:
        """A message that is too short is delivered as it is."""
        for length in range(1, 6):
            self.address += "x"
            self.assertEqual(self.received(MESSAGE[:length]), [MESSAGE[:length]])

    def test_cut_short(self) -> None:
        """The one after it is whole, however many frames lacked."""
        other = [DELIMITER, b"sig2", b"header2", b"parent2", b"metadata2", b"{}"]
        for topic in ([], [b"topic"]):
            for length in range(1, 6):
                self.address += "x"
                found = self.received(MESSAGE[:length], [*topic, *other], MESSAGE)
                where = f"{length} frames, then {len(topic)} identities"
                self.assertEqual([m[-6:] for m in found], [other, MESSAGE], where)

    def test_no_message_at_all(self) -> None:
        """Without delimiter it is read to its end, and the next one is whole."""
        odd = [b"%d" % number for number in range(20)]
        self.assertEqual(self.received(odd, MESSAGE), [odd, MESSAGE])
