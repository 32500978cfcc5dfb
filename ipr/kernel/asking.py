"""Answers of other programs: squeue, or a site's login shell.

Knows how to run one under a guardian of its own, so that nothing of it is left
when the answer has come, when nobody waits for it any more, or when the daemon
is gone. Must not know what is asked, or why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ipr.boot import guardian
from ipr.kernel import guardians
from ipr.kernel.process import Ended, InnerProcess
from ipr.kernel.reactor import Asking

#: Bytes of stdout that are kept; a login shell's whole environment is some 100 kB.
MOST_OUTPUT = 8 << 20


class NoAnswer(Exception):
    """The program could not be run, or failed; the text says how."""


@attrs.frozen
class Answer:
    """What a program said.

    :ivar status: the raw wait status, as :func:`os.wait` returns it.
    :ivar output: all of its stdout.
    :ivar said: its last lines on stderr.
    """

    status: int
    output: bytes
    said: str


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
    output: list[bytes] = []
    size = 0

    def said_more(data: bytes) -> None:
        nonlocal size
        size += len(data)
        if size <= MOST_OUTPUT:
            output.append(data)
        elif not answered.called:
            asked.kill()
            answered.errback(NoAnswer(f"it wrote more than {MOST_OUTPUT >> 20} MiB"))

    def ended(how: Ended) -> None:
        if answered.called:
            return  # nobody waits any more
        if how.status is None:
            answered.errback(NoAnswer(how.problem))
            return
        said = "\n".join(how.tail)
        answered.callback(Answer(how.status, b"".join(output), said))

    asked = InnerProcess(reactor, _nothing, ended, _nothing, said_more)
    answered: Deferred[Answer] = Deferred(lambda _answered: asked.kill())
    try:
        order = guardian.encode_order(argv, environment, cwd)
        guardians.spawn_asked(reactor, asked)
        asked.give(order)
    except (OSError, ValueError) as error:
        answered.errback(NoAnswer(str(error)))
        return answered
    answered.addTimeout(seconds, cast(IReactorTime, reactor))
    return answered


def _nothing(_told: object) -> None:
    pass
