"""Idles that were lost on their way out of an inner kernel.

Knows which requests have their reply and no idle, and how a kernel shows that it has
got past them. Must not know how clients are told.

A kernel publishes without waiting for anybody. What is more than libzmq queues (1000
messages) is dropped, the last ones first, while the daemon or a thread of the kernel
gets no processor. No reply is dropped, so a client would wait for its idle for ever.
When it has begun with a later request of the same shell, the kernel is past the one
before; where no client sends a later one, ipr asks. An idle that comes after all goes
no further, so that nothing has two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import attrs

from ipr.jupyter.messages import Draft
from ipr.jupyter.wire import Envelope
from ipr.relay.errands import Errands
from ipr.relay.ledger import Ledger
from ipr.relay.passing import shell_of
from ipr.relay.request import Request
from ipr.relay.timer import CallLater, Timer

#: Seconds between two looks. An idle is missed when two looks have not found it:
#: nbclient waits for 4 s after a reply.
LOOK_TIME = 1.0
#: Looks after which what is published for a question is missed, too: from its reply on,
#: or at once on control, where some kernels do not answer it.
QUESTION_LOOKS = 3
#: Questions in a row, in one shell, for which nothing may be published: some kernels do
#: so for none.
MOST_QUESTIONS = 3

#: As of :func:`ipr.relay.passing.shell_of`.
Shell = tuple[str, object]


@attrs.define
class _Question:
    """One that is open.

    :ivar entered: how many requests the kernel had been sent before.
    :ivar patient: it may wait behind a cell, for as long as that runs.
    :ivar looks: how many it may take, from then on.
    """

    entered: int
    patient: bool
    msg_id: str = ""
    looks: int = QUESTION_LOOKS

    def answered(self, _reply: Envelope) -> None:
        """The kernel has got past it."""
        self.patient = False


class LostIdles:
    """Those of one inner kernel.

    :param lost: called with each request whose idle will not come.
    """

    def __init__(
        self,
        ledger: Ledger,
        errands: Errands,
        call_later: CallLater,
        lost: Callable[[Request], None],
    ) -> None:
        self._ledger = ledger
        self._errands = errands
        self._lost = lost
        self._timer = Timer(call_later)
        #: What had no idle at the last look.
        self._seen: Collection[Request] = ()
        self._questions: dict[Shell, _Question] = {}
        self._asked: dict[Shell, int] = {}

    def expect(self) -> None:
        """A reply has come before its idle, as most do."""
        if not self._timer.running:
            self._timer.start(LOOK_TIME, self._look)

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()
        self._seen = ()
        for shell in list(self._questions):
            self._forget(shell)

    def _look(self) -> None:
        waiting = self._ledger.without_idle()
        if not waiting:
            self.stop()
            return
        self._timer.start(LOOK_TIME, self._look)
        missed = [request for request in waiting if request in self._seen]
        self._seen = frozenset(waiting)
        begun = self._ledger.begun() if missed else {}
        for request in missed:
            if begun.get(shell_of(request), 0) > request.progress.number:
                self._lost(request)
        for shell in {shell_of(r) for r in missed if r.progress.status != "idle"}:
            self._ask(shell)

    def _ask(self, shell: Shell) -> None:
        question = self._questions.get(shell)
        if question is not None:
            question.looks -= not question.patient
            if question.looks:
                return
            self._forget(shell)
        if self._asked.get(shell, 0) == MOST_QUESTIONS:
            return
        self._asked[shell] = self._asked.get(shell, 0) + 1
        channel, subshell = shell
        question = _Question(self._ledger.entered, channel == "shell")
        self._questions[shell] = question
        question.msg_id = self._errands.ask(
            channel,
            Draft("kernel_info_request", {}),
            question.answered,
            partial(self._heard, shell),
            str(subshell or ""),
        )

    def _heard(self, shell: Shell, published: Envelope) -> None:
        """The kernel has begun with the question."""
        question = self._forget(shell)
        self._asked.pop(shell)
        for request in self._ledger.without_idle():
            sent_before = request.progress.number <= question.entered
            if sent_before and shell_of(request) == shell:
                self._lost(request)

    def _forget(self, shell: Shell) -> _Question:
        question = self._questions.pop(shell)
        self._errands.overheard(question.msg_id)
        return question
