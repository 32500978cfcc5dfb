"""What each kernel runs before anybody's cell: the file of ``--preload``.

Knows when it is read and run, for which kernels, and how it went. Must not know where
the file is read, nor when a kernel that has run it takes over.

It is part of a kernel's start: what clients send is held until it has run, also when
it fails. So it is there in a kernel that was started in advance, and nobody waits.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ipr.jupyter.messages import Draft
from ipr.relay.errands import Errands
from ipr.relay.readiness import Readiness
from ipr.relay.silently import Outcome, Silently
from ipr.relay.timer import CallLater


class Preload:
    """The file, for all kernels.

    :param path: ``""``: there is none.
    :param read: returns what is in it by now; fails with a sentence.
    """

    def __init__(self, path: str, read: Callable[[], Deferred[str]]) -> None:
        self.path = path
        self.read = read
        self._language = ""

    def misfit(self, info: Draft | None) -> str:
        """Say why it is not for a kernel; it is for those of the first one's language.

        :param info: the kernel's kernel_info_reply.
        """
        about = info.content.get("language_info") if info is not None else None
        language = about.get("name") if isinstance(about, dict) else None
        if not isinstance(language, str) or not language:
            return ""
        self._language = self._language or language
        if language == self._language:
            return ""
        return f"it is for {self._language}, and this kernel's language is {language}"


NO_PRELOAD = Preload("", lambda: defer.succeed(""))


class Beforehand:
    """What one kernel runs first.

    :ivar outcome: how it went; None until it is over.
    """

    def __init__(
        self,
        preload: Preload,
        readiness: Readiness,
        errands: Errands,
        call_later: CallLater,
    ) -> None:
        self.outcome = None if preload.path else Outcome()
        self._preload = preload
        self._readiness = readiness
        self._errands = errands
        self._call_later = call_later
        self._then: Callable[[], None] | None = None
        self._begun = False
        self._running: Silently | None = None

    def before(self, then: Callable[[], None]) -> None:
        """The kernel answers: run it, and call ``then``; the last one only.

        At once, if it has run, or there is nothing to run.
        """
        self._then = then
        if self.outcome is not None:
            self._over(self.outcome)
        elif not self._begun:
            self._begin()

    def stop(self) -> None:
        """The kernel is of no interest any more."""
        self._begun, self._then = True, None
        if self._running is not None:
            self._running.stop()

    def _begin(self) -> None:
        self._begun = True
        # It would have to answer each probe afterwards.
        self._readiness.stop()
        misfit = self._preload.misfit(self._readiness.info)
        if misfit:
            self._over(Outcome(error=f"not run: {misfit}"))
        else:
            self._preload.read().addCallback(self._run).addErrback(self._unread)

    def _run(self, code: str) -> None:
        # It may have gone meanwhile.
        if self._then is not None:
            self._running = Silently(self._errands, self._call_later, code, self._over)

    def _unread(self, why: Failure) -> None:
        self._over(Outcome(error=f"not run: {why.getErrorMessage()}"))

    def _over(self, outcome: Outcome) -> None:
        self.outcome = outcome
        then, self._then = self._then, None
        if then is not None:
            then()
