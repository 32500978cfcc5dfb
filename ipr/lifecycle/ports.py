"""What the restarter needs of those around it.

Knows names and types only. Must not know who implements them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from ipr.jupyter.messages import Draft
from ipr.jupyter.wire import Frame
from ipr.kernel.process import Ended
from ipr.lifecycle.causes import Cause

#: Called with a channel's name and the frames that came.
Received = Callable[[str, list[Frame]], None]


class Kernel(Protocol):
    """An inner kernel, as :class:`ipr.kernel.generation.Generation` is one.

    :ivar ready: whether it has come to be ready.
    :ivar interrupted: whether it was sent an interrupt before.
    :ivar killed_because: ipr's own reason, if it was ipr that killed it.
    :ivar command: its command line.
    """

    generation: int
    ready: bool
    interrupted: bool
    killed_because: str
    command: tuple[str, ...]

    @property
    def pid(self) -> int:
        """0 until it runs."""

    @property
    def interrupt_mode(self) -> str:
        """``"signal"`` or ``"message"``."""

    @property
    def heard(self) -> bool:
        """Whether its iopub is connected."""

    @property
    def steady(self) -> bool:
        """Whether no socket of it was ever closed: nobody can have taken its place."""

    def listen(self, received: Received) -> None:
        """Deliver its messages from here on."""

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

    def spare(self) -> None:
        """Have its end spare what has made itself a session of its own."""

    def settle(self) -> None:
        """It is ready: note what it has before any cell."""

    def when_parted(self, done: Callable[[str], None]) -> None:
        """Call ``done`` when it has closed its sockets, and all has been read.

        It gets what the kernel holds that is in the next one's way; ``""``: nothing.
        """

    def drain(self, done: Callable[[], None]) -> None:
        """Read its last messages, then call ``done``."""

    def retire(self) -> None:
        """Close its sockets, and let it have what the next kernel leaves of the CPU.

        Its files stay until :meth:`close`.
        """

    def close(self) -> None:
        """Close its sockets, remove its files."""


class Listener(Protocol):
    """Hears a kernel that waits: the relay."""

    def expect(
        self,
        kernel: Kernel,
        question: Draft | None,
        loaded: Callable[[Mapping[str, object]], None],
        distrust: Callable[[], None],
    ) -> None:
        """One is coming up that is in use by nobody: nothing of it goes to a client.

        :param question: to ask when it is ready; None: nothing.
        :param loaded: called then, with the content of its reply, or an empty one.
        :param distrust: called when a message of it is not signed with our key.
        """

    def forget(self, kernel: Kernel) -> None:
        """It is not needed any more."""


class Messenger(Listener, Protocol):
    """Hears what becomes of the inner kernel: the relay."""

    def quiet(self) -> tuple[float, bool]:
        """For how many seconds nothing has run, and whether anything has.

        In the kernel that there is; negative while something runs, or waits.
        """

    def opened(self, kernel: Kernel) -> None:
        """A new inner kernel is coming up, or one that has waited takes over."""

    def hold(self) -> None:
        """There is none for now; another one is coming, or its refusal."""

    def hold_until_end(self) -> None:
        """There is none any more."""

    def finish(self, generation: int, cause: Cause) -> None:
        """Answer its unanswered requests."""

    def release(self, generation: int) -> None:
        """It is ready."""

    def refuse(self, cause: Cause) -> None:
        """None is coming."""

    def end(self, cause: Cause) -> None:
        """The daemon goes."""

    def ask_to_go(self) -> None:
        """Interrupt its running cell, then send it a shutdown_request."""

    def phase(self, text: str) -> None:
        """Show what the restart is doing."""


#: Starts a generation: its number, then what is called when its channel is
#: lost, when it runs, when it ended. Raises OSError or ValueError.
Start = Callable[
    [int, Callable[[str], None], Callable[[int], None], Callable[[Ended], None]],
    Kernel,
]


class Supply(Protocol):
    """Starts a standby, and knows whether it is what a new kernel would be.

    :ivar careful: whether one is of use only where there is plainly room for it.
    """

    careful: bool

    def refused(self) -> str:
        """Return why there cannot be one; ``""``: there can."""

    def start(
        self,
        lost: Callable[[str], None],
        started: Callable[[int], None],
        ended: Callable[[Ended], None],
    ) -> Kernel:
        """Start one, as a :data:`Start` does."""

    def question(self) -> Draft | None:
        """Return what one is to be asked when it is ready; None: nothing."""

    def learn(self, content: Mapping[str, object], done: Callable[[str], None]) -> None:
        """Take what it says it has loaded.

        :param done: called with why it is of no use, or with ``""``.
        """

    def check(self, seconds: float, done: Callable[[str], None]) -> None:
        """See whether it is stale.

        :param done: called with why, or with ``""``; after ``seconds`` at the latest.
        """
