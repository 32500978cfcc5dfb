"""The shell around the standby's table: each effect performed, each timer kept."""

from __future__ import annotations

from ipr.kernel.process import Ended
from ipr.lifecycle.reserve import PATIENCE, Handover, Reserve
from ipr.lifecycle.standby import Absent, Booting, Going, Off, Waiting
from tests.case import Case
from tests.fakes import Done, FakeKernel, FakeMessenger, FakeSupply


class ReserveTests(Case):
    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.done: Done = []
        self.supply = FakeSupply(self.done)
        self.messenger = FakeMessenger(self.done)
        self.reserve = Reserve(
            self.clock, self.supply, self.messenger, self.messenger.quiet
        )
        self.addCleanup(self.reserve.close)
        self.taken: list[Handover | None] = []

    def boot(self) -> FakeKernel:
        """Have one start."""
        self.reserve.want()
        self.messenger.idle = (PATIENCE.idle, True)
        self.clock.advance(PATIENCE.look)
        self.assertEqual(self.reserve.state, Booting())
        return self.supply.made[-1]

    def wait(self) -> FakeKernel:
        """Have one that waits."""
        kernel = self.boot()
        self.messenger.loaded[-1]({})
        self.supply.learnt[-1]("")
        self.assertEqual(self.reserve.state, Waiting())
        return kernel

    def test_none_is_started_before_the_kernel_is_idle(self) -> None:
        self.reserve.want()
        self.messenger.idle = (PATIENCE.idle - 0.1, True)
        self.clock.pump([PATIENCE.look] * 5)
        self.assertEqual(self.supply.made, [])

    def test_none_is_wanted_where_there_can_be_none(self) -> None:
        self.supply.why = "it may wait in a queue"
        self.reserve.want()
        self.assertEqual(self.reserve.state, Off("it may wait in a queue"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_none_is_kept_that_is_of_no_use(self) -> None:
        kernel = self.boot()
        self.messenger.loaded[-1]({})
        self.done.clear()
        self.supply.learnt[-1]("it takes /dev/nvidia0 when it starts")
        self.assertEqual(self.done, [("forget",), ("kernel 0", "SIGKILL")])
        kernel.ended(Ended(9))
        why = "it takes /dev/nvidia0 when it starts"
        self.assertEqual(self.reserve.state, Off(why))
        self.assertTrue(kernel.closed)

    def test_stale_one_is_replaced(self) -> None:
        kernel = self.wait()
        self.clock.advance(PATIENCE.stale)
        self.supply.looks[-1]("/site has changed")
        self.assertIs(type(self.reserve.state), Going)
        kernel.ended(Ended(9))
        self.assertEqual(self.reserve.state, Absent(why="/site has changed", wasted=1))
        self.clock.advance(PATIENCE.look)
        self.assertEqual(len(self.supply.made), 2)

    def test_one_with_a_wrong_signature_is_replaced(self) -> None:
        self.boot()
        self.messenger.distrusts[-1]()
        self.assertIs(type(self.reserve.state), Going)

    def test_after_two_that_could_not_be_started_there_is_none(self) -> None:
        self.supply.fail(OSError("no process"))
        self.reserve.want()
        self.messenger.idle = (PATIENCE.idle, True)
        self.clock.pump([PATIENCE.look] * 5)
        self.assertEqual(self.reserve.state, Off("it could not be started: no process"))
        self.assertEqual(self.done, [("start", 0)] * 2)

    def test_one_that_dies_is_closed(self) -> None:
        kernel = self.wait()
        kernel.ended(Ended(9))
        self.assertTrue(kernel.closed)
        self.assertEqual(
            self.reserve.state, Absent(1, why="it ended by itself, status 9")
        )

    def test_none_is_handed_over_that_died_while_it_was_looked_at(self) -> None:
        kernel = self.wait()
        self.reserve.take(self.taken.append)
        kernel.ended(Ended(9))
        self.supply.looks[-1]("")
        self.assertEqual(self.taken, [None])

    def test_none_is_handed_over_that_was_dropped_while_it_was_looked_at(self) -> None:
        """It has had its SIGKILL: a client would see a crash."""
        kernel = self.wait()
        self.reserve.take(self.taken.append)
        self.reserve.drop("it was switched off")
        self.supply.looks[-1]("")
        self.assertEqual(self.taken, [None])
        kernel.ended(Ended(9))
        self.assertEqual(self.reserve.state, Off("it was switched off"))

    def test_late_look_at_one_that_took_over_is_not_about_the_next(self) -> None:
        """A file system that was away answers, or the time for it is over."""
        self.wait()
        self.clock.advance(PATIENCE.stale)
        late = self.supply.looks[-1]
        self.reserve.take(self.taken.append)
        self.supply.looks[-1]("")
        self.clock.advance(PATIENCE.look)
        self.assertEqual(self.reserve.state, Booting())
        late("a file system does not answer")
        self.assertEqual(self.reserve.state, Booting())

    def test_one_after_the_other_that_is_stale_is_replaced_ever_later(self) -> None:
        """A folder that changes all the time must not cost a start all the time."""
        for wasted in range(4):
            kernel = self.wait() if not wasted else self.settle()
            self.clock.advance(PATIENCE.stale)
            self.supply.looks[-1]("/tools has changed")
            kernel.ended(Ended(9))
            pause = PATIENCE.idle * 2**wasted if wasted else PATIENCE.look
            self.clock.pump([0.5] * int(2 * (pause - PATIENCE.look)))
            self.assertEqual(len(self.supply.made), wasted + 1)
            self.clock.pump([0.5] * int(4 * PATIENCE.look))
            self.assertEqual(len(self.supply.made), wasted + 2)

    def settle(self) -> FakeKernel:
        """Have the one that boots wait."""
        self.messenger.loaded[-1]({})
        self.supply.learnt[-1]("")
        return self.supply.made[-1]

    def test_one_is_handed_over_once(self) -> None:
        kernel = self.wait()
        for _ in range(2):
            self.reserve.take(self.taken.append)
        for look in self.supply.looks:
            look("")
        handed, nothing = self.taken
        assert handed is not None
        self.assertIs(handed[0], kernel)
        self.assertIsNone(nothing)

    def test_nothing_is_left_when_the_daemon_ends(self) -> None:
        kernel = self.wait()
        self.reserve.close()
        self.assertTrue(kernel.closed)
        self.assertEqual(self.clock.getDelayedCalls(), [])
