"""Stand-ins written by hand. They note what is done to them; they know nothing.

Those that belong together write into one list, so that a test compares the
order across all of them.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent
from zope.interface import implementer

from ipr.jupyter import magics
from ipr.jupyter.messages import Draft
from ipr.jupyter.wire import Envelope, Frame, Malformed, split
from ipr.kernel.process import Ended
from ipr.lifecycle.causes import Cause
from ipr.lifecycle.limits import Pace
from ipr.lifecycle.ports import Kernel, Received
from ipr.relay.cells import Cell
from ipr.relay.initcode import InitCode
from ipr.relay.outputs import NothingShown
from ipr.relay.pieces import Piece
from ipr.relay.restartcells import Prepared
from ipr.sockets.channels import ChannelClosed

#: What was done, in order: who, what, and with what.
Done = list[tuple[Any, ...]]


@implementer(ILogObserver)
class Records:
    """The log records that came: level and text."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def __call__(self, event: LogEvent) -> None:
        text = event["log_format"].format(**event)
        self.found.append((event["log_level"].name, text))


class FakeReactor(Clock):
    """A clock with a list of what is to be read."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        if reader not in self.readers:
            self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

    def turn(self) -> None:
        """Do what one turn of a reactor does.

        What is scheduled meanwhile has to wait for the next one, other than
        with ``advance(0)``.
        """
        self.round()
        for reader in list(self.readers):
            if reader in self.readers:
                reader.doRead()

    def round(self) -> None:
        """Do what was scheduled for now, and not what that schedules."""
        for call in self.getDelayedCalls():
            if isinstance(call, DelayedCall) and call.getTime() <= self.seconds():
                self.calls.remove(call)
                call.called = True
                call.func(*call.args, **call.kw)

    def settle(self) -> None:
        """Turn until nothing is left to be done at once."""
        self.turn()
        while any(call.getTime() <= self.seconds() for call in self.getDelayedCalls()):
            self.turn()

    def until(self, ready: Callable[[], object], what: str, turns: int = 200) -> None:
        """Turn until something is so, waiting in between for a socket to wake."""
        for _ in range(turns):
            if ready():
                return
            select.select([reader.fileno() for reader in self.readers], [], [], 0.05)
            self.turn()
        raise AssertionError(f"waited for {what} in vain")


class FakeFront:
    """The clients' sockets: everything is noted, read out for a person.

    :ivar frames: the same, as it was sent: channel and frames.
    :ivar hears: whether the clients' stdin is connected.
    """

    def __init__(self, done: Done) -> None:
        self._done = done
        self.frames: list[tuple[str, list[Frame]]] = []
        self.hears = True
        self.clients = 0

    def send(self, channel: str, frames: list[Frame]) -> None:
        self.frames.append((channel, frames))
        envelope = split(frames)
        client = b" ".join(envelope.identities).decode()
        self._done.append((f"{client} {channel}", parent(envelope), said(envelope)))

    def ask(self, frames: list[Frame]) -> bool:
        if self.hears:
            self.send("stdin", frames)
        return self.hears

    def publish(self, frames: list[Frame]) -> None:
        self.frames.append(("iopub", frames))
        try:
            envelope = split(frames)
            self._done.append(("iopub", parent(envelope), said(envelope)))
        except Malformed as error:
            self._done.append(("iopub", "", f"garbage: {error}"))


class FakeInner:
    """An inner kernel that notes what it is sent, and says nothing."""

    def __init__(
        self, done: Done, generation: int = 1, interrupt_mode: str = "signal"
    ) -> None:
        self._done = done
        self.generation = generation
        self.pid = 1000 + generation
        self.interrupt_mode = interrupt_mode
        self.heard = True
        self.bodies: list[list[Frame]] = []
        #: Of the requests that it got: their ids by their types.
        self.asked: dict[str, str] = {}
        self.broken = False
        self.ready = False
        self.steady = True
        self.interrupted = False
        self.killed_because = ""
        self.command: tuple[str, ...] = ()
        self.received: Received

    def listen(self, received: Received) -> None:
        self.received = received

    def send(self, channel: str, body: list[Frame]) -> None:
        if self.broken:
            raise ChannelClosed
        self.bodies.append(body)
        envelope = split(body)
        header = envelope.header
        self.asked[header["msg_type"]] = header["msg_id"]
        self._done.append(
            (f"kernel {self.generation} {channel}", name(header), said(envelope))
        )

    def signal_interrupt(self) -> None:
        self._done.append((f"kernel {self.generation}", "SIGINT"))

    def _not_ours(self, *what: object) -> None:
        raise AssertionError("that is the restarter's business")

    signal = terminate = kill = drain = close = _not_ours
    when_parted = settle = spare = retire = _not_ours


class FakeDecider:
    """What the relay asks of the restarter."""

    def __init__(self, done: Done, clock: Clock) -> None:
        self._done = done
        self._clock = clock
        #: The daemon is on its way out.
        self.leaves = False
        self.number = 7

    def restart(self, pace: Pace) -> None:
        self._done.append(("restart now" if pace is Pace.URGENT else "restart",))

    def spare(self) -> None:
        self._done.append(("spare",))

    def ready(self, generation: int) -> None:
        self._done.append(("ready", generation))

    def distrust(self, generation: int) -> None:
        self._done.append(("distrust", generation))

    def shut_down(self) -> None:
        self._done.append(("shut down",))

    def leaving(self) -> bool:
        return self.leaves

    def generation(self) -> int:
        return self.number

    def now(self) -> float:
        return self._clock.seconds()


class FakeCommands:
    """Notes %ipr, and lets it succeed.

    :ivar slow: it takes its time: the test says when.
    """

    def __init__(self, done: Done) -> None:
        self._done = done
        self.init = InitCode()
        self.slow = False
        self.cells: list[Cell] = []

    def run(self, cell: Cell, magic: magics.Ipr | magics.Help) -> None:
        self._done.append(("command", magic))
        self.cells.append(cell)
        if not self.slow:
            cell.succeed()


class FakePrepared(Prepared):
    """What the changer has worked out."""

    def __init__(self, changer: FakeChanger, *done: tuple[str, ...]) -> None:
        self._changer = changer
        self.pieces = changer.pieces
        self.language = changer.language
        self._applied = done

    def apply(self) -> None:
        self._changer.done.extend(self._applied)

    def check(self) -> Deferred[None]:
        if self._changer.checks is None:
            return succeed(None)
        self._changer.checks.append(Deferred())
        return self._changer.checks[-1]


class FakeDesk:
    """Says a little."""

    #: What cells have shown.
    outputs: tuple[str, ...] = ("a", "b", "c")

    def facts(self) -> dict[str, Any]:
        return {"state": "running"}

    def table(self) -> list[tuple[str, str]]:
        return [("state", "running")]

    def stack(self) -> Deferred[str]:
        self.looking: Deferred[str] = Deferred()
        return self.looking

    def output(self, cells: int) -> str:
        if not self.outputs:
            raise NothingShown("nothing there")
        return "".join(self.outputs[-cells:])

    def log(self, after: int) -> tuple[list[str], int]:
        return ["a line"], after + 1


class FakeChanger:
    """Works out nothing by itself: the test says when, and what comes of it."""

    def __init__(self, done: Done) -> None:
        self.done = done
        self.asked: list[Deferred[Prepared]] = []
        #: Looks at whether a kernel can be started, unless they are over at once.
        self.checks: list[Deferred[None]] | None = None
        #: What the new kernel is to run, once.
        self.pieces: tuple[Piece, ...] = ()
        #: Of the kernelspec.
        self.language = ""
        #: Why an owner's variables cannot be had.
        self.wrong = ""
        self.following: list[Deferred[Callable[[], tuple[str, ...]]]] = []

    def unchanged(self) -> FakePrepared:
        return FakePrepared(self)

    def prepare(self, changes: magics.Changes) -> Deferred[Prepared]:
        self.done.append(("prepare", changes))
        self.asked.append(Deferred())
        return self.asked[-1]

    def settle(self) -> None:
        """It can be had."""
        prepared = FakePrepared(self, ("apply",))
        self.asked.pop(0).callback(prepared)

    def follow(
        self, env: Mapping[str, str | None], cwd: str
    ) -> Deferred[Callable[[], tuple[str, ...]]]:
        """Work it out at once, but for a folder, which has to be looked for."""
        self.done.append(("follow", dict(env), cwd))
        following: Deferred[Callable[[], tuple[str, ...]]] = Deferred()
        self.following.append(following)
        if self.wrong:
            self.following.pop().errback(ValueError(self.wrong))
        elif not cwd:
            self.following.pop()
            following.callback(self._follows)
        return following

    def found(self, *ignored: str) -> None:
        """The folder is there; or it is not, and is ignored."""

        self.following.pop(0).callback(lambda: self._follows(*ignored))

    def _follows(self, *ignored: str) -> tuple[str, ...]:
        self.done.append(("follows",))
        return ignored

    def fail(self, why: str) -> None:
        """It cannot."""
        self.asked.pop(0).errback(ValueError(why))


def name(header: Mapping[str, Any]) -> str:
    """Name a message: a client's by its id, one of ipr's own by its type."""
    msg_id = str(header.get("msg_id", ""))
    return f"({header['msg_type']})" if msg_id.startswith("ipr-") else msg_id


def parent(envelope: Envelope) -> str:
    """Name a message's parent."""
    return name(envelope.parent) if envelope.parent else ""


def said(envelope: Envelope) -> str:
    """Say in a few words what a message says."""
    kind: str = envelope.header["msg_type"]
    try:
        content = envelope.content
    except Malformed:
        return f"{kind}, broken"
    if kind == "status":
        return str(content["execution_state"])
    if kind.endswith("_request"):
        return f"{kind}: {content['code']}" if "code" in content else kind
    if kind in ("display_data", "update_display_data"):
        return f"{kind}: {content['data']['text/plain']}"
    if kind == "stream":
        return f"stream: {content['text']}"
    if kind == "error":
        return f"error: {content['ename']}: {content['evalue']}"
    if kind == "execute_input":
        return f"execute_input {content['execution_count']}: {content['code']}"
    if kind == "execute_reply" and content["status"] != "aborted":
        return f"{kind} {content['status']} {content.get('execution_count')}"
    if "status" in content:
        return f"{kind} {content['status']}"
    return kind


class FakeKernel:
    """One inner kernel for the restarter; it does what the test says.

    :ivar drained: what to call when all is read; None while nobody drains.
    :ivar parted: what to call when it has closed its sockets, with what it holds.
    """

    def __init__(self, done: Done, generation: int) -> None:
        self._done = done
        self.generation = generation
        self.pid = 1000 + generation
        self.ready = False
        self.steady = True
        self.interrupted = False
        self.killed_because = ""
        self.command: tuple[str, ...] = ("kernel", str(generation))
        self.interrupt_mode = "signal"
        self.closed = False
        self.received: Received
        self.drained: Callable[[], None] | None = None
        self.parted: Callable[[str], None] | None = None
        #: Of the requests that it got: their ids by their types.
        self.asked: dict[str, str] = {}
        self.heard = True
        self.lost: Callable[[str], None]
        self.started: Callable[[int], None]
        self.ended: Callable[[Ended], None]

    def listen(self, received: Received) -> None:
        self.received = received

    def _note(self, *what: Any) -> None:
        self._done.append((f"kernel {self.generation}", *what))

    def send(self, channel: str, body: list[Frame]) -> None:
        envelope = split(body)
        self.asked[envelope.header["msg_type"]] = envelope.header["msg_id"]
        self._note(channel, name(envelope.header), said(envelope))

    def signal(self, number: int) -> None:
        self._note("signal", number)

    def signal_interrupt(self) -> None:
        self._note("SIGINT")

    def terminate(self, because: str) -> None:
        self.killed_because = self.killed_because or because
        self._note("SIGTERM", because)

    def kill(self) -> None:
        self._note("SIGKILL")

    def drain(self, done: Callable[[], None]) -> None:
        self._note("drain")
        self.drained = done

    def spare(self) -> None:
        self._note("spare")

    def settle(self) -> None:
        self.ready = True

    def when_parted(self, done: Callable[[str], None]) -> None:
        self.parted = done

    def retire(self) -> None:
        self._note("retire")

    def close(self) -> None:
        self._note("close")
        self.closed = True
        self.drained = None


class FakeStart:
    """Makes such kernels, or fails as the test says.

    :ivar made: those that were made, newest last.
    :ivar failing: what to raise instead.
    """

    def __init__(self, done: Done) -> None:
        self._done = done
        self.made: list[FakeKernel] = []
        self.failing: Exception | None = None

    def __call__(
        self,
        generation: int,
        lost: Callable[[str], None],
        started: Callable[[int], None],
        ended: Callable[[Ended], None],
    ) -> FakeKernel:
        self._done.append(("start", generation))
        if self.failing is not None:
            raise self.failing
        kernel = FakeKernel(self._done, generation)
        kernel.lost, kernel.started, kernel.ended = lost, started, ended
        self.made.append(kernel)
        return kernel


class FakeSupply:
    """Starts standbys, and finds of each what the test says.

    :ivar made: those that were started, newest last.
    :ivar why: why there can be none.
    :ivar looks: what to call with why the standby is stale.
    :ivar learnt: what to call when it is known what it has loaded.
    """

    def __init__(self, done: Done) -> None:
        self._starting = FakeStart(done)
        self.careful = False
        self.why = ""
        self.looks: list[Callable[[str], None]] = []
        self.learnt: list[Callable[[str], None]] = []

    @property
    def made(self) -> list[FakeKernel]:
        return self._starting.made

    def fail(self, error: Exception | None) -> None:
        """Fail to start one."""
        self._starting.failing = error

    def refused(self) -> str:
        return self.why

    def start(
        self,
        lost: Callable[[str], None],
        started: Callable[[int], None],
        ended: Callable[[Ended], None],
    ) -> FakeKernel:
        return self._starting(0, lost, started, ended)

    def question(self) -> Draft | None:
        return None

    def learn(self, content: Mapping[str, Any], done: Callable[[str], None]) -> None:
        self.learnt.append(done)

    def check(self, seconds: float, done: Callable[[str], None]) -> None:
        self.looks.append(done)


class FakeMessenger:
    """What the restarter tells the relay, noted.

    :ivar failing: what to raise when something is to be finished.
    :ivar idle: for how long, and whether a cell has run.
    :ivar loaded: what to call when a standby says what it has loaded.
    :ivar distrusts: what to call when one is not ours.
    """

    def __init__(self, done: Done) -> None:
        self._done = done
        self.failing: Exception | None = None
        self.idle: tuple[float, bool] = (0.0, True)
        self.loaded: list[Callable[[Mapping[str, Any]], None]] = []
        self.distrusts: list[Callable[[], None]] = []

    def expect(
        self,
        kernel: Kernel,
        question: Draft | None,
        loaded: Callable[[Mapping[str, Any]], None],
        distrust: Callable[[], None],
    ) -> None:
        self._done.append(("expect",))
        self.loaded.append(loaded)
        self.distrusts.append(distrust)

    def forget(self, kernel: Kernel) -> None:
        self._done.append(("forget",))

    def quiet(self) -> tuple[float, bool]:
        return self.idle

    def opened(self, kernel: Kernel) -> None:
        self._done.append(("opened", kernel.generation))

    def hold(self) -> None:
        self._done.append(("hold",))

    def hold_until_end(self) -> None:
        self._done.append(("hold until the end",))

    def finish(self, generation: int, cause: Cause) -> None:
        self._done.append(("finish", generation, cause.text))
        if self.failing is not None:
            raise self.failing

    def release(self, generation: int) -> None:
        self._done.append(("release", generation))

    def refuse(self, cause: Cause) -> None:
        self._done.append(("refuse", cause.text))

    def end(self, cause: Cause) -> None:
        self._done.append(("end", cause.text))

    def ask_to_go(self) -> None:
        self._done.append(("ask to go",))

    def phase(self, text: str) -> None:
        self._done.append(("phase", text))
