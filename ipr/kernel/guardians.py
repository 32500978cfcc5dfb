"""Guardians in the reactor: started, adopted, counted, and killed at the end.

Knows how Twisted starts a process and how the guardian's pipes are laid; what goes
through them is that of :mod:`ipr.boot.guardian`. Must not know what a guardian reports
(see :mod:`ipr.kernel.process`).
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet import process as twisted_process
from twisted.internet.protocol import ProcessProtocol

from ipr.boot import guardian
from ipr.kernel.reactor import Asking, Reactor

_STDERR = 2


class Adopted(twisted_process.Process):
    """A guardian that was forked before Twisted was imported.

    Twisted's own class forks in its constructor; this one takes what
    :func:`ipr.boot.guardian.fork` returned.
    """

    def __init__(
        self,
        reactor: Reactor,
        protocol: ProcessProtocol,
        started: tuple[int, int, int, int],
    ) -> None:
        twisted_process._BaseProcess.__init__(self, protocol)
        self._reactor = reactor
        self.proto = protocol
        self.pid, command, report, stderr = started
        self.status = -1
        # Twisted has no types for these.
        reader: Any = self.processReaderFactory
        writer: Any = self.processWriterFactory
        self.pipes: dict[int, Any] = {}
        for child, descriptor in ((_STDERR, stderr), (guardian.REPORT_FD, report)):
            self.pipes[child] = reader(reactor, self, child, descriptor)
        self.pipes[guardian.COMMAND_FD] = writer(
            reactor, self, guardian.COMMAND_FD, command, forceReadHack=True
        )
        ProcessProtocol.makeConnection(protocol, self)
        twisted_process.registerReapProcessHandler(self.pid, self)


class Spawned(twisted_process.Process):
    """A guardian that has a session of its own from its first instruction on.

    Twisted's own class leaves that to the program. Until it has one, SIGKILL to the
    daemon's process group (a manager's last word) takes both, and nobody is there to
    remove the private folder.
    """

    def _fork(
        self,
        path: None,
        uid: None,
        gid: None,
        executable: str,
        args: list[str],
        environment: Mapping[str, str],
        **how: Any,
    ) -> None:
        """Start it.

        :param how: ``fdmap``: its descriptors, ours by theirs.
        """
        fdmap: dict[int, int] = how["fdmap"]
        above = 1 + max(*fdmap, *fdmap.values())
        copies: dict[int, int] = {}
        try:
            # So that none of them is overwritten before it has been copied.
            for there, here in fdmap.items():
                copies[there] = fcntl.fcntl(here, fcntl.F_DUPFD_CLOEXEC, above)
            self.pid = os.posix_spawn(
                executable,
                args,
                environment,
                file_actions=[
                    *((os.POSIX_SPAWN_DUP2, fd, there) for there, fd in copies.items()),
                    *((os.POSIX_SPAWN_CLOSE, fd) for fd in _inheritable(fdmap)),
                ],
                setsigdef=_ignored(),
                setsid=True,
            )
            self.status = -1
        except NotImplementedError:  # by this system's C library
            untyped: Any = super()
            untyped._fork(path, uid, gid, executable, args, environment, **how)
        finally:
            for copy in copies.values():
                os.close(copy)


def _inheritable(but: Container[int]) -> list[int]:
    """Return the descriptors that a program has without being given them."""
    found = []
    for fd in twisted_process._listOpenFDs():
        with suppress(OSError):
            if fd not in but and os.get_inheritable(fd):
                found.append(fd)
    return found


def _ignored() -> list[signal.Signals]:
    ignored = signal.SIG_IGN
    return [each for each in signal.Signals if signal.getsignal(each) == ignored]


def spawn(
    reactor: Asking, protocol: ProcessProtocol, folders: Sequence[str] = ()
) -> None:
    """Start a guardian for ``protocol``; its program has our descriptors.

    :param folders: as for :func:`ipr.boot.guardian.fork`.
    :raises OSError: when no process can be made.
    """
    _spawn(reactor, protocol, guardian.inherited(), {0: 0, 1: 1}, folders)


def spawn_asked(reactor: Asking, protocol: ProcessProtocol) -> None:
    """Start a guardian whose program has no stdin, and whose stdout is read.

    :raises OSError: when no process can be made.
    """
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        _spawn(reactor, protocol, {}, {0: null, 1: "r"})
    finally:
        os.close(null)


def _spawn(
    reactor: Asking,
    protocol: ProcessProtocol,
    inherited: Mapping[int, int],
    standard: Mapping[int, int | str],
    folders: Sequence[str] = (),
) -> None:
    argv, places = guardian.to_spawn(inherited, folders)
    # No signal may end it before it has settled. It empties its mask itself.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        start: Any = Spawned  # Twisted has no types for it.
        start(
            reactor,
            argv[0],
            argv,
            _environment(os.environ),
            None,
            protocol,
            childFDs={
                **standard,
                **places,
                2: "r",
                guardian.COMMAND_FD: "w",
                guardian.REPORT_FD: "r",
            },
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return what this interpreter may need to start, and no more."""
    needed = {
        name: value
        for name, value in ours.items()
        # A site's Python may find its libraries by LD_LIBRARY_PATH only.
        if name.startswith(("LD_", "DYLD_")) or name == "PYTHONHOME"
    }
    return {**needed, "PATH": os.defpath, "LC_ALL": "C"}


def children() -> frozenset[int]:
    """Return the pids of what Twisted has started for us and not reaped yet."""
    return frozenset(twisted_process.reapProcessHandlers)


def end_all(seconds: float = 1.0) -> None:
    """Kill the guardians that are still there, and all that they guard.

    At the end of the daemon: by then only a guardian that is stopped, or whose kernel
    is stuck in the file system, still runs.
    """
    left = children()
    for pid in left:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    if left:
        guardian.sweep(frozenset(), seconds)
