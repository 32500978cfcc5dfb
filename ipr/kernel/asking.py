"""Answers of other programs: squeue, or a site's login shell.

Knows how to run one under a guardian of its own, so that nothing of it is left
when the answer has come, when nobody waits for it any more, or when the daemon
is gone. Must not know what is asked, or why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ipr.boot import guardian
from ipr.kernel import guardians
from ipr.kernel.process import Ended, InnerProcess
from ipr.kernel.reactor import Asking, Clock

_STDOUT = 1


class NoAnswer(Exception):
    """The program could not be run, or failed; the text says how."""


@attrs.frozen
class Answer:
    """What a program said.

    :ivar status: the raw wait status, as :func:`os.wait` gives it.
    :ivar output: all of its stdout.
    :ivar said: its last lines on stderr.
    """

    status: int
    output: bytes
    said: str


class _Asked(InnerProcess):
    """A program whose stdout is kept."""

    def __init__(self, clock: Clock, answered: Deferred[Answer]) -> None:
        super().__init__(clock, _nothing, self._answer, _nothing)
        self._answered = answered
        self._output: list[bytes] = []

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Keep what comes from stdout."""
        if childFD == _STDOUT:
            self._output.append(data)
        else:
            super().childDataReceived(childFD, data)

    def _answer(self, how: Ended) -> None:
        if self._answered.called:
            return  # nobody waits any more
        if how.status is None:
            self._answered.errback(NoAnswer(how.problem))
            return
        answer = Answer(how.status, b"".join(self._output), "\n".join(how.tail))
        self._answered.callback(answer)


def ask(
    reactor: Asking,
    argv: Sequence[str],
    environment: Mapping[str, str],
    seconds: float,
    cwd: str = "",
) -> Deferred[Answer]:
    """Run a program, with no stdin and in a session of its own.

    :param environment: the complete one; in a ``JPY_PARENT_PID`` it sees its
        guardian's pid.
    :param seconds: after which it is killed, and all that it started.
    :param cwd: where; ``""``: the daemon's own folder.
    :returns: fires with its answer, whatever its exit code; fails with
        :class:`NoAnswer` when it could not be run, with ``TimeoutError`` of
        ``twisted.internet.defer`` when it took too long.
    """
    running: list[_Asked] = []
    answered: Deferred[Answer] = Deferred(partial(_kill, running))
    try:
        order = guardian.encode_order(argv, environment, cwd)
        running.append(_Asked(reactor, answered))
        guardians.spawn_asked(reactor, running[0])
        running[0].give(order)
    except (OSError, ValueError) as error:
        answered.errback(NoAnswer(str(error)))
        return answered
    answered.addTimeout(seconds, cast(IReactorTime, reactor))
    return answered


def _kill(running: Sequence[_Asked], _answered: Deferred[Answer]) -> None:
    for asked in running:
        asked.kill()


def _nothing(_told: object) -> None:
    pass
