"""Why an inner kernel is gone, in words."""

from __future__ import annotations

import signal
from typing import Any

import attrs

from ipr.jupyter.messages import Failure
from ipr.lifecycle.causes import (
    Cause,
    Ending,
    Facts,
    Figures,
    Shortage,
    cause,
    failure,
    not_run,
)
from tests.case import Case


def exited(code: int) -> int:
    """Return the wait status of an exit code."""
    return code << 8


class CauseTests(Case):
    def test_exit_tells_the_code(self) -> None:
        """Nothing else is known."""
        self.assertEqual(
            cause(Facts(exited(3), ready=True)),
            Cause(
                Ending.DIED,
                "the kernel exited with code 3",
                figures=Figures(exit_code=3),
            ),
        )

    def test_exit_before_ready_tells_the_command(self) -> None:
        """The command is told, since it is most likely what is wrong."""
        self.assertEqual(
            cause(Facts(exited(1), tail=("No module",), command=("python", "-m", "x"))),
            Cause(
                Ending.NEVER_STARTED,
                "the kernel exited with code 1 before it was ready",
                (
                    "command: python -m x",
                    "its last lines on stderr:",
                    "    No module",
                ),
                figures=Figures(exit_code=1),
            ),
        )

    def test_signal_is_told_by_name_with_memory_and_stderr(self) -> None:
        """By its name; with the memory it had and its last lines."""
        self.assertEqual(
            cause(
                Facts(
                    signal.SIGSEGV,
                    ready=True,
                    peak_kib=2048,
                    tail=("a", "b"),
                    command=("python",),
                )
            ),
            Cause(
                Ending.DIED,
                "the kernel was killed by SIGSEGV (Segmentation fault)",
                ("peak memory: 2 MiB", "its last lines on stderr:", "    a", "    b"),
                figures=Figures(signal.SIGSEGV, peak_kib=2048),
            ),
        )

    def test_code_above_128_tells_the_signal(self) -> None:
        """A shell or srun in front of it exits with 128 and the signal's number."""
        for code, text in (
            (137, "137: its launcher or shell reports SIGKILL (Killed)"),
            (139, "139: its launcher or shell reports SIGSEGV (Segmentation fault)"),
        ):
            found = cause(Facts(exited(code), ready=True))
            self.assertEqual(found.text, f"the kernel exited with code {text}")
            self.assertEqual((found.figures.signal, found.figures.exit_code), (0, code))
        for code in (128, 255):
            self.assertEqual(
                cause(Facts(exited(code), ready=True)).text,
                f"the kernel exited with code {code}",
            )

    def test_figures_say_the_same_to_programs(self) -> None:
        """Signal, exit code, memory and OOM as numbers."""
        memory: dict[str, Any] = {"shortage": Shortage(1, 5 << 20)}
        found = cause(Facts(signal.SIGKILL, ready=True, peak_kib=7, pid=3, **memory))
        self.assertEqual(
            found.figures,
            Figures(signal.SIGKILL, peak_kib=7, oom_kills=1, limit_kib=5120, pid=3),
        )
        # Somebody else ran out of memory meanwhile.
        found = cause(Facts(exited(1), **memory))
        self.assertEqual(found.figures, Figures(exit_code=1))

    def test_core_dump_does_not_hide_the_signal(self) -> None:
        """A dumped core sets another bit of the status."""
        self.assertEqual(
            cause(Facts(signal.SIGABRT | 0x80, ready=True)).text,
            "the kernel was killed by SIGABRT (Aborted)",
        )

    def test_signal_without_name_is_told_by_number(self) -> None:
        """Real-time signals have numbers only."""
        self.assertEqual(
            cause(Facts(40, ready=True)).text, "the kernel was killed by signal 40"
        )

    def test_out_of_memory_is_told_of_killed_kernels_only(self) -> None:
        """A kernel that exited by itself did not run out of memory."""
        self.assertEqual(
            cause(Facts(signal.SIGKILL, ready=True, shortage=Shortage(1))).text,
            "the kernel was killed by SIGKILL (Killed): the job ran out of memory"
            " (the cgroup's OOM killer fired)",
        )
        self.assertEqual(
            cause(Facts(exited(1), ready=True, shortage=Shortage(1))).text,
            "the kernel exited with code 1",
        )

    def test_out_of_memory_names_limit_peak_and_who_was_killed(self) -> None:
        """As far as they are known."""
        known = Facts(
            signal.SIGKILL,
            ready=True,
            shortage=Shortage(1, 4000 << 20),
            peak_kib=3900 << 10,
            pid=77,
        )
        self.assertEqual(
            cause(known).details,
            (
                "memory limit of the job: 4,000 MiB",
                "killed: the kernel, pid 77, whose peak was 3,900 MiB",
            ),
        )
        # Its launcher waits for it, and has its peak.
        below = cause(attrs.evolve(known, status=exited(128 + signal.SIGKILL)))
        self.assertTrue(below.figures.oom_kills == 1)
        self.assertIn("the job ran out of memory", below.text)
        self.assertEqual(
            below.details[1], "killed: the kernel, whose peak was 3,900 MiB"
        )
        little = attrs.evolve(known, peak_kib=0, shortage=Shortage(4))
        self.assertEqual(
            cause(little).details,
            (
                (
                    "killed: the kernel, pid 77; and in its time 3 more of the job's"
                    " processes"
                ),
            ),
        )

    def test_iprs_own_reason_is_told_in_place_of_the_signal(self) -> None:
        """ipr's own reason is told, not the signal; nor is it the job's end."""
        found = cause(Facts(signal.SIGKILL, because="it was not ready within 60 s"))
        self.assertEqual(
            found.text,
            "the kernel was terminated by ipr because it was not ready within 60 s",
        )
        again = cause(Facts(signal.SIGTERM, ready=True, because="of something"))
        self.assertEqual((found.terminated, again.terminated), (False, False))

    def test_signals_that_end_jobs_are_marked(self) -> None:
        """SIGTERM, SIGINT and SIGHUP may be the end of the whole job."""
        self.assertEqual(
            [
                cause(Facts(number, ready=True)).terminated
                for number in (
                    signal.SIGTERM,
                    signal.SIGINT,
                    signal.SIGHUP,
                    signal.SIGKILL,
                )
            ],
            [True, True, True, False],
        )

    def test_command_that_cannot_run_is_hopeless(self) -> None:
        """Another try would end the same."""
        self.assertEqual(
            cause(Facts(None, "no such file: /bin/x", command=("/bin/x",))),
            Cause(
                Ending.NEVER_STARTED,
                "the kernel could not be started: no such file: /bin/x",
                ("command: /bin/x",),
                hopeless=True,
            ),
        )

    def test_death_with_the_guardian_is_worth_another_try(self) -> None:
        """It ran, and nobody knows how it ended: that is worth another try."""
        self.assertEqual(
            cause(Facts(None, "its guardian process was killed", ready=True)),
            Cause(Ending.DIED, "the kernel died: its guardian process was killed"),
        )

    def test_interrupt_excuses_a_death_before_ready_only(self) -> None:
        """An interrupt excuses a death before ready, and none after it."""
        self.assertEqual(
            [
                cause(Facts(signal.SIGINT, ready=ready, interrupted=True)).excused
                for ready in (False, True)
            ],
            [True, False],
        )


class FailureTests(Case):
    def test_each_ending_has_its_name(self) -> None:
        """Each ending has its name; never one that a client takes for its own."""
        self.assertEqual(
            [failure(Cause(ending, "why")).ename for ending in Ending],
            [
                "KernelRestarted",
                "DeadKernelError",
                "KernelStartError",
                "KernelShutDown",
            ],
        )

    def test_traceback_has_name_sentence_and_details(self) -> None:
        """Name, sentence and details."""
        self.assertEqual(
            failure(Cause(Ending.DIED, "why", ("more", "still more"))),
            Failure(
                "DeadKernelError",
                "why",
                ("DeadKernelError: why", "more", "still more"),
            ),
        )

    def test_dead_tells_the_way_out(self) -> None:
        """A kernel that stays dead can be restarted by hand."""
        found = not_run(Cause(Ending.DIED, "why"))
        self.assertEqual(found.evalue, "why; run %restart to start a new one")
        self.assertEqual(
            found.traceback,
            ("DeadKernelError: why; run %restart to start a new one",),
        )

    def test_limit_tells_how_many_died_and_that_the_cell_did_not_run(self) -> None:
        """Cells after the last death are told that they did not run."""
        found = not_run(Cause(Ending.DIED, "it was killed", deaths=6))
        self.assertEqual(
            found.evalue,
            "this cell did not run: the kernel died six times in a row; the"
            " last time, it was killed; run %restart to start a new one",
        )
        found = not_run(Cause(Ending.DIED, "it was killed", deaths=12))
        self.assertIn("died 12 times in a row", found.evalue)

    def test_last_death_tells_its_cell_that_no_kernel_follows(self) -> None:
        """The cell that ran says what happened, and what to do."""
        cause = Cause(Ending.DIED, "it was killed", followed=False)
        self.assertEqual(
            failure(cause).evalue, "it was killed; run %restart to start a new one"
        )
        self.assertEqual(
            failure(attrs.evolve(cause, deaths=6)).evalue,
            "it was killed; it died six times in a row and is not started again; run"
            " %restart to start a new one",
        )

    def test_dead_tells_the_remedy_of_the_cause(self) -> None:
        """Where a plain %restart would fail again."""
        found = not_run(Cause(Ending.NEVER_STARTED, "why", remedy="do x"))
        self.assertEqual(found.evalue, "why; do x")

    def test_death_that_is_followed_says_so(self) -> None:
        """A death is told together with the restart that follows."""
        found = failure(Cause(Ending.DIED, "why", ("more",), followed=True))
        self.assertEqual(
            found.traceback,
            (
                "DeadKernelError: why",
                "The kernel is restarting; all variables are gone.",
                "more",
            ),
        )
        found = failure(Cause(Ending.ASKED, "why", followed=True))
        self.assertEqual(found.traceback, ("KernelRestarted: why",))


class FactsTests(Case):
    """The same for programs: in the metadata of the reply."""

    def facts(self, **known: Any) -> dict[str, object]:
        return dict(failure(cause(Facts(**known))).facts)

    def test_killed_has_signal_memory_and_oom(self) -> None:
        self.assertEqual(
            self.facts(
                status=9,
                ready=True,
                shortage=Shortage(1, 5 << 20),
                peak_kib=2048,
                pid=3,
            ),
            {
                "cause": cause(Facts(9, ready=True, shortage=Shortage(1))).text,
                "signal": 9,
                "exit_code": None,
                "peak_kib": 2048,
                "oom": True,
                "limit_kib": 5120,
                "pid": 3,
            },
        )

    def test_exited_has_the_code(self) -> None:
        found = self.facts(status=3 << 8, ready=True)
        self.assertEqual(
            [found[name] for name in ("signal", "exit_code", "peak_kib", "oom")],
            [None, 3, None, False],
        )

    def test_never_started_has_neither(self) -> None:
        found = self.facts(status=None, problem="no such file")
        self.assertEqual((found["signal"], found["exit_code"]), (None, None))
