"""Which daemons run here, by a procfs of the test's own."""

from __future__ import annotations

import os

from ipr.terminal import processes
from ipr.terminal.processes import Daemon, file_among, options_of
from tests.case import Case

PYTHON = "/env/bin/python3.11"


class ProcCase(Case):
    def setUp(self) -> None:
        self.proc = self.folder()
        self.cwd = self.folder()

    def add(self, pid: int, *words: str, parent: int = 1, name: str = "python") -> str:
        """Add a process; give its folder."""
        folder = os.path.join(self.proc, str(pid))
        os.makedirs(os.path.join(folder, "fd"))
        for file, data in (
            ("cmdline", b"".join(word.encode() + b"\0" for word in words)),
            ("comm", f"{name}\n".encode()),
            ("stat", f"{pid} ({name}) x) S {parent} 1 1".encode()),
        ):
            with open(os.path.join(folder, file), "wb") as out:
                out.write(data)
        os.symlink(self.cwd, os.path.join(folder, "cwd"))
        return folder


class DaemonsTests(ProcCase):
    def test_daemons_are_known_by_their_command_lines(self) -> None:
        self.add(10, PYTHON, "-P", "-m", "ipr", "-f", "/run/kernel-a.json")
        self.add(11, PYTHON, "-m", "ipr", "--resource-dir", "x", "-f", "b.json")
        self.add(12, PYTHON, "-m", "ipr", "--connection-file=/run/c.json", "--", "-f")
        # None of these is one.
        self.add(20, "srun", PYTHON, "-m", "ipr", "-f", "/run/d.json")
        self.add(21, PYTHON, "-m", "ipykernel_launcher", "-f", "/run/e.json")
        self.add(22, PYTHON, "-m", "ipr", "ps")
        self.add(23, PYTHON, "-m", "ipr", "restart", "-f")
        self.add(24)
        self.assertEqual(
            processes.daemons(self.proc),
            [
                Daemon(10, "/run/kernel-a.json"),
                Daemon(11, os.path.join(self.cwd, "b.json")),
                Daemon(12, "/run/c.json"),
            ],
        )

    def test_children_that_are_forks_are_not_listed_twice(self) -> None:
        words = (PYTHON, "-m", "ipr", "-f", "/run/kernel-a.json")
        self.add(10, *words)
        self.add(11, *words, parent=10, name="ipr-guardian")
        self.add(12, *words, parent=10)
        self.assertEqual([d.pid for d in processes.daemons(self.proc)], [10])

    def test_twistd_holds_its_file_open(self) -> None:
        folder = self.add(10, PYTHON, "/env/bin/twistd", "-n", "ipr")
        os.symlink("/dev/null", os.path.join(folder, "fd", "0"))
        os.symlink("/run/kernel-ipr-host-10.json", os.path.join(folder, "fd", "5"))
        self.assertEqual(
            processes.daemons(self.proc), [Daemon(10, "/run/kernel-ipr-host-10.json")]
        )

    def test_process_that_ends_meanwhile_is_passed_over(self) -> None:
        folder = self.add(10, PYTHON, "-m", "ipr", "-f", "/run/kernel-a.json")
        os.unlink(os.path.join(folder, "comm"))
        os.makedirs(os.path.join(self.proc, "11"))
        self.assertEqual(processes.daemons(self.proc), [])


class TreeTests(ProcCase):
    def test_processes_above(self) -> None:
        self.add(10, "a", parent=1)
        self.add(11, "b", parent=10, name="ipr-guardian")
        self.add(12, "c", parent=11, name="a (b) c")
        self.assertEqual(processes.above(12, self.proc), [11, 10, 1])
        self.assertEqual(processes.parent(99, self.proc), 0)
        self.assertEqual(
            [processes.is_guardian(pid, self.proc) for pid in (11, 12, 99)],
            [True, False, None],
        )

    def test_ring_of_processes_ends(self) -> None:
        """Pids are given again while somebody walks up."""
        self.add(10, "a", parent=11)
        self.add(11, "b", parent=10)
        self.assertTrue(processes.above(10, self.proc))


class WordsTests(Case):
    def test_options_of_python(self) -> None:
        for words, options in (
            ([PYTHON, "-X", "dev", "-W", "error", "-m", "ipr", "-f", "x"], ["-f", "x"]),
            ([PYTHON, "-m", "ipr"], None),
            ([PYTHON, "/bin/conda", "run", "-m", "ipr", "-f", "x"], None),
            ([PYTHON, "-m"], None),
            ([], None),
        ):
            self.assertEqual(options_of(words), options)

    def test_file_among_options(self) -> None:
        for words, path in (
            (["--no-exec", "-f", "x"], "x"),
            (["-f"], ""),
            (["--", "-f", "x"], ""),
            (["--connection-file=a=b"], "a=b"),
        ):
            self.assertEqual(file_among(words), path)
