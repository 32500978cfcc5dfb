"""What may block runs in a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet import defer
from twisted.internet.task import Clock

from ipr.kernel import apart
from tests.case import Case


class FakeReactor(Clock):
    """A clock, and calls from threads, which the test takes one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.from_threads: queue.Queue[Callable[[], object]] = queue.Queue()

    def callFromThread(self, call: Callable[..., object], *args: Any) -> None:
        """Note it."""
        self.from_threads.put(lambda: call(*args))


class RunTests(Case):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.leaves_nothing(self.reactor)

    def test_result_comes_back_in_the_reactor_thread(self) -> None:
        """It comes back by the reactor's thread; so does an exception."""
        threads = []

        def work() -> str:
            threads.append(threading.current_thread())
            return "done"

        result = apart.run(self.reactor, 5, work)
        self.reactor.from_threads.get(timeout=60)()
        untyped: Any = self
        self.assertEqual(untyped.successResultOf(result), "done")
        self.assertTrue(threads[0].daemon)
        self.assertTrue(threads[0] is not threading.current_thread())

        failing = apart.run(self.reactor, 5, lambda: 1 // 0)
        self.reactor.from_threads.get(timeout=60)()
        untyped.failureResultOf(failing, ZeroDivisionError)

    def test_too_long(self) -> None:
        """Then nobody waits, and what comes later is nobody's."""
        gone_on = threading.Event()
        self.addCleanup(gone_on.set)
        result = apart.run(self.reactor, 5, lambda: gone_on.wait(60))
        self.reactor.advance(5)
        untyped: Any = self
        untyped.failureResultOf(result, defer.TimeoutError)
        gone_on.set()
        self.reactor.from_threads.get(timeout=60)()
