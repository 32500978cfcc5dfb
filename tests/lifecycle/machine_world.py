"""The machine and what it steers, as a value that can be explored.

A :class:`World` is the machine's state together with what the shell and the
operating system hold for it: the timers that are set, and the inner kernel
with its process. :func:`after` performs the effects on it and checks that
each of them makes sense; :func:`possible` gives the events that can come.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

import attrs

from ipr.lifecycle import effects as fx
from ipr.lifecycle import events, machine, states
from ipr.lifecycle.causes import Cause, Ending
from ipr.lifecycle.effects import After, Cancel
from ipr.lifecycle.events import Event
from ipr.lifecycle.limits import Leave, Limits, Pace
from ipr.lifecycle.machine import step
from ipr.lifecycle.states import State

DIED = Cause(Ending.DIED, "the kernel died")
TERMINATED = Cause(Ending.DIED, "SIGTERM", terminated=True)
NEVER_STARTED = Cause(Ending.NEVER_STARTED, "no module")
EXCUSED = Cause(Ending.NEVER_STARTED, "interrupted", excused=True)
HOPELESS = Cause(Ending.NEVER_STARTED, "command not found", hopeless=True)

IN_ITS_LIFE = (DIED, TERMINATED)
BEFORE_READY = (NEVER_STARTED, EXCUSED, HOPELESS)

#: Events that somebody outside wants.
ASKED = (events.RestartAsked, events.ShutdownAsked)


class Nonsense(AssertionError):
    """An effect that cannot be meant."""


@attrs.frozen
class World:
    """One moment.

    :ivar timers: the event of each timer that is set, by kind.
    :ivar kernel: generation of the inner kernel whose sockets are open; 0: none.
    :ivar asked: it was asked to go, and may part.
    :ivar exited: its end was reported.
    :ivar doomed: it was sent SIGTERM or SIGKILL.
    :ivar draining: it is being read to its end.
    :ivar holding: what clients send is kept.
    :ivar refusing: what clients send is refused.
    :ivar left: the daemon has ended.
    """

    state: State
    timers: tuple[After, ...] = ()
    kernel: int = 0
    newest: int = 0
    asked: bool = False
    exited: bool = False
    doomed: bool = False
    draining: bool = False
    holding: bool = True
    refusing: bool = False
    left: bool = False

    def timer(self, kind: type[Event]) -> After | None:
        """The timer of that kind, if it is set."""
        for timer in self.timers:
            if type(timer.event) is kind:
                return timer
        return None


def first(limits: Limits) -> World:
    """Return the world in its first moment."""
    state, effects = machine.first(limits)
    return _performed(World(state), effects)


def after(world: World, event: Event, limits: Limits) -> World:
    """Return the world after an event.

    :raises Nonsense: when an effect cannot be meant.
    :raises ipr.lifecycle.machine.NoTransition: an event that it does not know.
    """
    timer = world.timer(type(event))
    if timer is not None and timer.event == event:
        rest = tuple(other for other in world.timers if other is not timer)
        world = attrs.evolve(world, timers=rest)
    if isinstance(event, events.Exited):
        world = attrs.evolve(world, exited=True)
    if isinstance(event, events.Parted):
        world = attrs.evolve(world, asked=False)
    if isinstance(event, events.Drained):
        world = attrs.evolve(world, draining=False)
    state, effects = step(world.state, event, limits)
    return _performed(attrs.evolve(world, state=state), effects)


def _performed(world: World, effects: fx.Effects) -> World:
    for effect in effects:
        world = _perform(world, effect)
    for timer in world.timers:
        if (
            timer.event.generation != world.state.generation
            or type(timer.event) not in machine.TIMERS[type(world.state)]
        ):
            raise Nonsense(f"{timer} is left over in {world.state}")
    return world


def _perform(world: World, effect: fx.Effect) -> World:
    if isinstance(effect, After):
        if effect.seconds <= 0:
            raise Nonsense(f"{effect} is no wait")
        kept = _without(world.timers, type(effect.event))
        return attrs.evolve(world, timers=_ordered((*kept, effect)))
    if isinstance(effect, Cancel):
        return attrs.evolve(world, timers=_without(world.timers, effect.kind))
    g = effect.generation
    if isinstance(effect, fx.Spawn):
        if world.kernel or g != world.newest + 1:
            raise Nonsense(f"{effect} beside {world.kernel} after {world.newest}")
        return attrs.evolve(
            world,
            kernel=g,
            newest=g,
            asked=False,
            exited=False,
            doomed=False,
            refusing=False,
        )
    if isinstance(effect, fx.Exit):
        if world.kernel:
            raise Nonsense(f"{effect} with {world.kernel} open")
        return attrs.evolve(world, left=True)
    if isinstance(effect, fx.Refuse):
        if world.kernel:
            raise Nonsense(f"{effect} with {world.kernel} open")
        return attrs.evolve(world, holding=False, refusing=True)
    if isinstance(effect, fx.Hold | fx.HoldUntilExit):
        if world.holding:
            raise Nonsense(f"{effect} twice")
        return attrs.evolve(world, holding=True)
    # All others do something with the inner kernel: it must be there.
    if g != world.kernel:
        raise Nonsense(f"{effect} while {world.kernel} is the one")
    if isinstance(effect, fx.Finish):
        if not world.holding:
            raise Nonsense(f"{effect} while requests pass")
        return attrs.evolve(world, kernel=0, draining=False, asked=False)
    if isinstance(effect, fx.Release):
        if not world.holding or world.exited:
            raise Nonsense(f"{effect} of {world}")
        return attrs.evolve(world, holding=False)
    if isinstance(effect, fx.Drain):
        return attrs.evolve(world, draining=True)
    if isinstance(effect, fx.Kill | fx.Terminate):
        return attrs.evolve(world, doomed=True)
    if isinstance(effect, fx.AskToGo):
        return attrs.evolve(world, asked=True)
    if isinstance(effect, fx.Retire):
        if world.exited:
            raise Nonsense(f"{effect} of {world}")
        return world
    assert_never(effect)


def _without(timers: tuple[After, ...], kind: type[Event]) -> tuple[After, ...]:
    return tuple(timer for timer in timers if type(timer.event) is not kind)


def _ordered(timers: tuple[After, ...]) -> tuple[After, ...]:
    return tuple(sorted(timers, key=lambda timer: type(timer.event).__name__))


def possible(world: World) -> Iterator[Event]:
    """Return the events that the shell could feed now."""
    g = world.state.generation
    yield events.RestartAsked(g)
    yield events.RestartAsked(g, Pace.URGENT)
    for how in Leave:
        yield events.ShutdownAsked(g, how)
    yield from forced(world)
    if world.kernel:
        yield events.ChannelLost(world.kernel, "shell")
        yield events.Impostor(world.kernel)
    if isinstance(world.state, states.Starting) and not world.exited:
        yield events.Ready(world.kernel)


def forced(world: World) -> Iterator[Event]:
    """Return those that come without anybody's wish, sooner or later."""
    for timer in world.timers:
        yield timer.event
    if world.kernel and not world.exited:
        causes: tuple[Cause, ...] = (DIED,)
        if isinstance(world.state, states.Starting):
            causes = BEFORE_READY
        elif isinstance(world.state, states.Running):
            causes = IN_ITS_LIFE
        for cause in causes:
            yield events.Exited(world.kernel, cause)
    if world.asked and not world.exited and isinstance(world.state, states.Halting):
        yield events.Parted(world.kernel)
    if world.draining:
        yield events.Drained(world.kernel)


def alike(world: World) -> World:
    """Return the same moment as if it were that of an early generation.

    Generations are only compared, so that two worlds which differ by the
    same number in all of them behave alike: there are finitely many.
    """
    shift = world.state.generation - 1
    if not shift:
        return world
    return attrs.evolve(
        world,
        state=attrs.evolve(world.state, generation=1),
        timers=tuple(
            attrs.evolve(timer, event=attrs.evolve(timer.event, generation=1))
            for timer in world.timers
        ),
        kernel=world.kernel - shift if world.kernel else 0,
        newest=world.newest - shift,
    )


def all_worlds(limits: Limits) -> dict[World, dict[Event, World]]:
    """Explore everything that can come of :func:`first`."""
    start = first(limits)
    found: dict[World, dict[Event, World]] = {}
    todo = [start]
    while todo:
        world = todo.pop()
        if world in found:
            continue
        found[world] = {
            event: alike(after(world, event, limits)) for event in possible(world)
        }
        todo.extend(found[world].values())
    return found
