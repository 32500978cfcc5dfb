"""The benchmarks themselves: a loss must be seen, and a ratio must be right."""

from __future__ import annotations

import json
import socket
import threading

import pytest
import zmq

from tests.benchmarks import figures, forwarding, kernel_figures, zmtp
from tests.case import Case


class FiguresTests(Case):
    """Order statistics, ratios and verdicts."""

    def test_quantiles_lie_between_the_neighbours(self) -> None:
        self.assertEqual(figures.quantile([4.0, 1.0, 3.0, 2.0], 0.5), 2.5)
        self.assertEqual(figures.quantile([1.0, 2.0, 3.0], 1.0), 3.0)
        with pytest.raises(ValueError, match="no samples"):
            figures.quantile([], 0.5)

    def test_the_ratio_is_taken_within_each_round(self) -> None:
        """Noise that meets both sides of a round cancels."""
        base = [[1.0, 1.0], [10.0, 10.0], [100.0, 100.0]]
        other = [[1.1, 1.1], [11.0, 11.0], [110.0, 110.0]]
        found = figures.ratio_of_rounds(base, other)
        self.assertEqual(round(found.value, 9), 1.1)
        self.assertEqual(round(found.upper, 9), 1.1)

    def test_a_loss_fails_a_row_that_is_fast_enough(self) -> None:
        one = figures.Spread(1.0, 1.0, 1.0, 1)
        limit = figures.Limit(0.98, at_most=False)
        good = figures.Row("rate", one, one, one, limit)
        lost = figures.Row("rate", one, one, one, limit, wrong="3 of 9 lost")
        slow = figures.Row("rate", one, one, figures.Spread(0.9, 0, 1, 1), limit)
        self.assertEqual(good.verdict, "yes")
        self.assertTrue(lost.verdict.startswith("NO"))
        self.assertEqual(slow.verdict, "NO")


class ChecksTests(Case):
    """What is said of a flood that did not come through as it was sent."""

    def flood(self, numbers: list[int]) -> list[list[zmq.Frame]]:
        return [
            [
                zmq.Frame(frame)
                for frame in (
                    b"<IDS|MSG>",
                    b"",
                    b'{"msg_type": "display_data"}',
                    b"{}",
                    b"{}",
                    json.dumps({"data": {"text/plain": str(n)}}).encode(),
                )
            ]
            for n in numbers
        ]

    def test_displays(self) -> None:
        for numbers, due in (
            ([0, 1, 2], ""),
            ([0, 2], "1 of 3 lost"),
            ([0, 2, 1], "out of order"),
            ([0, 1, 1], "changed"),
        ):
            found = kernel_figures._ordered_displays(self.flood(numbers), 3)
            self.assertEqual(found, due)


class SwallowTests(Case):
    """The sink of the bare path compares every byte."""

    def sunk(self, sent: bytes, expected: bytes, repeats: int) -> str:
        writer, reader = socket.socketpair()
        self.addCleanup(reader.close)
        with writer:
            thread = threading.Thread(target=writer.sendall, args=(sent,))
            thread.start()
            thread.join()
        return forwarding.swallow(reader, expected, repeats, forwarding.Gate(None))[1]

    def test_the_same_bytes(self) -> None:
        batch = b"".join(
            zmtp.message(forwarding.signed_message(i, 0, topic=False)) for i in range(9)
        )
        self.assertEqual(self.sunk(batch * 3, batch, 3), "")

    def test_a_message_lost(self) -> None:
        one, two = (
            zmtp.message(forwarding.signed_message(i, 0, topic=False)) for i in (1, 2)
        )
        self.assertIn("other bytes", self.sunk(one + one + two, one + two, 2))

    def test_the_end_lost(self) -> None:
        one = zmtp.message(forwarding.signed_message(1, 0, topic=False))
        self.assertIn("closed", self.sunk(one, one, 2))


class ZmtpTests(Case):
    """libzmq takes what is written for one of its own."""

    def test_a_dealer_among_libzmq(self) -> None:
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        router = zmq.Socket(context, zmq.ROUTER)
        port = router.bind_to_random_port("tcp://127.0.0.1")
        with socket.create_connection(("127.0.0.1", port), 10) as peer:
            peer.settimeout(10)
            zmtp.shake_hands(peer, "DEALER", b"me")
            long = b"x" * 300
            peer.sendall(zmtp.message([b"a", b"", long]))
            self.assertTrue(router.poll(10_000), "the message came within 10 s")
            self.assertEqual(router.recv_multipart(), [b"me", b"a", b"", long])
            router.send_multipart([b"me", b"answer"])
            due = zmtp.message([b"answer"])
            self.assertEqual(zmtp.exactly(peer, len(due)), due)
