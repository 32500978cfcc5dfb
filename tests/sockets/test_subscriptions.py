"""Subscriptions: a few are reported at once, a flood is put off."""

from __future__ import annotations

from ipr.sockets.subscriptions import GREETING_TIME, MOST_GREETINGS, Newcomers
from tests.case import Case


class NewcomersTests(Case):
    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.told: list[bytes] = []
        self.newcomers = Newcomers(self.clock)
        self.newcomers.tell(lambda frames: self.told.append(frames[0]))
        self.addCleanup(self.newcomers.stop)

    def subscribe(self, *topics: bytes) -> None:
        for topic in topics:
            self.newcomers.received([b"\x01" + topic])

    def test_a_few_are_told_at_once(self) -> None:
        """As many as clients connect; each gets its welcome, as from a kernel."""
        self.subscribe(b"", b"x", b"", b"")
        self.assertEqual(self.told, [b"\x01", b"\x01x", b"\x01", b"\x01"])

    def test_more_are_told_once_for_each_topic_when_it_is_time(self) -> None:
        self.subscribe(*[b""] * (MOST_GREETINGS + 3))
        self.assertEqual(len(self.told), MOST_GREETINGS)
        self.clock.advance(GREETING_TIME)
        self.assertEqual(self.told[MOST_GREETINGS:], [b"\x01"])
        self.clock.advance(GREETING_TIME)
        self.subscribe(b"")
        self.assertEqual(len(self.told), MOST_GREETINGS + 2)

    def test_flood_of_subscriptions_is_bounded(self) -> None:
        """Many are told in a number that is bounded; the usual one is among them."""
        self.subscribe(*(b"%d" % number for number in range(1000)), b"")
        self.assertEqual(len(self.told), MOST_GREETINGS)
        self.clock.advance(GREETING_TIME)
        self.assertEqual(len(self.told), 2 * MOST_GREETINGS + 1)
        self.assertIn(b"\x01", self.told)
        self.clock.advance(GREETING_TIME)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_all_else(self) -> None:
        """Ends of subscriptions, and what is none, are nobody's business."""
        for frames in ([b"\x00"], [b""], [b"hello"], [b"\x01", b"more"]):
            self.newcomers.received(frames)
        self.assertEqual(self.told, [])
