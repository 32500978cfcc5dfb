"""How many processors cgroups leave; against folders that look like them."""

from __future__ import annotations

import os
from unittest import mock

from ipr.kernel import cgroup
from tests.case import Case


class CoresTests(Case):
    def setUp(self) -> None:
        self.root = self.folder()
        on = mock.patch("os.sched_getaffinity", return_value=set(range(8)))
        on.start()
        self.addCleanup(on.stop)

    def file(self, path: str, text: str) -> None:
        whole = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w", encoding="utf-8") as file:
            file.write(text)

    def test_without_quota_all_that_we_may_run_on(self) -> None:
        """Of a cpuset, and of taskset(1)."""
        self.assertEqual(cgroup.cores(self.root), 8)
        self.file("proc/self/cgroup", "0::/job\nrubbish\n")
        self.file("sys/fs/cgroup/job/cpu.max", "max 100000\n")
        self.assertEqual(cgroup.cores(self.root), 8)

    def test_version_2_smallest_quota_up_the_tree(self) -> None:
        self.file("proc/self/cgroup", "0::/pod/box\n")
        self.file("sys/fs/cgroup/pod/box/cpu.max", "400000 100000\n")
        self.file("sys/fs/cgroup/pod/cpu.max", "150000 100000\n")
        self.assertEqual(cgroup.cores(self.root), 1.5)

    def test_version_1_has_a_tree_of_its_own(self) -> None:
        self.file("proc/self/cgroup", "3:cpu,cpuacct:/pod\n4:memory:/pod\n")
        self.file("sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us", "50000\n")
        self.file("sys/fs/cgroup/cpu/pod/cpu.cfs_period_us", "100000\n")
        self.file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
        self.file("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
        self.assertEqual(cgroup.cores(self.root), 0.5)

    def test_what_is_no_quota_is_none(self) -> None:
        self.file("proc/self/cgroup", "0::/job\n")
        for text in ("", "x y\n", "1\n", "100 0\n", "1 2 3\n"):
            self.file("sys/fs/cgroup/job/cpu.max", text)
            self.assertEqual(cgroup.cores(self.root), 8)

    def test_more_quota_than_processors(self) -> None:
        self.file("proc/self/cgroup", "0::/job\n")
        self.file("sys/fs/cgroup/job/cpu.max", "1600000 100000\n")
        self.assertEqual(cgroup.cores(self.root), 8)


class ThisSystemTests(Case):
    def test_at_least_a_bit_of_a_core(self) -> None:
        self.assertTrue(0 < cgroup.cores() <= (os.cpu_count() or 1))
