"""The five sockets that the clients connect to.

Knows the names of the channels, which socket types and options they need, and
what anybody who can reach them may do: all bounds on who has no key are here.
Must not know messages. It lives as long as the daemon.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import zmq
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ipr.boot.connection import Outer
from ipr.jupyter.wire import Frame
from ipr.sockets.channels import (
    FRONT_THREAD,
    Channel,
    Factory,
    Frames,
    Heartbeat,
    Subscriptions,
    event_of,
    named_loss,
    watched,
)
from ipr.sockets.listeners import Listeners, Tcp
from ipr.sockets.upkeep import Clock

#: Called with a channel's name and the frames that came.
Received = Callable[[str, Frames], None]

#: Messages on iopub that wait for a client that does not read: a console that was
#: stopped, a laptop that sleeps. What comes beyond is lost to that client; ipykernel
#: itself keeps 1000 (``ZMQ_SNDHWM``, zmq_setsockopt(3)).
MOST_UNREAD = 100_000

#: Requests of one client that wait to be read, and so how much memory somebody
#: without a key takes: he is made to wait (``ZMQ_RCVHWM`` of a ROUTER, which drops
#: nothing, zmq_socket(3)). Plain kernels keep 1000; more than 4 gain no speed. With
#: 500 connections that send 200 kB each, 64 of them took 1800 MB, and 4 take 455.
#: What bounds no message: one of any size, or of any number of frames, is kept until
#: its end comes, as by a plain kernel.
MOST_UNTAKEN = 4

#: The same for subscriptions: see :class:`ipr.sockets.channels.Subscriptions`.
MOST_UNTAKEN_TOPICS = 4

#: Bytes of a message to iopub: subscriptions, and ZMTP's own greetings, of which
#: the longest (CurveZMQ's INITIATE, with an identity) is below 700.
MOST_TOPIC = 1024

#: Rounds of reading before the front is closed; a client that floods it has had
#: its share.
LAST_READS = 100
#: Milliseconds without a message after which there are no more.
LAST_PATIENCE = 2

#: How many subscriptions are reported at once, in so many seconds; those that come
#: beyond are reported later, and once for each topic. Each is answered to all who
#: listen, and who subscribes needs no key.
GREETING_TIME = 0.2
MOST_GREETINGS = 8

_WATCHED = int(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)


class Newcomers:
    """Reports subscriptions, and bounds how often.

    :param clock: for the time between two reports.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: Callable[[Frames], None] = _nobody
        self._lately = 0
        self._waiting: dict[bytes, None] = {}
        self._timer: IDelayedCall | None = None

    def tell(self, told: Callable[[Frames], None]) -> None:
        """From here on, report to this one.

        :param told: called with a subscription, as XPUB gives it (zmq_socket(3)).
        """
        self._told = told

    def received(self, frames: Frames) -> None:
        """Take what came in on iopub; all but subscriptions is dropped."""
        event = bytes(frames[0])
        if len(frames) != 1 or event[:1] != b"\x01":
            return
        if self._lately < MOST_GREETINGS:
            self._lately += 1
            if self._timer is None:
                self._timer = self._clock.callLater(GREETING_TIME, self._due)
            self._told([event])
        # The one that every client has must not wait behind others.
        elif event == b"\x01" or len(self._waiting) < MOST_GREETINGS:
            self._waiting[event] = None

    def stop(self) -> None:
        """Report no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        late, self._waiting = self._waiting, {}
        self._lately = len(late)
        if late:
            self._timer = self._clock.callLater(GREETING_TIME, self._due)
        for event in late:
            self._told([event])


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
        self._monitor: Channel | None = None
        self._channels: dict[str, Channel] = {}
        self.heartbeat: Heartbeat | None = None
        self._upkeep = factory.upkeep
        tcp = Tcp(outer.ports["iopub"])
        self._listeners = Listeners(tcp.progress, tcp.cut)
        self._newcomers = Newcomers(factory.reactor)
        self._upkeep.look = self._look
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
                    options[zmq.XPUB_VERBOSE] = 1
                    options[zmq.SNDHWM] = MOST_UNREAD
                    options[zmq.MAXMSGSIZE] = MOST_TOPIC
                    options[zmq.RCVHWM] = MOST_UNTAKEN_TOPICS
                else:
                    # A client that reconnects under its old identity (the
                    # Jupyter server does) takes its place.
                    kind = zmq.ROUTER
                    options[zmq.ROUTER_HANDOVER] = 1
                    options[zmq.RCVHWM] = MOST_UNTAKEN
                if name == "stdin":
                    options[zmq.ROUTER_MANDATORY] = 1
                make = Subscriptions if name == "iopub" else Channel
                channel = make(
                    factory,
                    kind,
                    self._newcomers.received if name == "iopub" else _nobody,
                    named_loss(lost, name),
                    options=options,
                )
                self._channels[name] = channel
                if name == "iopub":
                    self._monitor = watched(
                        factory,
                        channel,
                        _WATCHED,
                        self._connection,
                        named_loss(_log_loss, "the monitor of iopub"),
                    )
                channel.bind(outer.address(name))
            self.heartbeat = Heartbeat(
                outer.address("hb"), {**_ipv6(outer.ip), **curve}
            )
        except zmq.ZMQError:
            self.close(0)
            raise
        #: The hot path: straight to the socket.
        self.publish = self._channels["iopub"].send

    @property
    def clients(self) -> int:
        """How many connections iopub has.

        Not how many subscriptions: whoever has no key can send any number of
        these, and of their ends.
        """
        return len(self._listeners)

    def listen(self, received: Received) -> None:
        """From here on, deliver what comes; in the turn that made this at the latest.

        :param received: called for shell, control and stdin; and on iopub for each
            new subscription, not more often than is good for those who listen.
        """
        for name in ("shell", "control", "stdin"):
            self._channels[name].deliver_to(partial(received, name))
        self._newcomers.tell(partial(received, "iopub"))

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
            self._channels[name].drain(LAST_READS, LAST_PATIENCE)

    def close(self, linger: int) -> None:
        """Close all; unsent messages get ``linger`` milliseconds."""
        self._closed = True
        self._newcomers.stop()
        self._upkeep.look = None
        if self._monitor is not None:
            iopub = self._channels["iopub"]
            if not iopub.closed:
                iopub.socket.disable_monitor()
            self._monitor.close()
            self._monitor = None
        for channel in self._channels.values():
            channel.close(linger)
        if self.heartbeat is not None:
            self.heartbeat.close()
            self.heartbeat = None

    def _connection(self, frames: Frames) -> None:
        event, descriptor = event_of(frames)
        if event == zmq.EVENT_ACCEPTED:
            self._listeners.came(descriptor, self._upkeep.published_bytes)
        elif event == zmq.EVENT_DISCONNECTED:
            self._listeners.went(descriptor)
            self._upkeep.left()

    def _look(self, published: int) -> None:
        late = self._listeners.look(published)
        if late:
            _log.warn(
                "Disconnected {late} client(s) that did not read the output",
                late=late,
            )


def _nobody(frames: Frames) -> None:
    """Nothing is read before somebody listens."""


def _log_loss(sentence: str) -> None:
    _log.error("{sentence}", sentence=sentence)


_log = Logger()


def _ipv6(ip: str) -> dict[int, int | bytes]:
    return {zmq.IPV6: 1} if ":" in ip else {}
