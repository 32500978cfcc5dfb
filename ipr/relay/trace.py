"""A DEBUG record for each message, when somebody wants that.

Knows how a message is described in a line. Must not know where it goes.
"""

from __future__ import annotations

from twisted.logger import Logger

from ipr.jupyter.wire import Envelope, Frame, Malformed, split


class Trace:
    """One for all messages.

    :ivar on: whether each of them is worth a record.
    """

    def __init__(self) -> None:
        self.on = False

    def client(self, channel: str, envelope: Envelope) -> None:
        """Record a request."""
        self._record("client -> kernel", channel, envelope)

    def kernel(self, channel: str, frames: list[Frame]) -> None:
        """Record a message of an inner kernel, whatever it is."""
        try:
            self._record("kernel -> client", channel, split(frames))
        except Malformed as error:
            _log.debug("{channel}: {error}", channel=channel, error=error)

    def _record(self, arrow: str, channel: str, envelope: Envelope) -> None:
        _log.debug(
            "{channel} {arrow} {msg_type}, {size} bytes",
            channel=channel,
            arrow=arrow,
            msg_type=envelope.header["msg_type"],
            size=envelope.size,
        )


_log = Logger()
