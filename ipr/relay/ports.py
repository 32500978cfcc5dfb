"""What the relay needs of those around it.

Knows names and types only. Must not know who implements them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from twisted.internet.defer import Deferred

from ipr.jupyter import magics
from ipr.jupyter.wire import JSON, Frame
from ipr.lifecycle.limits import Pace
from ipr.relay.cells import Cell
from ipr.relay.initcode import InitCode
from ipr.relay.restartcells import Prepared


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


class Decider(Protocol):
    """Decides what happens to the inner kernel: the restarter."""

    def restart(self, pace: Pace) -> None:
        """A %restart has its turn."""

    def spare(self) -> None:
        """The end of the inner kernel spares what has a session of its own."""

    def ready(self, generation: int) -> None:
        """That inner kernel answers, and its iopub is heard."""

    def distrust(self, generation: int) -> None:
        """What that inner kernel says is not signed with our key."""

    def shut_down(self) -> None:
        """End the daemon."""

    def leaving(self) -> bool:
        """Whether the daemon ends, and no restart is carried out any more."""

    def generation(self) -> int:
        """The number of the inner kernel that there is, or was last."""

    def now(self) -> float:
        """Monotonic seconds."""


class Changer(Protocol):
    """Works out what a ``%restart`` changes."""

    def unchanged(self) -> Prepared:
        """Return what a ``%restart`` without options starts."""

    def prepare(self, changes: magics.Changes) -> Deferred[Prepared]:
        """Work it out, and check it; fails with a sentence when it cannot be had."""

    def follow(
        self, env: Mapping[str, str | None], cwd: str
    ) -> Deferred[Callable[[], tuple[str, ...]]]:
        """Check what whoever started the daemon would start a kernel with by now.

        Fires with what puts it in force and returns which of the two could not be
        had, or fails with a sentence. Changes of a ``%restart`` stay on top of it.

        :param env: what differs from what was said before; None: removed.
        :param cwd: the folder; ``""``: as before.
        """


class Commands(Protocol):
    """Carries out ``%ipr``.

    :ivar init: what each new kernel runs.
    """

    init: InitCode

    def run(self, cell: Cell, magic: magics.Ipr | magics.Help) -> None:
        """Carry it out, and end the cell."""


class Desk(Protocol):
    """Knows what a terminal asks about the daemon."""

    def facts(self) -> JSON:
        """Return what ``ipr ps`` shows; nothing is waited for."""

    def table(self) -> list[tuple[str, str]]:
        """Return the table of ``%ipr status``."""

    def stack(self) -> Deferred[str]:
        """Return what the kernel does just now; fails only when the daemon ends."""

    def output(self, cells: int) -> str:
        """Return what the last cells have shown, with colours.

        :raises ipr.relay.outputs.NothingShown: nothing is kept.
        """

    def log(self, after: int) -> tuple[list[str], int]:
        """Return the log's records from this number on, and the next number."""
