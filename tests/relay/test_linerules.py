from __future__ import annotations

from ipr.relay import linerules
from ipr.relay.turnevents import (
    Interrupted,
)
from ipr.relay.turns import (
    Turn,
    Turns,
)
from tests.case import Case


class InterruptedTests(Case):
    def test_lines_that_are_interrupted_are_not_left_behind(self) -> None:
        """It does not go ahead without them: nothing is noted, nothing happens."""
        running = Turns(head=Turn("a"), lines=True)
        after = linerules.interrupted(running, Interrupted())
        self.assertEqual(after, (running, ()))
