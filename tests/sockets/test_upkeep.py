"""When memory is given back, and when it is looked who reads."""

from __future__ import annotations

import subprocess
import sys

from ipr.sockets.upkeep import DELAYS, LOOK, TRICKLE, WORTH, Upkeep
from tests.case import Case


class UpkeepTests(Case):
    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.trims = 0
        self.upkeep = Upkeep(self.clock, self.trim)
        self.addCleanup(self.upkeep.stop)

    def trim(self) -> None:
        self.trims += 1

    def test_little_traffic_does_nothing(self) -> None:
        """Nothing is done, and nothing waits, for what is little."""
        self.upkeep.passed(WORTH - 1)
        self.upkeep.left()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_much_traffic_gives_memory_back(self) -> None:
        """After much, memory is given back, soon and again later."""
        self.upkeep.passed(WORTH)
        for number, delay in enumerate(DELAYS, 1):
            self.assertEqual(self.trims, number - 1)
            self.clock.advance(delay)
            self.assertEqual(self.trims, number)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_not_meanwhile(self) -> None:
        """As long as much passes there is nothing to give."""
        self.upkeep.passed(WORTH)
        for _ in range(10):
            self.upkeep.passed(TRICKLE)
            self.clock.advance(DELAYS[0])
        self.assertEqual(self.trims, 0)
        self.clock.advance(DELAYS[0])
        self.assertEqual(self.trims, 1)

    def test_listener_left(self) -> None:
        """What waited for a listener that left is given back, too."""
        self.upkeep.passed(WORTH)
        self.clock.pump(DELAYS)
        self.upkeep.left()
        self.clock.advance(DELAYS[0])
        self.assertEqual(self.trims, len(DELAYS) + 1)

    def test_listener_left_while_the_next_look_was_far_off(self) -> None:
        """What waited for it is given back as soon as after a flood."""
        self.upkeep.passed(WORTH)
        self.clock.pump(DELAYS[:2])
        self.upkeep.left()
        self.clock.pump(DELAYS[:2])
        self.assertEqual(self.trims, 4)

    def test_those_who_come_and_go_put_nothing_off(self) -> None:
        """Anybody may, without a key."""
        self.upkeep.passed(WORTH)
        for _ in range(4):
            self.upkeep.left()
            self.clock.advance(DELAYS[0] / 2)
        self.assertEqual(self.trims, 2)

    def test_readers_are_looked_at_after_much_was_published(self) -> None:
        """Who reads is looked at after much was published, not after each message."""
        looks: list[int] = []
        self.upkeep.look = looks.append
        for _ in range(10):
            self.upkeep.published(LOOK // 2)
        self.assertEqual(looks, [LOOK * number for number in range(1, 6)])

    def test_gives_back(self) -> None:
        """Freed memory that the allocator kept goes back to the system."""
        if not sys.platform.startswith("linux"):
            self.skipTest("only glibc keeps it")
        said = subprocess.run(
            [sys.executable, "-c", GIVES_BACK], capture_output=True, check=True
        )
        self.assertEqual(said.stdout, b"True True\n")


GIVES_BACK = """
from ipr.sockets.upkeep import give_back
import ctypes

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])

begun = resident()
parts = [bytearray(10_000) for _ in range(10_000)]
last = bytearray(10_000)
del parts
held = resident() - begun
give_back()
print(held > 10_000, resident() - begun < held // 2)
"""
