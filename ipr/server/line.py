"""The provisioner's own connection to one daemon: its greeting and its orders.

Knows what goes over the control channel between the two. Must not know when a kernel
is restarted, nor what becomes of its process.

:mod:`ipr.jupyter.ownership` has the fields. A kernel without ipr answers the greeting
as ever, without the field ``ipr``. In that, ``asked`` says how many
``shutdown_request{restart: true}`` of the owner have come: they and the manager's
interrupt travel on another connection, and must not reach the new kernel.

The session id is one of the line's own. One that is the manager's would number its
messages as ``manager.client()`` does, and an answer to it would end a client's cell.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import zmq
from jupyter_client.manager import KernelManager
from jupyter_client.session import Session, new_id

from ipr.jupyter.ownership import FIELD, ORDER

#: Seconds between two looks at the socket. There is no task that reads it: a blocking
#: manager has no event loop between two calls.
PAUSE = 0.005
#: Seconds until a greeting without an answer is taken for lost.
AGAIN_TIME = 0.5


@attrs.define(eq=False)
class Line:
    """A connection to the control channel of one daemon.

    :ivar _direct: the socket, for use without ``await``.
    :ivar owner: the session id of the manager.
    :ivar asked: how many restarts the manager has asked for by message.
    :ivar agreed: whether what answers is a daemon that restarts for us; None until
        it is known.
    :ivar heard: how many of those it has heard.
    """

    _socket: zmq.Socket[bytes]
    _direct: zmq.Socket[bytes]
    _session: Session
    owner: str
    asked: int = 0
    agreed: bool | None = None
    heard: int = 0
    _greeted: float = 0.0
    _greetings: set[str] = attrs.field(factory=set)
    _orders: dict[str, Mapping[str, object] | None] = attrs.field(factory=dict)

    @property
    def plain(self) -> bool:
        """Whether what answers is no such daemon."""
        return self.agreed is False

    def greet(self) -> None:
        """Return who the owner is, unless the last greeting may still be answered.

        One is lost when a tunnel breaks on the way, and would be waited for at each
        restart from then on.
        """
        now = time.monotonic()
        if not self._greetings or now > self._greeted + AGAIN_TIME:
            content = {FIELD: {"owner": self.owner}}
            self._greetings.add(self._send("kernel_info_request", content))
            self._greeted = now

    async def has_agreed(self, until: float, lives: Callable[[], bool]) -> bool:
        """Wait until it is known whether the daemon takes orders.

        :param until: by ``time.monotonic()``.
        :param lives: whether the daemon still runs.
        """

        def done() -> bool:
            if not self.agreed:
                self.greet()
            return bool(self.agreed)

        return await self._wait(until, lives, done)

    async def has_heard(
        self, count: int, until: float, lives: Callable[[], bool]
    ) -> bool:
        """Wait until the daemon has heard so many requests of the manager."""

        def done() -> bool:
            if self.agreed and self.heard >= count:
                return True
            self.greet()
            return False

        return await self._wait(until, lives, done)

    async def answers(self, until: float, lives: Callable[[], bool]) -> bool:
        """Wait until the daemon answers a greeting, and has agreed."""
        self.greet()
        answered = await self._wait(until, lives, lambda: not self._greetings)
        return answered and bool(self.agreed)

    async def order(
        self, content: Mapping[str, object], until: float, lives: Callable[[], bool]
    ) -> Mapping[str, object] | None:
        """Have the daemon restart its kernel.

        :returns: the content of the answer, None if there is none in time.
        """
        asked = self._send(ORDER, content)
        self._orders[asked] = None
        try:
            await self._wait(until, lives, lambda: self._orders[asked] is not None)
            return self._orders[asked]
        finally:
            del self._orders[asked]

    async def _wait(
        self, until: float, lives: Callable[[], bool], done: Callable[[], bool]
    ) -> bool:
        while True:
            self.read()
            if self.plain:
                return False
            if done():
                return True
            if self._socket.closed or time.monotonic() > until or not lives():
                return False
            await asyncio.sleep(PAUSE)

    def read(self) -> None:
        """Read what has come, without waiting.

        Two restarts may wait at a time: each answer is kept for who asked.
        """
        with contextlib.suppress(zmq.ZMQError):
            # The manager closes its context before it tells the provisioner.
            while not self._socket.closed:
                frames = self._direct.recv_multipart(zmq.NOBLOCK)
                with contextlib.suppress(ValueError, TypeError, KeyError, IndexError):
                    _, signed = self._session.feed_identities(frames)
                    self._take(self._session.deserialize(signed))

    def _take(self, message: Mapping[str, Any]) -> None:
        parent = message["parent_header"].get("msg_id")
        content = message["content"]
        if not isinstance(content, dict):
            return
        if parent in self._orders:
            self._orders[parent] = content
        elif parent in self._greetings:
            self._greetings.clear()
            self._learn(content.get(FIELD))

    def _learn(self, said: object) -> None:
        if not isinstance(said, dict):
            said = {}
        self.agreed = said.get("restart") is True and said.get("owner") == self.owner
        heard = said.get("asked")
        self.heard = heard if isinstance(heard, int) else 0

    def _send(self, kind: str, content: Mapping[str, object]) -> str:
        message = self._session.msg(kind, dict(content))
        if not self._socket.closed:
            # The queue to a daemon that does not read has room for a thousand.
            with contextlib.suppress(zmq.Again):
                self._direct.send_multipart(
                    self._session.serialize(message), zmq.NOBLOCK
                )
        return str(message["header"]["msg_id"])

    def close(self) -> None:
        """Close it; what has not been sent never will be."""
        self._socket.close(linger=0)


def opened(manager: KernelManager) -> Line:
    """Connect to the kernel of a manager, with its key, and its curve keys if any."""
    # In a server the manager's own method would make a stream of it.
    made = KernelManager.connect_control(manager)
    made.linger = 0
    session = Session(
        key=manager.session.key,
        signature_scheme=manager.session.signature_scheme,
        session=new_id(),
    )
    # That of an AsyncKernelManager can only be awaited.
    direct: zmq.Socket[bytes] = zmq.Socket.shadow(made.underlying)
    return Line(made, direct, session, manager.session.session)
