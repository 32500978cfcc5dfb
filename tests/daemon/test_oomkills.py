"""When a worker's death for want of memory is told."""

from __future__ import annotations

from ipr.daemon.oomkills import LATER, OomKills
from tests.case import Case


class OomKillsTests(Case):
    def setUp(self) -> None:
        self.count = 5
        self.kernel = 7
        self.kills = OomKills(lambda: self.count, lambda: self.kernel)
        self.look()

    def look(self, times: int = LATER + 1) -> list[int]:
        """Return what is to be told at so many looks."""
        return [self.kills.look() for _ in range(times)]

    def test_what_was_before_is_not_told(self) -> None:
        self.assertEqual(self.look(), [0] * (LATER + 1))

    def test_workers_are_told_of_once_with_those_that_follow(self) -> None:
        self.count += 1
        self.assertEqual(self.look(2), [0, 0])
        self.count += 2
        self.assertEqual(self.look(), [*[0] * LATER, 3])
        self.assertEqual(sum(self.look()), 0)
        self.count += 1
        self.assertEqual(sum(self.look()), 1)

    def test_kernel_that_was_killed_itself_is_not_told_of(self) -> None:
        """Its cell says it, whether another kernel is there already or none."""
        for after in (0, 8):
            self.count += 1
            self.look(1)
            self.kernel = after
            self.assertEqual(sum(self.look()), 0)

    def test_kernel_that_was_replaced_before_the_look_is_not_told_of(self) -> None:
        """A standby takes over within a second."""
        self.count += 1
        self.kernel = 8
        self.assertEqual(sum(self.look()), 0)
