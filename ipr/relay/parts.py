"""The parts of the relay, and how they are wired.

Knows all of them, and which of them needs which. Must not know in which order they hear
of a kernel: that is :mod:`ipr.relay.relay`.
"""

from __future__ import annotations

from collections.abc import Callable

from ipr.jupyter.author import Author
from ipr.jupyter.messages import Draft
from ipr.jupyter.signing import Signer
from ipr.relay.beside import Beside
from ipr.relay.business import Business
from ipr.relay.cellhistory import CellHistory
from ipr.relay.codefile import NO_FILE, CodeFile
from ipr.relay.conversation import Conversation
from ipr.relay.gate import Gate
from ipr.relay.greetings import Greetings, Info
from ipr.relay.inbound import Inbound
from ipr.relay.initcode import InitCode
from ipr.relay.initial import Initial
from ipr.relay.interrupts import Interrupts
from ipr.relay.listening import Listening
from ipr.relay.notices import Notices
from ipr.relay.owner import Owner
from ipr.relay.ports import Changer, Commands, Decider, Desk, FrontSide
from ipr.relay.quiet import Quiet
from ipr.relay.remote import Remote
from ipr.relay.restarts import Restarts
from ipr.relay.timer import CallLater
from ipr.relay.voice import Voice


class Parts:
    """All of them, from the first kernel to the daemon's end.

    :param front: the clients' sockets.
    :param signer: with the connection file's key.
    :param author: writes what ipr says itself.
    :param call_later: the clock.
    :param synthetic_info: makes up a kernel_info_reply for when no kernel could
        be asked yet; called with the reason, or ``""``.
    :param max_held: bytes of requests that are kept.
    :param current: returns the conversation with the current kernel.
    :param decider: the restarter.
    :param commands: carries out ``%ipr``.
    :param history: takes down the cells of all kernels, and what they show.
    :param preload: what each kernel runs before anything else.
    :param init: what it runs then, and clients see.
    """

    def __init__(
        self,
        front: FrontSide,
        signer: Signer,
        author: Author,
        call_later: CallLater,
        synthetic_info: Callable[[str], Draft],
        max_held: int,
        *,
        current: Callable[[], Conversation | None],
        decider: Decider,
        commands: Commands,
        changer: Changer,
        desk: Desk,
        history: CellHistory,
        preload: CodeFile = NO_FILE,
        init: InitCode | None = None,
    ) -> None:
        info = Info(synthetic_info)
        self.voice = voice = Voice(front, author, info.current, history.outputs)
        greetings = self.greetings = Greetings(voice, info, call_later)
        gate = self.gate = Gate(voice, max_held, lambda *r: self.inbound.dispatch(*r))
        notices = Notices(voice, current)
        self.restarts = Restarts(
            voice, gate, decider, changer, call_later, current, history, notices.place
        )
        self.initial = Initial(
            voice, gate, self.restarts.under_way, greetings, init or InitCode()
        )
        interrupts = Interrupts(gate, self.restarts, call_later, current)
        tell = greetings.obituary.tell
        business = Business(
            voice,
            gate,
            self.restarts,
            greetings,
            decider,
            commands,
            interrupts,
            Owner(voice, self.restarts, decider, changer, interrupts, call_later),
            notices,
            Remote(voice, self.restarts, interrupts, decider, desk, tell),
        )
        self.inbound = Inbound(signer, author, gate, business, greetings, decider.now)
        self.beside = Beside(gate, info, call_later)
        self.listening = Listening(
            voice, greetings, call_later, self.inbound, decider, preload, history
        )
        self.quiet = Quiet(gate, decider.now, self.restarts)
