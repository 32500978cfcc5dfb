"""Processes that only forward, without a kernel: the thing measured, and yardsticks.

Run as ``python -m tests.benchmarks.forwarders KIND ROUTE FRONT BACK``; it writes
``ready`` when it listens, and runs until it is killed.

``KIND``: ``proxy`` is libzmq's own ``zmq_proxy`` in C; ``ipr`` is
``ipr.sockets.channels``; ``ipr-verify`` also verifies each message's signature;
``txzmq`` is a forwarder as txZMQ's documentation would have it.

``ROUTE``: ``requests`` binds a ROUTER at FRONT and connects a DEALER to BACK,
both ways; ``iopub`` connects a SUB to BACK and binds an XPUB at FRONT.

Every kind but ``proxy`` takes the client's identity off, as the daemon does,
and puts it back on what returns.
"""

from __future__ import annotations

import sys
from typing import Any

import zmq

KEY = b"3c1d4a7e-benchmark"
IDENTITY = b"client"


def proxy(route: str, front: str, back: str) -> None:
    """Forward in C."""
    context = zmq.Context()
    kinds = (zmq.ROUTER, zmq.DEALER) if route == "requests" else (zmq.XPUB, zmq.XSUB)
    sockets = [context.socket(kind) for kind in kinds]
    for socket in sockets:
        socket.sndhwm = socket.rcvhwm = 0
    sockets[0].bind(front)
    sockets[1].connect(back)
    _say_ready()
    zmq.proxy(sockets[0], sockets[1])


def ipr_channels(route: str, front: str, back: str, *, verify: bool) -> None:
    """Forward with ``ipr.sockets.channels``, as the daemon sets them up."""
    _install_reactor()
    from twisted.internet import reactor

    from ipr.jupyter.signing import Signer
    from ipr.jupyter.wire import split
    from ipr.sockets.channels import Channel
    from ipr.sockets.factory import FRONT_THREAD, INNER_THREAD, Factory

    factory = Factory(reactor)
    signer = Signer(KEY)

    def lost(failure: Any) -> None:
        failure.printTraceback(sys.stderr)
        reactor.stop()

    def inwards(frames: list[Any]) -> None:
        if verify:
            envelope = split(frames)
            if not signer.verifies(envelope.body):
                raise ValueError("bad signature")
            behind.send(envelope.body)
        else:
            del frames[0]
            behind.send(frames)

    def outwards(frames: list[Any]) -> None:
        ahead.send([IDENTITY, *frames])

    def published(frames: list[Any]) -> None:
        if verify and not signer.verifies(split(frames).body):
            raise ValueError("bad signature")
        ahead.send(frames)

    def ignored(frames: list[Any]) -> None:
        """Subscriptions come here."""

    kinds = (zmq.ROUTER, zmq.DEALER) if route == "requests" else (zmq.XPUB, zmq.SUB)
    at_front: dict[int, int | bytes] = {zmq.AFFINITY: FRONT_THREAD}
    inside: dict[int, int | bytes] = {zmq.AFFINITY: INNER_THREAD}
    if kinds[1] == zmq.SUB:
        inside[zmq.SUBSCRIBE] = b""
    taken, given = (inwards, outwards) if route == "requests" else (ignored, published)
    ahead = Channel(factory, kinds[0], taken, lost, options=at_front)
    behind = Channel(factory, kinds[1], given, lost, options=inside, orderly=True)
    ahead.bind(front)
    behind.connect(back)
    reactor.callWhenRunning(_say_ready)
    reactor.run()


def txzmq(route: str, front: str, back: str) -> None:
    """Forward with plain txZMQ."""
    _install_reactor()
    from twisted.internet import reactor
    from txzmq import ZmqConnection, ZmqEndpoint, ZmqFactory

    class Side(ZmqConnection):  # type: ignore[misc]
        other: Any = None

        def __init__(self, socket_type: int, endpoint: Any) -> None:
            self.socketType = socket_type
            super().__init__(factory, endpoint)

        def messageReceived(self, frames: list[bytes]) -> None:
            if self.socketType == zmq.ROUTER:
                self.other.send(frames[1:])
            elif self.socketType == zmq.DEALER:
                self.other.send([IDENTITY, *frames])
            elif self.socketType == zmq.SUB:
                self.other.send(frames)

    factory = ZmqFactory()
    kinds = (zmq.ROUTER, zmq.DEALER) if route == "requests" else (zmq.XPUB, zmq.SUB)
    ahead = Side(kinds[0], ZmqEndpoint("bind", front))
    behind = Side(kinds[1], ZmqEndpoint("connect", back))
    ahead.other, behind.other = behind, ahead
    if kinds[1] == zmq.SUB:
        behind.socket.set(zmq.SUBSCRIBE, b"")
    reactor.callWhenRunning(_say_ready)
    reactor.run()


def _install_reactor() -> None:
    if sys.platform == "linux":
        from twisted.internet import epollreactor

        epollreactor.install()


def _say_ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def main(kind: str, route: str, front: str, back: str) -> None:
    """Run one forwarder until it is killed."""
    if kind == "proxy":
        proxy(route, front, back)
    elif kind in ("ipr", "ipr-verify"):
        ipr_channels(route, front, back, verify=kind == "ipr-verify")
    elif kind == "txzmq":
        txzmq(route, front, back)
    else:
        raise SystemExit(f"unknown forwarder {kind!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
