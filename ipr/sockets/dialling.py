"""Connections to ports that another user of the machine may take.

Knows when a channel may be connected, and keeps what is to be sent until then. Must not
know messages, nor who a kernel is.

The ports of a kernel on tcp are chosen before it binds them, and they are free again
as soon as it is dead, which may be a second before anybody knows. Another user who is
quicker would be sent what is meant for the kernel. So it is looked who listens: before
a channel is connected, and once more before anything is put into it. libzmq must not
connect again by itself (``RECONNECT_IVL`` -1): it would send what it still has to
whoever is there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

import attrs
import zmq
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ipr.jupyter.wire import Frame
from ipr.sockets import owners
from ipr.sockets.channels import Channel, ChannelClosed
from ipr.sockets.reactor import Clock

#: Seconds between two looks, at first and when the kernel takes long.
LOOK_TIME = 0.01
LATER_LOOK_TIME = 0.25
#: Seconds after which it takes long.
LONG_TIME = 10.0
#: Seconds that a connection may take where somebody listens, and where that is unknown.
CONNECTING_TIME = 0.25
TRYING_TIME = 0.03
#: Seconds until a port is tried on which nobody is seen to listen: whoever forwards it
#: may do so without a socket.
BLIND_TIME = 1.0

#: Who listens on some ports, as :func:`ipr.sockets.owners.ours`.
Owners = Callable[[Collection[int]], dict[int, bool] | None]


@attrs.define
class _Line:
    """One channel.

    :ivar since: when it began to wait for its port.
    :ivar dialled: when it was last connected; None: it is not.
    :ivar open: whether it may be sent through.
    :ivar kept: what waits to be sent.
    """

    channel: Channel
    address: str
    port: int
    since: float
    dialled: float | None = None
    open: bool = False
    kept: deque[Sequence[Frame]] = attrs.Factory(deque)

    def dial(self, now: float) -> None:
        self.hang_up()
        self.dialled = now
        self.channel.connect(self.address)

    def send_kept(self) -> None:
        """Send what waits, as far as that goes."""
        while self.open and self.kept:
            body = self.kept.popleft()
            try:
                self.channel.send(body)
            except zmq.Again:
                # The kernel has closed its socket, and the monitor has yet to say so.
                self.kept.appendleft(body)
                self.open = False

    def hang_up(self) -> None:
        self.open = False
        if self.dialled is not None and not self.channel.closed:
            # libzmq may have ended it already.
            with suppress(zmq.ZMQError):
                self.channel.socket.disconnect(self.address)
        self.dialled = None


class Dialling:
    """Connects the channels of one inner kernel.

    :param who: finds out who listens.
    """

    def __init__(self, clock: Clock, who: Owners = owners.ours) -> None:
        self._clock = clock
        self._who = who
        self._lines: dict[str, _Line] = {}
        self._timer: IDelayedCall | None = None
        self._warned = False

    def add(self, name: str, channel: Channel, address: str, port: int) -> None:
        """Connect a channel as soon as that may be."""
        self._lines[name] = _Line(channel, address, port, self._clock.seconds())
        self._look_in(0)

    def send(self, name: str, body: Sequence[Frame]) -> None:
        """Send, or keep it until the channel is connected.

        :raises ChannelClosed: when it is closed.
        """
        line = self._lines[name]
        if line.channel.closed:
            raise ChannelClosed
        line.kept.append(body)
        line.send_kept()

    def connected(self, name: str) -> bool:
        """Note that a channel is connected; False: to another user, and is hung up."""
        line = self._lines[name]
        if self._foreign((self._who((line.port,)) or {}).get(line.port), line.port):
            line.hang_up()
            return False
        line.open = True
        line.send_kept()
        return True

    def disconnected(self, name: str) -> None:
        """Note that a channel is no longer connected."""
        line = self._lines[name]
        line.hang_up()
        line.since = self._clock.seconds()
        self._look_in(LOOK_TIME)

    def stop(self) -> None:
        """Connect nothing any more."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _look_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        waiting = [
            line
            for line in self._lines.values()
            if not (line.open or line.channel.closed)
        ]
        if not waiting:
            return
        now = self._clock.seconds()
        found = self._who([line.port for line in waiting])
        patience = TRYING_TIME if found is None else CONNECTING_TIME
        for line in waiting:
            if line.dialled is not None and now - line.dialled < patience:
                continue
            if self._may_dial(line, found, now):
                line.dial(now)
        long = all(now - line.since > LONG_TIME for line in waiting)
        self._look_in(LATER_LOOK_TIME if long else LOOK_TIME)

    def _may_dial(self, line: _Line, found: dict[int, bool] | None, now: float) -> bool:
        if found is None:
            return True
        mine = found.get(line.port)
        if mine is None:
            return now - line.since > BLIND_TIME
        return not self._foreign(mine, line.port)

    def _foreign(self, mine: bool | None, port: int) -> bool:
        if mine is not False:
            return False
        if not self._warned:
            self._warned = True
            _log.warn(
                "Another user listens on port {port} in the kernel's place: nothing is"
                " sent there",
                port=port,
            )
        return True


_log = Logger()
