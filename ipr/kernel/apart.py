"""Runs what may block in a thread, so that the reactor goes on.

Knows threads. Must not know what is run. A file system whose server is away
holds whoever touches it, for hours perhaps, and nothing can take such a call
back. So this uses no thread of Twisted's pool, which is waited for at the end: these
threads are forgotten when their time is over, and do not keep the process alive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from ipr.kernel.reactor import Threads

T = TypeVar("T")


def run(reactor: Threads, seconds: float, call: Callable[[], T]) -> Deferred[T]:
    """Call ``call`` in a thread of its own.

    :param seconds: after which nobody waits for it any more.
    :returns: fires with its result, or fails with its exception; with
        ``TimeoutError`` of ``twisted.internet.defer`` when it took too long.
    """
    result: Deferred[T] = Deferred()

    def told(value: T | Failure) -> None:
        # A Deferred whose time is over ignores one call after it.
        result.callback(value)

    def work() -> None:
        value: T | Failure
        try:
            value = call()
        except BaseException:
            value = Failure()
        reactor.callFromThread(told, value)

    threading.Thread(target=work, name="ipr-apart", daemon=True).start()
    result.addTimeout(seconds, cast(IReactorTime, reactor))
    return result
