"""The service that ``twistd ipr`` runs.

Knows what differs from a kernel that Jupyter started: the connection file
may be ours to remove, Ctrl-C ends it, and ``twistd`` owns log and reactor.
Must not import ZeroMQ before it is started.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed

from ipr.boot import signals
from ipr.boot.first import Plan
from ipr.daemon import clock
from ipr.daemon.log import Log
from ipr.daemon.ownfile import OwnFile
from ipr.daemon.ports import EntryReactor
from ipr.lifecycle.limits import Leave

if TYPE_CHECKING:
    from ipr.daemon.service import Daemon

#: Ctrl-Z stops the program that the terminal shows, and "fg" goes on with it.
_OF_THE_TERMINAL = {signal.SIGTSTP, signal.SIGCONT}


class ByHand(Service):
    """Starts the daemon in ``twistd``'s reactor.

    :param made: the connection file that was made for this run, if one was.
    :param says: whether to print how to connect.
    """

    def __init__(
        self,
        planned: Plan,
        values: Mapping[str, Any],
        made: OwnFile | None,
        *,
        says: bool = True,
    ) -> None:
        self._planned = planned
        self._values = values
        self._made = made
        self._says = says
        self._daemon: Daemon | None = None
        #: How often it was told to end, and how.
        self._ends: list[Leave] = []

    def startService(self) -> None:
        """Open the front, start the inner kernel, say how to connect."""
        from twisted.internet import reactor as installed

        from ipr.daemon.parts import CannotListen
        from ipr.daemon.service import Daemon

        reactor = clock.monotonic(installed)
        Service.startService(self)
        log = Log(lambda _text: None)
        log.set_level(self._values["log_level"])
        log.join()

        def over() -> None:
            self._remove()
            if reactor.running:
                reactor.callLater(0, _stop, reactor)

        self._daemon = Daemon(reactor, self._planned, self._values, log, over)
        try:
            self._daemon.start()
        except (CannotListen, ValueError) as error:
            self._remove()
            sys.stderr.write(f"ipr: {error}\n")
            raise SystemExit(1) from None
        reactor.callWhenRunning(
            _take_signals, reactor, self._daemon.signal, self._told_to_end
        )
        if self._says:
            say_how_to_connect(self._planned.outer.path)

    def stopService(self) -> Deferred[None]:
        """Stop the inner kernel; fires when nothing of it is left."""
        Service.stopService(self)
        if self._daemon is None:
            return succeed(None)
        return self._daemon.stop(self._ends[0] if self._ends else Leave.QUICKLY)

    def _told_to_end(self, number: int) -> None:
        """Whoever presses Ctrl-C does not wait, nor whoever asks twice.

        A batch system or systemd does: the kernel has the time that it gives.
        """
        how = Leave.QUICKLY if number == signal.SIGINT else Leave.TERMINATED
        self._ends.append(how)
        if len(self._ends) > 1 and self._daemon is not None:
            self._daemon.shut_down("told again", Leave.QUICKLY)

    def _remove(self) -> None:
        if self._made is not None:
            self._made.remove()


def say_how_to_connect(path: str) -> None:
    """Print the line that connects a console."""
    path = os.path.abspath(path)
    print(f"Connect with:\n    jupyter console --existing {path}", flush=True)


def _take_signals(
    reactor: EntryReactor,
    pass_on: Callable[[int], None],
    told_to_end: Callable[[int], None],
) -> None:
    """End in order, and with exit code 0, by Ctrl-C too, and when the terminal goes.

    Twisted leaves SIGHUP alone. By the other two it has ``twistd`` killed once more
    after all is done, so that a shell sees it.
    """

    def end(number: int) -> None:
        told_to_end(number)
        _stop(reactor)

    def stop(number: int, _frame: FrameType | None) -> None:
        reactor.callFromThread(end, number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    # nohup(1) means us, too.
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, stop)

    def take(number: int, _frame: FrameType | None) -> None:
        reactor.callFromThread(pass_on, number)

    for number in signal.valid_signals() - signals.OURS - _OF_THE_TERMINAL:
        # Those of twistd (SIGUSR1 may begin a new log file) are left to it.
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, take)


def _stop(reactor: EntryReactor) -> None:
    if reactor.running:
        with suppress(Exception):
            reactor.stop()
