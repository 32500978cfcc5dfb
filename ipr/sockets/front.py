"""The five sockets that the clients connect to.

Knows the names of the channels, which socket types and options they need, and
what anybody who can reach them may do: all bounds on those who have no key are here.
Must not know messages. It lives as long as the daemon.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import zmq
from twisted.logger import Logger

from ipr.boot.connection import Outer
from ipr.jupyter.wire import Frame
from ipr.sockets.channels import Channel, Frames
from ipr.sockets.factory import FRONT_THREAD, Factory
from ipr.sockets.heartbeat import Heartbeat
from ipr.sockets.listeners import Listeners, Tcp
from ipr.sockets.monitor import event_of, named_loss, watched
from ipr.sockets.subscriptions import Newcomers, Subscriptions

#: Called with a channel's name and the frames that came.
Received = Callable[[str, Frames], None]

#: Messages on iopub that wait for a client that does not read: a console that was
#: stopped, a laptop that sleeps. What comes beyond is lost to that client; ipykernel
#: itself keeps 1000 (``ZMQ_SNDHWM``, zmq_setsockopt(3)).
MOST_UNREAD = 100_000

#: Requests of one client that wait to be read, and so how much memory somebody
#: without a key takes: they are made to wait (``ZMQ_RCVHWM`` of a ROUTER, which drops
#: nothing, zmq_socket(3)). Plain kernels keep 1000; more than 4 gain no speed. With
#: 500 connections that send 200 kB each, 64 of them took 1800 MB, and 4 take 455.
#: It bounds no single message: one of any size, or of any number of frames, is kept
#: until its end comes, as by a plain kernel.
MOST_UNTAKEN = 4

#: The same for subscriptions: see :class:`ipr.sockets.subscriptions.Subscriptions`.
MOST_UNTAKEN_TOPICS = 4

#: Bytes of a message to iopub: subscriptions, and ZMTP's own greetings, of which
#: the longest (CurveZMQ's INITIATE, with an identity) is below 700.
MOST_TOPIC = 1024

#: Bytes of topics that were read after which it is looked who sends so many, and what
#: one byte of them takes in libzmq.
TOPICS_LOOK = 2**16
TOPIC_COST = 48

#: Rounds of reading before the front is closed; a client that floods it has had
#: its share.
LAST_READS = 100
#: Milliseconds without a message after which there are no more.
LAST_PATIENCE = 2

_WATCHED = int(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)

# A client that reconnects under its old identity (the Jupyter server does) takes
# its place.
_ROUTER: dict[int, int | bytes] = {
    zmq.ROUTER_HANDOVER: 1,
    zmq.RCVHWM: MOST_UNTAKEN,
}

#: Socket options of each channel, besides what the connection file asks for.
OPTIONS: dict[str, dict[int, int | bytes]] = {
    "shell": _ROUTER,
    "control": _ROUTER,
    "stdin": {**_ROUTER, zmq.ROUTER_MANDATORY: 1},
    "iopub": {
        zmq.XPUB_VERBOSE: 1,
        zmq.SNDHWM: MOST_UNREAD,
        zmq.MAXMSGSIZE: MOST_TOPIC,
        zmq.RCVHWM: MOST_UNTAKEN_TOPICS,
    },
}


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
        self._topics = 0
        self._warned = False
        tcp = Tcp(outer.ports["iopub"])
        self._listeners = Listeners(tcp.progress, tcp.cut)
        self._newcomers = Newcomers(factory.reactor)
        self._upkeep.look = self._look
        try:
            for name in ("shell", "control", "stdin", "iopub"):
                self._open(factory, outer, name, lost)
            self.heartbeat = Heartbeat(outer.address("hb"), _security(outer))
        except zmq.ZMQError:
            self.close(0)
            raise
        #: The hot path: straight to the socket.
        self.publish = self._channels["iopub"].send

    def _open(
        self, factory: Factory, outer: Outer, name: str, lost: Callable[[str], None]
    ) -> None:
        options: dict[int, int | bytes] = {
            zmq.AFFINITY: FRONT_THREAD,
            **_security(outer),
            **OPTIONS[name],
        }
        if name != "iopub":
            channel = Channel(
                factory, zmq.ROUTER, _nobody, named_loss(lost, name), options=options
            )
        else:
            channel = Subscriptions(
                factory,
                zmq.XPUB,
                self._newcomers.received,
                named_loss(lost, name),
                options=options,
                passed=self._topics_came,
            )
            self._monitor = watched(
                factory,
                channel,
                _WATCHED,
                self._connection,
                named_loss(_log_loss, "the monitor of iopub"),
            )
        self._channels[name] = channel
        channel.bind(outer.address(name))

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

    def _topics_came(self, size: int) -> None:
        # What they take is given back when they are gone.
        self._upkeep.passed(size * TOPIC_COST)
        self._topics += size
        if self._topics < TOPICS_LOOK:
            return
        self._topics = 0
        if self._listeners.hush() and not self._warned:
            # Once: whoever does that comes again.
            self._warned = True
            _log.warn("Disconnected who had sent too many topics to iopub")

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


def _security(outer: Outer) -> dict[int, int | bytes]:
    """Return the options that the connection file asks for: IPv6, CurveZMQ."""
    options: dict[int, int | bytes] = {zmq.IPV6: 1} if ":" in outer.ip else {}
    if outer.curve_secretkey:
        options[zmq.CURVE_SERVER] = 1
        options[zmq.CURVE_PUBLICKEY] = outer.curve_publickey
        options[zmq.CURVE_SECRETKEY] = outer.curve_secretkey
    return options
