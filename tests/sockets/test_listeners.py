"""Who listens, and who has stopped reading."""

from __future__ import annotations

import socket

from ipr.sockets import listeners
from ipr.sockets.listeners import MOST_BEHIND, MOST_SENT, Listeners, Progress, Tcp
from tests.case import Case


class ListenersTests(Case):
    def setUp(self) -> None:
        self.acked = {1: 0, 2: 0}
        self.waiting = {1: True, 2: True}
        self.cuts: list[int] = []
        self.listeners = Listeners(
            lambda number: Progress(self.acked[number], self.waiting[number]),
            self.cuts.append,
        )
        self.listeners.came(1, 0)

    def test_each_connection_counts_once(self) -> None:
        """Each connection once, until it ends."""
        self.listeners.came(2, 0)
        self.listeners.came(2, 0)
        self.assertEqual(len(self.listeners), 2)
        self.listeners.went(2)
        self.listeners.went(2)
        self.assertEqual(len(self.listeners), 1)

    def test_who_does_not_read(self) -> None:
        """It is cut off once too much waits for it, and nobody else is."""
        self.listeners.came(2, 0)
        self.acked[2] = MOST_BEHIND
        self.listeners.look(MOST_BEHIND)
        self.assertEqual(self.cuts, [])
        self.assertEqual(self.listeners.look(MOST_BEHIND + 1), 1)
        self.assertEqual(self.cuts, [1])

    def test_many_who_do_not_read(self) -> None:
        """Together they may be as far behind as one alone; who reads stays."""
        for descriptor in range(10, 110):
            self.listeners.came(descriptor, 0)
            self.acked[descriptor], self.waiting[descriptor] = 0, True
        self.acked[1] = self.acked[2] = MOST_BEHIND // 100 + 1
        self.assertEqual(self.listeners.look(MOST_BEHIND // 100), 0)
        self.assertEqual(self.listeners.look(MOST_BEHIND // 100 + 1), 100)

    def test_who_sends_too_much(self) -> None:
        """The loudest go, until the rest is little; who sends little stays."""
        sent = {1: 80, 2: MOST_SENT, 3: MOST_SENT // 2 + 1, 4: MOST_SENT // 2}
        found = Listeners(lambda at: Progress(0, False, sent[at]), self.cuts.append)
        for number in sent:
            found.came(number, 0)
        self.assertEqual(found.hush(), 2)
        self.assertEqual(self.cuts, [2, 3])
        found.went(2)
        found.went(3)
        self.assertEqual(found.hush(), 0)

    def test_who_cannot_be_asked_sends_nothing(self) -> None:
        found = Listeners(lambda _number: None, self.cuts.append)
        found.came(1, 0)
        self.assertEqual((found.hush(), self.cuts), (0, []))

    def test_who_reads_slowly(self) -> None:
        """It may be behind all the time, not by too much."""
        for step in range(1, 100):
            self.acked[1] = (step - 1) * MOST_BEHIND
            self.listeners.look(step * MOST_BEHIND)
        self.assertEqual(self.cuts, [])

    def test_who_wants_little(self) -> None:
        """What was not meant for it does not count: nothing waits for it."""
        self.waiting[1] = False
        self.listeners.look(5 * MOST_BEHIND)
        self.waiting[1] = True
        self.listeners.look(6 * MOST_BEHIND)
        self.assertEqual(self.cuts, [])

    def test_who_came_late(self) -> None:
        """What was published before it came does not count."""
        self.listeners.went(1)
        self.listeners.came(1, 5 * MOST_BEHIND)
        self.listeners.look(6 * MOST_BEHIND)
        self.assertEqual(self.cuts, [])

    def test_cannot_be_told(self) -> None:
        """Nobody is cut off on a guess."""
        unsure = Listeners(lambda number: None, self.cuts.append)
        unsure.came(1, 0)
        self.assertEqual(unsure.look(9 * MOST_BEHIND), 0)


class TcpTests(Case):
    def setUp(self) -> None:
        if not hasattr(socket, "TCP_INFO"):
            self.skipTest("TCP tells nothing here")
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        self.port: int = listening.getsockname()[1]
        self.client = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(self.client.close)
        self.ours, _ = listening.accept()
        self.addCleanup(self.ours.close)
        self.tcp = Tcp(self.port)

    def test_unread_bytes_are_those_not_acknowledged(self) -> None:
        """What the other side's buffer has taken is acknowledged, the rest waits."""
        self.assertEqual(
            self.tcp.progress(self.ours.fileno()), listeners.Progress(0, False)
        )
        self.ours.setblocking(False)
        sent = 0
        try:
            while True:
                sent += self.ours.send(bytes(100_000))
        except BlockingIOError:
            pass
        progress = self.tcp.progress(self.ours.fileno())
        assert progress is not None
        self.assertTrue(progress.waiting)
        self.assertTrue(0 < progress.acked < sent, (progress, sent))

    def test_what_the_other_side_has_sent_is_counted(self) -> None:
        self.client.sendall(bytes(3000))
        self.assertEqual(len(self.ours.recv(3000, socket.MSG_WAITALL)), 3000)
        progress = self.tcp.progress(self.ours.fileno())
        assert progress is not None
        self.assertEqual(progress.sent, 3000)

    def test_cut_connection_ends_on_both_sides(self) -> None:
        """Both sides see its end; the descriptor stays its owner's."""
        self.tcp.cut(self.ours.fileno())
        self.assertEqual(self.client.recv(1), b"")
        self.assertEqual(self.ours.recv(1), b"")

    def test_not_a_connection_to_the_port(self) -> None:
        """A descriptor may be another's by now: hands off."""
        with open("/dev/null") as file, socket.socketpair()[0] as pair:
            for descriptor in (self.client.fileno(), file.fileno(), pair.fileno(), 999):
                self.assertIs(self.tcp.progress(descriptor), None)
                self.tcp.cut(descriptor)
        self.client.send(b"x")
        self.assertEqual(self.ours.recv(1), b"x")
