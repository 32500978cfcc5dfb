"""The shell around the machine: each effect performed, each timer kept."""

from __future__ import annotations

import signal
from unittest import mock

import attrs

from ipr.kernel.process import Ended
from ipr.lifecycle import causes, states
from ipr.lifecycle.limits import Leave, Limits, Pace, Tally
from ipr.lifecycle.restarter import Restarter
from ipr.lifecycle.states import Dead, Running, Starting, Stopped
from tests.case import Case
from tests.fakes import Done, FakeKernel, FakeMessenger, FakeStart, FakeSupply

LIMITS = Limits()
KILLED = Ended(int(signal.SIGKILL))


class RestarterCase(Case):
    limits = LIMITS

    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.done: Done = []
        self.messenger = FakeMessenger(self.done)
        self.start = FakeStart(self.done)
        self.supply = FakeSupply(self.done)
        self.oom_kills = 0
        self.restarter = Restarter(
            self.clock,
            self.limits,
            self.messenger,
            self.start,
            self.supply,
            lambda: self.oom_kills,
            lambda: 600 << 20,
            lambda: self.done.append(("leave",)),
        )
        # Every test ends as the daemon does; nothing is left on the clock then.
        self.addCleanup(self.end)

    def end(self) -> None:
        self.restarter.shut_down(Leave.QUICKLY)
        self.clock.pump([1.0] * 8)
        self.assertEqual(self.restarter.public_state(), "stopped")
        self.assertEqual([k.generation for k in self.start.made if not k.closed], [])

    @property
    def kernel(self) -> FakeKernel:
        """The newest one."""
        return self.start.made[-1]

    def took(self) -> Done:
        """Return what was done since the last time, phases aside."""
        found = [what for what in self.done if what[0] != "phase"]
        self.done.clear()
        return found

    def run_kernel(self) -> None:
        """Have generation 1 run."""
        self.restarter.begin()
        self.restarter.ready(1)
        self.took()

    def drain(self) -> None:
        """End the draining of the newest kernel."""
        assert self.kernel.drained is not None
        self.kernel.drained()


class StartTests(RestarterCase):
    def test_begin_starts_generation_1(self) -> None:
        """Generation 1 is started, and the relay asks it."""
        self.restarter.begin()
        self.assertEqual(self.took(), [("start", 1), ("opened", 1)])
        self.assertEqual(self.restarter.state, Starting(1))
        self.assertEqual(self.restarter.public_state(), "restarting")

    def test_ready_releases(self) -> None:
        """The relay passes messages on; the kernel is marked as ready."""
        self.restarter.begin()
        self.took()
        self.restarter.ready(1)
        self.assertEqual(self.took(), [("release", 1)])
        self.assertTrue(self.kernel.ready)
        self.assertEqual(self.restarter.public_state(), "running")

    def test_second_ready_changes_nothing(self) -> None:
        """The relay may say so more than once."""
        self.run_kernel()
        self.restarter.ready(1)
        self.assertEqual((self.took(), self.restarter.state), ([], Running(1)))

    def test_phases_tell_the_pid_once_it_is_known(self) -> None:
        """Who waits is told what is going on, with the pid once it is known."""
        self.restarter.begin()
        self.kernel.started(4711)
        self.assertEqual(
            [what[1] for what in self.done if what[0] == "phase"],
            ["starting a new kernel ...", "starting a new kernel, pid 4711 ..."],
        )

    def test_failed_first_start_is_refused(self) -> None:
        """The very first start fails: it is refused, and no timer is left."""
        self.start.failing = ValueError("no command")
        self.restarter.begin()
        text = "the kernel could not be started: no command"
        self.assertEqual(
            self.took(), [("start", 1), ("finish", 1, text), ("refuse", text)]
        )
        self.assertEqual(self.restarter.public_state(), "dead")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_failed_restart_is_refused_and_can_be_tried_again(self) -> None:
        """A restart that fails is refused as well, and can be tried again."""
        self.run_kernel()
        self.start.failing = OSError("no process")
        self.restarter.restart(Pace.POLITE)
        self.kernel.ended(KILLED)
        self.drain()
        text = "the kernel could not be started: no process"
        self.assertEqual(
            self.took()[-3:], [("start", 2), ("finish", 2, text), ("refuse", text)]
        )
        self.start.failing = None
        self.restarter.restart(Pace.POLITE)
        self.assertEqual(
            self.took(),
            [("hold",), ("start", 3), ("opened", 3)],
        )

    def test_unexpected_error_at_start_is_logged_and_refused(self) -> None:
        """It is logged, and refused like any other: nobody waits for ever."""
        self.start.failing = RuntimeError("too many open files")
        self.restarter.begin()
        self.assertEqual(len(self.logged_errors(RuntimeError)), 1)
        self.assertEqual(self.restarter.public_state(), "dead")
        self.assertEqual(
            self.took()[-1],
            ("refuse", "the kernel could not be started: too many open files"),
        )

    def test_late_start_is_terminated_with_the_reason(self) -> None:
        """Its exit is awaited."""
        self.restarter.begin()
        self.took()
        self.clock.advance(LIMITS.start_timeout)
        because = "it was not ready within 60 s"
        self.assertEqual(self.took(), [("kernel 1", "SIGTERM", because)])
        self.clock.advance(LIMITS.ladders.polite.kill)
        self.assertEqual(self.took(), [("kernel 1", "SIGKILL")])
        self.kernel.ended(KILLED)
        self.drain()
        self.assertEqual(
            self.took()[1],
            ("finish", 1, f"the kernel was terminated by ipr because {because}"),
        )


class DeathTests(RestarterCase):
    def test_death_holds_drains_finishes_closes_and_starts(self) -> None:
        """In this order."""
        self.run_kernel()
        self.kernel.ended(Ended(int(signal.SIGSEGV)))
        text = "the kernel was killed by SIGSEGV (Segmentation fault)"
        self.assertEqual(self.took(), [("hold",), ("kernel 1", "drain")])
        self.drain()
        self.assertEqual(
            self.took(),
            [
                ("finish", 1, text),
                ("kernel 1", "close"),
                ("start", 2),
                ("opened", 2),
            ],
        )

    def test_draining_ends_after_drain_time(self) -> None:
        """A late report that all is read changes nothing then."""
        self.run_kernel()
        self.kernel.ended(KILLED)
        self.took()
        late = self.kernel.drained
        assert late is not None
        self.clock.advance(LIMITS.drain_time)
        self.assertEqual(self.took()[0][0], "finish")
        late()
        self.assertEqual(self.took(), [])
        self.assertEqual(self.restarter.state, Starting(2, Tally(1)))

    def test_out_of_memory_counts_in_this_kernels_life_only(self) -> None:
        """An OOM kill counts when it came in this kernel's life."""
        self.oom_kills = 3
        self.run_kernel()
        self.kernel.ended(KILLED)
        self.drain()
        self.assertEqual(self.took()[2][2], "the kernel was killed by SIGKILL (Killed)")
        self.restarter.ready(2)
        self.oom_kills = 4
        self.took()
        self.kernel.ended(KILLED)
        self.drain()
        self.assertIn("ran out of memory", self.took()[2][2])

    def test_cause_has_what_is_known_of_end_and_start(self) -> None:
        """Exit code, memory, command and stderr."""
        self.restarter.begin()
        self.kernel.ended(Ended(1 << 8, "", 2048, ("No module named x",)))
        self.drain()
        state = self.restarter.state
        assert isinstance(state, states.Starting)
        self.assertEqual(state.tally, Tally(1, 1))
        self.kernel.ended(Ended(1 << 8, "", 2048, ("No module named x",)))
        self.drain()
        state = self.restarter.state
        assert isinstance(state, Dead)
        self.assertEqual(
            state.cause,
            causes.Cause(
                causes.Ending.NEVER_STARTED,
                "the kernel exited with code 1 before it was ready",
                (
                    "peak memory: 2 MiB",
                    "command: kernel 2",
                    "its last lines on stderr:",
                    "    No module named x",
                ),
                figures=causes.Figures(exit_code=1, peak_kib=2048, pid=1002),
            ),
        )

    def test_death_by_interrupt_before_ready_is_no_failure(self) -> None:
        """The tally stays clean."""
        self.restarter.begin()
        self.kernel.interrupted = True
        self.kernel.ended(Ended(int(signal.SIGINT)))
        self.drain()
        self.clock.advance(LIMITS.job_grace)
        self.assertEqual(self.restarter.state, Starting(2))

    def test_second_death_in_a_row_is_followed_by_a_pause(self) -> None:
        """After the second death in a row it waits a moment."""
        self.run_kernel()
        self.kernel.ended(KILLED)
        self.drain()
        self.restarter.ready(2)
        self.kernel.ended(KILLED)
        self.drain()
        self.took()
        self.clock.advance(0.4)
        self.assertEqual(self.took(), [])
        self.clock.advance(0.1)
        self.assertEqual(self.took(), [("start", 3), ("opened", 3)])

    def test_stays_dead_past_the_limit(self) -> None:
        """After so many deaths in a row it stays dead, and says why."""
        self.run_kernel()
        for generation in range(1, 7):
            self.kernel.ended(KILLED)
            self.drain()
            self.clock.advance(10)
            self.restarter.ready(generation + 1)
        self.assertEqual(
            self.took()[-1], ("refuse", "the kernel was killed by SIGKILL (Killed)")
        )
        self.assertEqual(len(self.start.made), 6)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cells_of_the_last_one_are_told_that_it_stays_dead(self) -> None:
        """With how many died, and what to do."""
        self.run_kernel()
        told_causes: list[causes.Cause] = []
        finish = self.messenger.finish

        def finished(generation: int, cause: causes.Cause) -> None:
            told_causes.append(cause)
            finish(generation, cause)

        with mock.patch.object(self.messenger, "finish", finished):
            for generation in range(1, 7):
                self.kernel.ended(KILLED)
                self.drain()
                self.clock.advance(10)
                self.restarter.ready(generation + 1)
        told = [(cause.followed, cause.deaths) for cause in told_causes]
        self.assertEqual(told, [(True, 0)] * 5 + [(False, 6)])
        self.assertEqual(told_causes[-1].remedy, "run %restart to start a new one")

    def test_stable_kernels_never_reach_the_limit(self) -> None:
        """Earlier deaths no longer count once a kernel has run for a while."""
        self.run_kernel()
        for generation in range(1, 20):
            self.clock.advance(LIMITS.stable_start_time)
            self.kernel.ended(KILLED)
            self.drain()
            self.restarter.ready(generation + 1)
        self.assertEqual(self.restarter.state, Running(20, Tally(1)))

    def test_kernel_that_closed_a_socket_is_terminated(self) -> None:
        """Its exit is then a death."""
        self.run_kernel()
        self.kernel.lost("shell")
        because = "it closed its shell channel"
        self.assertEqual(self.took(), [("kernel 1", "SIGTERM", because)])
        self.clock.advance(LIMITS.ladders.polite.kill)
        self.assertEqual(self.took(), [("kernel 1", "SIGKILL")])
        self.kernel.ended(KILLED)
        self.drain()
        self.assertEqual(
            self.took()[2],
            ("finish", 1, f"the kernel was terminated by ipr because {because}"),
        )

    def test_second_lost_channel_does_not_delay_the_kill(self) -> None:
        """Lost channels are reported repeatedly; the first one counts."""
        self.run_kernel()
        self.kernel.lost("shell")
        self.clock.advance(LIMITS.ladders.polite.kill / 2)
        self.kernel.lost("iopub")
        self.took()
        self.clock.advance(LIMITS.ladders.polite.kill / 2)
        self.assertEqual(self.took(), [("kernel 1", "SIGKILL")])
        for _ in range(4):
            self.assertEqual(self.restarter.state.generation, 1)
            self.kernel.lost("shell")
            self.clock.advance(LIMITS.gone_time / 4)
        # Nothing of it was heard any more: another one, without waiting for it.
        self.clock.advance(LIMITS.drain_time)
        self.assertEqual(self.restarter.state.generation, 2)

    def test_reports_of_an_earlier_kernel_change_nothing(self) -> None:
        """Reports of a kernel that is gone change nothing."""
        self.run_kernel()
        first = self.kernel
        first.ended(KILLED)
        self.drain()
        self.restarter.ready(2)
        self.took()
        first.ended(KILLED)
        first.lost("iopub")
        self.assertEqual((self.took(), self.restarter.state.generation), ([], 2))

    def test_processes_that_could_not_be_killed_do_not_stop_the_restart(self) -> None:
        """They are logged."""
        self.run_kernel()
        self.kernel.ended(attrs.evolve(KILLED, left=(12, 13)))
        self.drain()
        self.assertEqual(self.restarter.public_state(), "restarting")

    def test_history_has_each_start_and_why(self) -> None:
        """When each began, and why the one before it ended."""
        self.run_kernel()
        self.clock.advance(5)
        self.kernel.ended(KILLED)
        self.drain()
        self.assertEqual(
            list(self.restarter.history),
            [
                (0.0, 1, "first start"),
                (5.0, 2, "the kernel was killed by SIGKILL (Killed)"),
            ],
        )


class RestartTests(RestarterCase):
    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def test_healthy_kernel_is_only_asked_to_go(self) -> None:
        """Asked to go, it goes; nothing stronger is sent."""
        self.restarter.restart(Pace.POLITE)
        self.assertEqual(
            self.took(),
            [
                ("hold",),
                ("ask to go",),
            ],
        )
        self.clock.advance(0.1)
        self.kernel.ended(Ended(0))
        self.drain()
        self.assertEqual(
            self.took(),
            [
                ("kernel 1", "drain"),
                ("finish", 1, "the kernel was restarted"),
                ("kernel 1", "close"),
                ("start", 2),
                ("opened", 2),
            ],
        )
        self.clock.advance(5)
        self.assertEqual(self.took(), [])

    def test_phase_names_the_pid_of_the_kernel_that_goes(self) -> None:
        """Who waits is told which kernel it is that is to go."""
        self.restarter.restart(Pace.POLITE)
        self.assertIn(("phase", "stopping the kernel, pid 1001 ..."), self.done)

    def test_stuck_kernel_gets_sigterm_then_sigkill_then_is_left(self) -> None:
        """SIGTERM, then SIGKILL, then it goes on without waiting."""
        self.restarter.restart(Pace.POLITE)
        self.took()
        steps = []
        for _ in range(60):
            self.clock.advance(0.125)
            steps += [(self.clock.seconds(), *what) for what in self.took()]
        self.assertEqual(
            steps,
            [
                (1.5, "kernel 1", "SIGTERM", ""),
                (2.5, "kernel 1", "SIGKILL"),
                (6.5, "kernel 1", "drain"),
                (6.75, "finish", 1, "the kernel was restarted"),
                (6.75, "kernel 1", "close"),
                (6.75, "start", 2),
                (6.75, "opened", 2),
            ],
        )

    def test_restart_now_kills_a_kernel_that_is_going(self) -> None:
        """%restart now, while another one waits for the kernel to go."""
        self.restarter.restart(Pace.POLITE)
        self.took()
        self.restarter.restart(Pace.URGENT)
        self.assertEqual(self.took(), [("kernel 1", "SIGKILL")])
        self.kernel.ended(KILLED)
        self.drain()
        self.assertEqual(self.restarter.state, Starting(2))

    def test_event_from_an_effect_waits_for_the_effects_beside_it(self) -> None:
        """What an effect asks for comes after the effects beside it."""

        class Asking(FakeMessenger):
            def release(inner, generation: int) -> None:  # noqa: N805
                super().release(generation)
                if generation == 2:
                    self.restarter.restart(Pace.POLITE)
                    self.done.append(("asked",))

        self.restarter._performing._messenger = Asking(self.done)
        self.restarter.restart(Pace.POLITE)
        self.kernel.ended(Ended(0))
        self.drain()
        self.took()
        self.restarter.ready(2)
        self.assertEqual(
            self.took()[:4],
            [
                ("release", 2),
                ("asked",),
                ("hold",),
                ("ask to go",),
            ],
        )

    def test_failing_effect_is_logged_and_the_others_performed(self) -> None:
        """It is logged; the effects after it are performed all the same."""
        self.messenger.failing = ZeroDivisionError()
        self.restarter.restart(Pace.POLITE)
        self.kernel.ended(Ended(0))
        self.took()
        self.drain()
        self.assertEqual(len(self.logged_errors(ZeroDivisionError)), 1)
        self.assertEqual(
            self.took(),
            [
                ("finish", 1, "the kernel was restarted"),
                ("kernel 1", "close"),
                ("start", 2),
                ("opened", 2),
            ],
        )
        self.messenger.failing = None

    def test_now_is_the_clocks(self) -> None:
        """The time is the clock's."""
        self.clock.advance(2.5)
        self.assertEqual(self.restarter.now(), 2.5)


class EndTests(RestarterCase):
    def test_shutdown_asks_the_kernel_then_leaves(self) -> None:
        """The kernel is asked to go, on the shortest ladder; then the daemon goes."""
        self.run_kernel()
        self.restarter.shut_down()
        self.assertEqual(self.took()[0], ("hold until the end",))
        self.kernel.ended(Ended(0))
        self.drain()
        self.assertEqual(
            self.took(),
            [
                ("kernel 1", "drain"),
                ("finish", 1, "the kernel was shut down"),
                ("kernel 1", "close"),
                ("end", "the kernel was shut down"),
                ("leave",),
            ],
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_quick_shutdown_of_a_stuck_kernel_takes_two_seconds(self) -> None:
        """It is over within two seconds, if nobody is left who would wait."""
        self.run_kernel()
        self.restarter.shut_down()
        self.clock.advance(10)
        self.assertFalse(("kernel 1", "SIGTERM") in self.done)
        began = self.clock.seconds()
        self.restarter.shut_down(Leave.QUICKLY)
        while ("kernel 1", "SIGKILL") not in self.done:
            self.clock.advance(0.1)
        self.kernel.ended(KILLED)
        self.clock.advance(LIMITS.drain_time)
        self.assertEqual(self.took()[-1], ("leave",))
        self.assertTrue(self.clock.seconds() - began < 2)

    def test_shutdown_without_kernel_leaves_at_once(self) -> None:
        """There is nothing to stop."""
        self.start.failing = ValueError("no command")
        self.restarter.begin()
        self.took()
        self.restarter.shut_down()
        self.assertEqual(self.took(), [("end", "the kernel was shut down"), ("leave",)])

    def test_leaves_once(self) -> None:
        """Whatever is asked afterwards, it leaves once."""
        self.run_kernel()
        self.restarter.shut_down()
        self.restarter.shut_down()
        self.kernel.ended(Ended(0))
        self.drain()
        self.restarter.shut_down()
        self.restarter.restart(Pace.URGENT)
        self.kernel.ended(Ended(0))
        self.assertEqual(self.took().count(("leave",)), 1)
        self.assertEqual(self.restarter.state, Stopped(1))


class PartedTests(RestarterCase):
    """A kernel that has closed its sockets may end beside the next one."""

    def ask(self) -> FakeKernel:
        """Have generation 1 run, and be asked to go."""
        self.run_kernel()
        self.restarter.restart(Pace.POLITE)
        self.took()
        return self.kernel

    def test_next_kernel_starts_once_it_has_parted(self) -> None:
        old = self.ask()
        assert old.parted is not None
        old.parted("")
        self.assertEqual(
            self.took(),
            [
                ("kernel 1", "retire"),
                ("finish", 1, causes.RESTARTED.text),
                ("start", 2),
                ("opened", 2),
            ],
        )
        old.ended(Ended(0))
        self.assertEqual(self.took(), [("kernel 1", "close")])
        self.assertEqual(self.restarter.state, Starting(2))

    def test_kernel_that_holds_something_is_waited_for(self) -> None:
        old = self.ask()
        assert old.parted is not None
        old.parted("/dev/nvidia0")
        self.assertEqual(self.took(), [])
        old.ended(Ended(0))
        self.drain()
        self.assertEqual(self.restarter.state, Starting(2))

    def test_it_has_the_ladder_of_every_restart(self) -> None:
        old = self.ask()
        assert old.parted is not None
        old.parted("")
        self.took()
        polite = LIMITS.ladders.polite
        self.clock.advance(polite.terminate)
        self.assertEqual(self.took(), [("kernel 1", "SIGTERM", "")])
        self.clock.advance(polite.kill)
        self.assertEqual(self.took(), [("kernel 1", "SIGKILL")])
        self.clock.advance(LIMITS.gone_time)
        self.assertEqual(self.took(), [("kernel 1", "close")])
        # Its end is told after all, and changes nothing.
        old.ended(Ended(9))
        self.assertEqual(self.took(), [])

    def test_two_do_not_end_at_the_same_time(self) -> None:
        first = self.ask()
        assert first.parted is not None
        first.parted("")
        self.restarter.ready(2)
        self.restarter.restart(Pace.POLITE)
        self.took()
        second = self.kernel
        assert second.parted is not None
        second.parted("")
        self.assertEqual(self.took(), [])
        second.ended(Ended(0))
        self.drain()
        self.assertEqual(self.restarter.state, Starting(3))

    def test_look_that_comes_too_late_changes_nothing(self) -> None:
        old = self.ask()
        assert old.parted is not None
        parted = old.parted
        old.ended(Ended(0))
        self.drain()
        self.took()
        parted("")
        self.assertEqual((self.took(), self.restarter.state), ([], Starting(2)))

    def test_daemon_waits_for_one_that_still_ends(self) -> None:
        old = self.ask()
        assert old.parted is not None
        old.parted("")
        self.restarter.shut_down(Leave.QUICKLY)
        self.kernel.ended(KILLED)
        self.drain()
        self.assertFalse(("leave",) in self.took())
        old.ended(Ended(0))
        self.assertEqual(self.took(), [("kernel 1", "close"), ("leave",)])


class NoOverlapTests(RestarterCase):
    limits = attrs.evolve(LIMITS, overlap=False)

    def test_nobody_asks_whether_it_has_parted(self) -> None:
        self.run_kernel()
        self.restarter.restart(Pace.POLITE)
        self.assertIsNone(self.kernel.parted)


class LeavingTests(RestarterCase):
    """Whether an order to restart comes too late."""

    def test_not_while_a_kernel_runs_or_comes(self) -> None:
        self.restarter.begin()
        self.assertFalse(self.restarter.leaving())
        self.restarter.restart(Pace.POLITE)
        self.assertFalse(self.restarter.leaving())
        self.kernel.ended(KILLED)
        self.assertFalse(self.restarter.leaving())

    def test_from_the_moment_that_somebody_wants_the_end(self) -> None:
        self.run_kernel()
        self.restarter.shut_down()
        self.assertTrue(self.restarter.leaving())
        self.kernel.ended(KILLED)
        self.assertTrue(self.restarter.leaving())
        self.clock.pump([1.0] * 8)
        self.assertTrue(self.restarter.leaving())

    def test_generation_is_that_of_the_newest_kernel(self) -> None:
        self.run_kernel()
        self.assertEqual(self.restarter.generation(), 1)
        self.restarter.restart(Pace.POLITE)
        self.kernel.ended(KILLED)
        self.clock.pump([1.0] * 8)
        self.assertEqual(self.restarter.generation(), len(self.start.made))
