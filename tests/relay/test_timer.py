"""One thing to do later, at most."""

from __future__ import annotations

from ipr.relay.timer import Timer
from tests.case import Case


class TimerTests(Case):
    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.timer = Timer(self.clock.callLater)
        self.done: list[str] = []

    def start(self, seconds: float, what: str) -> None:
        self.timer.start(seconds, lambda: self.done.append(what))

    def test_timer_runs_until_it_is_due(self) -> None:
        """It runs until it is due."""
        self.start(1, "a")
        self.assertTrue(self.timer.running)
        self.clock.advance(1)
        self.clock.advance(1)
        self.assertEqual((self.done, self.timer.running), (["a"], False))

    def test_started_again(self) -> None:
        """The later one takes the place of the one before."""
        self.start(1, "a")
        self.start(2, "b")
        self.clock.advance(3)
        self.assertEqual(self.done, ["b"])

    def test_stopping_twice_is_no_mistake(self) -> None:
        """Stopping twice, or before it was started, is no mistake."""
        self.timer.stop()
        self.start(1, "a")
        self.timer.stop()
        self.timer.stop()
        self.clock.advance(2)
        self.assertEqual((self.done, self.clock.getDelayedCalls()), ([], []))

    def test_started_by_what_it_does(self) -> None:
        """It is not running any more by then."""
        self.timer.start(1, lambda: self.start(1, "b"))
        self.clock.advance(1)
        self.assertTrue(self.timer.running)
        self.clock.advance(1)
        self.assertEqual(self.done, ["b"])
