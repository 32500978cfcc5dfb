"""The sockets of one inner kernel.

Knows the names of the channels and which socket types and options a kernel's
side needs. Must not know messages. It lives as long as its kernel, and no part
of it is used again: a DEALER that is kept delivers old requests to the new
kernel.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial

import zmq
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ipr.boot.connection import Inner
from ipr.jupyter.wire import Frame
from ipr.sockets.channels import Channel, Frames
from ipr.sockets.dialling import Dialling
from ipr.sockets.factory import INNER_THREAD, Factory
from ipr.sockets.monitor import event_of, named_loss, watched

#: Called with a channel's name and the frames that came.
Received = Callable[[str, Frames], None]

#: Seconds for which a kernel that runs may have one of its sockets closed.
LOST_TIME = 3.0

_WATCHED = int(zmq.EVENT_CONNECTED | zmq.EVENT_DISCONNECTED)


class InnerSide:
    """The sockets of one inner kernel: DEALERs, a SUB, and their monitors.

    All DEALERs have one identity: a kernel sends input_request on stdin to
    the identity that it knows from shell.

    :param lost: called with a channel's name when the kernel closed it for
        longer than ``LOST_TIME``.
    :raises OSError: there are no descriptors for them, for instance.
    """

    def __init__(
        self,
        factory: Factory,
        inner: Inner,
        generation: int,
        lost: Callable[[str], None],
    ) -> None:
        self._clock = factory.reactor
        self._lost = lost
        self._timers: dict[str, IDelayedCall] = {}
        self._connected: set[str] = set()
        self._drained: Callable[[], None] | None = None
        #: Whether no connection was ever lost: the same kernel is at the other end.
        self.steady = True
        self._channels: dict[str, Channel] = {}
        self._monitors: list[Channel] = []
        # With curve nobody else understands what is sent; with ipc nobody else can
        # listen.
        takable = inner.ip == "127.0.0.1" and not inner.curve_publickey
        self._dialling = Dialling(self._clock) if takable else None
        identity = f"{generation}-{os.urandom(8).hex()}".encode()
        try:
            self._open(factory, inner, identity)
        except zmq.ZMQError as error:
            # No descriptors, no memory: the kernel cannot be started, as when the
            # system has no process for it.
            self.close()
            raise OSError(error.errno, error.strerror) from None

    def _open(self, factory: Factory, inner: Inner, identity: bytes) -> None:
        upkeep = factory.upkeep
        for name in ("iopub", "shell", "control", "stdin"):
            kind = zmq.SUB if name == "iopub" else zmq.DEALER
            options: dict[int, int | bytes] = {
                zmq.AFFINITY: INNER_THREAD,
                zmq.RECONNECT_IVL: 10 if self._dialling is None else -1,
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
                named_loss(self._failed, name),
                identity=None if name == "iopub" else identity,
                options=options,
                orderly=True,
                passed=upkeep.published if name == "iopub" else upkeep.passed,
            )
            self._channels[name] = channel
            self._monitors.append(
                watched(
                    factory,
                    channel,
                    _WATCHED,
                    partial(self._event, name),
                    named_loss(self._failed, name),
                )
            )
            address = inner.address(name)
            if self._dialling is None:
                channel.connect(address)
            else:
                self._dialling.add(name, channel, address, inner.ports[name])

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
        if self._dialling is None:
            self._channels[channel].send(body)
        else:
            self._dialling.send(channel, body)

    def is_connected(self, channel: str) -> bool:
        """Whether the kernel has taken the connection, and not closed it since."""
        return channel in self._connected

    def drain(self, done: Callable[[], None]) -> None:
        """Read all that a kernel that is gone has sent, then call ``done``.

        A connection's end is reported after all that came through it, so
        when every socket has lost its connection nothing more can come.
        """
        self._drained = done
        self._check_drained()

    def close(self) -> None:
        """Close all, at once."""
        self._drained = None
        if self._dialling is not None:
            self._dialling.stop()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for channel in self._channels.values():
            if not channel.closed:
                channel.socket.disable_monitor()
            channel.close(0)
        for monitor in self._monitors:
            monitor.close(0)

    def _event(self, name: str, frames: Frames) -> None:
        event, _ = event_of(frames)
        if event == zmq.EVENT_CONNECTED:
            if self._dialling is not None and not self._dialling.connected(name):
                return
            self._connected.add(name)
            timer = self._timers.pop(name, None)
            if timer is not None:
                timer.cancel()
        elif event == zmq.EVENT_DISCONNECTED:
            self._connected.discard(name)
            self.steady = False
            if self._dialling is not None:
                self._dialling.disconnected(name)
            if self._drained is not None:
                self._check_drained()
            elif name not in self._timers:
                self._timers[name] = self._clock.callLater(
                    LOST_TIME, self._stayed_away, name
                )

    def _stayed_away(self, name: str) -> None:
        # Reported every time: it means nothing while the kernel starts, later it does.
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


def _nobody(frames: Frames) -> None:
    """Nothing is read before somebody listens."""


_log = Logger()
