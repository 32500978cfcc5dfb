"""A step of the machine as a sentence, for the log.

Knows words for events and states. Must not know what an event leads to.
"""

from __future__ import annotations

from ipr.lifecycle import events
from ipr.lifecycle.states import State

#: What has happened; ``{event}`` is the event.
_WORDS: dict[type[events.Event], str] = {
    events.Ready: "it is ready",
    events.Exited: "{event.cause.text}",
    events.Parted: "it has closed its sockets, and may end beside the next one",
    events.Drained: "all its messages have been read",
    events.RestartAsked: "a restart was requested",
    events.ShutdownAsked: "the end of the daemon was requested",
    events.ChannelLost: "it closed its {event.channel} socket",
    events.Impostor: "its messages are not signed with our key",
    events.StartDue: "it was not ready in time",
    events.StableDue: "it has run so long that earlier crashes no longer count",
    events.TerminateDue: "it did not end when asked to",
    events.KillDue: "it did not end after SIGTERM",
    events.GoneDue: "it did not end after SIGKILL",
    events.DrainDue: "its last messages were not read in time",
    events.PauseDue: "the pause before the next start is over",
}


def step(event: events.Event, before: State, after: State) -> str:
    """Return what happened, and what it has changed."""
    happened = _WORDS[type(event)].format(event=event)
    if type(before) is type(after):
        change = f"still {_name(after)}"
    else:
        change = f"{_name(before)} -> {_name(after)}"
    return f"kernel {event.generation}: {happened} ({change})"


def _name(state: State) -> str:
    return type(state).__name__.lower()
