"""What the other rows of the table do not show of lines before a %restart."""

from __future__ import annotations

from ipr.relay import linerules
from ipr.relay.turnevents import Interrupted, LinesEnded
from ipr.relay.turns import Before, LinesWent, Turn, Turns
from tests.case import Case

RUNNING = Turns(head=Turn("a"), lines=True)


class InterruptedTests(Case):
    def test_lines_that_are_interrupted_are_not_left_behind(self) -> None:
        """It does not go ahead without them: nothing is noted, nothing happens."""
        after = linerules.interrupted(RUNNING, Interrupted())
        self.assertEqual(after, (RUNNING, ()))


class EndedTests(Case):
    def test_lines_of_one_that_was_overtaken_do_not_end_those_of_another(self) -> None:
        for went in LinesWent:
            event = LinesEnded("b", Before.NOTHING, went)
            self.assertEqual(linerules.ended(RUNNING, event), (RUNNING, ()))
