"""Passes messages between the clients and the inner kernel.

Knows which message goes where, which are ipr's own business, and what is
held back while there is no inner kernel. Must not know how a kernel is
started or stopped (:mod:`ipr.restarter`), files, or the global reactor.

What is only relayed stays the very frames that came. No client identity
goes in: on the way out the client is found by the parent's msg_id.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ipr import answers, magichelp, magics, messages
from ipr.answers import Publish, Steps
from ipr.author import Author
from ipr.causes import failure
from ipr.cells import Cell, RestartCell
from ipr.ledger import Ledger
from ipr.machine import Cause, Ending
from ipr.messages import Draft, Failure
from ipr.obituary import Obituary
from ipr.questions import Questions
from ipr.request import Request
from ipr.subshells import Subshells
from ipr.wire import (
    CONTENT,
    DELIMITER,
    HEADER,
    JSON,
    SIGNATURE,
    Envelope,
    Frame,
    Malformed,
    Replays,
    Signer,
    id_of,
    quick_count,
    split,
)

#: Seconds after which a kernel_info_request is answered without a kernel.
KERNEL_INFO_TIME = 30.0
#: Seconds between questions to a kernel that is starting.
PROBE_TIME = 0.5
#: Probes after an answer until a kernel that publishes nothing counts as ready.
SILENT_PROBES = 3
#: Seconds that a cell has to end once an interrupt urged a waiting restart.
URGED_TIME = 2.0
#: Seconds that a kernel has to finish what was interrupted, before it is told to end.
NOTICE_TIME = 0.3
#: Seconds that a reply may come after the idle that ends its cell.
REPLY_TIME = 1.0
#: Bytes that a request which is held takes beside its frames' own: the objects
#: around them, and the parsed header (1500 measured with Python 3.11, and what
#: malloc adds).
HELD_BESIDES = 2000
#: Clients that are known to be consoles.
MOST_CONSOLES = 1000
#: Seconds until a cell that restarts says so; most are done by then.
PROGRESS_TIME = 0.3


class FrontSide(Protocol):
    """What the relay needs of the clients' sockets."""

    def send(self, channel: str, frames: list[Frame]) -> None:
        """Send to one client; its identities come first."""

    def ask(self, frames: list[Frame]) -> bool:
        """Send on stdin; False when that client is not connected there."""

    def publish(self, frames: list[Frame]) -> None:
        """Send to all subscribers; the topic comes first."""


class Inner(Protocol):
    """What the relay needs of the current inner kernel."""

    generation: int
    pid: int

    def send(self, channel: str, body: list[Frame]) -> None:
        """Send to the kernel; without identities."""

    @property
    def interrupt_mode(self) -> str:
        """``"signal"`` or ``"message"``."""

    @property
    def heard(self) -> bool:
        """Whether its iopub is connected."""

    def signal_interrupt(self) -> None:
        """SIGINT to its process group."""


class Decider(Protocol):
    """What the relay asks of the restarter."""

    def restart(self, *, urgent: bool) -> None:
        """A %restart has its turn."""

    def ready(self, generation: int) -> None:
        """That inner kernel answers, and its iopub is heard."""

    def distrust(self, generation: int) -> None:
        """What that inner kernel says is not signed with our key."""

    def shut_down(self) -> None:
        """End the daemon."""

    def now(self) -> float:
        """Monotonic seconds."""


class Changer(Protocol):
    """Who works out what a ``%restart`` wants otherwise."""

    def prepare(self, changes: magics.Changes) -> Deferred[Callable[[], None]]:
        """Check it; fires with what puts it in force, or fails with words."""


class Commands(Protocol):
    """Who carries out ``%ipr``."""

    def run(self, cell: Cell, magic: magics.Ipr | magics.Help) -> None:
        """Carry it out, and end the cell."""


class Relay:
    """Every message passes here once.

    :param front: the clients' sockets.
    :param signer: with the connection file's key.
    :param author: writes what ipr says itself.
    :param call_later: the clock.
    :param synthetic_info: gives a kernel_info_reply for when no kernel could
        be asked yet; called with the reason, or ``""``.
    :param max_held: bytes of requests that are kept.
    """

    def __init__(
        self,
        front: FrontSide,
        signer: Signer,
        author: Author,
        call_later: Callable[..., IDelayedCall],
        synthetic_info: Callable[[str], Draft],
        max_held: int,
    ) -> None:
        self._front = front
        self._signer = signer
        self._author = author
        self._call_later = call_later
        self._synthetic_info = synthetic_info
        self._max_held = max_held
        self.decider: Decider
        self.commands: Commands
        self.changer: Changer
        #: Whether each message is worth a DEBUG record.
        self.tracing = False

        self.ledger = Ledger()
        self._questions = Questions(
            front.ask, lambda msg_id: msg_id in self.ledger.inputs, call_later
        )
        self.inner: Inner | None = None
        #: The cause, while there is no kernel and none is coming.
        self.refusing: Cause | None = None
        self._obituary = Obituary()
        self.open = False
        self.count = 0
        self.subscribers = 0
        self._replays = Replays()
        self._session_known = False
        self._info: Draft | None = None
        self._info_seen = self._iopub_seen = self._probe_idle = False
        self._silent_probes = 0
        self._distrusted = False
        self._own: set[str] = set()
        self._subshells = Subshells(self._create_subshell)
        self._creating: dict[str, Callable[[str], None]] = {}
        #: Clients that have asked what a console asks before each cell.
        self.consoles: dict[tuple[bytes, ...], None] = {}
        self._probing: IDelayedCall | None = None
        self._expecting: IDelayedCall | None = None
        self._refuse_later: Cause | None = None
        #: The shutdown_request that follows an interrupt of ours.
        self._parting: IDelayedCall | None = None

        self._held: deque[tuple[str, Envelope]] = deque()
        self._held_bytes = 0
        self._curious: dict[str, tuple[Request, IDelayedCall]] = {}
        self._welcomes: list[bytes] = []
        self._completing: dict[str, tuple[magichelp.Completion, str]] = {}
        #: The %restart that waits for its turn, and those under way.
        self.waiting: RestartCell | None = None
        self._urging: IDelayedCall | None = None
        self._overdue: IDelayedCall | None = None
        self._restarting: list[RestartCell] = []
        #: Those whose options are being worked out.
        self._settling: list[RestartCell] = []
        #: Cells of ipr's own that had their busy, and perhaps not yet a reply.
        self._begun: list[Cell] = []
        self._restart_begun = 0.0
        self._old_pid = 0
        self._progress: IDelayedCall | None = None
        self._phase = ""

    @property
    def held(self) -> int:
        """How many requests wait for a kernel."""
        return len(self._held)

    # --- from the clients ---------------------------------------------------

    def front_received(self, channel: str, frames: list[Frame]) -> None:
        """Take what a client sent, or a subscription on iopub."""
        if channel == "iopub":
            self._subscription(frames)
            return
        try:
            envelope = split(frames)
            if not self._signer.verifies(envelope.body):
                raise Malformed("its signature does not fit the connection file's key")
            if self._signer.signs and not self._replays.fresh(envelope.body[SIGNATURE]):
                raise Malformed("it was sent before (the same signature)")
            msg_type: str = envelope.header["msg_type"]
        except Malformed as error:
            _log.warn(
                "Dropped a message on {channel}: {error}", channel=channel, error=error
            )
            return
        if channel == "stdin":
            self._answer(envelope)
            return
        if self.tracing:
            _trace("client", channel, msg_type, envelope.size)
        own = self._INTERCEPTED.get(msg_type)
        if own is not None and own(self, channel, envelope):
            return
        if self.open and not self._held and self.waiting is None:
            self._forward(channel, envelope)
        else:
            self._pass_on(channel, envelope)

    def _pass_on(self, channel: str, envelope: Envelope) -> None:
        """Forward, refuse or hold what is not ipr's own business."""
        cell = envelope.header["msg_type"] == "execute_request" and channel == "shell"
        # Only cells queue behind a %restart; a widget may go on.
        if self.waiting is not None and cell:
            self._hold(channel, envelope)
        elif self.open:
            self._forward(channel, envelope)
        elif self.refusing is not None:
            request = Request.of(channel, envelope)
            self._refuse(request, failure(self.refusing, dead=True))
        else:
            self._hold(channel, envelope)

    def _forward(self, channel: str, envelope: Envelope) -> None:
        inner = self.inner
        if inner is None:
            self._hold(channel, envelope)
            return
        body = envelope.body
        if self._subshells.stand_ins:
            body = self._addressed(envelope)
        try:
            inner.send(channel, body)
        finally:
            # Behind the sending, here and below: the other side works
            # meanwhile, and nothing can come in between in the same turn.
            # What could not be sent is answered when that kernel is finished.
            self.ledger.enter(Request.of(channel, envelope, inner.generation))

    def _addressed(self, envelope: Envelope) -> list[Frame]:
        """Return the body, naming subshells that this kernel has."""
        header, body = envelope.header, envelope.body
        try:
            if header.get("subshell_id"):
                addressed = self._subshells.addressed(header)
                if addressed is not header:
                    return self._signer.resign(body, header=addressed)
            elif header["msg_type"] == "delete_subshell_request":
                content = envelope.content
                understood = self._subshells.deletion(content)
                if understood is not content:
                    return self._signer.resign(body, content=understood)
        except Malformed:
            # The kernel says what it thinks of it.
            pass
        return body

    def _create_subshell(self, made: Callable[[str], None]) -> bool:
        features = self.info().content.get("supported_features")
        if not isinstance(features, list) or "kernel subshells" not in features:
            return False
        draft = Draft("create_subshell_request", {})
        self._creating[self.send_own("control", draft)] = made
        return True

    def _hold(self, channel: str, envelope: Envelope) -> None:
        size = envelope.size + HELD_BESIDES
        if self._held_bytes + size > self._max_held:
            why = Failure(
                "TooMuchHeld",
                "the kernel is restarting, and more requests wait for it than"
                f" ipr keeps ({self._max_held >> 20} MiB); send it again later",
            )
            self._refuse(Request.of(channel, envelope), why)
            return
        self._held_bytes += size
        self._held.append((channel, envelope))

    def _take_held(self) -> list[tuple[str, Envelope]]:
        held, self._held, self._held_bytes = self._held, deque(), 0
        return list(held)

    def _pump(self) -> None:
        """Pass on what was held, in order, up to the next %restart."""
        for channel, envelope in self._take_held():
            with self._each(channel, envelope):
                if self.waiting is None and (self.open or self.refusing is not None):
                    own = self._INTERCEPTED.get(envelope.header["msg_type"])
                    if own is not None and own(self, channel, envelope):
                        continue
                self._pass_on(channel, envelope)

    @contextmanager
    def _each(self, channel: str, envelope: Envelope) -> Iterator[None]:
        """See that no one message keeps those behind it from being answered."""
        try:
            yield
        except Exception:
            _log.failure("A request that was held could not be processed")
            # One that could not be sent is in the ledger.
            if self.ledger.find(id_of(envelope.header)) is None:
                self._refuse(Request.of(channel, envelope), NOT_SENT)

    def _answer(self, envelope: Envelope) -> None:
        """Pass on what comes on stdin, whatever it is.

        A kernel that asks takes what comes next there, and one that does not
        ask drops it or keeps it for its next question: that is its own affair.
        """
        if not self.open or self.inner is None:
            _log.info("Dropped an answer to a question: there is no kernel")
            return
        with suppress(Malformed):
            self.ledger.input_given(envelope.parent_id, envelope.identities)
        self.inner.send("stdin", envelope.body)

    def _subscription(self, frames: list[Frame]) -> None:
        event = frames[0]
        if len(frames) != 1 or event[:1] not in (b"\x00", b"\x01"):
            return
        if event[:1] == b"\x00":
            self.subscribers -= 1
            return
        self.subscribers += 1
        self._stop_expecting()
        if self._session_known or self.refusing is not None:
            self._welcome(event[1:])
        else:
            # It must carry the session of the kernel that is coming.
            self._welcomes.append(event[1:])

    def expect_subscriber(self, seconds: float) -> None:
        """Let the first kernel not be ready before somebody listens.

        A client that was there first tries to connect each of its sockets ten
        times a second. The inner kernel is up soon after we listen: without
        this a first cell may run before the client's iopub is there.

        :param seconds: how long to wait at most.
        """
        self._expecting = self._call_later(seconds, self._stop_expecting)

    def _stop_expecting(self) -> None:
        timer, self._expecting = self._expecting, None
        if timer is not None:
            if timer.active():
                timer.cancel()
            cause, self._refuse_later = self._refuse_later, None
            if cause is not None:
                self.refuse(cause)
            self._check_ready()

    def _welcome(self, topic: bytes) -> None:
        draft = messages.iopub_welcome(topic.decode(errors="replace"))
        body = self._author.body(draft, b"{}")
        self._front.publish([topic, *body] if topic else body)

    # --- ipr's own business -------------------------------------------------

    def _execute(self, channel: str, envelope: Envelope) -> bool:
        """Look for a magic; every other cell passes."""
        if self._obituary.pending and self.open and self.waiting is None:
            self._tell_of_death(channel, envelope)
        content = envelope.body[CONTENT]
        if not magics.suspicious(
            content if isinstance(content, bytes) else bytes(content)
        ):
            return False
        try:
            code = envelope.content.get("code")
        except Malformed:
            return False
        magic = magics.parse(code) if isinstance(code, str) else None
        if magic is None:
            return False
        if isinstance(magic, magics.Restart):
            return self._restart_cell(channel, envelope, magic)
        request = Request.of(channel, envelope)
        cell = Cell(self.post, request, self._number(request))
        self._begin(cell)
        if isinstance(magic, magics.Mistake):
            cell.fail(Failure("UsageError", magic.text))
        else:
            try:
                self.commands.run(cell, magic)
            except Exception:
                _log.failure("%ipr failed")
                cell.fail(Failure("IprError", "this went wrong; the log says how"))
        return True

    def _tell_of_death(self, channel: str, envelope: Envelope) -> None:
        """Say at the head of a cell that the kernel died while none ran."""
        request = Request.of(channel, envelope)
        text = self._obituary.heading(request.content)
        if text is not None:
            self.post(request, (Publish(messages.stream(text, "stderr")),))

    def _begin(self, cell: Cell) -> None:
        """Let a cell begin, and see to it that it ends when the daemon does."""
        self._begun = [other for other in self._begun if not other.ended]
        self._begun.append(cell)
        cell.begin()

    def _restart_cell(
        self, channel: str, envelope: Envelope, magic: magics.Restart
    ) -> bool:
        urgent = magic.now or channel == "control"
        if not urgent:
            if not self.open and self.refusing is None:
                # Another restart is under way: this one comes after it.
                self._hold(channel, envelope)
                return True
            if self.waiting is not None:
                self._hold(channel, envelope)
                return True
        request = Request.of(channel, envelope)
        cell = RestartCell(
            self.post,
            request,
            self._restart_number(request),
            magic,
            self._author.new_id(),
            envelope.body,
        )
        self._begin(cell)
        if magic.changes != magics.NO_CHANGES:
            self._settle(cell, urgent=urgent)
        elif self.open and not urgent and self.ledger.executing:
            self.waiting = cell
            self._turn()
        else:
            self._go(cell, urgent=urgent)
        return True

    def _settle(self, cell: RestartCell, *, urgent: bool) -> None:
        """Find out whether what it wants can be had, before anything is done.

        Cells after it queue behind it meanwhile.
        """
        cell.settling = True
        # No cell before it that fails takes it along, if it waits for none.
        cell.urged = urgent
        if self.waiting is None:
            self.waiting = cell
        self._settling.append(cell)

        def settled(apply: Callable[[], None]) -> None:
            cell.settling = False
            self._settling.remove(cell)
            if cell.ended:
                # A cell before it failed meanwhile, or the daemon goes.
                return
            cell.apply = apply
            if cell is self.waiting and not urgent:
                self._turn()
                if cell is self.waiting and cell.urged and self._urging is None:
                    self._urged()
            else:
                self._go(cell, urgent=urgent)

        def wrong(reason: Any) -> None:
            self._settling.remove(cell)
            cell.fail(Failure("WrongChange", reason.getErrorMessage()))
            if cell is self.waiting:
                another = self._let_next_wait()
                self._calm()
                if not another and (self.open or self.refusing is not None):
                    self._pump()

        self.changer.prepare(cell.restart.changes).addCallbacks(settled, wrong)

    def _let_next_wait(self) -> bool:
        """The waiting %restart is not going to be: perhaps there is another."""
        others = (cell for cell in self._settling if not cell.ended)
        self.waiting = next(others, None)
        return self.waiting is not None

    def _go(self, cell: RestartCell, *, urgent: bool) -> None:
        cell.apply()
        # What is held behind it must not slip through to the old kernel: the
        # restarter may be busy, and hold() come a moment later.
        self.open = False
        if cell is self.waiting:
            self.waiting = None
            self._calm()
            self.post(cell.request, (Publish(messages.BUSY),))
        self._note_beginning()
        self._restarting.append(cell)
        self.decider.restart(urgent=urgent)

    def _note_beginning(self) -> None:
        if not self._restarting:
            self._restart_begun = self.decider.now()
            self._old_pid = self.inner.pid if self.inner is not None else 0
            self._progress = self._call_later(PROGRESS_TIME, self._show_progress)

    def _turn(self) -> None:
        """Let the waiting %restart go when nothing runs before it."""
        cell = self.waiting
        if cell is None or cell.settling or not (self.open or self.refusing):
            return
        if not self.ledger.executing:
            self._go(cell, urgent=False)
            return
        if self._overdue is None and self.ledger.replies_overdue():
            self._overdue = self._call_later(REPLY_TIME, self._give_up_replies)
        cell.wait_shown()

    def _give_up_replies(self) -> None:
        self._overdue = None
        for request in self.ledger.replies_overdue():
            self.ledger.give_up(request)
        if self.waiting is not None and not self.ledger.executing:
            self._turn()

    def phase(self, text: str) -> None:
        """Note what the restart is doing, for its cells to show."""
        self._phase = text
        if self._progress is None:
            for cell in self._restarting:
                cell.progress(text)

    def _show_progress(self) -> None:
        self._progress = None
        for cell in self._restarting:
            cell.progress(self._phase)

    def _kernel_info(self, channel: str, envelope: Envelope) -> bool:
        """Answer on control always, on shell while the kernel cannot."""
        if self.open and channel == "shell":
            return False
        request = Request.of(channel, envelope)
        if self._info is not None:
            self.post(request, answers.refused(request, _NOTHING, 0, self._info))
        elif self.refusing is not None:
            self._refuse(request, _NOTHING)
        elif request.msg_id not in self._curious:
            timer = self._call_later(KERNEL_INFO_TIME, self._satisfy, request.msg_id)
            self._curious[request.msg_id] = (request, timer)
        return True

    def _satisfy(self, msg_id: str) -> None:
        request, timer = self._curious.pop(msg_id)
        if timer.active():
            timer.cancel()
        self._refuse(request, _NOTHING)

    def _interrupt_request(self, channel: str, envelope: Envelope) -> bool:
        inner = self.inner
        if self.open and inner is not None and inner.interrupt_mode == "message":
            self._urge()
            self._forward(channel, envelope)
            return True
        self.interrupt()
        request = Request.of(channel, envelope)
        self._refuse(request, _NOTHING)
        return True

    def interrupt(self) -> None:
        """Somebody wants the inner kernel to be interrupted."""
        self._urge()
        self._interrupt()

    def _interrupt(self) -> None:
        """Interrupt the inner kernel as its kernelspec says, once."""
        inner = self.inner
        if inner is None:
            return
        if inner.interrupt_mode == "message":
            self.send_own("control", Draft("interrupt_request", {}))
        else:
            inner.signal_interrupt()

    def ask_to_go(self) -> None:
        """Interrupt what the inner kernel runs, then tell it to end.

        In between there is time for the cell to end and for those behind it to
        be aborted: ipykernel does not do that any more once it is told to end,
        but begins with the next cell (7.4 did in 2 of 5 restarts).
        """
        inner = self.inner
        if inner is None:
            return
        if len(self.ledger):
            self._interrupt()
            self._parting = self._call_later(NOTICE_TIME, self._part)
        else:
            self._part()

    def _check_parting(self) -> None:
        if self._parting is not None and not len(self.ledger):
            self._part()

    def _part(self) -> None:
        self._stop_parting()
        self.send_own("control", Draft("shutdown_request", {"restart": True}))

    def _stop_parting(self) -> None:
        timer, self._parting = self._parting, None
        if timer is not None and timer.active():
            timer.cancel()

    def _urge(self) -> None:
        """Somebody is tired of waiting: the %restart waits 2 s at most."""
        if self.waiting is not None and not self.waiting.urged:
            self.waiting.urged = True
            self._urging = self._call_later(URGED_TIME, self._urged)

    def _urged(self) -> None:
        self._urging = None
        cell = self.waiting
        if cell is not None and not cell.settling and self.open:
            self._go(cell, urgent=True)

    def _calm(self) -> None:
        for timer in (self._urging, self._overdue):
            if timer is not None:
                timer.cancel()
        self._urging = self._overdue = None

    def _shutdown_request(self, channel: str, envelope: Envelope) -> bool:
        request = Request.of(channel, envelope)
        draft = messages.shutdown_reply(restart=request.field("restart", False))
        steps = answers.answered(request, answers.Reply(draft), Publish(draft))
        self.post(request, steps)
        self.decider.shut_down()
        return True

    def _complete(self, channel: str, envelope: Envelope) -> bool:
        """Complete our own words; the kernel's are put before them."""
        if b"%" not in bytes(envelope.body[CONTENT]):
            return False
        request = Request.of(channel, envelope)
        code = request.field("code", "")
        cursor = request.field("cursor_pos", len(code))
        ours = magichelp.complete(code, cursor)
        if ours is None:
            return False
        if self.open and not ours.alone:
            self._completing[request.msg_id] = (ours, code)
            return False
        draft = Draft("complete_reply", magichelp.reply(ours))
        self.post(request, answers.answered(request, answers.Reply(draft)))
        return True

    def _inspect(self, channel: str, envelope: Envelope) -> bool:
        """Explain our own words."""
        if b"%" not in bytes(envelope.body[CONTENT]):
            return False
        request = Request.of(channel, envelope)
        code = request.field("code", "")
        text = magichelp.inspect(code, request.field("cursor_pos", len(code)))
        if text is None:
            return False
        content = {"found": True, "data": {"text/plain": text}, "metadata": {}}
        draft = messages.ok_reply("inspect_request", **content)
        self.post(request, answers.answered(request, answers.Reply(draft)))
        return True

    def _is_complete(self, channel: str, envelope: Envelope) -> bool:
        """Say that a line of ours is whole, whatever its kernel makes of it."""
        client = tuple(envelope.identities)
        if client not in self.consoles and len(self.consoles) < MOST_CONSOLES:
            self.consoles[client] = None
        if not magics.suspicious(bytes(envelope.body[CONTENT])):
            return False
        request = Request.of(channel, envelope)
        magic = magics.parse(request.field("code", ""))
        if magic is None:
            return False
        draft = Draft("is_complete_reply", {"status": "complete"})
        self.post(request, answers.answered(request, answers.Reply(draft)))
        return True

    _INTERCEPTED: ClassVar[dict[str, Callable[[Relay, str, Envelope], bool]]] = {
        "execute_request": _execute,
        "kernel_info_request": _kernel_info,
        "complete_request": _complete,
        "inspect_request": _inspect,
        "is_complete_request": _is_complete,
        "interrupt_request": _interrupt_request,
        "shutdown_request": _shutdown_request,
    }

    # --- to the clients -----------------------------------------------------

    def post(self, request: Request, steps: Steps) -> None:
        """Send messages of ipr's own with ``request`` as their parent."""
        for step in steps:
            body = self._author.body(step.draft, request.header_frame)
            if isinstance(step, Publish):
                self._front.publish([self._author.topic(step.draft), *body])
            else:
                self._front.send(request.channel, [*request.identities, *body])

    def whisper(self, request: Request, draft: Draft) -> None:
        """Publish a log record: as post, but never the cause of another."""
        body = self._author.body(draft, request.header_frame)
        self._front.publish([self._author.topic(draft), *body])

    def forget_info(self) -> None:
        """The next kernel is another kind: ask it who it is."""
        self._info = None

    def announce(self, draft: Draft, parent_type: str) -> None:
        """Publish something that belongs to no request of a client."""
        parent = self._author.foreign(parent_type)
        body = self._author.body(draft, parent)
        self._front.publish([self._author.topic(draft), *body])

    def _refuse(self, request: Request, why: Failure) -> None:
        self.post(
            request, answers.refused(request, why, self._number(request), self.info())
        )

    def _number(self, request: Request) -> int:
        """Give the execution_count for an answer of ipr's own.

        JupyterLab 4.6 takes 0 for "not run": the cell would keep its star.
        """
        return max(self.count, 1) if request.from_notebook else self.count

    def _restart_number(self, request: Request) -> int:
        """Give the execution_count of a %restart.

        After 0 consoles begin with ``In [1]`` again; for notebooks that is "not
        run". Some of these do not name the cell (those whose server runs the
        cells): a console is who asks whether a line is complete.
        """
        console = tuple(request.identities) in self.consoles
        return 0 if console and not request.from_notebook else self.count + 1

    def info(self) -> Draft:
        """Give the kernel_info_reply as far as known."""
        if self._info is not None:
            return self._info
        return self._synthetic_info(self.refusing.text if self.refusing else "")

    # --- to the inner kernel, on ipr's own account --------------------------

    def send_own(self, channel: str, draft: Draft) -> str:
        """Ask the inner kernel something; the answers go to nobody.

        :returns: the msg_id.
        """
        msg_id, body = self._author.request(draft)
        if self.inner is not None:
            self._own.add(msg_id)
            self.inner.send(channel, body)
        return msg_id

    def _probe(self) -> None:
        self._probing = None
        if self._info_seen and self.inner is not None and self.inner.heard:
            # It answered, but no idle came with it. There are kernels that say
            # none for kernel_info, and perhaps some that say nothing at all.
            # One that has closed its iopub is none of them: no cell of it would
            # ever end.
            self._silent_probes += 1
            if self._iopub_seen or self._silent_probes > SILENT_PROBES:
                self._probe_idle = True
                self._check_ready()
                return
        self._probing = self._call_later(PROBE_TIME, self._probe)
        # One waits for a kernel that is not there yet; it may be in a queue for
        # days, and would have to answer each before the first cell.
        if not self._own or (self.inner is not None and self.inner.heard):
            self.send_own("shell", Draft("kernel_info_request", {}))

    # --- from the inner kernel ----------------------------------------------

    def inner_received(
        self, generation: int, channel: str, frames: list[Frame]
    ) -> None:
        """Take what an inner kernel sent."""
        if self.inner is None or generation != self.inner.generation:
            return
        if self._distrusted:
            return
        if self.tracing:
            _trace_frames(channel, frames)
        if channel == "iopub":
            self._published(frames)
            return
        try:
            envelope = split(frames)
            if not self._verified(envelope):
                return
            if not self._session_known:
                self._learn_session(envelope)
            if channel == "stdin":
                self._input_request(envelope)
            else:
                self._reply(channel, envelope)
        except Malformed as error:
            _log.warn(
                "Dropped a message of the kernel on {channel}: {error}",
                channel=channel,
                error=error,
            )

    def _verified(self, envelope: Envelope) -> bool:
        """Whether the inner kernel has signed it; if not, it is none of ours.

        On tcp the ports are chosen before the kernel binds them: somebody else
        may have been quicker, and gets what we send. Nothing more of that one
        is looked at; what it costs to be flooded by it is reading.
        """
        if self._signer.verifies(envelope.body):
            return True
        self._distrusted = True
        if self.inner is not None:
            self.decider.distrust(self.inner.generation)
        return False

    def _published(self, frames: list[Frame]) -> None:
        """Pass on what came on iopub; verify what is acted on.

        The rest is verified by the clients, once the kernel is known to be ours.
        """
        try:
            header = frames[frames.index(DELIMITER) + HEADER]
        except (ValueError, IndexError):
            _log.warn("Dropped a message of the kernel on iopub: no delimiter")
            return
        if (
            not self.open
            or b'"status"' in header
            or b'"execute_input"' in header
            or b'"error"' in header
            or b'"iopub_welcome"' in header
            or b'"shutdown_reply"' in header
        ):
            try:
                envelope = split(frames)
                if not self._verified(envelope):
                    return
                if not self._iopub_seen:
                    self._first_published(envelope)
                if b'"status"' in header and _IS_STATUS.search(header) is not None:
                    self._status(envelope, frames)
                    return
                if not self._noted(envelope):
                    return
            except Malformed as error:
                _log.warn(
                    "Dropped a message of the kernel on iopub: {error}", error=error
                )
                return
        self._front.publish(frames)

    def _first_published(self, envelope: Envelope) -> None:
        self._learn_session(envelope)
        self._iopub_seen = envelope.header["msg_type"] != "iopub_welcome"

    def _noted(self, envelope: Envelope) -> bool:
        """Note a message on iopub that matters; False: it goes no further."""
        kind = envelope.header["msg_type"]
        if kind == "iopub_welcome":
            return False
        parent = envelope.parent_id
        if parent in self._own:
            return False
        request = self.ledger.parent(envelope)
        if request is None:
            return True
        if request.closed:
            return False
        if kind == "execute_input":
            count = quick_count(bytes(envelope.body[CONTENT]))
            if count is None:
                count = envelope.content.get("execution_count")
            if isinstance(count, int):
                request.execution_count = self.count = count
            return not request.adopted
        if kind == "error":
            request.errored = True
            return True
        return True

    def _status(self, envelope: Envelope, frames: list[Frame]) -> None:
        """Pass on a status, unless it is ipr's own affair, and note it."""
        parent = envelope.parent_id
        content = bytes(envelope.body[CONTENT])
        request = self.ledger.parent(envelope)
        if request is None:
            if parent not in self._own:
                self._front.publish(frames)
            elif not self._probe_idle and b'"idle"' in content:
                self._probe_idle = True
                self._check_ready()
        elif request.closed:
            return
        elif b'"busy"' in content:
            if self.ledger.busy(request) and not request.adopted:
                self._front.publish(frames)
        elif b'"idle"' in content:
            if not request.idle:
                self._front.publish(frames)
            self.ledger.idled(request)
            self._check_parting()
            if self.waiting is not None and not request.finished:
                # Perhaps there will be no reply.
                self._turn()
        else:
            self._front.publish(frames)

    def _reply(self, channel: str, envelope: Envelope) -> None:
        parent = envelope.parent_id
        request = self.ledger.parent(envelope, channel)
        if request is None:
            if parent in self._own:
                self._own_answer(envelope)
            else:
                _log.info(
                    "Dropped a {kind} of the kernel: nobody asked for it",
                    kind=envelope.header["msg_type"],
                )
            return
        # Before the ledger may give up the request's content.
        stops = self.waiting is not None and self._stops(request, envelope)
        if channel == "control":
            with suppress(Malformed):
                self._note_subshell(request, envelope)
        if request.replied:
            _log.info("Dropped a second reply to {kind}", kind=request.msg_type)
            return
        if self._completing:
            with suppress(Malformed):
                self._merge_completion(envelope)
        self._front.send(request.channel, request.identities + envelope.body)
        self.ledger.replied(request)
        if self.waiting is not None:
            if stops:
                self._abort_held()
            self._turn()
        self._check_parting()

    def _merge_completion(self, envelope: Envelope) -> None:
        found = self._completing.pop(envelope.parent_id, None)
        if found is not None:
            merged = magichelp.merge(envelope.content, *found)
            envelope.body = self._signer.resign(envelope.body, content=merged)

    def _own_answer(self, envelope: Envelope) -> None:
        created = self._creating.pop(envelope.parent_id, None)
        if created is not None:
            made = envelope.content.get("subshell_id")
            if isinstance(made, str):
                created(made)
            return
        if envelope.header["msg_type"] != "kernel_info_reply":
            return
        self._info = Draft("kernel_info_reply", envelope.content)
        self._info_seen = True
        self._check_ready()

    def _check_ready(self) -> None:
        """Ready: it answered, and the idle of that answer came through iopub.

        All that it published before, ``starting`` among it, is out then: it
        must not come after the end of the %restart, or JupyterLab shows it for
        ever.
        """
        if self._expecting is not None:
            return
        if self.inner is not None and self._info_seen and self._probe_idle:
            self.decider.ready(self.inner.generation)

    def _learn_session(self, envelope: Envelope) -> None:
        session = envelope.header.get("session")
        if isinstance(session, str) and session:
            self._author.session = session
            self._session_known = True
            # What ipr says must look like what the kernel says.
            version = envelope.header.get("version")
            if isinstance(version, str) and version:
                self._author.version = version

    def _note_subshell(self, request: Request, envelope: Envelope) -> None:
        if request.msg_type == "create_subshell_request":
            made = envelope.content.get("subshell_id")
            if isinstance(made, str):
                self._subshells.made(made)
        elif request.msg_type == "delete_subshell_request":
            self._subshells.deleted(request.field("subshell_id", ""))

    def _input_request(self, envelope: Envelope) -> None:
        request = self.ledger.parent(envelope)
        if request is None or request.closed:
            _log.warn("Dropped an input_request: nobody runs that cell")
            return
        msg_id = id_of(envelope.header)
        self.ledger.input_asked(request, msg_id)
        self._questions.put(msg_id, request.identities + envelope.body)

    # --- what a cell's failure does to a restart that waits -----------------

    def _stops(self, request: Request, envelope: Envelope) -> bool:
        """Whether the kernel would abort the waiting %restart, queued behind it.

        That is what ipykernel does to the queue of the same shell or subshell.
        """
        waiting = self.waiting
        if (
            waiting is None
            or waiting.restart.now
            or (request.msg_type, request.channel) != ("execute_request", "shell")
            or _subshell(request.header) != _subshell(waiting.request.header)
        ):
            return False
        try:
            return (
                b'"error"' in bytes(envelope.body[CONTENT])
                and envelope.content.get("status") == "error"
                and request.field("stop_on_error", True)
                and not request.field("silent", False)
            )
        except Malformed:
            return False

    def _abort_held(self) -> None:
        """Do to the cells that ipr holds what ipykernel does to its own queue.

        A restart that an interrupt has urged goes on: the interrupt is what
        made the cell before it fail.
        """
        waiting = self.waiting
        if waiting is None:
            return
        subshell = _subshell(waiting.request.header)
        if not waiting.urged:
            waiting.abort()
            self._let_next_wait()
            self._calm()
        for channel, envelope in self._take_held():
            header = envelope.header
            queued = header["msg_type"] == "execute_request"
            if queued and _subshell(header) == subshell:
                request = Request.of(channel, envelope)
                self.post(request, answers.aborted(request))
            else:
                self._hold(channel, envelope)
        if self.waiting is None:
            self._pump()

    # --- what the restarter does --------------------------------------------

    def opened(self, inner: Inner) -> None:
        """A new inner kernel is coming up: ask it until it answers."""
        self.inner = inner
        self.refusing = self._refuse_later = None
        self.count = 0
        self._session_known = self._info_seen = self._iopub_seen = False
        self._probe_idle = False
        self._silent_probes = 0
        self._distrusted = False
        self._own.clear()
        self._completing.clear()
        self._creating.clear()
        self._subshells = Subshells(self._create_subshell, self._subshells.known())
        self._probe()

    def hold(self, *, coming: bool) -> None:
        """There is no kernel for now: keep what comes.

        :param coming: whether another one follows.
        """
        self.open = False
        if self.waiting is not None and not self.waiting.settling:
            # The kernel it waited for went by itself; a restart it is.
            cell, self.waiting = self.waiting, None
            self._calm()
            cell.apply()
            self._note_beginning()
            self._restarting.append(cell)
            # Whatever the limits say of deaths.
            self.decider.restart(urgent=False)
        # JupyterLab refuses every cell, %restart too, while it believes that
        # an input() waits; only this frees it. qtconsole clears its screen at it:
        # right for a restart, but not for a death without an input().
        wanted = self._restarting or self.ledger.inputs
        if coming and wanted and self._session_known:
            self.announce(messages.shutdown_reply(restart=True), "shutdown_request")

    def finish(self, generation: int, cause: Cause) -> None:
        """Answer what an inner kernel left unanswered; nothing of it follows."""
        why = failure(cause)
        seen = any(
            request.msg_type == "execute_request" and not request.field("silent", False)
            for request in self.ledger.unfinished(generation)
        )
        self._obituary.ended(cause, seen=seen)
        if cause.ending is Ending.DIED:
            self.ledger.presume_started(generation)
        for request in self.ledger.unfinished(generation):
            # A cell that died before it could say its number had the next one.
            count = request.execution_count or self.count + 1
            try:
                self.post(request, answers.lost(request, why, count, self.info()))
            except Exception:
                _log.failure("A request could not be answered")
            self.ledger.close(request)
        self.ledger.inputs.clear()
        self.inner = None
        self._questions.stop()
        self._stop_probing()
        self._stop_parting()

    def release(self, generation: int) -> None:
        """The kernel is ready: tell who waits for it, pass on what was held."""
        self._stop_probing()
        self.open = True
        self._welcome_all()
        self._subshells.prepare()
        for msg_id in list(self._curious):
            self._satisfy(msg_id)
        cells, self._restarting = self._restarting, []
        self._end_progress()
        took = self.decider.now() - self._restart_begun
        pid = self.inner.pid if self.inner is not None else 0
        for cell in cells:
            before = f"pid {self._old_pid} -> " if self._old_pid else "pid "
            cell.conclude(f"restarted in place: {before}{pid}, {took:.2f} s")
            if not cell.restart.rest:
                cell.succeed()
                continue
            try:
                self._run_rest(cell)
            except Exception:
                _log.failure("The rest of a %restart could not be sent")
                # One that is handed over is in the ledger, and answered when that
                # kernel is finished.
                cell.fail(NOT_SENT)
        if not cells and generation > 1:
            # JupyterLab would show "starting" until the next cell.
            self.announce(messages.IDLE, "execute_request")
        self._pump()
        self._turn()

    def _run_rest(self, cell: RestartCell) -> None:
        """Run the lines after %restart under the very same request."""
        request, inner = cell.request, self.inner
        if inner is None:
            return
        content = {**request.content, "code": cell.restart.rest}
        header = self._subshells.addressed(request.header)
        body = self._signer.resign(cell.body, header=header, content=content)
        request.generation = inner.generation
        request.adopted = True
        cell.hand_over()
        self.ledger.enter(request)
        inner.send("control" if request.channel == "control" else "shell", body)

    def refuse(self, cause: Cause) -> None:
        """No kernel, and none is coming: answer with the cause from now on."""
        if self._expecting is not None:
            # As with a kernel that is ready too soon: nobody would hear why.
            self._refuse_later = cause
            return
        self._stop_probing()
        self.open = False
        self.refusing = cause
        self._welcome_all()
        for msg_id in list(self._curious):
            self._satisfy(msg_id)
        why = failure(cause, dead=cause.ending is not Ending.SHUT_DOWN)
        cells, self._restarting = self._restarting, []
        self._end_progress()
        for cell in cells:
            cell.fail(why)
        for channel, envelope in self._take_held():
            request = Request.of(channel, envelope)
            queued = request.msg_type == "execute_request"
            if self.waiting is not None and queued:
                self._hold(channel, envelope)
            elif cells and queued and request.field("stop_on_error", True):
                self.post(request, answers.aborted(request))
            else:
                self._refuse(request, why)
        self.announce(messages.IDLE, "execute_request")
        # One whose options were worked out meanwhile: it leaves this state.
        self._turn()

    def end(self, cause: Cause) -> None:
        """The daemon goes: answer everything that is still open."""
        self._stop_expecting()
        self._questions.stop()
        self.waiting = None
        self.refuse(cause)
        # A %restart that waits, options that are being worked out, a %ipr
        # status that asks Slurm.
        for cell in self._begun:
            cell.fail(failure(cause))
        self._calm()

    def _welcome_all(self) -> None:
        topics, self._welcomes = self._welcomes, []
        for topic in topics:
            self._welcome(topic)

    def _stop_probing(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
            self._probing = None

    def _end_progress(self) -> None:
        if self._progress is not None:
            self._progress.cancel()
            self._progress = None


def _subshell(header: JSON) -> str:
    return header.get("subshell_id") or ""


def _trace(origin: str, channel: str, msg_type: str, size: int) -> None:
    _log.debug(
        "{channel} {arrow} {msg_type}, {size} bytes",
        channel=channel,
        arrow="client -> kernel" if origin == "client" else "kernel -> client",
        msg_type=msg_type,
        size=size,
    )


def _trace_frames(channel: str, frames: list[Frame]) -> None:
    try:
        envelope = split(frames)
        _trace("kernel", channel, envelope.header["msg_type"], envelope.size)
    except Malformed as error:
        _log.debug("{channel}: {error}", channel=channel, error=error)


_IS_STATUS = re.compile(rb'"msg_type"\s*:\s*"status"')

#: What a request gets that could not be sent.
NOT_SENT = Failure("NotSent", "ipr could not pass this on; its log says why")

_NOTHING = Failure("NoKernel", "there is no kernel")

_log = Logger()
