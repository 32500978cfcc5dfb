"""What a terminal or code asks for, from beside the front ends.

Knows whom to ask, and that each request is answered once, whatever dies. Must not know
where the figures come from, nor how a restart goes. The fields are those of
:mod:`ipr.jupyter.remote`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import attrs

from ipr.jupyter import messages, remote
from ipr.jupyter.messages import Failure
from ipr.jupyter.wire import Envelope, Malformed
from ipr.relay.answers import Reply, Step, Steps
from ipr.relay.interrupts import Interrupts
from ipr.relay.outputs import NothingShown
from ipr.relay.ports import Decider, Desk
from ipr.relay.request import Request
from ipr.relay.restarts import Restarts
from ipr.relay.voice import Voice

#: What a request gets that comes too late.
LEAVING = Failure("NotRestarted", "the daemon is ending, and its kernel with it")


class Remote:
    """Everybody who has the key, and is no front end.

    :param tell: says something at the head of the next cell.
    """

    def __init__(
        self,
        voice: Voice,
        restarts: Restarts,
        interrupts: Interrupts,
        decider: Decider,
        desk: Desk,
        tell: Callable[[str], None],
    ) -> None:
        self._voice = voice
        self._restarts = restarts
        self._interrupts = interrupts
        self._decider = decider
        self._desk = desk
        self._tell = tell
        #: The restart that failed last after it was answered, and why.
        self._failed = {"request": "", "why": ""}

    def take(self, channel: str, envelope: Envelope) -> None:
        """Carry it out, and answer."""
        request = Request.of(channel, envelope)
        try:
            if channel != "control":
                raise remote.Wrong("commands have to come on control")
            command = remote.command(envelope.content)
        except (remote.Wrong, Malformed) as error:
            self._refuse(request, Failure("UsageError", str(error)))
            return
        match command:
            case remote.Restart():
                self._restart(request, command)
            case remote.ReadLog():
                lines, following = self._desk.log(command.after)
                self._accept(request, lines=lines, next=following)
            case remote.ReadOutput():
                self._output(request, command.cells)
            case remote.Plain(word="status"):
                self._accept(request, rows=self._desk.table())
            case remote.Plain(word="stack"):
                looking = self._desk.stack()
                looking.addCallback(lambda text: self._accept(request, text=text))
                looking.addErrback(lambda _failure: self._refuse(request, LEAVING))
            case remote.Plain(word="facts"):
                told = self._restarts.replays.told()
                facts = {**self._desk.facts(), "failed": self._failed, "replay": told}
                self._accept(request, **facts)
            case remote.Plain():
                self._interrupts.ask(patient=False)
                self._accept(request)
            case _:
                assert_never(command)

    def _output(self, request: Request, cells: int) -> None:
        try:
            self._accept(request, text=self._desk.output(cells))
        except NothingShown as error:
            self._refuse(request, Failure("NothingShown", str(error)))

    def _restart(self, request: Request, command: remote.Restart) -> None:
        if self._decider.leaving():
            self._refuse(request, LEAVING)
        elif command.inside and self._restarts.replays.running:
            # It came when the cell ran first. Now it would end the replay, and one
            # with --replay would begin it over and over.
            self._accept(request, waits=False, left_out=True)
        else:
            self._restarts.order(self._post, request, command.magic)

    def _accept(self, request: Request, **fields: object) -> None:
        self._post(request, (Reply(messages.ok_reply(remote.REQUEST, **fields)),))

    def _refuse(self, request: Request, why: Failure) -> None:
        self._post(request, (Reply(messages.error_reply(remote.REQUEST, why)),))

    def _post(self, request: Request, steps: Steps) -> None:
        if request.progress.reply == "sent":
            # A restart was accepted, and came to nothing: whoever asked may ask again,
            # or is not there any more.
            why = "".join(str(step.draft.content["evalue"]) for step in steps)
            self._failed = {"request": request.msg_id, "why": why}
            self._tell(f"What 'ipr restart' was to do was not done: {why}\n")
            return
        request.progress.reply = "sent"
        self._voice.post(request, tuple(map(self._dated, steps)))

    def _dated(self, step: Step) -> Step:
        """Add which kernel it is about."""
        said = {**step.draft.content, "generation": self._decider.generation()}
        return Reply(attrs.evolve(step.draft, content=said))
