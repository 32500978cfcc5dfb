"""The reply and the idle of a cell that are kept until both are there.

Knows that nobody has them yet. Must not know why, nor what becomes of them.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from ipr.jupyter.wire import Envelope, Frame


@attrs.frozen
class Whole:
    """Both, as the inner kernel sent them.

    :ivar failed: whether the kernel aborts the cells after this one.
    """

    reply: Envelope
    idle: list[Frame]
    failed: bool

    @property
    def status(self) -> object:
        """What the reply says: ``ok``, ``error`` or ``aborted``.

        :raises ipr.jupyter.wire.Malformed: nothing that could be read.
        """
        return self.reply.content.get("status")


@attrs.define(eq=False)
class Kept:
    """What a request has of them.

    :ivar over: takes both.
    :ivar lost: called when ipr has answered the request, since its kernel is gone.
    :ivar numbered: takes the cell's number, in place of the kernel's execute_input;
        None: that passes.
    :ivar answered: the client's request is answered elsewhere, also when the kernel is
        gone.
    :ivar published: takes what is published for it; False: that passes.
    """

    over: Callable[[Whole], None]
    lost: Callable[[], None]
    numbered: Callable[[int], None] | None = None
    answered: bool = False
    published: Callable[[Envelope], bool] | None = None
    _reply: tuple[Envelope, bool] | None = attrs.field(default=None, init=False)
    _idle: list[Frame] | None = attrs.field(default=None, init=False)

    def keep_reply(self, reply: Envelope, *, failed: bool) -> None:
        """Keep the first one."""
        self._reply = self._reply or (reply, failed)

    def keep_idle(self, idle: list[Frame]) -> None:
        """Keep the first one."""
        self._idle = self._idle or idle

    @property
    def replied(self) -> bool:
        """Whether the reply is there."""
        return self._reply is not None

    @property
    def whole(self) -> Whole | None:
        """Both, when both are there."""
        if self._reply is None or self._idle is None:
            return None
        return Whole(self._reply[0], self._idle, self._reply[1])
