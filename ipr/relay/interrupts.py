"""When an interrupt reaches the inner kernel.

Knows that one may be the beginning of a restart, and waits a moment for the rest of
it. Must not know who interrupts, nor messages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ipr.relay.conversation import Conversation
from ipr.relay.gate import Gate, Open
from ipr.relay.restarts import Restarts
from ipr.relay.timer import CallLater, Timer

#: Seconds that an interrupt may wait for the restart to which it belongs.
PUT_OFF_TIME = 0.3


class Interrupts:
    """Those that somebody outside wants.

    A kernel manager interrupts before each shutdown and each restart. One that comes
    while a kernel starts ends it in the middle of its imports, with a traceback in
    the server's log. So that one is put off, and forgotten when the restart comes.

    :param current: returns the conversation with the current kernel.
    """

    def __init__(
        self,
        gate: Gate,
        restarts: Restarts,
        call_later: CallLater,
        current: Callable[[], Conversation | None],
    ) -> None:
        self._gate = gate
        self._restarts = restarts
        self._current = current
        self._put_off = Timer(call_later)

    def ask(self, *, patient: bool) -> None:
        """Interrupt the running cell.

        :param patient: it may belong to a restart: put it off while no kernel is ready.
        """
        conversation = self._current()
        if (
            patient
            and conversation is not None
            and not isinstance(self._gate.state, Open)
        ):
            self._put_off.start(PUT_OFF_TIME, partial(self._due, conversation))
        else:
            self._interrupt()

    def forget(self) -> None:
        """It was part of a restart or of a shutdown."""
        self._put_off.stop()

    def _due(self, conversation: Conversation) -> None:
        if conversation is self._current():
            self._interrupt()

    def _interrupt(self) -> None:
        self._restarts.urge()
        conversation = self._current()
        if conversation is not None:
            conversation.interrupt()
