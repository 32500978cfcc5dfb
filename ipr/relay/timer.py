"""One thing to do later, at most.

Knows how to put it off and to take it back. Must not know what it is.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

#: Calls something in so many seconds, as ``IReactorTime.callLater``.
CallLater = Callable[..., IDelayedCall]


class Timer:
    """A timer that can be started again and again.

    :param call_later: the clock.
    """

    def __init__(self, call_later: CallLater) -> None:
        self._call_later = call_later
        self._call: IDelayedCall | None = None

    @property
    def running(self) -> bool:
        """Whether something is to be done."""
        return self._call is not None

    def start(self, seconds: float, call: Callable[[], None]) -> None:
        """Call it once in ``seconds``, in place of what was to be called."""
        self.stop()
        self._call = self._call_later(seconds, self._due, call)

    def stop(self) -> None:
        """Do nothing, if it has not been done."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _due(self, call: Callable[[], None]) -> None:
        self._call = None
        call()
