"""ZeroMQ sockets in the reactor: fair to each other, whole in each message.

Knows txZMQ, libzmq and their traps. Must not know Jupyter, JSON or
signatures; of a message it knows only that everything up to its delimiter
is short, and that what follows may be large.

The traps of txZMQ 1.0.0 that :class:`Channel` treats: its read loop has no
bound, so one flooded socket starves all others; its constructor connects
before a subclass is built and before options can be set; it schedules a
read after each send, on the global reactor; it asks the socket for each
frame whether more follow, which costs more than reading it; and an error
leaves the socket open and deaf. All figures in comments are of pyzmq 27.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import zmq
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from txzmq import ZmqConnection, ZmqEndpoint
from zmq.backend import Socket as BareSocket

from ipr.jupyter.wire import DELIMITER, MOST_FRAMES, Frame
from ipr.sockets.factory import Factory
from ipr.sockets.reactor import Reactor

Frames = list[Frame]
Receive = Callable[[Frames], None]

# The methods of the C class, and plain ints for flags: the sugar around them
# costs ten times what they do themselves. They have no types that take a socket.
_recv: Any = BareSocket.recv
_send: Any = BareSocket.send
_get: Any = BareSocket.get
_EVENTS = int(zmq.EVENTS)
_POLLIN = int(zmq.POLLIN)
_RCVMORE = int(zmq.RCVMORE)
_NOBLOCK = int(zmq.NOBLOCK)
_MORE = int(zmq.NOBLOCK | zmq.SNDMORE)

#: Bytes below which a frame is copied. libzmq reads up to so many at once, and a
#: frame that lies in there keeps all of them: each of 48 000 messages of 10 kB that
#: waited for a client kept twice as much (1114 MiB in all, in place of 643).
SMALL = 8192

#: Messages that one socket may read before the others have their turn.
READ_BUDGET = 32
#: Bytes after which it is the others' turn as well.
READ_BYTES = 4 * 2**20


class ChannelClosed(Exception):
    """Something was sent through a channel that is closed."""


class Channel(ZmqConnection):  # type: ignore[misc]  # no types in txZMQ
    """One socket.

    :param factory: the context.
    :param socket_type: for instance ``zmq.ROUTER``.
    :param receive: called with the frames of each message that came.
    :param lost: called when the socket fails; it is closed by then.
    :param identity: the ZeroMQ routing id, which ROUTERs see.
    :param options: socket options, set before anything is bound.
    :param orderly: the other side is known to keep to the layout of Jupyter
        messages: read without asking after each frame (five times faster).
        A message that is too short would swallow the next one's head, so
        that is looked for, and undone.
    :param passed: told how many bytes were read, once in each turn of the
        reactor; the factory's upkeep by default.
    """

    def __init__(
        self,
        factory: Factory,
        socket_type: int,
        receive: Receive,
        lost: Callable[[Failure], None],
        *,
        identity: bytes | None = None,
        options: Mapping[int, int | bytes] | None = None,
        orderly: bool = False,
        passed: Callable[[int], None] | None = None,
    ) -> None:
        self._receive = receive
        self._lost = lost
        self._clock: Reactor = factory.reactor
        self._passed = factory.upkeep.passed if passed is None else passed
        self._again: IDelayedCall | None = None
        self._read = self._read_orderly if orderly else self._read_any
        self.bytes_read = 0
        self.socketType = socket_type
        super().__init__(factory, identity=identity)
        for name, value in (options or {}).items():
            self.socket.set(name, value)

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called or the socket failed."""
        return self.socket is None

    def deliver_to(self, receive: Receive) -> None:
        """From here on, call this with the frames of each message."""
        self._receive = receive

    def bind(self, address: str) -> None:
        """Listen.

        :raises zmq.ZMQError: when the address is taken or makes no sense.
        """
        self.addEndpoints([ZmqEndpoint("bind", address)])
        self._read_soon()

    def connect(self, address: str) -> None:
        """Connect, now or whenever the other side is there."""
        self.addEndpoints([ZmqEndpoint("connect", address)])
        self._read_soon()

    def send(self, frames: Sequence[Frame]) -> None:
        """Send one message whole.

        :raises ChannelClosed: when there is no socket any more.
        :raises zmq.ZMQError: when libzmq refuses it.
        """
        socket = self.socket
        if socket is None:
            raise ChannelClosed
        last = len(frames) - 1
        for frame in frames[:last]:
            _send(socket, frame, _MORE)
        _send(socket, frames[last], _NOBLOCK)
        # Sending may have taken the wake-up of a message that came meanwhile
        # (the descriptor is edge-triggered): look, or it waits for the next.
        if self._again is None and _get(socket, _EVENTS) & _POLLIN:
            self._read_soon()

    def drain(self, rounds: int = sys.maxsize, patience: int = 0) -> None:
        """Read, at once, all that is there.

        :param rounds: how often at most, each of up to ``READ_BUDGET`` messages.
        :param patience: milliseconds that libzmq has to bring more; with a small
            ``ZMQ_RCVHWM`` it has to be told that there is room again.
        """
        for _ in range(rounds):
            if self.socket is None or not self.socket.poll(patience):
                return
            self.doRead()

    def close(self, linger: int = 0) -> None:
        """Close, now; unsent messages get ``linger`` milliseconds."""
        if self.socket is None:
            return
        if self._again is not None:
            self._again.cancel()
            self._again = None
        self.socket.set(zmq.LINGER, linger)
        # txZMQ's own name for it; it also leaves the reactor.
        self.shutdown()

    # What Twisted calls.

    def doRead(self) -> None:
        """Read until nothing is left, or until it is the others' turn."""
        if self._again is not None:
            if self._again.active():
                self._again.cancel()
            self._again = None
        socket = self.socket
        begun = self.bytes_read
        try:
            if socket is None or not _get(socket, _EVENTS) & _POLLIN:
                return
            stop = begun + READ_BYTES
            for _ in range(READ_BUDGET):
                self._deliver(self._read(socket))
                # A look costs less than a recv that raises Again.
                if self.socket is None or not _get(socket, _EVENTS) & _POLLIN:
                    return
                if self.bytes_read > stop:
                    break
        except zmq.Again:
            return
        except zmq.ZMQError:
            self.connectionLost(Failure())
            return
        finally:
            self._passed(self.bytes_read - begun)
        self._read_soon()

    def connectionLost(self, reason: Failure) -> None:
        """Close: a socket that failed once must not stay open and deaf."""
        if self.socket is None:
            return
        self.close()
        self._lost(reason)

    def logPrefix(self) -> str:
        """Name for Twisted's log."""
        return "ipr"

    # Reading.

    def _read_soon(self) -> None:
        if self._again is None and self.socket is not None:
            self._again = self._clock.callLater(0, self.doRead)

    def _deliver(self, frames: Frames) -> None:
        try:
            self._receive(frames)
        except Exception:
            # The next message must be read whatever this one did.
            _log.failure("A message could not be processed")

    def _read_any(self, socket: Any) -> Frames:
        """Read a message frame by frame, whatever it looks like.

        One that is longer than ``MOST_FRAMES`` is delivered one frame too long.
        """
        frames: Frames = []
        behind = -1
        while True:
            frame = _recv(socket, _NOBLOCK, False)
            size = len(frame)
            self.bytes_read += size
            # Large frames are passed on without a copy; of the small ones
            # all but the buffers are going to be looked at.
            if size < SMALL or behind < 5:
                frames.append(frame.bytes)
            else:
                frames.append(frame)
            if behind >= 0:
                behind += 1
            elif frames[-1] == DELIMITER:
                behind = 0
            if not frame.more:
                return frames
            if len(frames) > MOST_FRAMES:
                frames.pop()

    def _read_orderly(self, socket: Any) -> Frames:
        """Read a message that has identities, delimiter, five frames, buffers."""
        frames: Frames = []
        try:
            while True:
                frame = _recv(socket, _NOBLOCK)
                frames.append(frame)
                if frame == DELIMITER:
                    break
                if len(frames) > 8:
                    return self._read_rest(socket, frames)
            frames.append(_recv(socket, _NOBLOCK))
            frames.append(_recv(socket, _NOBLOCK))
            frames.append(_recv(socket, _NOBLOCK))
            frames.append(_recv(socket, _NOBLOCK))
            content = _recv(socket, _NOBLOCK, False)
        except zmq.Again:
            if not frames:
                raise
            return frames
        torn = frames.count(DELIMITER) > 1
        more = content.more
        if more:
            # Or the one before lacked just its content, and this is a topic.
            torn = torn or bytes(content.buffer[:1]) != b"{"
        size = len(content)
        self.bytes_read += size + 512
        frames.append(content.bytes if size < SMALL else content)
        while more:
            buffer = _recv(socket, _NOBLOCK, False)
            self.bytes_read += len(buffer)
            frames.append(buffer)
            more = buffer.more
        return self._mended(frames) if torn else frames

    def _mended(self, frames: Frames) -> Frames:
        """Drop the message that was too short from the head of the next one."""
        plain = [bytes(frame) for frame in frames[:10]]
        start = len(plain) - 1 - plain[::-1].index(DELIMITER)
        if start == plain.index(DELIMITER):
            return frames
        _log.warn("A message of the inner kernel was cut short: dropped")
        return [*plain[start:], *frames[10:]]

    def _read_rest(self, socket: Any, frames: Frames) -> Frames:
        """Read up to the end of what is no Jupyter message."""
        while _get(socket, _RCVMORE):
            frames.append(_recv(socket, _NOBLOCK))
        return frames


_log = Logger()
