"""What an event makes of a %restart whose cell has lines before it.

Knows what differs from :mod:`ipr.relay.turnrules`: the lines run before it has a turn,
it happens only when they went well, and no interrupt has it go ahead. Pure, as that is.
"""

from __future__ import annotations

import attrs

from ipr.relay import turnrules as do
from ipr.relay.turneffects import (
    AbortHeld,
    Effects,
    Fail,
    Leave,
    Prepare,
    Resume,
    Run,
)
from ipr.relay.turnevents import (
    Asked,
    CellFailed,
    Interrupted,
    KernelGone,
    LinesEnded,
    Settled,
)
from ipr.relay.turnrules import Outcome
from ipr.relay.turns import (
    Before,
    LinesWent,
    Turns,
)


def ask(turns: Turns, event: Asked) -> Outcome:
    """Its lines run after the cells that the kernel has; options are checked first."""
    if not event.lines:
        return do.ask(turns, event)
    turn = event.turn
    waiting = attrs.evolve(turns, head=turn, lines=True)
    return waiting, (Run(turn.cell) if turn.settled else Prepare(turn.cell),)


def settle(turns: Turns, event: Settled) -> Outcome:
    """Its options can be had; so the lines run."""
    head = turns.head
    if head is None or head.cell != event.cell or not turns.lines:
        return do.settle(turns, event)
    if event.before in (Before.NO_KERNEL, Before.RESTART):
        return _without(turns, Fail(head.cell), AbortHeld(head.subshell))
    settled = attrs.evolve(head, settled=True)
    return attrs.evolve(turns, head=settled), (Run(head.cell),)


def gone_settling(turns: Turns, event: KernelGone) -> Outcome:  # noqa: ARG001
    """What failed in that kernel concerns nobody in the next one.

    There is no kernel for lines any more.
    """
    turns, along = do.take_along(turns)
    head = turns.head
    assert head is not None
    if do.aborts(head):
        after, effects = do.abort(turns)
        return after, (*effects, *along)
    if turns.lines:
        ends = (Fail(head.cell), AbortHeld(head.subshell))
        after, effects = _without(turns, *ends)
        return after, (*effects, *along)
    after = attrs.evolve(turns, head=attrs.evolve(head, failed=False))
    return after, (*do.aborted_held(head), *along)


def cell_failed(turns: Turns, event: CellFailed) -> Outcome:
    """A cell before the lines: they would not have been run, urgent or not."""
    head = turns.head
    if head is not None and turns.lines and head.subshell == event.subshell:
        return attrs.evolve(turns, head=attrs.evolve(head, failed=True)), ()
    return do.cell_failed(turns, event)


def interrupted(turns: Turns, event: Interrupted) -> Outcome:
    """The lines have to go well: it does not go ahead without them."""
    if turns.lines:
        return turns, ()
    return do.interrupted(turns, event)


def gone_running(turns: Turns, event: KernelGone) -> Outcome:  # noqa: ARG001
    """The request is answered with the others that the kernel had."""
    return do.take_along(turns)


def ended(turns: Turns, event: LinesEnded) -> Outcome:
    """The kernel has answered for the lines, or ipr, since it is gone."""
    head = turns.head
    if head is None or head.cell != event.cell:
        return turns, ()
    if event.went is LinesWent.BADLY:
        return _without(turns, Leave(head.cell))
    if event.went is LinesWent.ABORTING:
        return _without(turns, Leave(head.cell), AbortHeld(head.subshell))
    turns = attrs.evolve(turns, lines=False)
    if event.before is Before.RESTART:
        return do.join(turns, KernelGone())
    if head.urgent or event.before is Before.NO_KERNEL:
        return do.go(turns, head)
    if event.before is Before.NOTHING:
        return do.check(turns, head)
    return turns, do.waits(head, event.before)


def _without(turns: Turns, *effects: Fail | Leave | AbortHeld) -> Outcome:
    after = do.following(turns)
    resume: Effects = () if after.head is not None else (Resume(),)
    return after, (*effects, *resume)
