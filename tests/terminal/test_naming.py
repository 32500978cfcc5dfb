"""Which kernel a word means."""

from __future__ import annotations

import os
from unittest import mock

from ipr.boot.launch import OWN_FILE
from ipr.terminal import processes
from ipr.terminal.naming import NowhereNamed, target
from ipr.terminal.problem import Problem
from tests.terminal.test_processes import PYTHON, ProcCase


class NamingCase(ProcCase):
    def setUp(self) -> None:
        super().setUp()
        self.runtime = self.folder()
        self.environment(JUPYTER_RUNTIME_DIR=self.runtime)
        self.first = self.start(10, "kernel-abc-1.json")
        self.second = self.start(20, "kernel-abx-2.json")

    def start(self, pid: int, name: str) -> str:
        path = os.path.join(self.runtime, name)
        self.add(pid, PYTHON, "-m", "ipr", "-f", path)
        return path

    def meant(self, word: str, **environ: str) -> str:
        return target(word, environ, self.proc).path

    def problem(self, word: str, **environ: str) -> str:
        return str(self.raised(Problem, target, word, environ, self.proc))


class WordTests(NamingCase):
    def test_beginnings_paths_and_pids(self) -> None:
        self.add(11, "kernel", parent=10)
        self.add(12, "worker", parent=11)
        for word in ("abc", "kernel-abc", "abc-1", self.first, "10", "11", "12"):
            self.assertEqual(self.meant(word), self.first, word)
        found = target("abx", {}, self.proc)
        self.assertEqual((found.daemon, found.inside, found.id), (20, False, "abx-2"))

    def test_process_of_a_daemon_inside_a_kernel_means_the_nearest(self) -> None:
        inner = os.path.join(self.runtime, "kernel-inner.json")
        self.add(30, PYTHON, "-m", "ipr", "-f", inner, parent=10)
        self.add(31, "kernel", parent=30)
        self.assertEqual(self.meant("31"), inner)

    def test_number_may_be_an_id_too(self) -> None:
        self.start(30, "kernel-10aa.json")
        self.assertIn("'10' may be 10aa or abc-1", self.problem("10"))

    def test_no_more_than_a_few_kernels_are_named(self) -> None:
        for number in range(9):
            self.start(40 + number, f"kernel-q{number}.json")
        some = "'q' may be q0 or q1 or q2 or q3 or 5 others; type more of it"
        self.assertIn(some, self.problem("q"))

    def test_nothing_and_too_much(self) -> None:
        self.assertIn("'ab' may be abc-1 or abx-2", self.problem("ab"))
        self.assertIn("begins with 'x'", self.problem("x"))

    def test_process_of_another_user_is_told(self) -> None:
        with mock.patch.object(processes, "owner", return_value=os.geteuid() + 1):
            self.assertEqual(
                self.problem("4711"),
                f"process 4711 belongs to another user (uid {os.geteuid() + 1}); run"
                " this command as that user",
            )
        self.add(4711, "sleep")
        self.assertEqual(processes.owner("4711", self.proc), os.geteuid())
        self.assertIn("begins with '4711'", self.problem("4711"))
        self.assertEqual(processes.owner("self", self.proc), None)

    def test_kernel_without_ipr_is_told(self) -> None:
        with open(os.path.join(self.runtime, "kernel-plain.json"), "w"):
            pass
        self.assertIn("plain is the id of a kernel that runs with", self.problem("pla"))

    def test_path_need_not_be_of_a_daemon_that_is_seen(self) -> None:
        """It may be in a container."""
        found = target("/x/kernel-y.json", {}, self.proc)
        self.assertEqual((found.path, found.daemon), ("/x/kernel-y.json", 0))


class OwnTests(NamingCase):
    def test_code_in_a_kernel_means_that_kernel(self) -> None:
        found = target("", {OWN_FILE: self.second}, self.proc)
        self.assertEqual((found.path, found.daemon), (self.second, 20))
        self.assertTrue(found.inside)

    def test_named_from_inside_it_is_inside_too(self) -> None:
        self.assertTrue(target("abx", {OWN_FILE: self.second}, self.proc).inside)
        self.assertFalse(target("abc", {OWN_FILE: self.second}, self.proc).inside)

    def test_by_the_tree_where_the_environment_is_another(self) -> None:
        self.add(os.getpid(), "test", parent=20)
        self.assertTrue(target("abx", {}, self.proc).inside)
        self.assertFalse(target("abc", {}, self.proc).inside)

    def test_outside_one_has_to_be_named(self) -> None:
        self.raised(NowhereNamed, target, "", {}, self.proc)

    def test_plain_kernel_inside_is_none_of_ours(self) -> None:
        """jupyter_client says who started it, and that is no guardian."""
        self.add(21, "g", parent=20, name="ipr-guardian")
        self.add(22, "kernel", parent=21)
        ours = {OWN_FILE: self.second, "JPY_PARENT_PID": "21"}
        self.assertEqual(target("", ours, self.proc).path, self.second)
        theirs = {**ours, "JPY_PARENT_PID": "22"}
        self.assertIn("has no ipr", self.problem("", **theirs))
        # What cannot be seen (another pid namespace) is believed.
        unseen = {**ours, "JPY_PARENT_PID": "99"}
        self.assertEqual(target("", unseen, self.proc).path, self.second)
