"""Subscriptions on iopub: anybody can send any number of them.

Knows how they are read, and how often they are reported. Must not know what a
subscriber is told.
"""

from __future__ import annotations

from collections.abc import Callable

import zmq
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from ipr.sockets.channels import Channel, Frames
from ipr.sockets.reactor import Clock

#: Subscriptions that are read before the others have their turn; each costs next to
#: nothing.
READ_SUBSCRIPTIONS = 2000
#: Bytes of them after which it is told that they were read, before that turn is over.
REPORTED = 2**14
#: How many subscriptions are reported at once, in so many seconds; those that come
#: beyond are reported later, and once for each topic. Each is answered to all who
#: listen, and to subscribe nobody needs a key.
GREETING_TIME = 0.2
MOST_GREETINGS = 8


class Subscriptions(Channel):
    """An XPUB: what comes in is short, and anybody can send it.

    libzmq takes all of it out of the connections into a queue without a bound, at
    each look. So it is read here without a look after each message, many of them
    at a time, and ``ZMQ_RCVHWM`` is to be small: less comes in than goes out.
    """

    def doRead(self) -> None:
        """Read until nothing is left, or until it is the others' turn."""
        if self._again is not None:
            if self._again.active():
                self._again.cancel()
            self._again = None
        begun = self.bytes_read
        try:
            for _ in range(READ_SUBSCRIPTIONS):
                if self.socket is None:
                    return
                self._deliver(self._read(self.socket))
                if self.bytes_read - begun >= REPORTED:
                    self._passed(self.bytes_read - begun)
                    begun = self.bytes_read
        except zmq.Again:
            return
        except zmq.ZMQError:
            self.connectionLost(Failure())
            return
        finally:
            self._passed(self.bytes_read - begun)
        self._read_soon()


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

        :param told: called with a subscription, as XPUB returns it (zmq_socket(3)).
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
        # The one that every client has must not wait for others.
        elif event == b"\x01" or len(self._waiting) < MOST_GREETINGS:
            self._waiting[event] = None

    def stop(self) -> None:
        """Stop reporting."""
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


def _nobody(frames: Frames) -> None:
    """Nothing is reported before somebody listens."""
