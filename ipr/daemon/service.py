"""The daemon: when it begins, what ends it, and how it ends.

Knows who may end it, and in which order its parts stop. Must not know how they are
wired (:mod:`ipr.daemon.parts`) nor option parsing. Nothing of ZeroMQ is touched before
:meth:`Daemon.start`, since ``twistd`` may fork before.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from ipr.boot import guardian
from ipr.boot.first import Plan
from ipr.daemon import slurm, tidying
from ipr.daemon.allocation import Allocation
from ipr.daemon.log import Log
from ipr.daemon.parts import Parts
from ipr.daemon.supply import wish
from ipr.daemon.watch import Watch, parent_of
from ipr.kernel.guardians import end_all
from ipr.kernel.reactor import Reactor
from ipr.lifecycle.limits import Leave

#: Seconds for which the first kernel waits for somebody to listen.
SUBSCRIBER_TIME = 0.3


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
        self._parts: Parts
        #: Stops or closes a part each, in this order.
        self._at_end: list[Callable[[], object]] = []
        #: Called when all of that is done.
        self._when_ended = [over]
        self.ended = False
        self._watch = Watch(
            reactor,
            parent=parent_of(os.environ, parent or os.getppid()),
            limit=options["abandoned_timeout"],
            wanted=self._wanted,
            end=self._deserted,
            give_up=self._abandoned,
            allocation=Allocation(
                reactor,
                os.environ,
                options,
                lambda text: self._parts.relay.inbound.business.notices.say(text),
                lambda: self._parts.relay.inbound.business.interrupt(),
                lambda: self._parts.relay.beside,
                lambda: kernel.pid if (kernel := self._parts.restarter.kernel) else 0,
            ),
        )

    # --- begin and end ------------------------------------------------------

    def start(self) -> None:
        """Open the front, and start the first inner kernel.

        :raises CannotListen: when a front address is taken.
        """
        guardian.become_subreaper()
        self._parts = parts = Parts(
            self._reactor,
            self._planned,
            self._options,
            self._log,
            self._watch.allocation.rows,
            self,
        )
        parts.relay.greetings.expect_listener(SUBSCRIBER_TIME)
        self._at_end = [self._watch.stop, parts.close, end_all]
        parts.restarter.begin()
        wish(parts.restarter.reserve, self._options["standby"])
        guardian.hold()
        # Later, not to take time from a kernel that somebody waits for.
        tidying_up = tidying.tidy_later(self._reactor, self._planned.outer.path)
        self._at_end.insert(0, tidying_up)
        self._watch.start()

    def stop(self, how: Leave = Leave.QUICKLY) -> Deferred[None]:
        """Stop the inner kernel, then all else; fires when it is done."""
        if self.ended:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._when_ended.insert(0, partial(done.callback, None))
        self._parts.restarter.shut_down(how)
        return done

    # --- for the entry ------------------------------------------------------

    def signal(self, number: int) -> None:
        """Pass a signal on to the inner kernel, which by itself would have got it."""
        if number == signal.SIGINT:
            # As its kernelspec says: that need not be a signal.
            self._parts.relay.inbound.business.interrupt()
            return
        allocation = self._watch.allocation
        if allocation.announced(number):
            if allocation.saves:
                # The kernel has got it, too (see ipr.__main__).
                self._leave_job(f"signal {number}")
                return
            self._explain(allocation.last_words(), True)
        name = signal.strsignal(number) or str(number)
        _log.info("Signal {name} goes to the kernel", name=name)
        allocation.signalled(number)
        self._parts.restarter.signal(number)

    def terminate(self, number: int) -> None:
        """End by a signal: the inner kernel gets SIGTERM, as a plain one would.

        It has as long as whoever sent the signal is going to wait; a parent that is
        gone does not wait at all.
        """
        why = f"signal {number}"
        if self._watch.allocation.saving:
            return
        if self._watch.orphaned or self._parts.restarter.leaving():
            how = Leave.QUICKLY if self._watch.orphaned else Leave.TERMINATED
            self.shut_down(why, how)
            return
        self._leave_job(why)

    def _leave_job(self, why: str) -> None:
        """End when all is saved that is to be saved."""

        def saved(ended: bool) -> None:
            self.shut_down(why, Leave.TERMINATED if ended else Leave.QUICKLY)

        self._watch.allocation.ending(self._explain, saved)

    def _explain(self, words: str, shown: bool) -> None:
        notices = self._parts.relay.inbound.business.notices
        notices.last_words(words, shown=shown)

    def shut_down(self, why: str, how: Leave = Leave.QUICKLY) -> None:
        """End by itself."""
        _log.info("Shutting down: {why}", why=why)
        self._parts.restarter.shut_down(how)

    # --- when to go ---------------------------------------------------------

    def _deserted(self, why: str) -> None:
        """Our parent is gone: in a job it may have died of the signal that we got, too.

        It is told each second; what is being saved has its bound.
        """
        if not self._watch.allocation.saving:
            self.shut_down(why)

    def _wanted(self) -> bool:
        relay = self._parts.relay
        return relay.subscribers > 0 or relay.working

    def _abandoned(self, why: str) -> None:
        giving = slurm.give_back(self._reactor, os.environ)
        # Nobody waits for it, and nobody hurries it: its exit handlers may run.
        giving.addCallback(lambda _result: self.shut_down(why, Leave.REQUESTED))

    def leave(self) -> None:
        """Stop all parts: the inner kernel has ended."""
        if self.ended:
            return
        self.ended = True
        for stop in self._at_end:
            stop()
        for tell in self._when_ended:
            tell()


_log = Logger()
