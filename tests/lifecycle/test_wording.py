"""A step of the machine as a sentence."""

from __future__ import annotations

from ipr.lifecycle import events
from ipr.lifecycle.causes import Cause, Ending
from ipr.lifecycle.states import Stopped
from ipr.lifecycle.wording import step
from tests.case import Case

STOPPED = Stopped(3)


class StepTests(Case):
    def test_every_event_has_words(self) -> None:
        """None of them is a Python object's repr."""
        kinds = events.Event.__subclasses__()
        self.assertTrue(len(kinds) > 10)
        cause = Cause(Ending.DIED, "the kernel died")
        fields: dict[type, tuple[object, ...]] = {
            events.Exited: (cause,),
            events.ChannelLost: ("shell",),
        }
        for kind in kinds:
            made = kind(3, *fields.get(kind, ()))
            said = step(made, STOPPED, STOPPED)
            self.assertTrue(said.startswith("kernel 3: "), said)
            self.assertTrue(said.endswith(" (still stopped)"), said)
            self.assertFalse("=" in said, said)

    def test_what_came_of_it(self) -> None:
        event = events.Exited(3, Cause(Ending.DIED, "the kernel died"))
        before = Stopped(3)
        self.assertEqual(
            step(event, before, before), "kernel 3: the kernel died (still stopped)"
        )
