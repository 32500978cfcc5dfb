"""The inner kernel that there is now: its start, and the cause of its end."""

from __future__ import annotations

from ipr.kernel.process import Ended
from ipr.lifecycle.causes import Cause
from ipr.lifecycle.current import Current
from ipr.lifecycle.limits import Limits
from ipr.lifecycle.ports import Kernel
from ipr.lifecycle.reserve import Reserve
from ipr.lifecycle.retired import Retired
from tests.case import Case
from tests.fakes import Done, FakeKernel, FakeMessenger, FakeStart, FakeSupply


class CurrentTests(Case):
    def setUp(self) -> None:
        done: Done = []
        self.starting = FakeStart(done)
        self.supply = FakeSupply(done)
        self.messenger = FakeMessenger(done)
        self.clock = self.make_clock()
        self.oom_kills = 2
        self.reserve = Reserve(
            self.clock, self.supply, self.messenger, self.messenger.quiet
        )
        self.current = Current(
            self.starting,
            lambda: self.oom_kills,
            lambda: 600 << 20,
            Retired(self.clock, Limits()),
            self.reserve,
        )
        self.addCleanup(self.reserve.close)
        self.ends: list[Cause] = []
        self.opened: list[Kernel] = []

    def start(self, generation: int) -> FakeKernel:
        """Start a new kernel; gives the newest."""

        def ignored(what: object) -> None:
            """Not what these tests are about."""

        self.current.start(
            generation, ignored, ignored, self.ends.append, self.opened.append
        )
        return (self.starting.made or self.supply.made)[-1]

    def boot(self) -> FakeKernel:
        """Have a standby start."""
        self.reserve.want()
        self.messenger.idle = (99.0, True)
        self.clock.advance(1)
        return self.supply.made[-1]

    def test_started_kernel_is_the_current_one_until_it_is_taken(self) -> None:
        kernel = self.start(1)
        self.assertIs(self.current.kernel, kernel)
        self.assertEqual(self.opened, [kernel])
        self.assertIs(self.current.take(), kernel)
        self.assertIsNone(self.current.kernel)
        self.assertIsNone(self.current.take())

    def test_failed_start_ends_at_once_and_is_hopeless(self) -> None:
        self.starting.failing = OSError("no process")
        self.current.start(1, print, print, self.ends.append, self.opened.append)
        (cause,) = self.ends
        self.assertEqual(cause.text, "the kernel could not be started: no process")
        self.assertTrue(cause.hopeless)
        self.assertEqual(self.opened, [])

    def test_end_has_the_ooms_of_its_own_life(self) -> None:
        kernel = self.start(1)
        kernel.ended(Ended(9))
        self.oom_kills += 1
        kernel.ended(Ended(9))
        self.assertEqual([cause.figures.oom_kills for cause in self.ends], [0, 1])
        self.assertEqual(
            [(c.figures.limit_kib, c.figures.pid) for c in self.ends],
            [(0, 1001), (600 << 10, 1001)],
        )

    def test_end_of_an_earlier_kernel_is_not_told(self) -> None:
        first = self.start(1)
        self.start(2)
        first.ended(Ended(9))
        self.assertEqual(self.ends, [])

    def test_standby_takes_over_with_the_next_number(self) -> None:
        standby = self.boot()
        self.messenger.loaded[-1]({})
        self.supply.learnt[-1]("")
        self.start(7)
        self.assertEqual((self.opened, standby.generation), ([], 0))
        self.supply.looks[-1]("")
        self.assertEqual((self.opened, standby.generation), ([standby], 7))
        self.assertIs(self.current.kernel, standby)
        standby.ended(Ended(9))
        self.assertEqual(len(self.ends), 1)
        self.assertEqual(self.starting.made, [])

    def test_standby_that_still_starts_is_waited_for(self) -> None:
        standby = self.boot()
        self.start(7)
        self.messenger.loaded[-1]({})
        self.supply.learnt[-1]("")
        self.supply.looks[-1]("")
        self.assertEqual(self.opened, [standby])

    def test_new_kernel_is_started_in_place_of_a_stale_one(self) -> None:
        standby = self.boot()
        self.messenger.loaded[-1]({})
        self.supply.learnt[-1]("")
        self.start(7)
        self.supply.looks[-1]("/site has changed")
        self.assertEqual(self.opened, list(self.starting.made))
        standby.ended(Ended(9))
        self.assertTrue(standby.closed)
        self.assertEqual(self.ends, [])

    def test_new_kernel_is_started_when_the_standby_dies_at_its_start(self) -> None:
        standby = self.boot()
        self.start(7)
        standby.ended(Ended(9))
        self.assertEqual(self.opened, list(self.starting.made))

    def test_nobody_waits_for_a_standby_after_giving_up(self) -> None:
        standby = self.boot()
        self.start(7)
        self.current.give_up()
        self.assertEqual(len(self.ends), 1)
        self.messenger.loaded[-1]({})
        self.supply.learnt[-1]("")
        self.supply.looks[-1]("")
        self.assertEqual(self.opened, [])
        standby.ended(Ended(9))
        self.assertTrue(standby.closed)
        self.assertEqual(len(self.ends), 1)
