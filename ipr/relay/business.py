"""Which requests are answered by ipr itself, and by which part of it.

Knows the types of requests, and the magics in cells. Must not know signatures, nor
what becomes of the requests that are the kernel's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from twisted.logger import Logger

from ipr.jupyter import initwords, magics, messages, ownership, placement, remote
from ipr.jupyter.howmany import how_many
from ipr.jupyter.messages import Failure
from ipr.jupyter.wire import CONTENT, Envelope, Malformed
from ipr.relay import completion, initcells, lines
from ipr.relay.answers import Publish, Reply
from ipr.relay.cells import Cell
from ipr.relay.codefile import language_of
from ipr.relay.gate import Gate, Open, Refusing
from ipr.relay.greetings import NO_KERNEL, Greetings
from ipr.relay.initcode import InitCell
from ipr.relay.interrupts import Interrupts
from ipr.relay.notices import Notices
from ipr.relay.owner import Owner
from ipr.relay.ports import Commands, Decider
from ipr.relay.remote import Remote
from ipr.relay.request import Request
from ipr.relay.restarts import Restarts
from ipr.relay.voice import Voice

#: What a cell gets when a command fails through a bug in ipr.
INTERNAL = Failure(
    "IprError",
    "internal error in %ipr; see the daemon's log (%ipr debug DEBUG shows it here)",
)


class Business:
    """What ipr answers itself.

    :ivar owner: the kernel manager that restarts in place, if there is one.
    :ivar notices: what ipr has to say that nobody asked for.
    """

    def __init__(
        self,
        voice: Voice,
        gate: Gate,
        restarts: Restarts,
        greetings: Greetings,
        decider: Decider,
        commands: Commands,
        interrupts: Interrupts,
        owner: Owner,
        notices: Notices,
        remote: Remote,
    ) -> None:
        self._voice = voice
        self._gate = gate
        self._restarts = restarts
        self._greetings = greetings
        self._decider = decider
        self._commands = commands
        self._interrupts = interrupts
        self.owner = owner
        self.notices = notices
        self._remote = remote

    def take(self, channel: str, envelope: Envelope) -> bool:
        """Answer a request, if it is ours."""
        own = self._OURS.get(envelope.header["msg_type"])
        return own is not None and own(self, channel, envelope)

    def refuse(self, channel: str, envelope: Envelope, why: Failure) -> None:
        """Refuse a request that cannot be passed on."""
        self._voice.refuse(Request.of(channel, envelope), why)

    def interrupt(self) -> None:
        """Interrupt the kernel: the daemon was sent SIGINT."""
        self._interrupts.ask(patient=self.owner.known)

    def _execute(self, channel: str, envelope: Envelope) -> bool:
        """Look for a magic; every other cell passes."""
        if channel == "shell":
            if self.notices.pending and self._gate.clear is not None:
                self.notices.at_head(envelope)
            self.notices.cell_came(envelope)
        if self._greetings.obituary.pending and self._gate.clear is not None:
            self._greetings.tell_of_death(channel, envelope)
        content = envelope.body[CONTENT]
        if not magics.suspicious(
            content if isinstance(content, bytes) else bytes(content)
        ):
            if self._commands.init.cells:
                self._commands.init.drop(initwords.key_of(envelope, ""))
            return False
        try:
            code = envelope.content.get("code")
        except Malformed:
            return False
        magic = magics.parse(code) if isinstance(code, str) else None
        if magic is None:
            return placement.misplaced(str(code)) and self._help(channel, envelope)
        if self._is_final():
            return False
        if isinstance(magic, magics.Restart):
            if magic.before and (channel != "shell" or self._gate.clear is None):
                # Lines for a kernel wait for one, and for their turn, as all do.
                return False
            self._restarts.ask(channel, envelope, magic)
            return True
        if isinstance(magic, magics.Ipr) and magic.verb == "init" and magic.rest:
            found = self._init(channel, envelope, magic.rest)
            if isinstance(found, bool):
                return found
            magic = found
        request = Request.of(channel, envelope)
        if isinstance(magic, magics.Ipr) and magic.verb == "replay":
            return self._replay(request, magic)
        cell = Cell(self._voice.post, request, self._voice.number(request))
        self._restarts.begun.begin(cell)
        if isinstance(magic, magics.Mistake):
            cell.fail(messages.usage_error(magic.text))
            return True
        try:
            self._commands.run(cell, magic)
        except Exception:
            _log.failure("%ipr failed")
            cell.fail(INTERNAL)
        return True

    def _init(
        self, channel: str, envelope: Envelope, code: str
    ) -> bool | magics.Mistake:
        """Run a cell that is to be kept, once the kernel takes cells."""
        conversation = self._gate.clear
        if conversation is None or channel != "shell":
            return False
        language = language_of(self._greetings.info.known)
        cell = InitCell(initwords.key_of(envelope, code), code, language)
        init = self._commands.init
        wrong = init.problem(cell)
        if wrong:
            return magics.Mistake(f"%ipr init: {wrong}; this cell did not run")
        initcells.run(self._voice, conversation, envelope, init, cell)
        return True

    def _replay(self, request: Request, magic: magics.Ipr) -> bool:
        """Run cells again, once the kernel takes cells."""
        conversation = self._gate.clear
        if conversation is None:
            return False
        cells = how_many(magic.argument.split())
        self._restarts.replays.here(request, conversation, cells)
        return True

    def _help(self, channel: str, envelope: Envelope) -> bool:
        """Pass a cell on that may need a line of help, once the kernel takes cells."""
        conversation = self._gate.clear
        if conversation is None or channel != "shell":
            return False
        if envelope.content.get("silent"):
            return False
        conversation.send(
            channel,
            envelope,
            partial(lines.helped, conversation=conversation, text=placement.MISPLACED),
        )
        return True

    def _is_final(self) -> bool:
        state = self._gate.state
        return isinstance(state, Refusing) and state.final

    def _kernel_info(self, channel: str, envelope: Envelope) -> bool:
        """Answer on control always, on shell while the kernel cannot."""
        if channel == "shell" and isinstance(self._gate.state, Open):
            return False
        if self.owner.greeted(channel, envelope):
            return True
        self._greetings.ask(channel, envelope)
        return True

    def _interrupt_request(self, channel: str, envelope: Envelope) -> bool:
        state = self._gate.state
        if isinstance(state, Open):
            conversation = state.conversation
            if conversation.kernel.interrupt_mode == "message":
                self._restarts.urge()
                conversation.send(channel, envelope)
                return True
        request = Request.of(channel, envelope)
        self._interrupts.ask(patient=self.owner.sent(request))
        self._voice.refuse(request, NO_KERNEL)
        return True

    def _shutdown_request(self, channel: str, envelope: Envelope) -> bool:
        request = Request.of(channel, envelope)
        restart = request.field("restart", False)
        draft = messages.shutdown_reply(restart=restart)
        self._voice.answer(request, Reply(draft), Publish(draft))
        self._interrupts.forget()
        if not (restart and self.owner.stays(request)):
            self._decider.shut_down()
        return True

    def _restart_request(self, channel: str, envelope: Envelope) -> bool:
        self.owner.order(channel, envelope)
        return True

    def _command(self, channel: str, envelope: Envelope) -> bool:
        self._remote.take(channel, envelope)
        return True

    def _complete(self, channel: str, envelope: Envelope) -> bool:
        state = self._gate.state
        merging = state.conversation.merging if isinstance(state, Open) else None
        return completion.complete(self._voice, channel, envelope, merging)

    def _inspect(self, channel: str, envelope: Envelope) -> bool:
        return completion.inspect(self._voice, channel, envelope)

    def _is_complete(self, channel: str, envelope: Envelope) -> bool:
        return completion.is_complete(self._voice, channel, envelope)

    _OURS: ClassVar[dict[str, Callable[[Business, str, Envelope], bool]]] = {
        "execute_request": _execute,
        "kernel_info_request": _kernel_info,
        "complete_request": _complete,
        "inspect_request": _inspect,
        "is_complete_request": _is_complete,
        "interrupt_request": _interrupt_request,
        "shutdown_request": _shutdown_request,
        ownership.ORDER: _restart_request,
        remote.REQUEST: _command,
    }


_log = Logger()
