"""At most one timer per kind of event."""

from __future__ import annotations

from ipr.lifecycle.effects import After
from ipr.lifecycle.events import DrainDue, Event, KillDue
from ipr.lifecycle.timers import Timers
from tests.case import Case


class TimersTests(Case):
    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.fed: list[tuple[float, Event]] = []
        self.timers = Timers(self.clock, self.feed)

    def feed(self, event: Event) -> None:
        self.fed.append((self.timers.now(), event))

    def test_event_is_fed_when_due(self) -> None:
        self.timers.set(After(2, KillDue(1)))
        self.timers.set(After(1, DrainDue(1)))
        self.clock.pump([0.5] * 6)
        self.assertEqual(self.fed, [(1.0, DrainDue(1)), (2.0, KillDue(1))])

    def test_later_timer_replaces_one_of_its_kind(self) -> None:
        self.timers.set(After(1, KillDue(1)))
        self.timers.set(After(2, KillDue(2)))
        self.clock.pump([0.5] * 6)
        self.assertEqual(self.fed, [(2.0, KillDue(2))])

    def test_cancelled_event_is_not_fed(self) -> None:
        self.timers.set(After(1, KillDue(1)))
        self.timers.cancel(KillDue)
        self.timers.cancel(DrainDue)  # not set: nothing to do
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_event_that_is_fed_may_set_its_timer_again(self) -> None:
        def again(event: Event) -> None:
            self.feed(event)
            if len(self.fed) < 2:
                timers.set(After(1, event))

        timers = Timers(self.clock, again)
        timers.set(After(1, KillDue(1)))
        self.clock.pump([0.5] * 6)
        self.assertEqual(self.fed, [(1.0, KillDue(1)), (2.0, KillDue(1))])
