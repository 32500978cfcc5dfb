"""The ZeroMQ context, on the reactor that was handed in.

Knows its I/O threads, and who is told of all that is read. Must not know which
sockets there are.
"""

from __future__ import annotations

from txzmq import ZmqFactory

from ipr.sockets.reactor import Reactor
from ipr.sockets.upkeep import Upkeep

#: ``ZMQ_AFFINITY`` of each side's sockets: one of the context's two I/O threads.
#: What is large is copied into the one while it is copied out of the other.
FRONT_THREAD = 0b01
INNER_THREAD = 0b10


class Factory(ZmqFactory):  # type: ignore[misc]  # no types in txZMQ
    """A ZeroMQ context on a reactor that was handed in.

    It has two I/O threads: see ``FRONT_THREAD``.

    :param reactor: where the sockets are read.
    :param linger: milliseconds for which closing waits for the last messages.
    :param upkeep: gives memory back; one of its own by default.
    """

    ioThreads = 2

    def __init__(
        self, reactor: Reactor, linger: int = 500, upkeep: Upkeep | None = None
    ) -> None:
        self.reactor = reactor
        self.lingerPeriod = linger
        #: Told of all that is read.
        self.upkeep = Upkeep(reactor) if upkeep is None else upkeep
        super().__init__()

    def shutdown(self) -> None:
        """Close all; see txZMQ."""
        self.upkeep.stop()
        super().shutdown()
