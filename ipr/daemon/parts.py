"""The parts that a daemon consists of, and how they are wired.

Knows all of them, and which of them needs which. Must not know when a daemon begins or
ends, nor decide anything that the machine decides.
"""

from __future__ import annotations

import datetime
import errno
import os
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import zmq
from twisted.logger import Logger

from ipr.boot.connection import Outer
from ipr.boot.first import Plan
from ipr.daemon import cellhistory, codefiles, shownoutput, slurm
from ipr.daemon.commands import IprCommands
from ipr.daemon.desk import Desk
from ipr.daemon.inside import Inside
from ipr.daemon.limiting import CellTime
from ipr.daemon.limits import limits
from ipr.daemon.log import Log
from ipr.daemon.nextkernel import NextKernel
from ipr.daemon.ports import Lifetime
from ipr.daemon.report import Report
from ipr.daemon.stack import Stacks
from ipr.daemon.status import Row
from ipr.daemon.supply import Supply
from ipr.jupyter.author import Author
from ipr.jupyter.signing import Signer
from ipr.kernel import memory
from ipr.kernel.generation import Starter
from ipr.kernel.reactor import Reactor
from ipr.kernel.stderr import Stderr
from ipr.lifecycle.restarter import Restarter
from ipr.relay import parts as relays
from ipr.relay.cellhistory import CellHistory
from ipr.relay.cells import Cell
from ipr.relay.initcode import InitCode
from ipr.relay.outputs import Outputs
from ipr.relay.relay import Relay
from ipr.sockets.factory import Factory
from ipr.sockets.front import Front

#: Milliseconds that the last replies have to get out.
LINGER = 600


class CannotListen(Exception):
    """A front address cannot be bound; the text says which and why."""


class Parts:
    """The parts of one daemon, from its first socket to its last.

    :param rows: returns what there is to be said of the scheduler's job.
    :param daemon: is told when a part ends it.
    :raises CannotListen: when a front address is taken.
    """

    def __init__(
        self,
        reactor: Reactor,
        planned: Plan,
        options: Mapping[str, Any],
        log: Log,
        rows: Callable[[], list[Row]],
        daemon: Lifetime,
    ) -> None:
        self._reactor = reactor
        self._planned = planned
        self._options = options
        self._log = log
        self._daemon = daemon
        self.restarter: Restarter
        outer = planned.outer
        self._factory = factory = Factory(reactor)
        signer = Signer(outer.key.encode(), outer.signature_scheme)
        front = _front(factory, outer, self._front_lost)
        next_kernel = self._next_kernel()
        cell_time = CellTime(reactor, self._both)
        report = self._report(next_kernel, lambda: [*cell_time.rows(), *rows()])
        stacks = Stacks(reactor, os.environ, self._both)
        history = _history(options)
        self.relay = Relay(
            lambda relay: relays.Parts(
                front,
                signer,
                Author(signer, _new_id, _now),
                reactor.callLater,
                next_kernel.info,
                options["max_held"] << 20,
                current=lambda: relay.conversation,
                decider=self._make_restarter(next_kernel, relay),
                commands=self._commands(
                    report, stacks, cell_time, history, next_kernel.init, relay
                ),
                changer=next_kernel,
                desk=Desk(
                    next_kernel, report, log, stacks, history.outputs, self._both
                ),
                history=history,
                preload=next_kernel.preload,
                init=next_kernel.init,
            )
        )
        self._at_end = (stacks.stop, cell_time.stop, partial(self._hang_up, front))
        front.listen(self.relay.inbound.received)
        log.debugging_changed = self._debugging
        self._debugging(log.debugging)

    def close(self) -> None:
        """Stop what has a timer, and close the sockets."""
        for stop in self._at_end:
            stop()

    def _hang_up(self, front: Front) -> None:
        # Each client still gets an answer: by the time that the front is read to the
        # end, the relay refuses.
        front.read_rest()
        front.close(LINGER)
        self._factory.shutdown()

    def _report(self, next_kernel: NextKernel, rows: Callable[[], list[Row]]) -> Report:
        path = self._planned.outer.path
        return Report(self._reactor, next_kernel, self._log, path, rows)

    def _next_kernel(self) -> NextKernel:
        starter = Starter(
            self._reactor,
            self._factory,
            self._planned.outer,
            self._options["inner_transport"],
            Stderr(),
            self._planned.prepared,
            spares=self._options["keep_detached"],
        )
        return NextKernel(
            self._reactor,
            self._planned,
            starter,
            lambda: self.relay.greetings.info.forget(),
            codefiles.made(self._reactor, self._options["preload"]),
            codefiles.made(self._reactor, self._options["init"]),
        )

    def _make_restarter(self, next_kernel: NextKernel, relay: Relay) -> Restarter:
        self.restarter = Restarter(
            self._reactor,
            limits(self._options, may_queue=next_kernel.may_queue),
            relay,
            next_kernel.start,
            Supply(self._reactor, next_kernel),
            memory.oom_kills,
            memory.limit,
            partial(next_kernel.starter.keepers.sweep, self._daemon.leave),
            next_kernel.remedy,
        )
        return self.restarter

    def _commands(
        self,
        report: Report,
        stacks: Stacks,
        cell_time: CellTime,
        history: CellHistory,
        init: InitCode,
        relay: Relay,
    ) -> IprCommands:
        def look_inside(cell: Cell) -> Inside:
            return Inside(cell, self._log, relay, self.restarter, self._daemon)

        return IprCommands(
            self._log,
            lambda: relay.ledger.unfinished(),
            lambda request, draft: relay.voice.whisper(request, draft),
            lambda: report.rows(relay, self.restarter),
            stacks.look,
            cell_time,
            partial(cellhistory.displayed, history, self.restarter),
            partial(shownoutput.displayed, history.outputs, self.restarter),
            self.restarter.reserve,
            init,
            None if self._options["no_exec"] else look_inside,
        )

    def _both(self) -> tuple[Relay, Restarter]:
        return self.relay, self.restarter

    def _debugging(self, wanted: bool) -> None:
        self.relay.inbound.trace.on = wanted

    def _front_lost(self, sentence: str) -> None:
        _log.critical("A front socket failed: {sentence}", sentence=sentence)
        self._daemon.shut_down("a front socket failed")


def _front(factory: Factory, outer: Outer, lost: Callable[[str], None]) -> Front:
    try:
        return Front(factory, outer, lost)
    except zmq.ZMQError as error:
        factory.shutdown()
        raise CannotListen(
            f"cannot listen where {outer.path or 'the connection file'}"
            f" says: {error.strerror}; {_hint(error.errno, outer.ip)}"
        ) from None


def _hint(number: int | None, ip: str) -> str:
    """Return a question, or what to do, that fits the error of bind(2)."""
    if number in (errno.ENODEV, errno.EADDRNOTAVAIL):
        return f"is {ip!r} an address of this machine?"
    return slurm.one_too_many(os.environ) or "does another kernel use it?"


def _history(options: Mapping[str, Any]) -> CellHistory:
    outputs = Outputs(options["output_limit"] << 20)
    return CellHistory(options["replay_limit"] << 20, outputs)


def _new_id() -> str:
    return uuid.uuid4().hex


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat()


_log = Logger()
