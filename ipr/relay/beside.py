"""Code that runs in the kernel that clients use, beside their cells.

Knows in which shell it runs, what may keep it waiting, and what ends it. Must not know
what the code is for. Clients see nothing of it but that a cell may have to wait.

While a cell runs, a kernel that has subshells (JEP 91; ipykernel since 7) runs the code
in one of its own. In another kernel the code waits for the cells that were sent before,
unless the running cell may be interrupted. When no cell runs, it runs as a cell does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs
from twisted.logger import Logger

from ipr.jupyter import messages
from ipr.jupyter.messages import Draft
from ipr.kernel.pythonquestion import ASIDE, gives_back
from ipr.relay.conversation import Conversation
from ipr.relay.gate import Gate, Open, Refusing
from ipr.relay.greetings import Info
from ipr.relay.request import Request
from ipr.relay.silently import Outcome, Silently
from ipr.relay.timer import CallLater, Timer

#: Seconds until the main shell is taken, if no subshell comes.
SUBSHELL_TIME = 5.0
#: Seconds until it is sent again, when the kernel aborted it with other cells.
AGAIN_TIME = 0.1

NO_KERNEL = Outcome(error="not run: there is no kernel")
CUT_SHORT = Outcome(error="the kernel ended before it was over")


@attrs.frozen(eq=False)
class Order:
    """What is to be run.

    :ivar interrupts: interrupt the running cell first.
    :ivar waits: for a kernel that is coming, and, where there are no subshells, for
        the running cell. Otherwise the cell is interrupted.
    :ivar begun: called when the kernel begins with it.
    :ivar done: called once, with how it went.
    """

    code: str
    interrupts: bool
    waits: bool
    begun: Callable[[], None]
    done: Callable[[Outcome], None]


class Beside:
    """One piece of code at a time.

    :param gate: says whether there is a kernel.
    :param info: says what kind of kernel it is.
    """

    def __init__(self, gate: Gate, info: Info, call_later: CallLater) -> None:
        self._gate = gate
        self._info = info
        self._call_later = call_later
        self._timer = Timer(call_later)
        self._order: Order | None = None
        #: With the kernel in which it runs, or is about to.
        self._conversation: Conversation | None = None
        self._running: Silently | None = None
        self._subshell = ""

    def run(self, order: Order) -> None:
        """Run it in the kernel that there is, or in the one that is coming."""
        self.stop()
        self._order = order
        state = self._gate.state
        if isinstance(state, Open):
            self._begin(order, state.conversation)
        elif isinstance(state, Refusing) or not order.waits:
            self._over(NO_KERNEL)

    def stop(self) -> None:
        """Its time is over; where it is in the way of cells, it is interrupted."""
        conversation, running = self._conversation, self._running
        self._order = None
        self._forget()
        if conversation is not None and running is not None and not self._subshell:
            conversation.interrupt()

    # --- what becomes of the kernel -----------------------------------------

    def ready(self, conversation: Conversation) -> None:
        """There is a kernel."""
        if self._order is not None:
            self._begin(self._order, conversation)

    def gone(self) -> None:
        """There is none any more; what has not begun waits for the next one."""
        if self._conversation is not None:
            self._over(CUT_SHORT)

    def refused(self) -> None:
        """There is none, and none is coming."""
        if self._order is not None:
            self._over(NO_KERNEL)

    # --- the way of one -----------------------------------------------------

    def _begin(self, order: Order, conversation: Conversation) -> None:
        self._conversation = conversation
        self._subshell = ""
        try:
            if conversation.ledger.executing:
                made = partial(self._made, order, conversation)
                if not order.interrupts and conversation.subshells.extra(made):
                    self._timer.start(SUBSHELL_TIME, partial(self._send, order))
                    return
                if order.interrupts or not order.waits:
                    conversation.interrupt()
            self._send(order)
        except Exception:
            # The kernel goes: it is told by gone().
            _log.failure("Code could not be sent to the kernel")

    def _made(self, order: Order, conversation: Conversation, subshell: str) -> None:
        if self._order is order and self._running is None:
            self._subshell = subshell
            self._send(order)
        else:
            _delete(conversation, subshell)

    def _send(self, order: Order) -> None:
        self._timer.stop()
        conversation = self._conversation
        if conversation is None:
            return
        code, cell = order.code, None
        if self._subshell:
            code, cell = self._aside(code), _running(conversation)
        self._running = Silently(
            conversation.errands,
            self._call_later,
            code,
            partial(self._heard, order),
            self._subshell,
            allow_stdin=cell is not None and cell.field("allow_stdin", True),
            begun=order.begun,
        )

    def _aside(self, code: str) -> str:
        """Return the code so that its end is no cell's end, where we know how."""
        # At the end, so that a traceback has the file's lines. What begins with %% is
        # not Python's.
        return f"{code}\n{ASIDE}" if self._ipython and code[:2] != "%%" else code

    @property
    def _ipython(self) -> bool:
        return self._info.current().content.get("implementation") == "ipython"

    def _heard(self, order: Order, outcome: Outcome) -> None:
        self._running = None
        if outcome.aborted:
            self._timer.start(AGAIN_TIME, partial(self._send, order))
            return
        if self._subshell and self._conversation is not None:
            self._leave(self._conversation, self._subshell)
        self._over(outcome)

    def _leave(self, conversation: Conversation, subshell: str) -> None:
        """Leave a subshell, and the cell that runs beside it as it was."""
        cell = _running(conversation)
        if cell is None or not self._ipython:
            _delete(conversation, subshell)
            return
        draft = messages.silent(
            gives_back(cell.header), allow_stdin=cell.field("allow_stdin", True)
        )
        conversation.errands.ask(
            "shell",
            draft,
            lambda _answer: _delete(conversation, subshell),
            subshell=subshell,
        )

    def _over(self, outcome: Outcome) -> None:
        order, self._order = self._order, None
        self._forget()
        if order is not None:
            order.done(outcome)

    def _forget(self) -> None:
        running, self._running = self._running, None
        self._conversation = None
        self._timer.stop()
        if running is not None:
            running.stop()


def _running(conversation: Conversation) -> Request | None:
    """Return the cell that runs, if one does."""
    for request in conversation.ledger.unfinished():
        if request.msg_type == "execute_request" and request.progress.code == "started":
            return request
    return None


def _delete(conversation: Conversation, subshell: str) -> None:
    draft = Draft("delete_subshell_request", {"subshell_id": subshell})
    conversation.errands.ask("control", draft)


_log = Logger()
