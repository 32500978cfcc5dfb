"""The two sides: five sockets for the clients, and those of one inner kernel.

Knows the names of the channels and which socket types and options each side
needs. Must not know messages. The front lives as long as the daemon; an
inner side as long as its kernel, and nothing of it is used again: a DEALER
that is kept delivers old requests to the new kernel.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import zmq
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ipr.channels import (
    FRONT_THREAD,
    INNER_THREAD,
    Channel,
    ChannelClosed,
    Factory,
    Frames,
    Heartbeat,
)
from ipr.connection import Inner, Outer
from ipr.wire import Frame

#: Called with a channel's name and the frames that came.
Received = Callable[[str, Frames], None]

#: Seconds for which a kernel that runs may have one of its sockets closed.
LOST_TIME = 3.0

#: Messages on iopub that wait for a client that does not read: a console that was
#: stopped, a laptop that sleeps. What comes beyond is lost to that client; ipykernel
#: itself keeps 1000 (``ZMQ_SNDHWM``, zmq_setsockopt(3)).
MOST_UNREAD = 100_000

#: Requests of one client that wait to be read, and so how much memory somebody
#: without a key takes: he is made to wait (``ZMQ_RCVHWM`` of a ROUTER, which drops
#: nothing, zmq_socket(3)). Plain kernels keep 1000; more than 64 gain no speed.
MOST_UNTAKEN = 64

#: Bytes of a message to iopub: subscriptions, and ZMTP's own greetings, of which
#: the longest (CurveZMQ's INITIATE, with an identity) is below 700.
MOST_TOPIC = 1024

#: Rounds of reading before the front is closed; a client that floods it has had
#: its share.
LAST_READS = 100

_MONITORED = int(zmq.EVENT_CONNECTED | zmq.EVENT_DISCONNECTED)


class Front:
    """The sockets that the clients connect to.

    :param outer: where to listen, and the curve keys if there are any.
    :param lost: called with a sentence when a socket failed for good.
    :raises zmq.ZMQError: when an address cannot be bound; nothing is left.
    """

    def __init__(
        self,
        factory: Factory,
        outer: Outer,
        lost: Callable[[str], None],
    ) -> None:
        self._closed = False
        self._channels: dict[str, Channel] = {}
        self.heartbeat: Heartbeat | None = None
        curve: dict[int, int | bytes] = {}
        if outer.curve_secretkey:
            curve = {
                zmq.CURVE_SERVER: 1,
                zmq.CURVE_PUBLICKEY: outer.curve_publickey,
                zmq.CURVE_SECRETKEY: outer.curve_secretkey,
            }
        try:
            for name in ("shell", "control", "stdin", "iopub"):
                options: dict[int, int | bytes] = {
                    zmq.AFFINITY: FRONT_THREAD,
                    **_ipv6(outer.ip),
                    **curve,
                }
                if name == "iopub":
                    kind = zmq.XPUB
                    options[zmq.XPUB_VERBOSER] = 1
                    options[zmq.SNDHWM] = MOST_UNREAD
                    options[zmq.MAXMSGSIZE] = MOST_TOPIC
                else:
                    # A client that reconnects under its old identity (the
                    # Jupyter server does) takes its place.
                    kind = zmq.ROUTER
                    options[zmq.ROUTER_HANDOVER] = 1
                    options[zmq.RCVHWM] = MOST_UNTAKEN
                if name == "stdin":
                    options[zmq.ROUTER_MANDATORY] = 1
                channel = Channel(
                    factory,
                    kind,
                    _nobody,
                    _named_loss(lost, name),
                    options=options,
                )
                self._channels[name] = channel
                channel.bind(outer.address(name))
            self.heartbeat = Heartbeat(
                outer.address("hb"), {**_ipv6(outer.ip), **curve}
            )
        except zmq.ZMQError:
            self.close(0)
            raise
        #: The hot path: straight to the socket.
        self.publish = self._channels["iopub"].send

    def listen(self, received: Received) -> None:
        """From here on, deliver what comes; in the turn that made this at the latest.

        :param received: called for shell, control and stdin, and for the
            subscriptions that come in on iopub.
        """
        for name, channel in self._channels.items():
            channel.deliver_to(partial(received, name))

    def send(self, channel: str, frames: Sequence[Frame]) -> None:
        """Send to one client; its identities come first."""
        if self._closed:
            return
        self._channels[channel].send(frames)

    def ask(self, frames: Sequence[Frame]) -> bool:
        """Send on stdin; False when that client is not connected there.

        Elsewhere what is for a client that has gone is dropped. Here it may be
        one that is still on its way (``ROUTER_MANDATORY``, zmq_setsockopt(3)).
        """
        try:
            self.send("stdin", frames)
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            return False
        return True

    def read_rest(self) -> None:
        """Read what clients have sent up to now, and not what goes on coming."""
        for name in ("control", "shell"):
            self._channels[name].drain(LAST_READS)

    def close(self, linger: int) -> None:
        """Close all; unsent messages get ``linger`` milliseconds."""
        self._closed = True
        for channel in self._channels.values():
            channel.close(linger)
        if self.heartbeat is not None:
            self.heartbeat.close()
            self.heartbeat = None


class InnerSide:
    """The sockets of one inner kernel: DEALERs, a SUB, and their monitors.

    All DEALERs have one identity: a kernel sends input_request on stdin to
    the identity that it knows from shell.

    :param lost: called with a channel's name when the kernel closed it for
        longer than ``LOST_TIME``.
    """

    def __init__(
        self,
        factory: Factory,
        inner: Inner,
        generation: int,
        lost: Callable[[str], None],
    ) -> None:
        self._clock: Any = factory.reactor
        self._lost = lost
        self._timers: dict[str, IDelayedCall] = {}
        self._connected: set[str] = set()
        self._drained: Callable[[], None] | None = None
        #: Whether no connection was ever lost: the same kernel is at the other end.
        self.steady = True
        self._channels: dict[str, Channel] = {}
        self._monitors: list[Channel] = []
        identity = f"{generation}-{os.urandom(8).hex()}".encode()
        try:
            self._open(factory, inner, identity)
        except BaseException:
            self.close()
            raise

    def _open(self, factory: Factory, inner: Inner, identity: bytes) -> None:
        for name in ("iopub", "shell", "control", "stdin"):
            kind = zmq.SUB if name == "iopub" else zmq.DEALER
            options: dict[int, int | bytes] = {
                zmq.AFFINITY: INNER_THREAD,
                zmq.RECONNECT_IVL: 10,
            }
            if inner.curve_publickey:
                options[zmq.CURVE_SERVERKEY] = inner.curve_publickey
                options[zmq.CURVE_PUBLICKEY] = inner.curve_publickey
                options[zmq.CURVE_SECRETKEY] = inner.curve_secretkey
            if name == "iopub":
                options[zmq.SUBSCRIBE] = b""
            channel = Channel(
                factory,
                kind,
                _nobody,
                _named_loss(self._failed, name),
                identity=None if name == "iopub" else identity,
                options=options,
                orderly=True,
            )
            self._channels[name] = channel
            self._monitors.append(self._monitor(factory, channel, name))
            channel.connect(inner.address(name))

    def listen(self, received: Received) -> None:
        """From here on, deliver what comes; in the turn that made this at the latest.

        :param received: called for shell, control, stdin and iopub.
        """
        for name, channel in self._channels.items():
            channel.deliver_to(partial(received, name))

    def send(self, channel: str, body: Sequence[Frame]) -> None:
        """Send to the kernel; without identities.

        :raises ChannelClosed: when it is gone.
        """
        self._channels[channel].send(body)

    def is_connected(self, channel: str) -> bool:
        """Whether the kernel has taken the connection, and not closed it since."""
        return channel in self._connected

    def drain(self, done: Callable[[], None]) -> None:
        """Read all that a kernel sent that is gone, then call ``done``.

        A connection's end is reported after all that came through it, so
        when every socket has lost its connection nothing more can come.
        """
        self._drained = done
        self._check_drained()

    def close(self) -> None:
        """Close all, at once."""
        self._drained = None
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for channel in self._channels.values():
            if not channel.closed:
                channel.socket.disable_monitor()
            channel.close(0)
        for monitor in self._monitors:
            monitor.close(0)

    def _monitor(self, factory: Factory, channel: Channel, name: str) -> Channel:
        address = f"inproc://monitor-{id(channel):x}-{os.urandom(4).hex()}"
        channel.socket.monitor(address, _MONITORED)
        monitor = Channel(
            factory,
            zmq.PAIR,
            lambda frames: self._event(name, frames),
            _named_loss(self._failed, name),
        )
        monitor.connect(address)
        return monitor

    def _event(self, name: str, frames: Frames) -> None:
        event = int.from_bytes(frames[0][:2], sys.byteorder)
        if event == zmq.EVENT_CONNECTED:
            self._connected.add(name)
            timer = self._timers.pop(name, None)
            if timer is not None:
                timer.cancel()
        elif event == zmq.EVENT_DISCONNECTED:
            self._connected.discard(name)
            self.steady = False
            if self._drained is not None:
                self._check_drained()
            elif name not in self._timers:
                self._timers[name] = self._clock.callLater(
                    LOST_TIME, self._stayed_away, name
                )

    def _stayed_away(self, name: str) -> None:
        # Told again and again: while it starts nobody minds, later they do.
        self._timers[name] = self._clock.callLater(LOST_TIME, self._stayed_away, name)
        self._lost(name)

    def _failed(self, sentence: str) -> None:
        _log.error("An inner socket failed: {sentence}", sentence=sentence)
        self._lost(sentence.partition(":")[0])

    def _check_drained(self) -> None:
        if self._connected:
            return
        for channel in self._channels.values():
            channel.drain()
        done, self._drained = self._drained, None
        if done is not None:
            done()


def _named_loss(lost: Callable[[str], None], name: str) -> Callable[[Failure], None]:
    def fail(reason: Failure) -> None:
        lost(f"{name}: {reason.getErrorMessage()}")

    return fail


def _nobody(frames: Frames) -> None:
    """Nothing is read before somebody listens."""


def _ipv6(ip: str) -> dict[int, int | bytes]:
    return {zmq.IPV6: 1} if ":" in ip else {}


__all__ = ["ChannelClosed", "Front", "InnerSide", "Received"]

_log = Logger()
