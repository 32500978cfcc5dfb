"""For how long nothing has run in the kernel.

Knows what to compare at each look. Must not know what is done about it. It looks from
time to time, so that no message has to be counted on its way.
"""

from __future__ import annotations

from collections.abc import Callable

from ipr.relay.gate import Gate, Open
from ipr.relay.restarts import Restarts


class Quiet:
    """Looks at the conversation with the kernel that there is.

    :param now: monotonic seconds.
    """

    def __init__(
        self, gate: Gate, now: Callable[[], float], restarts: Restarts
    ) -> None:
        self._gate = gate
        self._now = now
        self._restarts = restarts
        self._seen: tuple[int, int] = (0, 0)
        self._since = 0.0

    def seconds(self) -> float:
        """Return for how long, as far as has been seen; negative: something runs."""
        state = self._gate.state
        if (
            not isinstance(state, Open)
            or state.conversation.ledger.executing
            or self._restarts.waiting is not None
        ):
            self._seen = (0, 0)
            return -1.0
        conversation = state.conversation
        seen = id(conversation), conversation.ledger.entered
        if seen != self._seen:
            self._seen, self._since = seen, self._now()
        return self._now() - self._since
