"""Random sequences of everything that can happen: nobody hangs, nothing is doubled.

Twice: the pure rooms alone (machine, ledger, answers), and the shell as it is
(relay and restarter) over kernels and clients that are fakes.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from twisted.internet.task import Clock

from ipr.jupyter import messages, remote
from ipr.jupyter.author import Author
from ipr.jupyter.messages import BUSY, IDLE, Draft, Failure
from ipr.jupyter.wire import Frame, split
from ipr.kernel.process import Ended
from ipr.lifecycle import effects as fx
from ipr.lifecycle import events, machine, states
from ipr.lifecycle.causes import Cause, Ending
from ipr.lifecycle.limits import Limits, Pace
from ipr.lifecycle.restarter import Restarter
from ipr.relay import answers
from ipr.relay.answers import Publish, Reply, Steps
from ipr.relay.cellhistory import CellHistory
from ipr.relay.gate import HELD_BESIDES
from ipr.relay.initcode import InitCell, InitCode
from ipr.relay.ledger import Ledger
from ipr.relay.parts import Parts
from ipr.relay.relay import Relay
from ipr.relay.request import Request
from tests.fakes import (
    Done,
    FakeChanger,
    FakeCommands,
    FakeDesk,
    FakeKernel,
    FakeStart,
    FakeSupply,
)
from tests.lifecycle import machine_world
from tests.lifecycle.machine_world import World
from tests.requests import SIGNER, body, header, request

SETTINGS = settings(
    max_examples=50,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

KINDS = (
    "execute_request",
    "complete_request",
    "kernel_info_request",
    "comm_open",
    "comm_msg",
    "debug_request",
    "odd_request",
)
INFO = Draft("kernel_info_reply", {"status": "ok"})

LIMITS = st.builds(
    Limits,
    restart_limit=st.integers(0, 5),
    start_limit=st.integers(1, 3),
    autorestart=st.sampled_from([True, True, False]),
    start_timeout=st.sampled_from([0.0, 60.0]),
)


@attrs.define
class Heard:
    """What a client has heard of one request."""

    request: Request
    busy: bool = False
    replies: int = 0
    idles: int = 0

    def check(self) -> None:
        assert self.replies <= (1 if self.request.wants_reply else 0), self
        assert self.idles <= 1, self

    def check_finished(self) -> None:
        self.check()
        assert self.replies == (1 if self.request.wants_reply else 0), self
        assert self.idles == 1, self


class PureRooms(RuleBasedStateMachine):
    """Machine, ledger and answers, with the least that lies between them."""

    @initialize(limits=LIMITS)
    def begin(self, limits: Limits) -> None:
        self.limits = limits
        self.world: World = machine_world.first(limits)
        self.ledger = Ledger()
        self.heard: dict[str, Heard] = {}
        self.held: list[Request] = []
        self.cause = Cause(Ending.DIED, "")
        self.numbers = count()

    # --- what happens -------------------------------------------------------

    @rule(kind=st.sampled_from(KINDS), stop=st.booleans(), silent=st.booleans())
    def client_sends(self, kind: str, stop: bool, silent: bool) -> None:
        if self.world.left:
            return
        made = request(
            f"m{next(self.numbers)}",
            kind,
            stop_on_error=stop,
            silent=silent,
        )
        self.heard[made.msg_id] = Heard(made)
        if self.world.refusing:
            self.refuse(made)
        elif self.world.holding:
            self.held.append(made)
        else:
            self.forward(made)

    @precondition(lambda self: bool(self.world.kernel and len(self.ledger)))
    @rule(
        data=st.data(),
        say=st.sampled_from(["busy", "input", "error", "reply", "idle", "whole"]),
    )
    def kernel_says(self, data: st.DataObject, say: str) -> None:
        """To one of its open requests, in whatever order; it may say it twice."""
        open_ones = self.ledger.unfinished()
        if not open_ones:
            return
        asked = data.draw(st.sampled_from(open_ones))
        heard = self.heard[asked.msg_id]
        if say in ("busy", "whole") and self.ledger.busy(asked):
            assert not heard.idles, "busy after idle"
            heard.busy = True
        if say == "input":
            self.ledger.input_asked(asked, f"i{next(self.numbers)}")
        if say == "error":
            asked.progress.code = "failed"
        for _ in "12":
            if say in ("reply", "whole") and asked.wants_reply:
                heard.replies += self.ledger.replied(asked)
            if say in ("idle", "whole"):
                heard.idles += self.ledger.idled(asked)

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        self.feed(data.draw(st.sampled_from(list(machine_world.possible(self.world)))))

    @precondition(lambda self: isinstance(self.world.state, states.Starting))
    @rule()
    def kernel_is_ready(self) -> None:
        if not self.world.exited:
            self.feed(events.Ready(self.world.kernel))

    @rule(data=st.data())
    def late_news(self, data: st.DataObject) -> None:
        """Of a generation that is gone: nothing may come of it."""
        event = data.draw(st.sampled_from(list(machine_world.possible(self.world))))
        old = attrs.evolve(event, generation=event.generation - 1)
        assert machine.step(self.world.state, old, self.limits) == (
            self.world.state,
            (),
        )

    # --- the least of a shell -----------------------------------------------

    def feed(self, event: events.Event) -> None:
        _, effects = machine.step(self.world.state, event, self.limits)
        self.world = machine_world.after(self.world, event, self.limits)
        for effect in effects:
            if isinstance(effect, fx.Finish):
                self.ledger.presume_started()
                for left in self.ledger.unfinished():
                    why = Failure("Gone", effect.cause.text)
                    self.post(left, answers.lost(left, why, 1, INFO))
                    self.ledger.close(left)
                assert not len(self.ledger), "requests of no generation"
                assert not self.ledger.inputs, "questions of no cell"
                assert not self.ledger.executing, "cells of no kernel"
            elif isinstance(effect, fx.Release):
                held, self.held = self.held, []
                for made in held:
                    self.forward(made)
            elif isinstance(effect, fx.Refuse | fx.Exit):
                held, self.held = self.held, []
                for made in held:
                    self.refuse(made)

    def forward(self, made: Request) -> None:
        self.ledger.enter(made)

    def refuse(self, made: Request) -> None:
        self.post(made, answers.refused(made, Failure("Dead", ""), 1, INFO))

    def post(self, made: Request, steps: Steps) -> None:
        heard = self.heard[made.msg_id]
        for step in steps:
            assert not (heard.idles and step == Publish(BUSY)), "busy after idle"
            heard.replies += isinstance(step, Reply)
            heard.busy |= step == Publish(BUSY)
            if step == Publish(IDLE):
                assert heard.busy or made.progress.status == "idle", "idle without busy"
                heard.idles += 1

    # --- what must be so ----------------------------------------------------

    @invariant()
    def nobody_is_answered_twice(self) -> None:
        for heard in self.heard.values():
            heard.check()

    @invariant()
    def cells_are_counted(self) -> None:
        assert self.ledger.executing == sum(
            open_one.msg_type == "execute_request" and open_one.progress.reply != "sent"
            for open_one in self.ledger.unfinished()
        )

    def teardown(self) -> None:
        """A shutdown, whenever it comes, ends it; and then all are answered."""
        if not hasattr(self, "world"):
            return
        self.feed(events.ShutdownAsked(self.world.state.generation))
        for _ in range(20):
            if self.world.left:
                break
            self.feed(next(machine_world.forced(self.world)))
        assert self.world.left, self.world
        for heard in self.heard.values():
            heard.check_finished()


# --- the shell as it is -----------------------------------------------------


class Kernel(FakeKernel):
    """An inner kernel that remembers what it got.

    :ivar got: channel, msg_id and type of each client's request.
    :ivar own: the ids of what ipr has it run of itself.
    """

    def __init__(self, done: Done, generation: int) -> None:
        super().__init__(done, generation)
        self.got: list[tuple[str, str, str]] = []
        self.own: list[str] = []
        self.signatures: set[bytes] = set()
        self.exited = False

    def send(self, channel: str, body: list[Frame]) -> None:
        assert not self.closed, "sent to a kernel that is closed"
        assert SIGNER.verifies(body), "sent without a signature"
        assert body[1] not in self.signatures, "the same frames twice"
        self.signatures.add(body[1])
        super().send(channel, body)
        got = split(body).header
        if not got["msg_id"].startswith("ipr-"):
            self.got.append((channel, got["msg_id"], got["msg_type"]))
        elif got["msg_type"] == "execute_request":
            self.own.append(got["msg_id"])


class Start(FakeStart):
    """Makes those."""

    def __init__(self, done: Done) -> None:
        super().__init__(done)
        self.kernels: list[Kernel] = []
        self.mode = "signal"

    def __call__(
        self,
        generation: int,
        lost: Callable[[str], None],
        started: Callable[[int], None],
        ended: Callable[[Ended], None],
    ) -> Kernel:
        if self.failing is not None:
            failing, self.failing = self.failing, None
            raise failing
        kernel = Kernel(self._done, generation)
        kernel.interrupt_mode = self.mode
        kernel.lost, kernel.started, kernel.ended = lost, started, ended
        self.kernels.append(kernel)
        return kernel


@attrs.define
class Told:
    """What a client sent, and what came back."""

    client: bytes
    channel: str
    kind: str
    code: str
    #: The newest kernel when it was sent.
    newest: int
    #: Answered without busy and idle.
    quiet: bool = False
    replies: list[str] = attrs.Factory(list)
    idles: int = 0

    @property
    def wants_reply(self) -> bool:
        return self.kind.endswith("_request")


def made_up_info(reason: str) -> Draft:
    return messages.kernel_info(version="", language="", banner=reason)


class Front:
    """The clients: who gets what."""

    def __init__(self, told: dict[str, Told]) -> None:
        self._told = told
        self._signatures: set[bytes] = set()
        self.clients = 0

    def send(self, channel: str, frames: list[Frame]) -> None:
        envelope = self.fresh(frames)
        told = self._told[envelope.parent_id]
        assert envelope.identities == [told.client], "to the wrong client"
        assert channel == told.channel, "on the wrong channel"
        told.replies.append(str(envelope.content.get("status")))

    def ask(self, frames: list[Frame]) -> bool:
        self.fresh(frames)
        return True

    def publish(self, frames: list[Frame]) -> None:
        envelope = self.fresh(frames)
        told = self._told.get(envelope.parent_id)
        if told is None or envelope.header["msg_type"] != "status":
            return
        state = envelope.content["execution_state"]
        told.idles += state == "idle"
        assert not (state == "busy" and told.idles), "busy after the idle"

    def fresh(self, frames: list[Frame]) -> Any:
        envelope = split(frames)
        assert SIGNER.verifies(envelope.body), "not signed"
        signature = bytes(envelope.body[1])
        assert signature not in self._signatures, "the same frames twice"
        self._signatures.add(signature)
        return envelope


CODES = ("x = 1", "x = 1", "x = 1", "%restart nonsense", "%ipr status")
RESTARTS = (
    "%restart",
    "%restart",
    "%restart\ny = 2",
    "%restart now",
    "%restart --cwd /data",
    "%restart now --cwd /data",
)
STATUSES = (0, 1 << 8, int(signal.SIGSEGV), int(signal.SIGTERM), None)


class WholeShell(RuleBasedStateMachine):
    """Relay and restarter, whatever clients and kernels do."""

    @initialize(
        limits=LIMITS,
        mode=st.sampled_from(["signal", "message"]),
        runs=st.sampled_from([True, True, True, False]),
        looks=st.booleans(),
    )
    def begin(self, limits: Limits, mode: str, runs: bool, looks: bool) -> None:
        self.clock = Clock()
        self.done: Done = []
        self.told: dict[str, Told] = {}
        ids = (f"ipr-{number}" for number in count())
        self.changer = FakeChanger(self.done)
        self.changer.checks = [] if looks else None
        self.start = Start(self.done)
        self.left = 0
        self.numbers = count()
        self.init = InitCode()
        self.mark(self.marked)
        commands = FakeCommands(self.done)
        commands.init = self.init
        self.relay = Relay(
            lambda relay: Parts(
                Front(self.told),
                SIGNER,
                Author(SIGNER, lambda: next(ids), lambda: "now"),
                self.clock.callLater,
                made_up_info,
                4000 + 4 * HELD_BESIDES,
                current=lambda: relay.conversation,
                decider=self.make_restarter(relay, limits),
                commands=commands,
                changer=self.changer,
                desk=FakeDesk(),
                history=CellHistory(1 << 20),
                init=self.init,
            )
        )
        self.start.mode = mode
        self.restarter.begin()
        if runs:
            self.come_up()

    #: Cells that each kernel runs from the beginning.
    marked = 0

    def mark(self, cells: int) -> None:
        """Have each kernel run so many cells from now on."""
        self.init.clear()
        for number in range(cells):
            self.init.keep(InitCell(f"{number}", "x = 1"))

    def make_restarter(self, relay: Relay, limits: Limits) -> Restarter:
        self.restarter = Restarter(
            self.clock,
            limits,
            relay,
            self.start,
            FakeSupply([]),
            lambda: 0,
            lambda: None,
            self.leave,
        )
        return self.restarter

    def leave(self) -> None:
        self.left += 1

    @property
    def kernel(self) -> Kernel | None:
        """The newest kernel, if its sockets are open."""
        kernels = self.start.kernels
        return kernels[-1] if kernels and not kernels[-1].closed else None

    # --- clients ------------------------------------------------------------

    @rule(
        kind=st.sampled_from([*KINDS[1:], "interrupt_request"]),
        client=st.sampled_from([b"ann", b"bob"]),
        channel=st.sampled_from(["shell", "shell", "control"]),
    )
    def client_asks(self, kind: str, client: bytes, channel: str) -> None:
        self.client(kind, client, channel, "")

    @rule(
        code=st.sampled_from(CODES),
        client=st.sampled_from([b"ann", b"bob"]),
        channel=st.sampled_from(["shell"] * 5 + ["control"]),
        more=st.fixed_dictionaries(
            {}, optional={"stop_on_error": st.booleans(), "silent": st.booleans()}
        ),
    )
    def client_runs(
        self, code: str, client: bytes, channel: str, more: dict[str, Any]
    ) -> None:
        self.client("execute_request", client, channel, code, **more)

    @rule(
        code=st.sampled_from(RESTARTS),
        client=st.sampled_from([b"ann", b"bob"]),
        channel=st.sampled_from(["shell"] * 5 + ["control"]),
    )
    def client_restarts(self, code: str, client: bytes, channel: str) -> None:
        self.client("execute_request", client, channel, code)

    @rule(
        command=st.sampled_from(["restart", "restart", "interrupt", "facts"]),
        options=st.sampled_from([(), (), ("--now",), ("--cwd", "/data"), ("--no",)]),
    )
    def terminal_asks(self, command: str, options: tuple[str, ...]) -> None:
        kind, words = remote.REQUEST, list(options)
        more: dict[str, Any] = {"command": command, "options": words}
        self.client(kind, b"ann", "control", "", quiet=True, **more)

    @rule(client=st.sampled_from([b"ann", b"bob"]))
    def client_sends_much(self, client: bytes) -> None:
        """What does not fit into the memory for what is held."""
        self.client("execute_request", client, "shell", "x" * 3000)

    def client(
        self,
        kind: str,
        client: bytes,
        channel: str,
        code: str,
        subshell: str | None = None,
        /,
        session: str = "client",
        quiet: bool = False,
        **more: Any,
    ) -> None:
        if self.left:
            return
        msg_id = f"m{next(self.numbers)}"
        newest = self.start.kernels[-1].generation if self.start.kernels else 0
        self.told[msg_id] = Told(client, channel, kind, code, newest, quiet)
        own = header(msg_id, kind, session=session)
        if subshell:
            own["subshell_id"] = subshell
        frames = body(own, {"code": code, **more})
        self.relay.inbound.received(channel, [client, *frames])

    @rule()
    def interrupt(self) -> None:
        self.relay.inbound.business.interrupt()

    @precondition(lambda self: bool(self.changer.asked))
    @rule(can_be_had=st.sampled_from([True, True, False]))
    def options_settle(self, can_be_had: bool) -> None:
        if can_be_had:
            self.changer.settle()
        else:
            self.changer.fail("no")

    @precondition(lambda self: bool(self.changer.checks))
    @rule(can_be_started=st.sampled_from([True, True, True, False]))
    def look_is_over(self, can_be_started: bool) -> None:
        assert self.changer.checks
        look = self.changer.checks.pop(0)
        if can_be_started:
            look.callback(None)
        else:
            look.errback(ValueError("it is gone"))

    def settle_all(self) -> None:
        """All that is worked out can be had."""
        while self.changer.asked:
            self.changer.settle()
        while self.changer.following:
            self.changer.found()
        while self.changer.checks:
            self.changer.checks.pop().callback(None)

    # --- the inner kernel ---------------------------------------------------

    def say(
        self, kernel: Kernel, channel: str, kind: str, parent: str, **content: Any
    ) -> None:
        own = header(f"k{next(self.numbers)}", kind, session=str(kernel.generation))
        frames = body(own, content, header(parent, "x") if parent else {})
        if channel == "iopub":
            frames.insert(0, b"topic")
        kernel.received(channel, frames)

    def come_up(self) -> None:
        """Have the newest kernel answer what ipr asked it."""
        kernel = self.kernel
        assert kernel is not None
        probe = kernel.asked.get("kernel_info_request", "")
        self.say(kernel, "iopub", "status", "", execution_state="starting")
        if probe.startswith("ipr-"):
            self.say(kernel, "shell", "kernel_info_reply", probe, status="ok")
            self.say(kernel, "iopub", "status", probe, execution_state="idle")

    @precondition(lambda self: self.kernel is not None)
    @rule()
    def kernel_comes_up(self) -> None:
        self.come_up()

    @precondition(
        lambda self: isinstance(self.restarter.state, states.Halting | states.Draining)
    )
    @rule(up=st.sampled_from([True, True, True, False]))
    def restart_takes_its_way(self, up: bool) -> None:
        """The usual way, so that what comes after it is reached."""
        kernel = self.kernel
        if kernel is not None and not kernel.exited:
            kernel.exited = True
            kernel.ended(Ended(0))
        self.clock.advance(0.3)
        if up and self.kernel is not None:
            self.come_up()

    @precondition(lambda self: bool(self.kernel and self.kernel.got))
    @rule(
        data=st.data(),
        say=st.lists(
            st.sampled_from(["busy", "input", "ok", "error", "idle"]),
            min_size=1,
            max_size=4,
        ),
    )
    def kernel_answers(self, data: st.DataObject, say: list[str]) -> None:
        """One of its requests, in whatever order, and as often as it likes."""
        kernel = self.kernel
        assert kernel is not None
        channel, msg_id, kind = data.draw(st.sampled_from(kernel.got))
        for what in say:
            if what in ("busy", "idle"):
                self.say(kernel, "iopub", "status", msg_id, execution_state=what)
            elif what == "input":
                self.say(
                    kernel,
                    "iopub",
                    "execute_input",
                    msg_id,
                    code="",
                    execution_count=next(self.numbers),
                )
            elif kind.endswith("_request"):
                reply = messages.reply_type(kind)
                self.say(kernel, channel, reply, msg_id, status=what)

    @precondition(lambda self: bool(self.kernel and self.kernel.got))
    @rule()
    def kernel_ends_its_first_cell(self) -> None:
        """The usual way, so that the unusual ones come to be reached."""
        kernel = self.kernel
        assert kernel is not None
        channel, msg_id, kind = kernel.got.pop(0)
        self.say(kernel, "iopub", "status", msg_id, execution_state="busy")
        if kind.endswith("_request"):
            self.say(kernel, channel, messages.reply_type(kind), msg_id, status="ok")
        self.say(kernel, "iopub", "status", msg_id, execution_state="idle")

    @precondition(lambda self: bool(self.kernel and not self.kernel.exited))
    @rule(status=st.sampled_from(STATUSES))
    def kernel_exits(self, status: int | None) -> None:
        kernel = self.kernel
        assert kernel is not None
        kernel.exited = True
        kernel.ended(Ended(status, "" if status is not None else "gone"))

    @precondition(lambda self: bool(self.kernel and self.kernel.drained))
    @rule()
    def all_is_read(self) -> None:
        kernel = self.kernel
        assert kernel is not None
        assert kernel.drained is not None
        drained, kernel.drained = kernel.drained, None
        drained()

    @precondition(lambda self: self.kernel is not None)
    @rule()
    def channel_is_lost(self) -> None:
        kernel = self.kernel
        assert kernel is not None
        kernel.lost("shell")

    @rule(seconds=st.sampled_from([0.1, 0.3, 0.5, 1.0, 2.5, 31.0]))
    def time_passes(self, seconds: float) -> None:
        for _ in range(10):
            self.clock.advance(seconds / 10)

    @rule()
    def next_start_fails(self) -> None:
        self.start.failing = OSError("no place")

    # --- what must be so ----------------------------------------------------

    @invariant()
    def nobody_is_answered_twice(self) -> None:
        for msg_id, told in self.told.items():
            assert len(told.replies) <= told.wants_reply, (msg_id, told)
            assert told.idles <= (not told.quiet), (msg_id, told)

    @invariant()
    def no_kernel_gets_a_request_of_another(self) -> None:
        sent = Counter(
            (msg_id, kernel.generation)
            for kernel in self.start.kernels
            for _, msg_id, _ in kernel.got
        )
        # What runs first in a kernel goes by the request of the cell that restarted.
        many = 1 + len(self.init.cells)
        for (msg_id, _), times in sent.items():
            told = self.told.get(msg_id)
            restarts = told is not None and told.code.startswith("%restart")
            assert times <= (many if restarts else 1), sent

    @invariant()
    def one_kernel_at_a_time(self) -> None:
        assert sum(not kernel.closed for kernel in self.start.kernels) <= 1

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        """Where a kernel runs, or none is coming, nothing is kept back."""
        state = self.restarter.state
        if isinstance(state, states.Dead):
            assert self.relay.restarts.waiting or not self.relay.gate.held
        if isinstance(state, states.Running):
            first = self.relay._initial.running
            assert self.relay.restarts.waiting or first or not self.relay.gate.held
            waiting = self.relay.restarts._waiting.turns.head
            if waiting and waiting.settled and not waiting.checking:
                assert self.relay.ledger.executing, "a %restart that waits for nobody"

    @invariant()
    def no_timer_outlives_its_reason(self) -> None:
        """Those of a %restart run while it waits, or is under way."""
        if not hasattr(self, "relay"):
            return
        restarts = self.relay.restarts
        waiting = restarts._waiting
        for kind, timer in waiting._timers.items():
            assert not timer.running or waiting.turns.head, f"{kind} without a head"
        assert not restarts.under_way._quiet.running or restarts.under_way.cells

    @invariant()
    def cells_after_a_restart_run_in_a_new_kernel(self) -> None:
        """Unless that restart was refused, or aborted by a cell before it."""
        latest = 0
        for msg_id, told in self.told.items():
            if told.channel != "shell" or told.kind != "execute_request":
                continue
            if told.code.startswith("%restart"):
                failed = told.replies in (["error"], ["aborted"])
                if not failed:
                    latest = max(latest, told.newest)
                continue
            for kernel in self.start.kernels:
                if any(msg_id == got for _, got, _ in kernel.got):
                    assert kernel.generation > latest, (msg_id, told)

    def teardown(self) -> None:
        """A shutdown ends it within seconds; all are answered, nothing is left."""
        if not hasattr(self, "restarter"):
            return
        self.restarter.shut_down()
        kernel = self.kernel
        if kernel is not None and not kernel.exited:
            kernel.ended(Ended(0))
        for _ in range(10):
            self.clock.advance(0.25)
        assert self.left == 1, self.restarter.state
        self.settle_all()
        assert self.clock.getDelayedCalls() == []
        assert all(kernel.closed for kernel in self.start.kernels)
        self.nobody_is_answered_twice()
        for msg_id, told in self.told.items():
            assert len(told.replies) == told.wants_reply, (msg_id, told)
            assert told.idles == (not told.quiet), (msg_id, told)


class LiveShell(WholeShell):
    """The same without a shutdown at the end: who waits is answered all the same.

    With subshells, questions and restarts that no client asked for, too.
    """

    @rule(
        kind=st.sampled_from(["execute_request", "comm_msg", "complete_request"]),
        client=st.sampled_from([b"ann", b"bob"]),
        subshell=st.sampled_from(["made", "gone"]),
    )
    def client_names_a_subshell(self, kind: str, client: bytes, subshell: str) -> None:
        self.client(kind, client, "shell", "sub", subshell)

    @rule(
        client=st.sampled_from([b"ann", b"bob"]),
        kind=st.sampled_from(["create_subshell_request", "delete_subshell_request"]),
    )
    def client_makes_a_subshell(self, client: bytes, kind: str) -> None:
        self.client(kind, client, "control", "", subshell_id="made")

    @precondition(lambda self: bool(self.kernel and self.kernel.got))
    @rule(data=st.data())
    def kernel_asks(self, data: st.DataObject) -> None:
        kernel = self.kernel
        assert kernel is not None
        _, msg_id, kind = data.draw(st.sampled_from(kernel.got))
        if kind == "execute_request":
            self.say(kernel, "stdin", "input_request", msg_id, prompt="")

    @rule(client=st.sampled_from([b"ann", b"bob"]), named=st.booleans())
    def client_gives(self, client: bytes, named: bool) -> None:
        for asked in list(self.relay.ledger.inputs)[:1]:
            own = header(f"i{next(self.numbers)}", "input_reply")
            parent = header(asked, "input_request") if named else {}
            frames = body(own, {"value": "x"}, parent)
            self.relay.inbound.received("stdin", [client, *frames])

    @rule(pace=st.sampled_from(Pace))
    def restart(self, pace: Pace) -> None:
        self.restarter.restart(pace)

    @invariant()
    def nobody_waits_in_a_dead_kernel(self) -> None:
        if isinstance(self.restarter.state, states.Dead) and self.relay.refusing:
            waiting = self.relay.restarts._waiting.turns.head
            assert waiting is None or not waiting.settled or waiting.checking

    @invariant()
    def cells_run_in_their_order(self) -> None:
        for kernel in self.start.kernels:
            cells = [
                int(msg_id.removeprefix("m"))
                for channel, msg_id, kind in kernel.got
                if (channel, kind) == ("shell", "execute_request")
                and msg_id in self.told
                and self.told[msg_id].code != "sub"
                and not self.told[msg_id].code.startswith("%restart")
            ]
            assert cells == sorted(cells)

    def teardown(self) -> None:
        """All goes well from here on; nobody is left waiting after 40 seconds."""
        if not hasattr(self, "restarter"):
            return
        self.start.failing = None
        for _ in range(400):
            self.settle_all()
            kernel, state = self.kernel, self.restarter.state
            if kernel is not None and not kernel.exited:
                if isinstance(state, states.Starting):
                    self.come_up()
                elif isinstance(state, states.Running):
                    while kernel.got:
                        self.kernel_ends_its_first_cell()
                elif isinstance(state, states.Halting):
                    kernel.exited = True
                    kernel.ended(Ended(0))
            self.clock.advance(0.1)
        for msg_id, told in self.told.items():
            assert len(told.replies) == told.wants_reply, (msg_id, told)
            assert told.idles == (not told.quiet), (msg_id, told)
        super().teardown()


class OwnedShell(LiveShell):
    """The same with a kernel manager that restarts in place."""

    @rule(owner=st.sampled_from(["manager", "manager", "manager", "other"]))
    def provisioner_greets(self, owner: str) -> None:
        self.line("kernel_info_request", quiet=True, ipr={"owner": owner})

    @rule()
    def manager_interrupts(self) -> None:
        self.manager("interrupt_request")

    @rule(known=st.sampled_from([True] * 9 + [False]))
    def manager_wants_a_restart(self, known: bool) -> None:
        """One that has not greeted ends the daemon, and all else is in vain."""
        if known:
            self.provisioner_greets("manager")
        self.manager("shutdown_request", restart=True)

    @rule(
        now=st.booleans(),
        cwd=st.sampled_from(["", "", "", "/data"]),
        env=st.sampled_from([{}, {"A": "1"}, {"A": None}, {"A": 1}]),
        asked=st.booleans(),
    )
    def provisioner_orders(
        self, now: bool, cwd: str, env: dict[str, object], asked: bool
    ) -> None:
        """Mostly as it does: a request of its manager's comes before it."""
        if asked:
            self.provisioner_greets("manager")
            self.manager("interrupt_request")
            self.manager("shutdown_request", restart=True)
        before = set(self.told)
        kernels = len(self.start.kernels)
        self.line("ipr_restart_request", quiet=True, now=now, cwd=cwd, env=env)
        if not self.left:
            [order] = set(self.told) - before
            if self.told[order].replies == ["ok"]:
                self.nothing_waits(before, kernels)

    def nothing_waits(self, before: set[str], kernels: int) -> None:
        """What the front end has forgotten is answered, or the old kernel's."""
        given = {
            msg_id
            for kernel in self.start.kernels[:kernels]
            for _, msg_id, _ in kernel.got
        }
        for msg_id in before - given:
            told = self.told[msg_id]
            if told.kind == "execute_request":
                assert told.replies, (msg_id, told)
        assert self.relay.restarts.waiting is None
        assert not self.relay.gate.held

    @precondition(lambda self: bool(self.changer.following))
    @rule(there=st.booleans())
    def folder_is_looked_for(self, there: bool) -> None:
        if there:
            self.changer.found()
        else:
            self.changer.found("cwd")

    def leave(self) -> None:
        """The sockets are closed now: what comes later reaches nobody."""
        super().leave()
        for msg_id, told in self.told.items():
            assert told.replies or not told.quiet, (msg_id, told)

    def line(self, kind: str, **more: Any) -> None:
        self.client(kind, b"pro", "control", "", session="line", **more)

    def manager(self, kind: str, **more: Any) -> None:
        self.client(kind, b"ann", "control", "", session="manager", **more)


class InitShell(OwnedShell):
    """The same where each kernel runs something before any cell."""

    marked = 1

    @rule(cells=st.integers(min_value=0, max_value=2))
    def cells_are_marked(self, cells: int) -> None:
        self.mark(cells)

    @rule(status=st.sampled_from(["ok", "error", "dies", "goes on"]))
    def new_kernel_runs_it(self, status: str) -> None:
        """The usual way, so that what comes after it is reached."""
        if not isinstance(self.restarter.state, states.Running):
            return
        self.restarter.restart(Pace.URGENT)
        self.restart_takes_its_way(up=True)
        if self.kernel is None or self.kernel.exited:
            return
        if status == "dies":
            self.kernel_exits(int(signal.SIGSEGV))
        elif status != "goes on" and self.pieces:
            self.what_runs_first_ends(status)

    @precondition(lambda self: bool(self.kernel and self.pieces))
    @rule(status=st.sampled_from(["ok", "ok", "error", "aborted"]))
    def what_runs_first_ends(self, status: str) -> None:
        """That of nobody's request; the others are those of clients."""
        kernel, msg_id = self.kernel, self.pieces.pop(0)
        assert kernel is not None
        self.say(kernel, "iopub", "status", msg_id, execution_state="busy")
        self.say(kernel, "shell", "execute_reply", msg_id, status=status)
        self.say(kernel, "iopub", "status", msg_id, execution_state="idle")

    @invariant()
    def cells_wait_for_something_that_runs(self) -> None:
        if isinstance(self.restarter.state, states.Running):
            first = self.relay._initial.running
            assert not first or self.relay.ledger.executing

    @property
    def pieces(self) -> list[str]:
        """What the kernel was given to run that no client sent, by its ids."""
        return self.kernel.own if self.kernel is not None else []

    def settle_all(self) -> None:
        """What runs first goes well, too."""
        super().settle_all()
        while self.pieces:
            self.what_runs_first_ends("ok")


#: No request unanswered or answered twice; no effect without a kernel.
PureRoomsTests = PureRooms.TestCase
PureRoomsTests.settings = SETTINGS
#: The same of the code that performs it all.
WholeShellTests = WholeShell.TestCase
WholeShellTests.settings = SETTINGS
#: The same, to its natural end.
LiveShellTests = LiveShell.TestCase
LiveShellTests.settings = SETTINGS
#: The same with a restart from the front end.
OwnedShellTests = OwnedShell.TestCase
OwnedShellTests.settings = SETTINGS
#: The same with code that each kernel runs.
InitShellTests = InitShell.TestCase
InitShellTests.settings = SETTINGS


class LongLiveShell(LiveShell):
    """Few ways lead to a cell that hangs."""


class LongOwnedShell(OwnedShell):
    """Nor to two restarts that meet."""


class LongInitShell(InitShell):
    """Nor to one that meets what runs first."""


LongLiveShellTests = pytest.mark.slow(LongLiveShell.TestCase)
LongLiveShellTests.settings = settings(SETTINGS, max_examples=250)
LongOwnedShellTests = pytest.mark.slow(LongOwnedShell.TestCase)
LongOwnedShellTests.settings = settings(SETTINGS, max_examples=150)
LongInitShellTests = pytest.mark.slow(LongInitShell.TestCase)
LongInitShellTests.settings = settings(SETTINGS, max_examples=150)
