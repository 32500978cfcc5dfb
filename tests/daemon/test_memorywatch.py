"""When a job's memory deserves a warning."""

from __future__ import annotations

from collections.abc import Iterable

from ipr.daemon.memorywatch import MemoryWatch, Rise
from ipr.daemon.oomkills import LATER, OomKills
from ipr.kernel.memory import Usage
from tests.case import Case

MB = 1_000_000
LIMIT = 600 * MB


class RiseTests(Case):
    def told(self, samples: Iterable[float]) -> list[int]:
        """Return at which samples, in MB, there is a warning."""
        rise = Rise()
        return [
            at for at, used in enumerate(samples) if rise.warns(int(used * MB), LIMIT)
        ]

    def test_leak_is_told_once_and_in_time(self) -> None:
        """8 MB a second, from 80 MB: the limit comes after 65 seconds."""
        (at,) = self.told(80 + 8 * second for second in range(65))
        self.assertTrue(45 <= at <= 50, at)

    def test_slow_leak_is_told_at_ninety_percent(self) -> None:
        """A megabyte in ten seconds."""
        (at,) = self.told(530 + second / 10 for second in range(600))
        self.assertEqual(at, 100)

    def test_healthy_notebooks_are_left_alone(self) -> None:
        """A peak is no leak; neither is a large data set that stays."""
        peaks = [80, 80, 440, 441, 90, 85, 440, 441, 90, 80, 440, 430, 80]
        self.assertEqual(self.told(peaks), [])
        self.assertEqual(self.told([80, 200, 420, *[480] * 300]), [])
        self.assertEqual(self.told([*range(80, 440, 4), *[439] * 300]), [])

    def test_next_rise_is_told_again(self) -> None:
        """After the memory was free in between."""
        self.assertEqual(self.told([550, 560, 555, 100, 100, 550, 560]), [0, 5])


class MemoryWatchTests(Case):
    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.usage: Usage | None = Usage(0, LIMIT)
        self.did: list[str] = []
        self.kills = 0

    def watch(self, most: float = 0.0) -> MemoryWatch:
        made = MemoryWatch(
            self.clock,
            lambda: self.usage,
            lambda usage: self.did.append(f"say {usage.used // MB}"),
            most,
            lambda usage: self.did.append(f"interrupt {usage.used // MB}"),
            OomKills(lambda: self.kills, lambda: 7),
            lambda usage, count: self.did.append(f"killed {count}"),
        )
        made.start()
        self.addCleanup(made.stop)
        return made

    def use(self, *used: int) -> None:
        for one in used:
            self.usage = Usage(one * MB, LIMIT)
            self.clock.advance(1)

    def test_warns_and_interrupts_once_per_rise(self) -> None:
        self.watch(0.97)
        self.use(100, 550, 585, 590, 100, 590)
        expected = ["say 550", "interrupt 585", "say 590", "interrupt 590"]
        self.assertEqual(self.did, expected)

    def test_fast_rise_is_interrupted_between_two_looks(self) -> None:
        """What is left above 97 % is full before the second is over."""
        self.watch(0.97)
        self.use(500)
        self.usage = Usage(585 * MB, LIMIT)
        self.clock.advance(0.1)
        self.assertEqual(self.did, ["interrupt 585"])
        # Far from the limit it looks once a second again.
        self.use(100)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_worker_that_was_killed_is_told_of(self) -> None:
        self.watch()
        self.use(100)
        self.kills = 2
        self.use(*[100] * (LATER + 1))
        self.assertEqual(self.did, ["killed 2"])

    def test_interrupts_only_when_asked_to(self) -> None:
        self.watch()
        self.use(599)
        self.assertEqual(self.did, ["say 599"])

    def test_does_not_look_where_there_is_no_limit(self) -> None:
        for usage in (None, Usage(100, None)):
            self.usage = usage
            self.watch()
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_look_that_fails_later_is_no_warning(self) -> None:
        self.watch()
        self.usage = None
        self.clock.advance(1)
        self.assertEqual(self.did, [])
