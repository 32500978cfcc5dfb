"""What cgroups and procfs say; against folders that look like them."""

from __future__ import annotations

import os
from unittest import mock

from ipr.kernel import memory
from tests.case import Case


class ResidentTests(Case):
    def test_resident_memory_is_now_and_peak_in_bytes(self) -> None:
        """Now and at its peak, in bytes."""
        now, peak = memory.resident(os.getpid())
        self.assertTrue(0 < now <= peak, (now, peak))
        # In bytes: no Python needs less than a megabyte.
        self.assertTrue(now > 2**20, now)

    def test_resident_memory_of_a_gone_process_is_nothing(self) -> None:
        """Of a process that is not there: nothing."""
        self.assertEqual(memory.resident(2**22 + 1), (0, 0))


class ProportionalTests(Case):
    def test_shared_memory_counts_in_part(self) -> None:
        """What is shared with others counts in part: less than all that is there."""
        pss = memory.proportional([os.getpid()])
        self.assertTrue(2**20 < pss <= memory.resident(os.getpid())[0], pss)

    def test_fork_shares_what_it_has(self) -> None:
        """A thing of 100 MB that two have counts once."""
        kept = bytearray(b"x") * (100 << 20)
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            os.read(ours, 1)
            os._exit(0)
        try:
            both = memory.proportional([os.getpid(), child])
            apart = sum(memory.resident(pid)[0] for pid in (os.getpid(), child))
        finally:
            os.write(theirs, b"x")
            os.waitpid(child, 0)
            os.close(ours)
            os.close(theirs)
        self.assertTrue(both < apart - len(kept) / 2, (both, apart))

    def test_large_process_is_not_walked_through(self) -> None:
        with mock.patch.object(memory, "MOST_COUNTED", 1 << 20):
            found = memory.proportional([os.getpid()])
        self.assertTrue(abs(found - memory.resident(os.getpid())[0]) < 1 << 23, found)

    def test_proportional_memory_of_a_gone_process_is_nothing(self) -> None:
        self.assertEqual(memory.proportional([2**22 + 1]), 0)
        self.assertEqual(memory.address_space([2**22 + 1]), 0)

    def test_address_space_is_larger_than_what_is_resident(self) -> None:
        space = memory.address_space([os.getpid()])
        self.assertTrue(space > memory.resident(os.getpid())[0], space)

    def test_available_memory_is_known(self) -> None:
        found = memory.available()
        self.assertTrue(found is not None and found > 2**20, found)
        self.assertEqual(memory.available(self.folder()), None)


class CgroupTests(Case):
    def setUp(self) -> None:
        self.root = self.folder()

    def file(self, path: str, text: str) -> None:
        whole = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w", encoding="utf-8") as file:
            file.write(text)

    def found(self) -> tuple[int, int | None, int | None]:
        job = memory.job(self.root)
        kills = memory.oom_kills(self.root)
        return (kills, job.limit, job.used) if job is not None else (kills, None, None)

    def test_no_cgroups(self) -> None:
        """Where the system does not tell: 0 and None."""
        self.assertEqual(self.found(), (0, None, None))
        self.file("proc/self/cgroup", "0::/nowhere\nrubbish\n")
        self.assertEqual(self.found(), (0, None, None))

    def test_version_2(self) -> None:
        """One tree for all; the limit is the smallest of those above, too."""
        self.file("proc/self/cgroup", "0::/slurm/job_1/step_0\n")
        self.file(
            "sys/fs/cgroup/slurm/job_1/step_0/memory.events",
            "low 0\nhigh 0\nmax 3\noom 3\noom_kill 2\noom_group_kill 0\n",
        )
        self.file("sys/fs/cgroup/slurm/job_1/step_0/memory.max", "max\n")
        self.file("sys/fs/cgroup/slurm/job_1/step_0/memory.current", "4096\n")
        self.file("sys/fs/cgroup/slurm/job_1/memory.max", "1000000\n")
        self.file("sys/fs/cgroup/slurm/job_1/memory.current", "8192\n")
        self.file("sys/fs/cgroup/slurm/memory.max", "9000000\n")
        self.file("sys/fs/cgroup/slurm/memory.events", "oom_kill 7\n")
        # What is used where the limit is: another step may use the rest.
        self.assertEqual(self.found(), (2, 1000000, 8192))

    def test_somebody_elses_job(self) -> None:
        """What the OOM killer did to another job above is not ours."""
        self.file("proc/self/cgroup", "0::/slurm/job_1\n")
        self.file("sys/fs/cgroup/slurm/job_1/memory.events", "oom_kill 0\n")
        self.file("sys/fs/cgroup/slurm/memory.events", "oom_kill 7\n")
        self.assertEqual(memory.oom_kills(self.root), 0)

    def test_version_1(self) -> None:
        """A tree of its own for memory; no limit is a number that nobody has."""
        self.file(
            "proc/self/cgroup",
            "5:cpu,cpuacct:/other\n4:memory:/slurm/job_1\n1:name=systemd:/x\n",
        )
        self.file(
            "sys/fs/cgroup/memory/slurm/job_1/memory.oom_control",
            "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
        )
        self.file(
            "sys/fs/cgroup/memory/slurm/job_1/memory.limit_in_bytes",
            "9223372036854771712\n",
        )
        self.file("sys/fs/cgroup/memory/slurm/memory.limit_in_bytes", "5000\n")
        self.file("sys/fs/cgroup/memory/slurm/memory.usage_in_bytes", "4000\n")
        self.file(
            "sys/fs/cgroup/memory/slurm/memory.stat",
            "inactive_file 1\nactive_file 2\n"
            "total_inactive_file 2500\ntotal_active_file 1400\n",
        )
        self.file("sys/fs/cgroup/memory/slurm/job_1/memory.usage_in_bytes", "77\n")
        self.assertEqual(self.found(), (1, 5000, 100))

    def test_page_cache(self) -> None:
        """A file fills the cgroup, and uses no memory, however often it is read."""
        self.file("proc/self/cgroup", "0::/job\n")
        self.file("sys/fs/cgroup/job/memory.current", "309000000\n")
        self.file("sys/fs/cgroup/job/memory.max", "314572800\n")
        self.file(
            "sys/fs/cgroup/job/memory.stat",
            "file 1\ninactive_file 140000000\nactive_file 100000000\n",
        )
        self.assertEqual(self.found(), (0, 314572800, 69000000))

    def test_equal_limits(self) -> None:
        """Of the job and of its step: the job's use counts."""
        self.file("proc/self/cgroup", "0::/job/step/task\n")
        for path, used, limit in (
            ("job/step/task", 1, "max"),
            ("job/step", 2, "300"),
            ("job", 3, "300"),
            ("", 4, "max"),
        ):
            self.file(f"sys/fs/cgroup/{path}/memory.current", f"{used}\n")
            self.file(f"sys/fs/cgroup/{path}/memory.max", f"{limit}\n")
        self.assertEqual(self.found(), (0, 300, 3))

    def test_no_limit_is_none(self) -> None:
        """No limit at all is None, not a large number."""
        self.file("proc/self/cgroup", "4:memory:/\n")
        self.file("sys/fs/cgroup/memory/memory.limit_in_bytes", f"{2**63 - 4096}\n")
        self.file("sys/fs/cgroup/memory/memory.usage_in_bytes", "5\n")
        self.assertEqual(self.found(), (0, None, 5))

    def test_path_of_another_namespace(self) -> None:
        """In a container the path may not be there; the mount's root then is ours."""
        self.file("proc/self/cgroup", "0::/system.slice/docker-1.scope\n")
        self.file("sys/fs/cgroup/memory.events", "oom_kill 1\n")
        self.file("sys/fs/cgroup/memory.current", "12\n")
        self.file("sys/fs/cgroup/memory.max", "13\n")
        self.assertEqual(self.found(), (1, 13, 12))

    def test_this_system(self) -> None:
        """Whatever runs this test, nothing raises."""
        self.assertTrue(memory.oom_kills() >= 0)
