"""A relay between fakes: clients, an inner kernel, and who decides."""

from __future__ import annotations

from itertools import count
from typing import Any

from ipr.jupyter import messages
from ipr.jupyter.author import Author
from ipr.jupyter.messages import Draft
from ipr.jupyter.signing import Signer
from ipr.jupyter.wire import dumps, split
from ipr.lifecycle.causes import Cause, Ending
from ipr.relay.cellhistory import CellHistory
from ipr.relay.codefile import NO_FILE
from ipr.relay.initcode import InitCode
from ipr.relay.outputs import Outputs
from ipr.relay.parts import Parts
from ipr.relay.relay import Relay
from tests.case import Case
from tests.fakes import (
    Done,
    FakeChanger,
    FakeCommands,
    FakeDecider,
    FakeDesk,
    FakeFront,
    FakeInner,
    name,
)
from tests.requests import SIGNER, body, header

DIED = Cause(Ending.DIED, "the kernel died")
ASKED = Cause(Ending.ASKED, "the kernel was restarted")
SHUT_DOWN = Cause(Ending.SHUT_DOWN, "the kernel was shut down")
#: What the inner kernel of the tests says of itself.
INFO = {"status": "ok", "implementation": "fake", "banner": "kernel"}


WAITS = (
    "display_data: waiting for the cells before this one to finish; interrupt the"
    " kernel, or run '%restart now' from elsewhere, to restart at once"
)


def begun(msg_id: str, code: str, number: int = 0) -> list[tuple[Any, ...]]:
    """Return how a cell begins that ipr answers itself."""
    return [
        ("iopub", msg_id, "busy"),
        ("iopub", msg_id, f"execute_input {number}: {code}"),
    ]


def ended(msg_id: str, reply: str, client: str = "ann shell") -> list[tuple[Any, ...]]:
    """Return how such a cell ends."""
    return [(client, msg_id, reply), ("iopub", msg_id, "idle")]


def aborted(msg_id: str) -> list[tuple[Any, ...]]:
    """Return the answer to a cell that was not run."""
    return [("iopub", msg_id, "busy"), *ended(msg_id, "execute_reply aborted")]


def concluded(msg_id: str, text: str) -> tuple[Any, ...]:
    """Return the one line that a %restart leaves."""
    return ("iopub", msg_id, f"display_data: restarted in place, {text}")


def restarted(msg_id: str, text: str, number: int = 0) -> list[tuple[Any, ...]]:
    """Return how a %restart ends that needed no progress to be shown."""
    return [
        concluded(msg_id, text),
        *ended(msg_id, f"execute_reply ok {number}"),
    ]


class RelayCase(Case):
    """What the relay did is in ``done``; :meth:`took` gives what is new."""

    max_held = 1 << 20
    signer: Signer = SIGNER
    preload = NO_FILE
    init: InitCode | None = None

    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.done: Done = []
        self.front = FakeFront(self.done)
        ids = (f"ipr-{number}" for number in count(1))
        self.author = Author(self.signer, lambda: next(ids), lambda: "now")
        self.commands = FakeCommands(self.done)
        self.commands.init = self.init = self.init or InitCode()
        self.changer = FakeChanger(self.done)
        self.desk = FakeDesk()
        self.history = CellHistory(1 << 20, Outputs(1 << 20))
        self.decider = FakeDecider(self.done, self.clock)
        self.relay = Relay(
            lambda relay: Parts(
                self.front,
                self.signer,
                self.author,
                self.clock.callLater,
                self.synthetic,
                self.max_held,
                current=lambda: relay.conversation,
                decider=self.decider,
                commands=self.commands,
                changer=self.changer,
                desk=self.desk,
                history=self.history,
                preload=self.preload,
                init=self.init,
            )
        )
        # Who sends cells here is a console, where nothing else is said.
        for client in (b"ann", b"bob"):
            self.relay.voice.consoles[(client,)] = None
        self.inner = FakeInner(self.done)
        # Every test ends as the daemon does; nothing is left on the clock then.
        self.addCleanup(self.relay.end, SHUT_DOWN)

    def synthetic(self, reason: str) -> Draft:
        return messages.kernel_info(version="0", language="x", banner=reason)

    def turn_over(self, generation: int = 2) -> None:
        """Do to the relay what the restarter does in a restart."""
        self.relay.hold()
        self.relay.finish(generation - 1, ASKED)
        self.open(generation)
        self.answer_probe()
        self.took()
        self.relay.release(generation)

    def took(self) -> Done:
        """Return what was done since the last time."""
        found, self.done[:] = list(self.done), []
        return found

    # --- an inner kernel ----------------------------------------------------

    def open(self, generation: int = 1, mode: str = "signal") -> FakeInner:
        """Have an inner kernel come up; it has not answered yet."""
        self.inner = FakeInner(self.done, generation, mode)
        self.relay.opened(self.inner)
        return self.inner

    def answer_probe(self) -> None:
        """Have it answer what ipr asked, as ipykernel does."""
        self.kernel("iopub", "status", "", execution_state="starting")
        self.status(self.probe(), "busy")
        self.kernel("shell", "kernel_info_reply", self.probe(), **INFO)
        self.status(self.probe(), "idle")

    def probe(self) -> str:
        return self.inner.asked["kernel_info_request"]

    def run_kernel(self, generation: int = 1, mode: str = "signal") -> None:
        """Have an inner kernel that runs; nothing of this is left in the log."""
        self.open(generation, mode)
        self.answer_probe()
        self.relay.release(generation)
        self.took()
        self.inner.bodies.clear()
        self.front.frames.clear()

    def frames(
        self, msg_type: str, parent_id: str, content: dict[str, Any]
    ) -> list[Any]:
        """Make a message of the inner kernel's."""
        generation = self.inner.generation
        own = header(f"{msg_type}-{next(self.numbers)}", msg_type)
        own["session"] = f"session-{generation}"
        parent = header(parent_id, "x") if parent_id else {}
        return body(own, content, parent, signer=self.signer)

    numbers = count()

    def kernel(
        self, channel: str, msg_type: str, parent_id: str, /, **content: Any
    ) -> list[Any]:
        """Have the inner kernel send a message; give its frames."""
        frames = self.frames(msg_type, parent_id, content)
        if channel == "iopub":
            frames = [b"topic", *frames]
        self.inner.received(channel, frames)
        return frames

    def status(self, parent_id: str, state: str) -> None:
        self.kernel("iopub", "status", parent_id, execution_state=state)

    def start_cell(self, msg_id: str, number: int = 1) -> None:
        """Have the inner kernel begin with a cell."""
        self.status(msg_id, "busy")
        self.kernel("iopub", "execute_input", msg_id, code="", execution_count=number)

    def end_cell(self, msg_id: str, status: str = "ok", number: int = 1) -> None:
        """Have the inner kernel end a cell: reply, then idle."""
        self.kernel(
            "shell", "execute_reply", msg_id, status=status, execution_count=number
        )
        self.status(msg_id, "idle")

    # --- clients ------------------------------------------------------------

    def client(
        self,
        msg_id: str,
        msg_type: str = "execute_request",
        /,
        *,
        channel: str = "shell",
        identity: bytes = b"ann",
        parent: dict[str, Any] | None = None,
        subshell: str | None = None,
        cell: bool = False,
        session: str = "client",
        signer: Signer | None = None,
        **content: Any,
    ) -> list[Any]:
        """Have a client send a message; give its frames.

        :param subshell: names one in the header.
        :param cell: it comes from a notebook.
        """
        own = header(msg_id, msg_type, session=session)
        if subshell is not None:
            own["subshell_id"] = subshell
        signer = signer or self.signer
        frames = [identity, *body(own, content, parent, signer=signer)]
        if cell:
            frames[5] = dumps({"cellId": msg_id})
            frames[2] = signer.sign(frames[3:7])
        self.relay.inbound.received(channel, frames)
        return frames

    def execute(self, msg_id: str, code: str = "1", **more: Any) -> list[Any]:
        return self.client(msg_id, "execute_request", code=code, **more)

    def command(self, word: str, **fields: Any) -> None:
        """Have a terminal ask something; the answer may come later."""
        msg_id, kind = f"t{next(self.numbers)}", "ipr_command_request"
        content = {"command": word, **fields}
        self.client(msg_id, kind, channel="control", identity=b"term", **content)

    def facts(self) -> dict[str, Any]:
        """Return what a terminal is told of the daemon."""
        self.command("facts")
        return self.last_content("control")

    def last_content(self, channel: str) -> dict[str, Any]:
        """Return the content of what was last sent on a channel to the clients."""
        found = [frames for where, frames in self.front.frames if where == channel]
        return split(found[-1]).content

    def named(self, msg_id: str) -> str:
        return name({"msg_id": msg_id, "msg_type": ""})


class SecondIsR(RelayCase):
    """The second kernel is one of R, the others are Python's."""

    def answer_probe(self) -> None:
        language = {1: "python", 2: "R"}.get(self.inner.generation, "python")
        self.kernel("iopub", "status", "", execution_state="starting")
        info = {**INFO, "language_info": {"name": language}}
        self.kernel("shell", "kernel_info_reply", self.probe(), **info)
        self.status(self.probe(), "idle")
