"""Where a kernel hangs: what it does just now, by whatever way there is.

Knows the ways, best first, and how long each may take. Must not know how any of them is
gone, nor what the answer looks like.

=====================  ===============================  ==============================
way                    tells                            has no answer where
=====================  ===============================  ==============================
py-spy                 frames of any CPython            it is not there, or not
                                                        permitted
a question on control  frames, with their lines         C code keeps the GIL; it is no
                                                        ipykernel
/proc                  processes, of any language       --
=====================  ===============================  ==============================

No signal is sent: whether a handler is faulthandler's, and not a job's checkpoint,
cannot be told from outside.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, cast

import attrs
from twisted.internet import defer
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from ipr.jupyter.wire import Envelope, Malformed
from ipr.kernel import atwork, frames, pyspy, threadquestion, tree
from ipr.kernel.asking import NoAnswer
from ipr.kernel.atwork import Process
from ipr.kernel.frames import Shown, Thread
from ipr.kernel.reactor import Reactor
from ipr.lifecycle.ports import Kernel
from ipr.lifecycle.restarter import Restarter
from ipr.relay.conversation import Conversation
from ipr.relay.gate import Open
from ipr.relay.relay import Relay
from ipr.relay.request import Request

#: Seconds for which the use of the CPU is measured, at least.
LOOK_TIME = 0.25
#: Seconds that the kernel has to answer.
ASK_TIME = 1.0

MORE = (
    "'pip install py-spy', in the kernel's environment or in ipr's, would show its"
    " calls"
)


@attrs.frozen
class Stack:
    """What was found.

    :ivar problem: why there is nothing to look at; ``""``: there is.
    :ivar threads: of a Python; None: its frames are not known.
    :ivar how: by which way, in words.
    :ivar why_not: why better ways did not do, and what would help; a sentence each.
    """

    problem: str = ""
    processes: tuple[Process, ...] = ()
    threads: Shown | None = None
    how: str = ""
    why_not: tuple[str, ...] = ()


class Stacks:
    """Looks at the kernel whenever somebody asks.

    :param environ: of the daemon; for the ``PATH``.
    :param parts: returns the relay and the restarter.
    """

    def __init__(
        self,
        reactor: Reactor,
        environ: Mapping[str, str],
        parts: Callable[[], tuple[Relay, Restarter]],
    ) -> None:
        self._reactor = reactor
        self._clock = cast(IReactorTime, reactor)
        self._environ = environ
        self._parts = parts
        self._under_way: set[Deferred[Stack]] = set()
        self._ended = False

    def look(self) -> Deferred[Stack]:
        """Look, within 3 s; never fails, unless the daemon ends meanwhile."""
        relay, restarter = self._parts()
        kernel = restarter.kernel
        if kernel is None or not kernel.pid:
            return succeed(Stack("no kernel is running: there is nothing to look at"))
        began = self._reactor.seconds()
        pids = tree.of(kernel.pid)
        before = atwork.used(pids)

        def measured(found: Stack) -> Deferred[Stack]:
            if self._ended:
                raise CancelledError()
            left = max(began + LOOK_TIME - self._reactor.seconds(), 0.0)
            return deferLater(self._clock, left, seen, found)

        def seen(found: Stack) -> Stack:
            seconds = self._reactor.seconds() - began
            processes = tuple(atwork.look(before, seconds))
            if not processes:
                return Stack("the kernel has ended")
            return attrs.evolve(found, processes=processes)

        looking = self._frames(relay, kernel, pids).addCallback(measured)
        self._under_way.add(looking)
        looking.addBoth(self._over, looking)
        return looking

    def stop(self) -> None:
        """Look no more: the daemon ends."""
        self._ended = True
        for looking in tuple(self._under_way):
            looking.cancel()

    def _over(self, found: Any, looking: Deferred[Stack]) -> Any:
        self._under_way.discard(looking)
        return found

    def _frames(
        self, relay: Relay, kernel: Kernel, pids: tuple[int, ...]
    ) -> Deferred[Stack]:
        """Find the frames, if it is a Python's."""
        info = relay.greetings.info.current().content
        language = info.get("language_info")
        name = language.get("name") if isinstance(language, Mapping) else ""
        if name != "python":
            why = f"a kernel's calls are known of Python only, not of {name or 'this'}"
            return succeed(Stack(how="from /proc", why_not=(why,)))
        cell = _running(relay)

        def failed(failure: Failure) -> Deferred[Stack]:
            reason = str(failure.value)
            asking = self._ask(relay, info.get("implementation"), cell)
            return asking.addErrback(lambda second: _none(reason, str(second.value)))

        return self._by_pyspy(kernel, pids, cell).addErrback(failed)

    def _by_pyspy(
        self, kernel: Kernel, pids: tuple[int, ...], cell: Request | None
    ) -> Deferred[Stack]:
        program = pyspy.find(self._environ, (sys.executable, *kernel.command[:1]))
        if not program:
            return fail(NoAnswer(""))
        pid = next(filter(atwork.is_python, pids), 0)
        if not pid:
            return fail(NoAnswer("py-spy: none of its processes here is a CPython"))
        dumping = pyspy.dump(self._reactor, program, self._environ, pid)

        def dumped(threads: tuple[Thread, ...]) -> Stack:
            text = cell.field("code", "") if cell is not None else ""
            number = cell.progress.execution_count if cell is not None else None
            threads = frames.with_cell(threads, text, number or 0)
            return Stack(threads=frames.users(threads), how="by py-spy")

        def failed(failure: Failure) -> Stack:
            raise NoAnswer(f"py-spy: {failure.value}")

        return dumping.addCallbacks(dumped, failed)

    def _ask(
        self, relay: Relay, implementation: object, cell: Request | None
    ) -> Deferred[Stack]:
        state = relay.gate.state
        if self._ended:
            return fail(CancelledError())
        if implementation != "ipython":
            return fail(NoAnswer(f"only an ipykernel says what it is in; {MORE}"))
        if cell is None and not relay.voice.count:
            # A kernel that was a standby opens its history with its first cell.
            return fail(NoAnswer("no cell has run in this kernel yet"))
        if not isinstance(state, Open):
            return fail(NoAnswer(f"the kernel is not ready yet; {MORE}"))
        allow_stdin = cell is None or cell.field("allow_stdin", True)
        asking = _asked(state.conversation, allow_stdin=allow_stdin)
        asking.addTimeout(ASK_TIME, self._clock)

        def answered(content: Mapping[str, object]) -> Stack:
            threads = frames.users(threadquestion.parse(content))
            return Stack(threads=threads, how="by a question to ipykernel")

        def failed(failure: Failure) -> Stack:
            if failure.check(defer.TimeoutError):
                raise NoAnswer(
                    f"the kernel did not answer within {ASK_TIME:g} s: C code keeps"
                    f" Python's lock (the GIL), or it is stopped; {MORE}"
                )
            raise NoAnswer(f"the kernel was asked, and {failure.value}; {MORE}")

        return asking.addCallback(answered).addErrback(failed)


def _asked(
    conversation: Conversation, *, allow_stdin: bool
) -> Deferred[Mapping[str, object]]:
    answer: Deferred[Mapping[str, object]] = Deferred()

    def take(envelope: Envelope) -> None:
        if answer.called:
            return
        try:
            answer.callback(envelope.content)
        except Malformed:
            answer.callback({})

    draft = threadquestion.question(allow_stdin=allow_stdin)
    conversation.errands.ask("control", draft, take)
    return answer


def _none(*reasons: str) -> Stack:
    return Stack(how="from /proc", why_not=tuple(filter(None, reasons)))


def _running(relay: Relay) -> Request | None:
    """Return the cell that runs, if one does."""
    for request in relay.ledger.unfinished():
        if request.msg_type == "execute_request" and request.progress.code == "started":
            return request
    return None
