"""Guardians that go on for what their kernel has left on purpose."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.python.failure import Failure

from ipr.boot import guardian
from ipr.kernel import keepers, tree
from ipr.kernel.keepers import ORPHANS_TIME, SWEEP_TIME, Keepers
from tests.case import Case
from tests.fakes import Done

DONE = Failure(ProcessDone(0))
KILLED = Failure(ProcessTerminated(signal=9))


class Guards:
    """A guardian, as Twisted has it."""

    def __init__(self, done: Done, pid: int) -> None:
        self._done = done
        self.pid: int | None = pid
        self.proto: Any = None

    def writeToChild(self, child: int, data: bytes) -> None:
        self._done.append((self.pid, child, data))

    def loseConnection(self) -> None:
        self._done.append((self.pid, "lose"))

    def end(self, reason: Failure = DONE) -> None:
        self.proto.processExited(reason)
        self.pid = None
        self.proto.processEnded(reason)


class KeepersTests(Case):
    def setUp(self) -> None:
        self.done: Done = []
        self.clock = self.make_clock()
        self.keepers = Keepers(self.clock, lambda data: self.done.append((data,)))
        typeless: Any = super()
        typeless.patch(tree, "below", lambda pid: (pid + 1, pid + 2))
        typeless.patch(keepers, "children", lambda: frozenset({8}))
        typeless.patch(guardian, "sweep", self.swept)

    def swept(self, keep: frozenset[int], seconds: float) -> int:
        self.done.append(("sweep", keep, seconds))
        return 0

    def add(self, pid: int) -> Guards:
        guards: Any = Guards(self.done, pid)
        self.keepers.add(guards)
        made: Guards = guards
        return made

    def took(self) -> Done:
        found, self.done[:] = list(self.done), []
        return found

    def sweep(self) -> None:
        self.keepers.sweep(lambda: self.done.append(("swept",)))

    def test_what_is_below_them_is_kept(self) -> None:
        one, other = self.add(10), self.add(20)
        self.assertEqual(sorted(self.keepers.kept), [11, 12, 21, 22])
        one.end()
        self.assertEqual(self.keepers.kept, (21, 22))
        other.end()
        self.assertEqual(self.keepers.kept, ())

    def test_what_is_written_is_read_on(self) -> None:
        """Whoever writes into a pipe without a reader is killed."""
        guards = self.add(10)
        guards.proto.childDataReceived(2, b"said")
        guards.proto.childDataReceived(guardian.REPORT_FD, b"report")
        self.assertEqual(self.took(), [(b"said",)])
        guards.end()

    def test_sweep_waits_for_the_last_one(self) -> None:
        one, other = self.add(10), self.add(20)
        self.sweep()
        orders = [(pid, guardian.COMMAND_FD, b"sweep\n") for pid in (10, 20)]
        self.assertEqual(sorted(self.took()), orders)
        one.end()
        self.assertEqual(self.took(), [(10, "lose")])
        other.end()
        self.assertEqual(self.took(), [(20, "lose"), ("swept",)])

    def test_sweep_waits_for_no_longer_than_that(self) -> None:
        guards = self.add(10)
        self.sweep()
        self.took()
        self.clock.advance(SWEEP_TIME)
        self.assertEqual(self.took(), [("swept",)])
        guards.end()
        self.assertEqual(self.took(), [(10, "lose")])

    def test_sweep_of_nothing_is_done_at_once(self) -> None:
        self.sweep()
        self.assertEqual(self.took(), [("swept",)])

    def test_what_a_killed_one_kept_is_ended(self) -> None:
        self.add(10).end(KILLED)
        self.assertEqual(
            self.took(), [(10, "lose"), ("sweep", frozenset({8}), ORPHANS_TIME)]
        )
