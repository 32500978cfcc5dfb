"""What a user is told of the allocation."""

from __future__ import annotations

import os
import platform
import re
import signal
import time
from unittest import mock

from twisted.internet.defer import Deferred, succeed

from ipr.daemon import allocation, timeleft
from ipr.daemon.oomkills import LATER
from ipr.daemon.status import Row
from ipr.kernel import memory
from ipr.kernel.asking import Answer
from tests.daemon.allocation_case import AllocationCase


class AllocationTests(AllocationCase):
    def test_no_job_has_no_row_and_no_words(self) -> None:
        """Nor is anything asked."""
        alone = self.made({})
        self.assertEqual((alone.rows(), alone.last_words()), ([], ""))
        alone.signalled(signal.SIGUSR1)
        self.assertEqual(self.said, [])

    def test_row_names_number_node_and_time(self) -> None:
        self.assertEqual(
            self.job(1195).rows(), [Row("Slurm job", "7 on node1, time left 20 min")]
        )

    def test_each_scheduler_has_a_row_of_its_own(self) -> None:
        """Asked once, when the daemon starts; HTCondor's number is in a file."""
        ad = os.path.join(self.folder(), "ad")
        with open(ad, "w", encoding="utf-8") as file:
            file.write(f"ClusterId = 4\nJobCurrentStartDate = {int(time.time())}\n")
            file.write("ProcId = 1\nAllowedJobDuration = 3590\n")
        pbs = b"Job Id: 7.host\n    Resource_List.walltime = 00:59:50\n"
        sge = b"now 11/30/2026 00:00:30\njob_number: 7\nhard resource_list: h_rt=3590\n"
        for environ, answer, name, number in (
            ({"SLURM_JOB_ID": "7"}, b"59:50\n", "Slurm", "7"),
            ({"JOB_ID": "7", "SGE_ROOT": "/sge"}, sge, "Grid Engine", "7"),
            ({"PBS_JOBID": "7.host"}, pbs, "PBS", "7.host"),
            ({"LSB_JOBID": "7"}, b"0:59 L\n", "LSF", "7"),
            ({"FLUX_JOB_ID": "ƒ7"}, b"3590.2\n", "Flux", "ƒ7"),
            ({"_CONDOR_JOB_AD": ad}, None, "HTCondor", "4.1"),
        ):
            asked: list[object] = []

            def ask(*question: object, said: object = answer) -> Deferred[Answer]:
                asked.append(question)  # noqa: B023
                assert isinstance(said, bytes)
                return succeed(Answer(0, said, ""))

            with mock.patch.object(timeleft, "ask", ask):
                (row,) = self.made(environ).rows()
            self.assertEqual(row.name, f"{name} job")
            where = f"{number} on {platform.node()}, time left "
            self.assertIn(row.value, (f"{where}60 min", f"{where}59 min"))
            self.assertEqual(len(asked), 0 if answer is None else 1)

    def test_deadline_counts_where_there_is_no_scheduler(self) -> None:
        alone = self.made({}, time.time() + 7205)
        self.assertEqual(alone.rows(), [Row("deadline", "time left 2 h 0 min")])

    def test_warning_says_the_time_as_it_is_when_it_is_shown(self) -> None:
        """It may be shown later, at the head of a cell."""
        self.job(80)
        (text,) = self.said
        self.assertTrue(
            re.fullmatch(
                r"Slurm job 7 ends in 1 min (19|20) s, and this kernel with it\."
                r" Save what you need\.",
                text(),
            )
        )
        self.reactor.advance(50)
        self.assertTrue(re.search(r"ends in (29|30) s, and", text()))

    def test_signal_of_the_scheduler_shows_what_is_left(self) -> None:
        """Only one that schedulers send, and only near the end."""
        near = self.made({}, time.time() + 300)
        near.signalled(signal.SIGWINCH)
        self.assertEqual(self.said, [])
        near.signalled(signal.SIGUSR1)
        self.assertEqual(len(self.said), 1)

    def test_last_words_name_the_limit_or_say_what_it_may_be(self) -> None:
        self.assertEqual(
            self.job(20).last_words(), "Slurm job 7 has reached its time limit."
        )
        self.assertEqual(
            self.job(2000).last_words(),
            "Slurm job 7 is being ended: cancelled, preempted, or shut down.",
        )

    def test_slurm_is_asked_whether_the_job_was_preempted(self) -> None:
        """The kernel may go of the same SIGTERM meanwhile: a guess is there at once."""
        for answer, why in (
            (True, "it was preempted by another job"),
            (False, "cancelled, or shut down"),
            (None, "cancelled, preempted, or shut down"),
        ):
            self.explained.clear()
            self.ended.clear()
            self.preempted = Deferred()
            self.end(self.job(2000))
            guess = (
                "Slurm job 7 is being ended: cancelled, preempted, or shut down.",
                False,
            )
            self.assertEqual((self.explained, self.ended), ([guess], []))
            self.preempted.callback(answer)
            known = (f"Slurm job 7 is being ended: {why}.", False)
            self.assertEqual((self.explained[1:], self.ended), ([known], [True]))

    def test_nobody_is_asked_at_the_time_limit(self) -> None:
        self.preempted = Deferred()
        self.end(self.job(20))
        words = "Slurm job 7 has reached its time limit."
        self.assertEqual(self.explained, [(words, False), (words, False)])
        self.assertEqual(self.ended, [True])

    def test_reason_is_shown_before_the_end_only_where_the_kernel_is_slow(self) -> None:
        """Most say it by their end, and twice is once too often."""
        words = "Slurm job 7 has reached its time limit."
        self.end(self.job(20))
        self.reactor.advance(allocation.SLOW)
        self.assertEqual(self.explained[2:], [(words, True)])
        self.explained.clear()
        job = self.job(20)
        self.end(job)
        job.stop()
        self.reactor.advance(allocation.SLOW)
        self.assertEqual(self.explained, [(words, False), (words, False)])

    def test_reason_is_shown_at_once_where_a_checkpoint_runs(self) -> None:
        self.with_file()
        self.end(self.job(2000))
        self.assertEqual([shown for _, shown in self.explained], [False, True])
        self.reactor.advance(allocation.SLOW)
        self.assertEqual(len(self.explained), 2)

    def test_condor_job_is_named_by_its_file(self) -> None:
        path = os.path.join(self.folder(), "ad")
        with open(path, "w", encoding="utf-8") as file:
            file.write("ClusterId = 4\nProcId = 0\n")
        (row,) = self.made({"_CONDOR_JOB_AD": path}).rows()
        self.assertEqual(row.name, "HTCondor job")
        self.assertIn("4.0 on ", row.value)
        self.assertIn("time left unlimited", row.value)

    def test_worker_that_the_system_killed_is_said(self) -> None:
        """Its own end may say nothing, or only that a pool is broken."""
        self.usage = memory.Usage(0, 400 << 20)
        self.made({})
        for count, what in ((1, "another process"), (3, "2 other processes")):
            self.reactor.advance(1)
            self.oom_kills = count
            for _ in range(LATER + 1):
                self.reactor.advance(1)
            self.assertEqual(
                self.said[-1](),
                "Memory: the limit of 400.0 MiB was reached, and the system killed"
                f" {what} of the job. The kernel goes on.",
            )
        self.assertEqual(len(self.said), 2)

    def test_memory_that_fills_is_said_and_then_ends_the_cell(self) -> None:
        """What the system would do otherwise is said, too."""
        self.usage = memory.Usage(0, 1 << 30)
        self.made({})
        self.usage = memory.Usage(980 << 20, 1 << 30)
        self.reactor.advance(1)
        (text,) = self.said
        self.assertEqual(
            text(),
            "Memory: 980.0 MiB of 1.0 GiB in use. At the limit the system kills the"
            " kernel. Free what you can, or %restart.",
        )
        self.usage = memory.Usage(1000 << 20, 1 << 30)
        self.reactor.advance(1)
        self.assertEqual(
            self.said[-1](),
            "Memory: 1000.0 MiB of 1.0 GiB in use, so the cell was interrupted"
            " (--memory-interrupt).",
        )
        self.assertEqual(self.interrupts, [1])
