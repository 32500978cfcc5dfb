"""Puts the kernel's questions to clients whose stdin is not connected yet.

Knows how long to go on trying. Must not know messages, sockets or clients: how
a question is sent, and whether its cell still waits, is told by the relay.

A client connects each of its sockets by itself, ten times a second. Its first
cell may come through shell before its stdin is there, and a ROUTER drops what
it cannot deliver (zmq_socket(3)): ``input()`` would wait for ever. A kernel by
itself has that race, too; it is seen as "the first cell hangs, now and then".
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ipr.jupyter.wire import Frame

#: Seconds between two tries.
AGAIN_TIME = 0.05
#: Tries, five seconds of them. A client that is not there by then has gone.
MOST_TRIES = 100


class Questions:
    """Those of one inner kernel that nobody has heard.

    :param ask: sends one; False when its client is not connected.
    :param waits: whether somebody waits for an answer still, by msg_id.
    :param call_later: the clock.
    """

    def __init__(
        self,
        ask: Callable[[list[Frame]], bool],
        waits: Callable[[str], bool],
        call_later: Callable[..., IDelayedCall],
    ) -> None:
        self._ask = ask
        self._waits = waits
        self._call_later = call_later
        self._unheard: dict[str, tuple[list[Frame], int]] = {}
        self._timer: IDelayedCall | None = None

    def put(self, msg_id: str, frames: list[Frame]) -> None:
        """Send a question, now or when its client is there.

        :param msg_id: of the input_request.
        :param frames: the client's identities, and the message.
        """
        if not self._ask(frames):
            self._unheard[msg_id] = (frames, MOST_TRIES)
            self._go_on()

    def stop(self) -> None:
        """Forget them all."""
        self._unheard.clear()
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _go_on(self) -> None:
        if self._timer is None:
            self._timer = self._call_later(AGAIN_TIME, self._again)

    def _again(self) -> None:
        self._timer = None
        for msg_id, (frames, left) in list(self._unheard.items()):
            if not self._waits(msg_id) or self._ask(frames):
                del self._unheard[msg_id]
            elif left > 1:
                self._unheard[msg_id] = (frames, left - 1)
            else:
                del self._unheard[msg_id]
                _log.warn(
                    "Dropped a question of the kernel: its client has disconnected"
                )
        if self._unheard:
            self._go_on()


_log = Logger()
