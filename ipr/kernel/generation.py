"""One inner kernel: its process, its sockets, its connection file.

Knows how the three belong together, and that none of them outlives the
others. Must not know what messages mean, nor when a kernel is wanted.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import cast

from twisted.internet.process import Process
from twisted.logger import Logger

from ipr.boot import connection, first, guardian, places
from ipr.boot.connection import Inner, Outer
from ipr.boot.first import Prepared
from ipr.boot.launch import Launch, with_own_file
from ipr.jupyter.wire import Frame
from ipr.kernel import guardians, priority
from ipr.kernel.keepers import Keepers
from ipr.kernel.parting import Parting
from ipr.kernel.process import Ended, InnerProcess
from ipr.kernel.reactor import Reactor
from ipr.sockets.factory import Factory
from ipr.sockets.inner import InnerSide, Received


class Generation:
    """The inner kernel with this number.

    :ivar interrupt_mode: ``"signal"`` or ``"message"``.
    :ivar command: its command line, filled in.
    :ivar ready: whether it has come to be ready.
    :ivar interrupted: whether it was sent an interrupt before.
    :ivar killed_because: ipr's own reason, if it was ipr that killed it.
    """

    def __init__(
        self,
        generation: int,
        interrupt_mode: str,
        command: tuple[str, ...],
        process: InnerProcess,
        inner: Inner,
        side: InnerSide,
        parting: Parting,
    ) -> None:
        self.generation = generation
        self.interrupt_mode = interrupt_mode
        self.command = command
        self.ready = False
        self.interrupted = False
        self.killed_because = ""
        self._process = process
        self._inner = inner
        self._side = side
        self._parting = parting

    @property
    def send(self) -> Callable[[str, Sequence[Frame]], None]:
        """Send to the kernel; without identities."""
        return self._side.send

    @property
    def pid(self) -> int:
        """Its process; 0 until it runs."""
        return self._process.pid

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
        self._process.signal(number)

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
        self._process.kill()

    def spare(self) -> None:
        """Have its end spare what has made itself a session of its own."""
        self._process.spare()

    def settle(self) -> None:
        """It is ready: note what it has before any cell."""
        self.ready = True
        self._parting.settle()

    def when_parted(self, done: Callable[[str], None]) -> None:
        """Call ``done`` when it has closed its sockets, and all has been read.

        With what it holds that the next kernel should not meet; ``""``: nothing.
        """
        self._side.drain(partial(self._parting.look, done))

    def drain(self, done: Callable[[], None]) -> None:
        """Deliver what its sockets still hold, then call ``done``."""
        self._side.drain(done)

    def retire(self) -> None:
        """Close its sockets, and let the next kernel go first.

        Its files stay until :meth:`close`.
        """
        self._side.close()
        priority.lower(self.pid)

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
    :param spares: whether the end of each spares what has a session of its own.
    :ivar keepers: take care of that.
    """

    def __init__(
        self,
        reactor: Reactor,
        factory: Factory,
        outer: Outer,
        transport: str,
        stderr: Callable[[bytes], None],
        prepared: Prepared | None,
        *,
        spares: bool = False,
    ) -> None:
        self._reactor = reactor
        self._factory = factory
        self._outer = outer
        self._transport = transport
        self._stderr = stderr
        self._prepared = prepared
        self._spares = spares
        self.keepers = Keepers(reactor, stderr)
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
        process = self._process(started, ended)
        order = b""
        if prepared is None:
            inner, command, order = self._prepare(process, launch, environment, cwd)
        else:
            guardians.Adopted(self._reactor, process, prepared.started)
            inner, command = prepared.inner, prepared.command
        try:
            side = InnerSide(self._factory, inner, generation, lost)
        except Exception:
            process.dismiss()
            connection.remove_inner(inner)
            raise
        made = Generation(
            generation,
            launch.interrupt_mode,
            command,
            process,
            inner,
            side,
            Parting(self._reactor, process, visible=_parts_in_sight(inner, launch)),
        )
        if order:
            process.give(order)
        if self._spares:
            process.spare()
        return made

    def _process(
        self, started: Callable[[int], None], ended: Callable[[Ended], None]
    ) -> InnerProcess:
        def over(how: Ended) -> None:
            if how.spared:
                self.keepers.add(cast(Process, process.transport))
            ended(how)

        process = InnerProcess(self._reactor, started, over, self._stderr)
        return process

    def _prepare(
        self,
        process: InnerProcess,
        launch: Launch,
        environment: Mapping[str, str],
        cwd: str,
    ) -> tuple[Inner, tuple[str, ...], bytes]:
        """Spawn a guardian, make the connection file, fill in the command.

        :returns: the connection, the command, and the guardian's order.
        """
        # The guardian first: it removes what is made from here on, should we be
        # killed.
        folders = connection.folders_for(self._outer)
        guardians.spawn(self._reactor, process, folders)
        inner: Inner | None = None
        try:
            way = first.way(launch, self._transport)
            inner = connection.make_inner(self._outer, way, folders)
            command = tuple(launch.command(inner.path, cwd))
            environment = with_own_file(environment, self._outer.path)
            order = guardian.encode_order(command, environment, cwd, inner.folder)
        except Exception:
            process.dismiss()
            if inner is not None:
                connection.remove_inner(inner)
            raise
        return inner, command, order


def _parts_in_sight(inner: Inner, launch: Launch) -> bool:
    """Whether it is an ipykernel here; when others have written all is not known.

    Whoever asks for ipc where we do not know the command says that it is one.
    """
    if inner.transport != "ipc":
        return False
    return launch.is_ipykernel or not launch.speaks_ipc


_log = Logger()
