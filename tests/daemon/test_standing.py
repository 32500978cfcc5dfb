"""What is said of the standby."""

from __future__ import annotations

from typing import Any

from ipr.daemon.standing import described
from ipr.lifecycle import standby as sb
from tests.case import Case


class FakeReserve:
    kernel = None

    def __init__(self, state: sb.State) -> None:
        self.state = state

    def age(self) -> float:
        return 61.0


class DescribedTests(Case):
    def test_each_state_has_its_words(self) -> None:
        idle = "one is started when the kernel has been idle for a while"
        for state, words in (
            (sb.Off("nobody wants one"), "none: nobody wants one"),
            (sb.Absent(), f"none: {idle}"),
            (
                sb.Absent(1, why="x has changed"),
                f"none: {idle}; the last one was of no use: x has changed",
            ),
            (
                sb.Absent(bereaved=True),
                "none: after a crash, one is started when a cell has run",
            ),
            (sb.Booting(), "it has been starting for 1 min 1 s"),
            (sb.Going(sb.Off("no")), "the last one is being ended: no"),
        ):
            reserve: Any = FakeReserve(state)
            self.assertEqual(described(reserve), words)
