"""What the relay and the restarter need of those around them.

Knows names and types only. Must not know who is behind them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from ipr import magics
from ipr.cells import Cell
from ipr.wire import Frame


class Clock(Protocol):
    """What keeps time: a reactor, or a clock that a test moves."""

    def seconds(self) -> float:
        """Monotonic seconds."""

    def callLater(
        self, delay: float, call: Callable[..., object], /, *args: object
    ) -> IDelayedCall:
        """Call it in so many seconds."""


class FrontSide(Protocol):
    """The clients' sockets."""

    def send(self, channel: str, frames: list[Frame]) -> None:
        """Send to one client; its identities come first."""

    def ask(self, frames: list[Frame]) -> bool:
        """Send on stdin; False when that client is not connected there."""

    def publish(self, frames: list[Frame]) -> None:
        """Send to all subscribers; the topic comes first."""

    @property
    def clients(self) -> int:
        """How many connections iopub has."""


#: Called with a channel's name and the frames that came.
Received = Callable[[str, list[Frame]], None]


class Kernel(Protocol):
    """An inner kernel, as :class:`ipr.generation.Generation` is one.

    :ivar pid: 0 until it runs.
    :ivar ready: whether it has come to be ready.
    :ivar interrupted: whether it was sent an interrupt before.
    :ivar killed_because: ipr's own reason, if it was ipr that killed it.
    :ivar command: its command line.
    """

    generation: int
    pid: int
    ready: bool
    interrupted: bool
    killed_because: str
    command: tuple[str, ...]

    @property
    def interrupt_mode(self) -> str:
        """``"signal"`` or ``"message"``."""

    @property
    def heard(self) -> bool:
        """Whether its iopub is connected."""

    @property
    def steady(self) -> bool:
        """Whether none of its sockets was ever closed: nobody can take its place."""

    def listen(self, received: Received) -> None:
        """From here on, deliver what it says."""

    def send(self, channel: str, body: list[Frame]) -> None:
        """Send to it; without identities."""

    def signal(self, number: int) -> None:
        """Send a signal to its process group."""

    def signal_interrupt(self) -> None:
        """SIGINT to its process group."""

    def terminate(self, because: str) -> None:
        """SIGTERM to its process group."""

    def kill(self) -> None:
        """SIGKILL to everything of it."""

    def drain(self, done: Callable[[], None]) -> None:
        """Read what it still said, then call ``done``."""

    def close(self) -> None:
        """Close its sockets, remove its files."""


class Decider(Protocol):
    """Who decides what happens to the inner kernel: the restarter."""

    def restart(self, *, urgent: bool) -> None:
        """A %restart has its turn."""

    def ready(self, generation: int) -> None:
        """That inner kernel answers, and its iopub is heard."""

    def distrust(self, generation: int) -> None:
        """What that inner kernel says is not signed with our key."""

    def shut_down(self) -> None:
        """End the daemon."""

    def now(self) -> float:
        """Monotonic seconds."""


class Changer(Protocol):
    """Who works out what a ``%restart`` changes."""

    def prepare(self, changes: magics.Changes) -> Deferred[Callable[[], None]]:
        """Check it; fires with what puts it in force, or fails with words."""


class Commands(Protocol):
    """Who carries out ``%ipr``."""

    def run(self, cell: Cell, magic: magics.Ipr | magics.Help) -> None:
        """Carry it out, and end the cell."""
