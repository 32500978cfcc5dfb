"""The connection file that twistd ipr makes, and those that were left behind."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import subprocess
import sys

from ipr.boot import connection
from ipr.daemon.ownfile import OwnFile, remove_stale
from tests.case import Case

HOST = socket.gethostname()


class MakeTests(Case):
    def setUp(self) -> None:
        self.base = self.folder()
        self.environment(JUPYTER_RUNTIME_DIR=self.base)

    def make(self, path: str = "") -> OwnFile:
        made = OwnFile.make(path)
        self.addCleanup(made.remove)
        return made

    def test_the_file_is_in_the_runtime_folder_and_private(self) -> None:
        path = self.make().path
        name = f"kernel-ipr-{HOST}-{os.getpid()}.json"
        self.assertEqual(path, os.path.join(self.base, name))
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertTrue(connection.read(path).key)

    def test_a_runtime_folder_that_is_missing_is_made_private(self) -> None:
        missing = os.path.join(self.base, "run")
        self.environment(JUPYTER_RUNTIME_DIR=missing)
        self.make()
        self.assertEqual(stat.S_IMODE(os.stat(missing).st_mode), 0o700)

    def test_a_file_that_is_there_is_not_overwritten(self) -> None:
        path = os.path.join(self.base, "there.json")
        connection.write_private(path, {})
        self.raised(FileExistsError, OwnFile.make, path)

    def test_two_files_never_have_one_key(self) -> None:
        paths = [self.make(os.path.join(self.base, name)).path for name in "ab"]
        keys = {connection.read(path).key for path in paths}
        self.assertEqual(len(keys), 2)

    def test_remove_takes_it_away_and_may_come_twice(self) -> None:
        made = self.make()
        made.remove()
        made.remove()
        self.assertEqual(os.listdir(self.base), [])


class StaleTests(Case):
    """Each has a key in it; what a SIGKILL left is removed at the next start."""

    def setUp(self) -> None:
        self.base = self.folder()
        done = subprocess.run(
            [sys.executable, "-c", "import os; print(os.getpid())"],
            capture_output=True,
            check=True,
        )
        self.dead = int(done.stdout)

    def write(self, name: str) -> str:
        path = os.path.join(self.base, name)
        connection.write_private(path, {})
        return path

    def left(self) -> list[str]:
        remove_stale(self.base)
        return os.listdir(self.base)

    def test_one_of_a_process_that_is_gone_goes(self) -> None:
        self.write(f"kernel-ipr-{HOST}-{self.dead}.json")
        self.assertEqual(self.left(), [])

    def test_one_that_somebody_uses_stays(self) -> None:
        """After the fork of twistd the number in its name is of nobody."""
        name = f"kernel-ipr-{HOST}-{self.dead}.json"
        with open(self.write(name)) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.assertEqual(self.left(), [name])

    def test_one_of_a_live_process_stays(self) -> None:
        name = f"kernel-ipr-{HOST}-{os.getppid()}.json"
        self.write(name)
        self.assertEqual(self.left(), [name])

    def test_one_of_another_host_stays(self) -> None:
        name = f"kernel-ipr-other-{self.dead}.json"
        self.write(name)
        self.assertEqual(self.left(), [name])

    def test_a_kernel_of_somebody_else_stays(self) -> None:
        self.write("kernel-1234.json")
        self.assertEqual(self.left(), ["kernel-1234.json"])

    def test_a_link_is_not_followed(self) -> None:
        outside = os.path.join(self.folder(), "outside")
        connection.write_private(outside, {})
        name = f"kernel-ipr-{HOST}-{self.dead}.json"
        os.symlink(outside, os.path.join(self.base, name))
        self.assertEqual(self.left(), [name])
        self.assertTrue(os.path.exists(outside))

    def test_a_pipe_of_that_name_blocks_nothing(self) -> None:
        name = f"kernel-ipr-{HOST}-{self.dead}.json"
        os.mkfifo(os.path.join(self.base, name))
        self.assertEqual(self.left(), [name])

    def test_a_folder_that_cannot_be_listed_is_left_alone(self) -> None:
        remove_stale(os.path.join(self.base, "missing"))
