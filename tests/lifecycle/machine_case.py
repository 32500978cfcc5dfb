"""What tests of the restart machine share: limits, and a step under them."""

from __future__ import annotations

from ipr.lifecycle import endings
from ipr.lifecycle.effects import After, Drain, Spawn
from ipr.lifecycle.events import DrainDue, Event, StartDue
from ipr.lifecycle.limits import Ladder, Ladders, Limits
from ipr.lifecycle.machine import step
from ipr.lifecycle.states import State
from tests.case import Case

# Numbers that differ from each other and from the defaults, so that none can
# be taken for another.
LIMITS = Limits(
    restart_limit=3,
    start_limit=2,
    stable_start_time=11,
    start_timeout=61,
    drain_time=0.3,
    job_grace=1.1,
    gone_time=5,
    ladders=Ladders(
        polite=Ladder(1.6, 0.9),
        urgent=Ladder(0.5, 0.3),
        requested=Ladder(50, 7),
        terminated=Ladder(0, 17),
        quickly=Ladder(0.8, 0.2),
    ),
)


class MachineCase(Case):
    def step(
        self, state: State, event: Event, limits: Limits = LIMITS
    ) -> endings.Outcome:
        return step(state, event, limits)

    def spawned(self, g: int) -> tuple[Spawn, After]:
        return Spawn(g), After(61, StartDue(g))

    def drains(self, g: int) -> tuple[Drain, After]:
        return Drain(g), After(0.3, DrainDue(g))
