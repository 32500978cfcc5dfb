"""Builds the daemon and wires it: the one place that knows all the parts.

Must not know option parsing, nor decide anything that the machine decides.
Nothing of ZeroMQ is touched before :meth:`Daemon.start`, since ``twistd``
may fork before.
"""

from __future__ import annotations

import datetime
import gc
import os
import platform
import signal
import sys
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import zmq
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

import ipr
import twisted
from ipr.boot import guardian, places
from ipr.boot.connection import Outer
from ipr.boot.first import Plan
from ipr.daemon import slurm
from ipr.daemon.commands import IprCommands
from ipr.daemon.log import Log
from ipr.daemon.status import Row, size, span
from ipr.daemon.watch import Watch
from ipr.jupyter import messages
from ipr.jupyter.author import Author
from ipr.jupyter.magics import Changes
from ipr.jupyter.messages import Draft
from ipr.jupyter.signing import Signer
from ipr.kernel import memory
from ipr.kernel.generation import Generation, Starter
from ipr.kernel.guardians import end_all
from ipr.kernel.process import Ended
from ipr.kernel.stderr import Stderr
from ipr.kernel.surroundings import Surroundings, changed, rebased
from ipr.lifecycle.causes import Cause, Ending
from ipr.lifecycle.limits import Leave, Limits
from ipr.lifecycle.restarter import Restarter
from ipr.relay.relay import Relay
from ipr.sockets.channels import Factory
from ipr.sockets.front import Front

#: Milliseconds that the last replies get to leave.
LINGER = 600
#: Seconds that a kernel gets to be ready, where nothing else is said.
START_TIMEOUT = 60.0
#: Seconds after the start at which what others left behind is removed.
TIDY_TIME = 5.0
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
    """

    def __init__(
        self,
        reactor: Any,
        planned: Plan,
        options: Mapping[str, Any],
        log: Log,
        over: Callable[[], None],
        parent: int = 0,
    ) -> None:
        self.reactor = reactor
        self.outer = planned.outer
        self.surroundings = self._first = Surroundings(planned.launch)
        self.problem = planned.problem
        self.options = options
        self.log = log
        self.started_at = 0.0
        self.relay: Relay
        self.restarter: Restarter
        self._prepared = planned.prepared
        self._over = over
        self.ended = False
        self._waiting: list[Deferred[None]] = []
        self._parent = parent or os.getppid()

    # --- begin and end ------------------------------------------------------

    def start(self) -> None:
        """Open the front, and start the first inner kernel.

        :raises CannotListen: when a front address is taken.
        """
        reactor, options = self.reactor, self.options
        guardian.become_subreaper()
        self.started_at = reactor.seconds()
        self._factory = Factory(reactor)
        signer = Signer(self.outer.key.encode(), self.outer.signature_scheme)
        author = Author(signer, _new_id, _now)
        try:
            self._front = Front(self._factory, self.outer, self._front_lost)
        except zmq.ZMQError as error:
            self._factory.shutdown()
            raise CannotListen(
                f"cannot listen where {self.outer.path or 'the connection file'}"
                f" says: {error.strerror}; does another kernel use it?"
            ) from None
        self._starter = Starter(
            reactor,
            self._factory,
            self.outer,
            options["inner_transport"],
            Stderr(),
            self._prepared,
        )
        self.relay = Relay(
            self._front,
            signer,
            author,
            reactor.callLater,
            self._synthetic_info,
            options["max_held"] << 20,
            decider=self._make_restarter,
            commands=IprCommands(self),
            changer=self,
        )
        self._front.listen(self.relay.inbound.received)
        self.log.debugging_changed = self._debugging
        self._debugging(self.log.debugging)
        self.relay.greetings.expect_listener(SUBSCRIBER_TIME)
        self.restarter.begin()
        guardian.hold()
        # When there is time for it: it is nobody's who waits for a kernel.
        self._tidying = reactor.callLater(TIDY_TIME, _tidy, self.outer)
        orphan = bool(os.environ.get("JPY_PARENT_PID"))
        self._watch = Watch(
            reactor,
            parent=self._parent if orphan else 0,
            limit=options["abandoned_timeout"],
            wanted=self._wanted,
            end=self.shut_down,
            give_up=self._abandoned,
        )
        self._watch.start()

    def stop(self) -> Deferred[None]:
        """Stop the inner kernel, then all else; fires when it is done."""
        if self.ended:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._waiting.append(done)
        self.restarter.shut_down(Leave.QUICKLY)
        return done

    # --- for the entry ------------------------------------------------------

    def signal(self, number: int) -> None:
        """Pass a signal on to the inner kernel, which would have got it by itself."""
        if number == signal.SIGINT:
            # As its kernelspec says: that need not be a signal.
            self.relay.inbound.business.interrupt()
            return
        name = signal.strsignal(number) or ""
        _log.info(
            "Signal {number} ({name}) goes to the kernel", number=number, name=name
        )
        self.restarter.signal(number)

    def terminate(self, number: int) -> None:
        """End by a signal: the inner kernel gets SIGTERM, as a plain one would.

        It has as long as whoever sent the signal is going to wait; nobody does
        who is gone himself.
        """
        how = Leave.QUICKLY if self._watch.orphaned else Leave.TERMINATED
        self.shut_down(f"signal {number}", how)

    def shut_down(self, why: str, how: Leave = Leave.QUICKLY) -> None:
        """End by itself."""
        _log.info("Shutting down: {why}", why=why)
        self.restarter.shut_down(how)

    # --- for cells ----------------------------------------------------------

    @property
    def may_exec(self) -> bool:
        """Whether ``%ipr exec`` is allowed here."""
        return not self.options["no_exec"]

    def _debugging(self, wanted: bool) -> None:
        self.relay.inbound.trace.on = wanted

    def prepare(self, changes: Changes) -> Deferred[Callable[[], None]]:
        """Work out what a ``%restart`` wants; fires with what does it."""
        base = self.surroundings

        def applied(found: Surroundings) -> Callable[[], None]:
            def apply() -> None:
                made = found
                if self.surroundings != base and not changes.reset:
                    made = rebased(found, base, self.surroundings)
                if made.launch != self.surroundings.launch:
                    self.relay.greetings.info.forget()
                self.surroundings = made

            return apply

        working = changed(self.reactor, self._first, self.surroundings, changes)
        return working.addCallback(applied)

    def status(self) -> Deferred[list[Row]]:
        """Tell how the daemon stands."""
        return slurm.described(self.reactor, os.environ).addCallback(self._rows)

    def _rows(self, allocation: str) -> list[Row]:
        restarter, relay = self.restarter, self.relay
        kernel, now = restarter.kernel, self.reactor.seconds()
        rows = [
            Row("state", restarter.public_state()),
            Row("kernel no.", str(restarter.state.generation)),
        ]
        if relay.refusing is not None:
            cause = relay.refusing
            rows.append(Row("why", "\n".join((cause.text, *cause.details))))
        if kernel is not None:
            rows += [
                Row("inner kernel", f"pid {kernel.pid}"),
                Row("command", " ".join(kernel.command)),
                Row("interrupted by", kernel.interrupt_mode),
            ]
            resident, peak = memory.resident(kernel.pid)
            if resident:
                value = f"{size(resident)}, at its peak {size(peak)}"
                rows.append(Row("kernel memory", value))
        job = memory.job()
        if job is not None:
            # Without a limit here, the scheduler may have one, and count by itself.
            of = "; no cgroup limits it"
            if job.limit is not None:
                of = f" of {size(job.limit)}"
            rows.append(Row("memory of the job", f"{size(job.used)}{of}"))
        began = [
            f"{number}: {span(now - when)} ago, {why}"
            for when, number, why in list(restarter.history)[-10:]
        ]
        rows += [
            Row("kernels so far", "\n".join(began)),
            Row("changes", "\n".join(self.surroundings.told) or "none"),
            Row("folder", self.surroundings.folder() or "it has been removed"),
            Row("requests", f"{len(relay.ledger)} running, {relay.gate.held} held"),
            Row("clients", str(relay.subscribers)),
            Row("connection file", self.outer.path),
            Row("daemon", f"pid {os.getpid()}, up {span(now - self.started_at)}"),
            Row("daemon's Python", sys.executable),
            Row("versions", versions()),
            Row("log level", self.log.level),
        ]
        if allocation:
            rows.append(Row("Slurm", allocation))
        return rows

    # --- wiring -------------------------------------------------------------

    def _limits(self) -> Limits:
        options = self.options
        launch = self.surroundings.launch
        start_timeout = options["start_timeout"]
        if start_timeout < 0:
            queues = launch is not None and launch.may_queue
            start_timeout = 0.0 if queues else START_TIMEOUT
        return Limits(
            restart_limit=options["restart_limit"],
            stable_start_time=options["stable_start_time"],
            start_timeout=start_timeout,
            autorestart=not options["no_autorestart"],
        )

    def _make_restarter(self, relay: Relay) -> Restarter:
        self.restarter = Restarter(
            self.reactor,
            self._limits(),
            relay,
            self._start,
            memory.oom_kills,
            self._leave,
            self._remedy,
        )
        return self.restarter

    def _front_lost(self, sentence: str) -> None:
        _log.critical("A front socket failed: {sentence}", sentence=sentence)
        self.shut_down("a front socket failed")

    def _start(
        self,
        generation: int,
        lost: Callable[[str], None],
        started: Callable[[int], None],
        ended: Callable[[Ended], None],
    ) -> Generation:
        launch = self.surroundings.launch
        if launch is None or (self.problem and self._prepared is None):
            problem, self.problem = self.problem, ""
            if problem:
                raise ValueError(problem)
        if launch is None:
            raise ValueError("no command")

        return self._starter.start(
            generation,
            launch,
            self.surroundings.environment(os.environ),
            self.surroundings.cwd,
            lost=lost,
            started=started,
            ended=ended,
        )

    def _remedy(self, cause: Cause) -> str:
        """Say what to do about a kernel that is not to be had."""
        launch = self.surroundings.launch
        if cause.ending is Ending.NEVER_STARTED and self.surroundings != self._first:
            return "run %restart --reset to start one without what was changed"
        if cause.hopeless and launch is not None and launch.resource_dir:
            path = os.path.join(launch.resource_dir, "kernel.json")
            return f"its command is in {path}; {cause.remedy} when it can be run"
        return cause.remedy

    def _synthetic_info(self, reason: str) -> Draft:
        banner = f"ipr {ipr.__version__}"
        if reason:
            banner = f"{banner}: {reason}"
        launch = self.surroundings.launch
        language = launch.language if launch is not None else ""
        return messages.kernel_info(
            version=ipr.__version__, language=language, banner=banner
        )

    # --- when to go ---------------------------------------------------------

    def _wanted(self) -> bool:
        relay = self.relay
        return bool(relay.subscribers > 0 or relay.ledger.executing or relay.gate.held)

    def _abandoned(self, why: str) -> None:
        giving = slurm.give_back(self.reactor, os.environ)
        giving.addCallback(lambda _result: self.shut_down(why))

    def _leave(self) -> None:
        if self.ended:
            return
        self.ended = True
        if self._tidying.active():
            self._tidying.cancel()
        self._watch.stop()
        # Each of these gets its answer, too: the relay refuses by now.
        self._front.read_rest()
        self._front.close(LINGER)
        self._factory.shutdown()
        end_all()
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done.callback(None)
        self._over()


def versions() -> str:
    """Name the versions that matter."""
    return (
        f"ipr {ipr.__version__}, Python {platform.python_version()}, Twisted"
        f" {twisted.__version__}, pyzmq {zmq.__version__}, libzmq {zmq.zmq_version()}"
    )


def _tidy(outer: Outer) -> None:
    """Do what can wait until the first cells have run."""
    # What is there now stays: the collector need not look at it with each
    # message, and there is little garbage in cycles after it.
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)
    places.remove_stale(places.bases(os.path.dirname(outer.path)))


def _new_id() -> str:
    return uuid.uuid4().hex


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat()


_log = Logger()
