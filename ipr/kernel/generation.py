"""One inner kernel: its process, its sockets, its connection file.

Knows how the three belong together, and that none of them outlives the
others. Must not know what messages mean, nor when a kernel is wanted.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from typing import Any

from twisted.logger import Logger

from ipr.boot import connection, first, places
from ipr.boot.connection import Inner, Outer
from ipr.boot.first import Prepared
from ipr.boot.launch import Launch
from ipr.kernel import process
from ipr.kernel.process import Adopted, Ended, InnerProcess
from ipr.sockets.channels import Factory
from ipr.sockets.inner import InnerSide, Received


class Generation:
    """The inner kernel with this number.

    :ivar pid: of the kernel; 0 until it runs.
    :ivar command: its command line, filled in.
    :ivar ready: whether it has come to be ready.
    :ivar interrupted: whether it was sent an interrupt before.
    :ivar killed_because: ipr's own reason, if it was ipr that killed it.
    """

    def __init__(
        self,
        generation: int,
        launch: Launch,
        command: tuple[str, ...],
        inner: Inner,
        side: InnerSide,
    ) -> None:
        self.generation = generation
        self.launch = launch
        self.command = command
        self.pid = 0
        self.ready = False
        self.interrupted = False
        self.killed_because = ""
        self.process: InnerProcess | None = None
        self._inner = inner
        self._side = side
        #: Send to the kernel; without identities.
        self.send = side.send

    @property
    def interrupt_mode(self) -> str:
        """``"signal"`` or ``"message"``."""
        return self.launch.interrupt_mode

    @property
    def heard(self) -> bool:
        """Whether its iopub is connected."""
        return self._side.is_connected("iopub")

    @property
    def steady(self) -> bool:
        """Whether none of its sockets was ever closed: nobody can take its place."""
        return self._side.steady

    def listen(self, received: Received) -> None:
        """From here on, deliver what it says."""
        self._side.listen(received)

    def signal(self, number: int) -> None:
        """Send a signal to its process group; it is kept until the kernel runs."""
        if self.process is not None:
            self.process.signal(number)

    def signal_interrupt(self) -> None:
        """SIGINT to its process group; it may come before it is ready."""
        if not self.ready:
            self.interrupted = True
        self.signal(signal.SIGINT)

    def terminate(self, because: str) -> None:
        """SIGTERM to its process group; ``because`` is for the report."""
        self.killed_because = self.killed_because or because
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to everything of it."""
        if self.process is not None:
            self.process.kill()

    def drain(self, done: Callable[[], None]) -> None:
        """Read what it still said, then call ``done``."""
        self._side.drain(done)

    def close(self) -> None:
        """Close its sockets, remove its files."""
        self._side.close()
        connection.remove_inner(self._inner)


class Starter:
    """Makes generations.

    :param reactor: spawns and reads.
    :param factory: the ZeroMQ context.
    :param outer: the clients' connection file.
    :param transport: ``"auto"``, ``"ipc"`` or ``"tcp"``.
    :param stderr: gets the inner kernels' stderr.
    :param prepared: the first one, if it runs already.
    """

    def __init__(
        self,
        reactor: Any,
        factory: Factory,
        outer: Outer,
        transport: str,
        stderr: Callable[[bytes], None],
        prepared: Prepared | None,
    ) -> None:
        self._reactor = reactor
        self._factory = factory
        self._outer = outer
        self._transport = transport
        self._stderr = stderr
        self._prepared = prepared
        for sentence in places.refused():
            _log.warn("{sentence}; set TMPDIR to a folder of yours", sentence=sentence)

    def start(
        self,
        generation: int,
        launch: Launch,
        environment: Mapping[str, str],
        cwd: str,
        *,
        lost: Callable[[str], None],
        started: Callable[[int], None],
        ended: Callable[[Ended], None],
    ) -> Generation:
        """Start an inner kernel.

        :param environment: complete; ``cwd`` is the folder to start in, ``""``
            for our own.
        :param lost: called with the channel that the kernel closed.
        :param started: called with its pid.
        :param ended: called once, with how it ended; never from in here.
        :raises OSError: when there is no place for its files, or no process.
        :raises ValueError: when the command cannot be run as it stands.
        """
        prepared, self._prepared = self._prepared, None

        def has_started(pid: int) -> None:
            made.pid = pid
            started(pid)

        running = InnerProcess(self._reactor, b"", has_started, ended, self._stderr)
        folders: list[str] = []
        if prepared is None:
            # The guardian first: it removes what is made from here on, should we
            # be killed.
            folders = connection.folders_for(self._outer)
            process.spawn(self._reactor, running, folders=folders)
        else:
            Adopted(self._reactor, running, prepared.started)
        inner: Inner | None = None
        order = b""
        try:
            if prepared is None:
                way = first.way(launch, self._transport)
                inner = connection.make_inner(self._outer, way, folders)
                command = tuple(launch.command(inner.path, cwd))
                order = process.order(command, environment, cwd, inner.folder)
            else:
                inner, command = prepared.inner, prepared.command
            side = InnerSide(self._factory, inner, generation, lost)
        except Exception:
            running.dismiss()
            if inner is not None:
                connection.remove_inner(inner)
            raise
        made = Generation(generation, launch, command, inner, side)
        made.process = running
        if order:
            running.give(order)
        return made


_log = Logger()
