"""The restart machine: running, restarting, dead.

Rule 1: everything that decides what happens to the inner kernel lives in
this file. Rule 2: nothing here does any of it. The machine knows states,
events, effects and numbers; it must not know the clock, the process, the
sockets or the messages. It is ``step(state, event) -> (state, effects)``
over frozen values.

*Restarting*, as users see it, has four phases that are states here: the old
kernel is stopped (:class:`Halting`), what it still said is read
(:class:`Draining`), a pause after a death (:class:`Pausing`), and the new
kernel comes up (:class:`Starting`). ``TABLE`` at the end says which event
does what in which state. A pair that is not in it raises
:class:`NoTransition`. An event of a generation that is gone changes nothing,
in any state: that is the one rule beside the table.

A timer is an effect too: :class:`After` names the event to feed back in.
:class:`Cancel` takes it back. The shell keeps at most one timer per kind of
event.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import attrs


class NoTransition(Exception):
    """An event came that cannot come in this state: a bug, never a user's."""


class Aim(Enum):
    """Why the inner kernel is being stopped."""

    RESTART = "restart"
    EXIT = "exit"


class Leave(Enum):
    """Who wants the daemon to end; the later ones have less patience.

    A plain kernel has the time that is left to it until its manager's SIGKILL,
    and so has the inner one: that SIGKILL takes it along with the daemon.

    :cvar REQUESTED: a client, by a shutdown_request. Its manager sends SIGTERM when
        it has waited long enough (``shutdown_wait_time``), and SIGKILL after it.
    :cvar TERMINATED: SIGTERM or SIGHUP: that manager, a batch system, systemd.
    :cvar QUICKLY: nobody is left who waits for anything.
    """

    REQUESTED = 1
    TERMINATED = 2
    QUICKLY = 3


class Ending(Enum):
    """How an inner kernel came to its end."""

    ASKED = "restarted"
    DIED = "died"
    NEVER_STARTED = "could not start"
    SHUT_DOWN = "shut down"


@attrs.frozen
class Cause:
    """Why there is no inner kernel (any more), in words for a person.

    :ivar text: one sentence, without full stop.
    :ivar details: more lines, such as the tail of its stderr.
    :ivar hopeless: another try would end the same (command not found).
    :ivar terminated: by SIGTERM, SIGINT or SIGHUP: the whole job may be
        about to end.
    :ivar excused: it died of an interrupt, before it was ready: nobody's fault.
    :ivar signal: the number of the signal that ended it, or 0.
    :ivar exit_code: of a kernel that exited by itself, else None.
    :ivar peak_kib: its peak resident memory, KiB; 0 when unknown.
    :ivar out_of_memory: the cgroup's OOM killer fired while it ran, and it was
        killed.
    :ivar followed: another kernel is on its way.
    :ivar deaths: how many in a row it took until it is left dead; 0 when it is not,
        or for another reason.
    :ivar remedy: what to do, in words, when none follows.
    """

    ending: Ending
    text: str
    details: tuple[str, ...] = ()
    hopeless: bool = False
    terminated: bool = False
    excused: bool = False
    signal: int = 0
    exit_code: int | None = None
    peak_kib: int = 0
    out_of_memory: bool = False
    followed: bool = False
    deaths: int = 0
    remedy: str = "run %restart to start a new one"


@attrs.frozen
class Ladder:
    """How long a kernel may take to go, in seconds.

    :ivar terminate: from the polite request to SIGTERM.
    :ivar kill: from SIGTERM to SIGKILL.
    """

    terminate: float
    kill: float


@attrs.frozen
class Limits:
    """The numbers; the names are jupyter_client's where it has them.

    :ivar restart_limit: deaths in a row after which it stays dead.
    :ivar start_limit: starts in a row that may fail.
    :ivar stable_start_time: seconds after which deaths are forgotten.
    :ivar start_timeout: seconds until a kernel that is not ready is killed;
        0: never.
    :ivar autorestart: whether a death is followed by a restart.
    :ivar drain_time: seconds at most to wait for what a dead kernel said.
    :ivar job_grace: seconds to wait after a death by SIGTERM and the like.
    :ivar gone_time: seconds after SIGKILL until we go on without it.
    :ivar requested: for who never sends the SIGTERM that should follow.
    :ivar terminated: within Slurm's KillWait, 30 s, with 10 s for us.
    """

    restart_limit: int = 5
    start_limit: int = 2
    stable_start_time: float = 10.0
    start_timeout: float = 60.0
    autorestart: bool = True
    drain_time: float = 0.25
    job_grace: float = 1.0
    gone_time: float = 4.0
    polite: Ladder = Ladder(1.5, 1.0)
    urgent: Ladder = Ladder(0.6, 0.4)
    requested: Ladder = Ladder(60.0, 20.0)
    terminated: Ladder = Ladder(0.0, 20.0)
    leaving: Ladder = Ladder(1.0, 0.4)

    def ladder(self, how: Leave) -> Ladder:
        """Give the one by which the kernel goes when the daemon does."""
        return {
            Leave.REQUESTED: self.requested,
            Leave.TERMINATED: self.terminated,
            Leave.QUICKLY: self.leaving,
        }[how]

    def pause(self, tally: Tally, cause: Cause) -> float:
        """Seconds to wait before the next start: 0, 0.5, 1, 2, 4 ..."""
        worked_out = 0.0 if tally.deaths <= 1 else 0.25 * 2.0 ** (tally.deaths - 1)
        return max(worked_out, self.job_grace if cause.terminated else 0.0)


@attrs.frozen
class Tally:
    """What went wrong since it last went well.

    :ivar deaths: in a row, until a kernel was up for stable_start_time.
    :ivar failures: starts in a row that did not come to be ready.
    """

    deaths: int = 0
    failures: int = 0


CLEAN = Tally()


# --- states -----------------------------------------------------------------


@attrs.frozen
class Starting:
    """The inner kernel was spawned and has not answered yet."""

    generation: int
    tally: Tally = CLEAN


@attrs.frozen
class Running:
    """The inner kernel answers; what clients send is passed on.

    :ivar ending: whether it is being ended, because nobody could reach it.
    """

    generation: int
    tally: Tally = CLEAN
    ending: bool = False


@attrs.frozen
class Halting:
    """The inner kernel was asked to go.

    :ivar how: with how much patience, when the daemon goes, too.
    """

    generation: int
    tally: Tally
    aim: Aim
    how: Leave = Leave.REQUESTED


@attrs.frozen
class Draining:
    """The inner kernel is gone; what it said last is still being read.

    :ivar aim: EXIT when the daemon goes too.
    :ivar asked: whether somebody wants another one whatever the limits say.
    """

    generation: int
    tally: Tally
    aim: Aim
    cause: Cause
    asked: bool = False


@attrs.frozen
class Pausing:
    """Between a death and the next start; ``generation`` is the next one."""

    generation: int
    tally: Tally


@attrs.frozen
class Dead:
    """There is no inner kernel, and only ``%restart`` brings one."""

    generation: int
    cause: Cause


@attrs.frozen
class Stopped:
    """The daemon is on its way out."""

    generation: int


State = Starting | Running | Halting | Draining | Pausing | Dead | Stopped

#: How users know the states.
PUBLIC_NAMES: dict[type, str] = {
    Starting: "restarting",
    Running: "running",
    Halting: "restarting",
    Draining: "restarting",
    Pausing: "restarting",
    Dead: "dead",
    Stopped: "stopped",
}


# --- events -----------------------------------------------------------------
#
# Those, and the effects, that add no field are attrs classes by their base: to
# make one more costs half a millisecond at each start of the daemon.


@attrs.frozen
class Event:
    """Something happened to the inner kernel of this generation."""

    generation: int


class Ready(Event):
    """It answered kernel_info, and its iopub is heard."""

    __slots__ = ()


@attrs.frozen
class Exited(Event):
    """Its process and all of its tree are gone, or it could not start."""

    cause: Cause


class Drained(Event):
    """Everything that it had sent has been read."""

    __slots__ = ()


@attrs.frozen
class RestartAsked(Event):
    """A ``%restart`` has its turn; ``urgent`` is ``%restart now``."""

    urgent: bool = False


@attrs.frozen
class ShutdownAsked(Event):
    """A client, a signal or the parent's death wants the daemon to end."""

    how: Leave = Leave.QUICKLY


@attrs.frozen
class ChannelLost(Event):
    """It closed one of its sockets and lives on: nobody could reach it."""

    channel: str


class Impostor(Event):
    """What answers on its ports has not signed with the connection file's key."""

    __slots__ = ()


class StartDue(Event):
    """It should have been ready by now."""

    __slots__ = ()


class StableDue(Event):
    """It has been up long enough to forget earlier deaths."""

    __slots__ = ()


class TerminateDue(Event):
    """It did not go when asked."""

    __slots__ = ()


class KillDue(Event):
    """It did not go at SIGTERM."""

    __slots__ = ()


class GoneDue(Event):
    """It did not even go at SIGKILL (a process stuck in the file system)."""

    __slots__ = ()


class DrainDue(Event):
    """Whatever has not been read by now will not come."""

    __slots__ = ()


class PauseDue(Event):
    """Time for the next start."""

    __slots__ = ()


# --- effects ----------------------------------------------------------------


@attrs.frozen
class Effect:
    """Something that the shell shall do to this generation."""

    generation: int


class Spawn(Effect):
    """Make a connection file and sockets, and start the inner kernel."""

    __slots__ = ()


class AskToGo(Effect):
    """Interrupt what it runs, then send it a shutdown_request."""

    __slots__ = ()


@attrs.frozen
class Terminate(Effect):
    """SIGTERM to its process group.

    :ivar because: what to say of it, when it was ipr's own decision.
    """

    because: str = ""


class Kill(Effect):
    """SIGKILL to all of its tree."""

    __slots__ = ()


class Drain(Effect):
    """Read what it still said, then feed :class:`Drained`."""

    __slots__ = ()


@attrs.frozen
class Finish(Effect):
    """Answer what it left unanswered, and close its sockets and files."""

    cause: Cause


@attrs.frozen
class Hold(Effect):
    """From here on keep what clients send, until Release or Refuse.

    :ivar coming: whether another kernel is to follow.
    """

    coming: bool = True


class Release(Effect):
    """Tell who asked for the restart, and pass on what was held."""

    __slots__ = ()


@attrs.frozen
class Refuse(Effect):
    """Answer everything held and to come with the cause."""

    cause: Cause


class Exit(Effect):
    """End the daemon."""

    __slots__ = ()


@attrs.frozen
class After:
    """Feed ``event`` in ``seconds``."""

    seconds: float
    event: Event


@attrs.frozen
class Cancel:
    """Take back the :class:`After` with this kind of event, if there is one."""

    kind: type[Event]


Effects = tuple[Effect | After | Cancel, ...]
Outcome = tuple[State, Effects]


# --- transitions ------------------------------------------------------------


def first(limits: Limits) -> Outcome:
    """Give the state and effects with which everything begins."""
    return _spawn(1, CLEAN, limits)


def _spawn(generation: int, tally: Tally, limits: Limits) -> Outcome:
    spawn: Effects = (Spawn(generation),)
    if limits.start_timeout:
        spawn += (After(limits.start_timeout, StartDue(generation)),)
    return Starting(generation, tally), spawn


def _ready(state: Starting, event: Ready, limits: Limits) -> Outcome:
    g = state.generation
    return Running(g, attrs.evolve(state.tally, failures=0)), (
        Cancel(StartDue),
        After(limits.stable_start_time, StableDue(g)),
        Release(g),
    )


def _stable(state: Running, event: StableDue, limits: Limits) -> Outcome:
    return attrs.evolve(state, tally=CLEAN), ()


def _start_late(state: Starting, event: StartDue, limits: Limits) -> Outcome:
    """End it; its exit is then a failed start like any other."""
    because = f"it was not ready within {limits.start_timeout:g} s"
    return state, _ended_by_us(state.generation, because, limits)


def _unreachable(state: Running, event: ChannelLost, limits: Limits) -> Outcome:
    if state.ending:
        return state, ()
    because = f"it closed its {event.channel} channel"
    effects = _ended_by_us(state.generation, because, limits)
    return attrs.evolve(state, ending=True), effects


_IMPOSTOR = (
    "its answers are not signed with the connection file's key: it signs wrongly,"
    " or another program has taken its ports"
)


def _not_ours(state: Starting, event: Impostor, limits: Limits) -> Outcome:
    """End it; a failed start like any other, and the next one has other ports."""
    return state, _ended_by_us(state.generation, _IMPOSTOR, limits)


def _not_ours_any_more(state: Running, event: Impostor, limits: Limits) -> Outcome:
    if state.ending:
        return state, ()
    effects = _ended_by_us(state.generation, _IMPOSTOR, limits)
    return attrs.evolve(state, ending=True), effects


def _ended_by_us(generation: int, because: str, limits: Limits) -> Effects:
    """SIGTERM first: a launcher such as srun then takes its job along."""
    return (
        Terminate(generation, because),
        After(limits.polite.kill, KillDue(generation)),
    )


def _kill_late(state: State, event: KillDue, limits: Limits) -> Outcome:
    g = state.generation
    return state, (Kill(g), After(limits.gone_time, GoneDue(g)))


_STUCK = "the kernel does not answer, and it cannot be killed"


def _stuck(state: Running, event: GoneDue, limits: Limits) -> Outcome:
    """Go on without it: its guardian has stopped, or the file system has."""
    cause = Cause(Ending.DIED, _STUCK)
    return _died(state, Exited(state.generation, cause), limits)


def _stuck_start(state: Starting, event: GoneDue, limits: Limits) -> Outcome:
    cause = Cause(Ending.NEVER_STARTED, _STUCK)
    return _start_failed(state, Exited(state.generation, cause), limits)


def _start_failed(state: Starting, event: Exited, limits: Limits) -> Outcome:
    g = state.generation
    tally = state.tally
    if not event.cause.excused:
        tally = Tally(tally.deaths + 1, tally.failures + 1)
    return Draining(g, tally, Aim.RESTART, event.cause), (
        Cancel(StartDue),
        Cancel(KillDue),
        Cancel(GoneDue),
        Drain(g),
        After(limits.drain_time, DrainDue(g)),
    )


def _died(state: Running, event: Exited, limits: Limits) -> Outcome:
    g = state.generation
    tally = Tally(state.tally.deaths + 1)
    return Draining(g, tally, Aim.RESTART, event.cause), (
        Cancel(StableDue),
        Cancel(KillDue),
        Cancel(GoneDue),
        Hold(g),
        Drain(g),
        After(limits.drain_time, DrainDue(g)),
    )


def _restart(state: Running, event: RestartAsked, limits: Limits) -> Outcome:
    g = state.generation
    ladder = limits.urgent if event.urgent else limits.polite
    return Halting(g, CLEAN, Aim.RESTART), (
        Cancel(StableDue),
        Hold(g),
        AskToGo(g),
        After(ladder.terminate, TerminateDue(g)),
        After(ladder.terminate + ladder.kill, KillDue(g)),
    )


def _restart_start(state: Starting, event: RestartAsked, limits: Limits) -> Outcome:
    """It never got to hear of anything: no need to be polite."""
    g = state.generation
    return Halting(g, CLEAN, Aim.RESTART), (
        Cancel(StartDue),
        Terminate(g),
        After(limits.urgent.kill, KillDue(g)),
    )


def _hurry(state: Halting, event: RestartAsked, limits: Limits) -> Outcome:
    """Somebody will not wait for the ladder."""
    if not event.urgent:
        return state, ()
    g = state.generation
    return state, (
        Cancel(TerminateDue),
        Cancel(KillDue),
        Kill(g),
        After(limits.gone_time, GoneDue(g)),
    )


def _terminate(state: Halting, event: TerminateDue, limits: Limits) -> Outcome:
    return state, (Terminate(state.generation),)


def _kill(state: Halting, event: KillDue, limits: Limits) -> Outcome:
    g = state.generation
    return state, (Kill(g), After(limits.gone_time, GoneDue(g)))


def _halted(state: Halting, event: Exited | GoneDue, limits: Limits) -> Outcome:
    g = state.generation
    cause = (
        Cause(Ending.ASKED, "the kernel was restarted")
        if state.aim is Aim.RESTART
        else Cause(Ending.SHUT_DOWN, "the kernel was shut down")
    )
    return Draining(g, state.tally, state.aim, cause), (
        Cancel(TerminateDue),
        Cancel(KillDue),
        Cancel(GoneDue),
        Drain(g),
        After(limits.drain_time, DrainDue(g)),
    )


def _drained(state: Draining, event: Drained | DrainDue, limits: Limits) -> Outcome:
    g, cause, tally = state.generation, state.cause, state.tally
    done = (Cancel(DrainDue), Finish(g, cause))
    if state.aim is Aim.EXIT:
        return Stopped(g), (*done, Exit(g))
    if state.asked or cause.ending is Ending.ASKED:
        next_state, effects = _spawn(g + 1, CLEAN, limits)
        return next_state, (*done, *effects)
    if (
        cause.hopeless
        or not limits.autorestart
        or tally.deaths > limits.restart_limit
        or tally.failures >= limits.start_limit
    ):
        if tally.deaths > limits.restart_limit > 0:
            cause = attrs.evolve(cause, deaths=tally.deaths)
        return Dead(g, cause), (*done, Refuse(g, cause))
    pause = limits.pause(tally, cause)
    if not pause:
        next_state, effects = _spawn(g + 1, tally, limits)
        return next_state, (*done, *effects)
    return Pausing(g + 1, tally), (*done, After(pause, PauseDue(g + 1)))


def _resume(state: Pausing, event: PauseDue, limits: Limits) -> Outcome:
    return _spawn(state.generation, state.tally, limits)


def _resume_now(state: Pausing, event: RestartAsked, limits: Limits) -> Outcome:
    next_state, effects = _spawn(state.generation, CLEAN, limits)
    return next_state, (Cancel(PauseDue), *effects)


def _revive(state: Dead, event: RestartAsked, limits: Limits) -> Outcome:
    next_state, effects = _spawn(state.generation + 1, CLEAN, limits)
    return next_state, (Hold(state.generation), *effects)


def _leave(state: Running, event: ShutdownAsked, limits: Limits) -> Outcome:
    g = state.generation
    # One that nobody reaches was sent SIGTERM before.
    how = Leave.QUICKLY if state.ending else event.how
    ladder = limits.ladder(how)
    asked: Effects = (Terminate(g),)
    if ladder.terminate:
        asked = AskToGo(g), After(ladder.terminate, TerminateDue(g))
    return Halting(g, CLEAN, Aim.EXIT, how), (
        Cancel(StableDue),
        Hold(g, coming=False),
        *asked,
        After(ladder.terminate + ladder.kill, KillDue(g)),
    )


def _leave_start(state: Starting, event: ShutdownAsked, limits: Limits) -> Outcome:
    g = state.generation
    return Halting(g, CLEAN, Aim.EXIT, Leave.QUICKLY), (
        Cancel(StartDue),
        Terminate(g),
        After(limits.leaving.kill, KillDue(g)),
    )


def _leave_halting(state: Halting, event: ShutdownAsked, limits: Limits) -> Outcome:
    """Who asks now may have less patience than who asked first."""
    how = event.how
    if state.aim is Aim.EXIT and how.value <= state.how.value:
        return state, ()
    halting = attrs.evolve(state, aim=Aim.EXIT, how=how)
    if how is Leave.REQUESTED:
        return halting, ()  # it goes already, for a restart, by a shorter ladder
    g = state.generation
    return halting, (
        Cancel(TerminateDue),
        Cancel(KillDue),
        Terminate(g),
        After(limits.ladder(how).kill, KillDue(g)),
    )


def _want(state: Draining, event: RestartAsked, limits: Limits) -> Outcome:
    return attrs.evolve(state, asked=True), ()


def _leave_draining(state: Draining, event: ShutdownAsked, limits: Limits) -> Outcome:
    return attrs.evolve(state, aim=Aim.EXIT), ()


def _leave_pausing(state: Pausing, event: ShutdownAsked, limits: Limits) -> Outcome:
    return Stopped(state.generation), (Cancel(PauseDue), Exit(state.generation))


def _leave_dead(state: Dead, event: ShutdownAsked, limits: Limits) -> Outcome:
    return Stopped(state.generation), (Exit(state.generation),)


def _ignore(state: State, event: Event, limits: Limits) -> Outcome:
    return state, ()


# fmt: off
TABLE: dict[tuple[type, type], Callable[..., Outcome]] = {
    # state     event           what it does              -> next state
    (Starting,  Ready):         _ready,                 # -> Running
    (Starting,  Exited):        _start_failed,          # -> Draining
    (Starting,  StartDue):      _start_late,            # -> Starting, killed
    (Starting,  KillDue):       _kill_late,             # -> Starting, killed
    (Starting,  GoneDue):       _stuck_start,           # -> Draining
    (Starting,  ChannelLost):   _ignore,                # it was never there
    (Starting,  Impostor):      _not_ours,              # -> Starting, ended
    (Starting,  RestartAsked):  _restart_start,         # -> Halting
    (Starting,  ShutdownAsked): _leave_start,           # -> Halting to exit

    (Running,   Exited):        _died,                  # -> Draining
    (Running,   RestartAsked):  _restart,               # -> Halting
    (Running,   StableDue):     _stable,                # -> Running, clean
    (Running,   ChannelLost):   _unreachable,           # -> Running, ended
    (Running,   Impostor):      _not_ours_any_more,     # -> Running, ended
    (Running,   KillDue):       _kill_late,             # -> Running, killed
    (Running,   GoneDue):       _stuck,                 # -> Draining
    (Running,   ShutdownAsked): _leave,                 # -> Halting to exit

    (Halting,   Exited):        _halted,                # -> Draining
    (Halting,   TerminateDue):  _terminate,             # -> Halting
    (Halting,   KillDue):       _kill,                  # -> Halting
    (Halting,   GoneDue):       _halted,                # -> Draining
    (Halting,   RestartAsked):  _hurry,                 # -> Halting
    (Halting,   ShutdownAsked): _leave_halting,         # -> Halting to exit
    (Halting,   Ready):         _ignore,                # it was starting
    (Halting,   ChannelLost):   _ignore,                # it is going
    (Halting,   Impostor):      _ignore,

    (Draining,  Drained):       _drained,               # -> Starting, Pausing,
    (Draining,  DrainDue):      _drained,               #    Dead or Stopped
    (Draining,  RestartAsked):  _want,                  # -> Draining, then
                                                        #    surely Starting
    (Draining,  ShutdownAsked): _leave_draining,        # -> Draining to exit
    (Draining,  Ready):         _ignore,                # read while draining
    (Draining,  Exited):        _ignore,                # after GoneDue
    (Draining,  ChannelLost):   _ignore,
    (Draining,  Impostor):      _ignore,

    (Pausing,   PauseDue):      _resume,                # -> Starting
    (Pausing,   RestartAsked):  _resume_now,            # -> Starting
    (Pausing,   ShutdownAsked): _leave_pausing,         # -> Stopped

    (Dead,      RestartAsked):  _revive,                # -> Starting
    (Dead,      ShutdownAsked): _leave_dead,            # -> Stopped
    (Dead,      Exited):        _ignore,                # after GoneDue
    (Dead,      Drained):       _ignore,                # after DrainDue
    (Dead,      ChannelLost):   _ignore,
    (Dead,      Impostor):      _ignore,

    (Stopped,   RestartAsked):  _ignore,
    (Stopped,   ShutdownAsked): _ignore,
    (Stopped,   Exited):        _ignore,
    (Stopped,   Drained):       _ignore,
    (Stopped,   ChannelLost):   _ignore,
    (Stopped,   Impostor):      _ignore,
}
# fmt: on


def step(state: State, event: Event, limits: Limits) -> Outcome:
    """Take one event.

    :returns: the next state, and the effects to perform in this order.
    :raises NoTransition: when the event cannot come in this state.
    """
    if event.generation < state.generation:
        return state, ()
    try:
        transition = TABLE[type(state), type(event)]
    except KeyError:
        raise NoTransition(f"{event} in {state}") from None
    return transition(state, event, limits)
