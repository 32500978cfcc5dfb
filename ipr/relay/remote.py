"""What a terminal or code asks for, from beside the front ends.

Knows whom to ask, and that each request is answered once, whatever dies. Must not know
where the figures come from, nor how a restart goes. The fields are those of
:mod:`ipr.jupyter.remote`.
"""

from __future__ import annotations

from typing import assert_never

import attrs

from ipr.jupyter import magics, messages, remote
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
    """Everybody who has the key, and is no front end."""

    def __init__(
        self,
        voice: Voice,
        restarts: Restarts,
        interrupts: Interrupts,
        decider: Decider,
        desk: Desk,
    ) -> None:
        self._voice = voice
        self._restarts = restarts
        self._interrupts = interrupts
        self._decider = decider
        self._desk = desk
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
            case magics.Restart():
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
                self._accept(request, **self._desk.facts(), failed=self._failed)
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

    def _restart(self, request: Request, restart: magics.Restart) -> None:
        if self._decider.leaving():
            self._refuse(request, LEAVING)
            return
        self._restarts.order(self._post, request, restart)

    def _accept(self, request: Request, **fields: object) -> None:
        self._post(request, (Reply(messages.ok_reply(remote.REQUEST, **fields)),))

    def _refuse(self, request: Request, why: Failure) -> None:
        self._post(request, (Reply(messages.error_reply(remote.REQUEST, why)),))

    def _post(self, request: Request, steps: Steps) -> None:
        if request.progress.reply == "sent":
            # A restart was accepted, and came to nothing: whoever asked may ask again.
            whys = [str(step.draft.content["evalue"]) for step in steps]
            self._failed = {"request": request.msg_id, "why": "".join(whys)}
            return
        request.progress.reply = "sent"
        self._voice.post(request, tuple(map(self._dated, steps)))

    def _dated(self, step: Step) -> Step:
        """Add which kernel it is about."""
        said = {**step.draft.content, "generation": self._decider.generation()}
        return Reply(attrs.evolve(step.draft, content=said))
