"""When there is plainly room for a standby."""

from __future__ import annotations

import os
import resource

from ipr.daemon import room
from ipr.daemon.room import Room, lacking
from tests.case import Case

GIB = 1 << 30
MIB = 1 << 20


class RuleTests(Case):
    def test_there_is_room_on_a_usual_node(self) -> None:
        self.assertEqual(lacking(Room(2, 2 * GIB)), "")
        self.assertEqual(lacking(Room(64, 500 * GIB, 20 * GIB)), "")

    def test_room_needs_a_core_for_the_second_kernel(self) -> None:
        self.assertEqual(lacking(Room(1, 500 * GIB)), "only 1 core")
        self.assertEqual(lacking(Room(1.5, 500 * GIB)), "only 1.5 cores")

    def test_room_needs_a_margin_of_memory(self) -> None:
        """Not a twentieth of what is free."""
        self.assertEqual(lacking(Room(2, 1280 * MIB), 64 * MIB), "")
        self.assertEqual(
            lacking(Room(2, 1279 * MIB), 64 * MIB), "only 1279 MiB of memory are free"
        )
        self.assertEqual(lacking(Room(2, 0)), "only 0 MiB of memory are free")

    def test_standby_with_large_imports_needs_more(self) -> None:
        self.assertIn("memory", lacking(Room(2, 2 * GIB), 110 * MIB))

    def test_unknown_limit(self) -> None:
        self.assertEqual(
            lacking(Room(2, None)), "the memory limit of the job is not known"
        )

    def test_address_space(self) -> None:
        self.assertEqual(
            lacking(Room(2, 500 * GIB, 8 * GIB)),
            "only 8192 MiB of address space are free (ulimit -v)",
        )


class LookTests(Case):
    """At files that look like those of the system."""

    def setUp(self) -> None:
        self.root = self.folder()
        self.file("proc/meminfo", "MemTotal: 9 kB\nMemAvailable: 8388608 kB\n")

    def file(self, path: str, text: str) -> None:
        whole = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w", encoding="utf-8") as file:
            file.write(text)

    def free(self, **environment: str) -> int | None:
        return room.look((7, 8), environment, self.root).free

    def test_machine_without_limits(self) -> None:
        self.assertEqual(self.free(), 8 * GIB)

    def test_nobody_tells(self) -> None:
        os.remove(os.path.join(self.root, "proc/meminfo"))
        self.assertEqual(self.free(), None)

    def test_limit_of_the_cgroup_less_the_working_set(self) -> None:
        self.file("proc/self/cgroup", "0::/job\n")
        self.file("sys/fs/cgroup/job/memory.current", f"{3 * GIB}\n")
        self.file("sys/fs/cgroup/job/memory.max", f"{4 * GIB}\n")
        self.file("sys/fs/cgroup/job/memory.stat", f"inactive_file {2 * GIB}\n")
        self.assertEqual(self.free(SLURM_JOB_ID="1"), 3 * GIB)

    def test_machine_that_has_less_than_the_limit(self) -> None:
        self.file("proc/self/cgroup", "0::/job\n")
        self.file("sys/fs/cgroup/job/memory.current", "0\n")
        self.file("sys/fs/cgroup/job/memory.max", f"{400 * GIB}\n")
        self.assertEqual(self.free(), 8 * GIB)

    def test_more_used_than_allowed(self) -> None:
        self.file("proc/self/cgroup", "0::/job\n")
        self.file("sys/fs/cgroup/job/memory.current", "20\n")
        self.file("sys/fs/cgroup/job/memory.max", "10\n")
        self.assertEqual(self.free(), 0)

    def test_job_whose_limit_is_in_no_file(self) -> None:
        """Slurm without cgroups, and others: they may count by themselves."""
        self.assertEqual(self.free(SLURM_JOB_ID="1"), None)
        self.assertEqual(self.free(PBS_JOBID="1.server"), None)
        self.assertEqual(self.free(SLURM_JOB_ID="1", SLURM_MEM_PER_NODE="x"), None)
        self.assertEqual(self.free(SLURM_JOB_ID="1", SLURM_MEM_PER_NODE="0"), None)

    def test_batch_job_whose_limit_slurm_tells(self) -> None:
        for pid in (7, 8):
            self.file(f"proc/{pid}/status", f"VmRSS: {MIB // 2} kB\n")
        self.file("proc/7/smaps_rollup", f"Rss: 1 kB\nPss: {MIB // 4} kB\n")
        of_node = {"SLURM_JOB_ID": "1", "SLURM_MEM_PER_NODE": "4096"}
        self.assertEqual(self.free(**of_node), 4 * GIB - 3 * GIB // 4)
        of_cores = {"SLURM_JOB_ID": "1", "SLURM_MEM_PER_CPU": "1024"}
        self.assertEqual(
            self.free(**of_cores, SLURM_CPUS_ON_NODE="3"), 3 * GIB - 3 * GIB // 4
        )

    def test_address_space_less_what_is_used(self) -> None:
        before = resource.getrlimit(resource.RLIMIT_AS)
        self.file("proc/7/status", f"VmSize: {MIB} kB\n")
        self.assertEqual(room.look((7,), {}, self.root).space, None)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_AS, before)
        resource.setrlimit(resource.RLIMIT_AS, (50 * GIB, before[1]))
        self.assertEqual(room.look((7,), {}, self.root).space, 49 * GIB)

    def test_this_system(self) -> None:
        found = room.look((os.getpid(),), {})
        self.assertTrue(found.free is not None and found.cores > 0, found)
