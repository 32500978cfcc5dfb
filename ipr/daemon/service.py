"""Builds the daemon and wires it: the one place that knows all the parts.

Must not know option parsing, nor decide anything that the machine decides.
Nothing of ZeroMQ is touched before :meth:`Daemon.start`, since ``twistd``
may fork before.
"""

from __future__ import annotations

import datetime
import os
import signal
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import zmq
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from ipr.boot import guardian
from ipr.boot.connection import Outer
from ipr.boot.first import Plan
from ipr.daemon import preloading, slurm, tidying
from ipr.daemon.allocation import Allocation
from ipr.daemon.commands import IprCommands
from ipr.daemon.desk import Desk
from ipr.daemon.inside import Inside
from ipr.daemon.limits import limits
from ipr.daemon.log import Log
from ipr.daemon.nextkernel import NextKernel
from ipr.daemon.report import Report
from ipr.daemon.supply import Supply, wish
from ipr.daemon.watch import Watch
from ipr.jupyter.author import Author
from ipr.jupyter.signing import Signer
from ipr.kernel import memory
from ipr.kernel.generation import Starter
from ipr.kernel.guardians import end_all
from ipr.kernel.reactor import Reactor
from ipr.kernel.stderr import Stderr
from ipr.lifecycle.limits import Leave
from ipr.lifecycle.restarter import Restarter
from ipr.relay.cells import Cell
from ipr.relay.relay import Relay
from ipr.sockets.factory import Factory
from ipr.sockets.front import Front

#: Milliseconds that the last replies get to leave.
LINGER = 600
#: Seconds for which the first kernel waits for somebody to listen.
SUBSCRIBER_TIME = 0.3


class CannotListen(Exception):
    """A front address cannot be bound; the text says which and why."""


class Daemon:
    """The daemon, from its first socket to its last.

    No ``Service`` of Twisted's: that base takes 7 ms to import, which ``python
    -m ipr`` has no use for. For ``twistd`` there is :mod:`ipr.daemon.byhand`.

    :param reactor: everything runs on it.
    :param planned: what to start, and, perhaps, what runs already.
    :param options: by :attr:`ipr.boot.options.Option.key`.
    :param log: the daemon's log.
    :param over: called when the daemon has ended by itself.
    :param parent: the pid of who started us, if it was looked for before.
    :ivar ended: whether it has ended.
    """

    def __init__(
        self,
        reactor: Reactor,
        planned: Plan,
        options: Mapping[str, Any],
        log: Log,
        over: Callable[[], None],
        parent: int = 0,
    ) -> None:
        self._reactor = reactor
        self._planned = planned
        self._options = options
        self._log = log
        self._relay: Relay
        self._restarter: Restarter
        #: Stops or closes a part each, in this order.
        self._at_end: list[Callable[[], object]] = []
        #: Called when all of that is done.
        self._when_ended = [over]
        self.ended = False
        counts = bool(os.environ.get("JPY_PARENT_PID"))
        self._watch = Watch(
            reactor,
            parent=(parent or os.getppid()) if counts else 0,
            limit=options["abandoned_timeout"],
            wanted=self._wanted,
            end=self.shut_down,
            give_up=self._abandoned,
            allocation=Allocation(
                reactor,
                os.environ,
                options["deadline"],
                options["warn_before"],
                lambda text: self._relay.inbound.business.notices.say(text),
                options["memory_interrupt"] / 100,
                lambda: self._relay.inbound.business.interrupt(),
            ),
        )

    # --- begin and end ------------------------------------------------------

    def start(self) -> None:
        """Open the front, and start the first inner kernel.

        :raises CannotListen: when a front address is taken.
        """
        guardian.become_subreaper()
        outer = self._planned.outer
        factory = Factory(self._reactor)
        signer = Signer(outer.key.encode(), outer.signature_scheme)
        front = _front(factory, outer, self._front_lost)
        next_kernel = self._next_kernel(factory)
        row = self._watch.allocation.row
        report = Report(self._reactor, next_kernel, self._log, outer.path, row)
        self._relay = Relay(
            front,
            signer,
            Author(signer, _new_id, _now),
            self._reactor.callLater,
            next_kernel.info,
            self._options["max_held"] << 20,
            decider=partial(self._make_restarter, next_kernel),
            commands=partial(self._commands, report),
            changer=next_kernel,
            desk=Desk(next_kernel, report, self._log, self._parts),
            preload=next_kernel.preload,
        )
        front.listen(self._relay.inbound.received)
        self._log.debugging_changed = self._debugging
        self._debugging(self._log.debugging)
        self._relay.greetings.expect_listener(SUBSCRIBER_TIME)
        # Each client still gets an answer: by the time that the front is read to the
        # end, the relay refuses.
        self._at_end = [
            self._watch.stop,
            front.read_rest,
            partial(front.close, LINGER),
            factory.shutdown,
            end_all,
        ]
        self._restarter.begin()
        wish(self._restarter.reserve, self._options["standby"])
        guardian.hold()
        # Later, not to take time from a kernel that somebody waits for.
        self._at_end.insert(0, tidying.tidy_later(self._reactor, outer.path))
        self._watch.start()

    def stop(self, how: Leave = Leave.QUICKLY) -> Deferred[None]:
        """Stop the inner kernel, then all else; fires when it is done."""
        if self.ended:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._when_ended.insert(0, partial(done.callback, None))
        self._restarter.shut_down(how)
        return done

    # --- for the entry ------------------------------------------------------

    def signal(self, number: int) -> None:
        """Pass a signal on to the inner kernel, which by itself would have got it."""
        if number == signal.SIGINT:
            # As its kernelspec says: that need not be a signal.
            self._relay.inbound.business.interrupt()
            return
        name = signal.strsignal(number) or str(number)
        _log.info("Signal {name} goes to the kernel", name=name)
        self._watch.allocation.signalled(number)
        self._restarter.signal(number)

    def terminate(self, number: int) -> None:
        """End by a signal: the inner kernel gets SIGTERM, as a plain one would.

        It has as long as whoever sent the signal is going to wait; a parent that is
        gone does not wait at all.
        """
        how = Leave.QUICKLY if self._watch.orphaned else Leave.TERMINATED
        if words := self._watch.allocation.last_words():
            self._relay.inbound.business.notices.last_words(words)
        self.shut_down(f"signal {number}", how)

    def shut_down(self, why: str, how: Leave = Leave.QUICKLY) -> None:
        """End by itself."""
        _log.info("Shutting down: {why}", why=why)
        self._restarter.shut_down(how)

    # --- wiring -------------------------------------------------------------

    def _next_kernel(self, factory: Factory) -> NextKernel:
        starter = Starter(
            self._reactor,
            factory,
            self._planned.outer,
            self._options["inner_transport"],
            Stderr(),
            self._planned.prepared,
        )
        return NextKernel(
            self._reactor,
            self._planned,
            starter,
            lambda: self._relay.greetings.info.forget(),
            preloading.made(self._reactor, self._options["preload"]),
        )

    def _make_restarter(self, next_kernel: NextKernel, relay: Relay) -> Restarter:
        self._restarter = Restarter(
            self._reactor,
            limits(self._options, may_queue=next_kernel.may_queue),
            relay,
            next_kernel.start,
            Supply(self._reactor, next_kernel),
            memory.oom_kills,
            self._leave,
            next_kernel.remedy,
        )
        return self._restarter

    def _commands(self, report: Report, relay: Relay) -> IprCommands:
        def look_inside(cell: Cell) -> Inside:
            return Inside(cell, self._log, relay, self._restarter, self)

        return IprCommands(
            self._log,
            lambda: relay.ledger.unfinished(),
            relay.voice.whisper,
            lambda: report.rows(relay, self._restarter),
            self._restarter.reserve,
            None if self._options["no_exec"] else look_inside,
        )

    def _parts(self) -> tuple[Relay, Restarter]:
        return self._relay, self._restarter

    def _debugging(self, wanted: bool) -> None:
        self._relay.inbound.trace.on = wanted

    def _front_lost(self, sentence: str) -> None:
        _log.critical("A front socket failed: {sentence}", sentence=sentence)
        self.shut_down("a front socket failed")

    # --- when to go ---------------------------------------------------------

    def _wanted(self) -> bool:
        relay = self._relay
        return relay.subscribers > 0 or relay.working

    def _abandoned(self, why: str) -> None:
        giving = slurm.give_back(self._reactor, os.environ)
        # Nobody waits for it, and nobody hurries it: its exit handlers may run.
        giving.addCallback(lambda _result: self.shut_down(why, Leave.REQUESTED))

    def _leave(self) -> None:
        if self.ended:
            return
        self.ended = True
        for stop in self._at_end:
            stop()
        for tell in self._when_ended:
            tell()


def _front(factory: Factory, outer: Outer, lost: Callable[[str], None]) -> Front:
    try:
        return Front(factory, outer, lost)
    except zmq.ZMQError as error:
        factory.shutdown()
        raise CannotListen(
            f"cannot listen where {outer.path or 'the connection file'}"
            f" says: {error.strerror};"
            f" {slurm.one_too_many(os.environ) or 'does another kernel use it?'}"
        ) from None


def _new_id() -> str:
    return uuid.uuid4().hex


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat()


_log = Logger()
