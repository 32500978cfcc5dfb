"""Private folders: whatever lies in them, they go, and nothing else does."""

from __future__ import annotations

import os
import resource
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from unittest import mock

from ipr.boot import private
from tests.boot.private_case import STRANGER, PrivateCase, needs_root


def elsewhere(path: str) -> Callable[[int], os.stat_result]:
    """Return an ``os.fstat`` for which that folder is on a device of its own."""
    fstat = os.fstat

    def told(descriptor: int) -> os.stat_result:
        about = fstat(descriptor)
        if os.readlink(f"/proc/self/fd/{descriptor}") != path:
            return about
        fields = list(about)
        fields[stat.ST_DEV] += 1
        return os.stat_result(fields)

    return told


class RemoveTests(PrivateCase):
    def test_with_all_that_is_in_it(self) -> None:
        """Files, sockets, FIFOs, trees; of a link only the link."""
        made = self.made()
        made.write("kernel.json", "{}")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(f"{self.path}/c-1")
        os.mkfifo(f"{self.path}/fifo")
        os.symlink(self.precious, f"{self.path}/link")
        os.makedirs(f"{self.path}/a/b/c")
        self.put(f"{self.path}/a/b", "file")
        os.symlink(self.precious, f"{self.path}/a/b/link")
        os.symlink(f"{self.precious}/precious", f"{self.path}/a/file")
        os.chmod(f"{self.path}/a/b", 0o500)
        made.remove()
        self.assertEqual(os.listdir(self.base), [])
        self.assertEqual(os.listdir(self.precious), ["precious"])

    def test_a_link_in_its_place(self) -> None:
        """Whoever may rename it leads us nowhere: it goes by its descriptor."""
        made = self.made()
        made.write("kernel.json", "{}")
        os.rename(self.path, f"{self.base}/elsewhere")
        os.symlink(self.precious, self.path)
        made.remove()
        self.assertEqual(os.listdir(self.precious), ["precious"])
        self.assertEqual(os.listdir(f"{self.base}/elsewhere"), [])
        self.assertTrue(os.path.islink(self.path))

    def test_a_folder_in_its_place(self) -> None:
        """Even an empty one, private and ours, is not the one that was made."""
        made = self.made()
        os.rename(self.path, f"{self.base}/elsewhere")
        os.mkdir(self.path, 0o700)
        made.remove()
        self.assertEqual(sorted(os.listdir(self.base)), ["elsewhere", "ipr-1"])

    def test_a_link_to_itself_in_its_place(self) -> None:
        """The name has to be the folder's own, not one that leads to it."""
        made = self.made()
        os.rename(self.path, f"{self.base}/elsewhere")
        os.symlink(f"{self.base}/elsewhere", self.path)
        with mock.patch.object(os, "rmdir") as rmdir:
            made.remove()
        rmdir.assert_not_called()

    def test_moved_with_the_folder_above(self) -> None:
        """It is found where it is now."""
        above = os.path.join(self.base, "above")
        os.mkdir(above)
        made = private.make(os.path.join(above, "ipr-1"))
        os.rename(above, f"{self.base}/moved")
        made.remove()
        self.assertEqual(os.listdir(f"{self.base}/moved"), [])

    def test_gone_already(self) -> None:
        """The guardian may have been faster."""
        made = self.made()
        os.rmdir(self.path)
        made.remove()
        self.assertEqual(made.descriptor, -1)

    def test_removal_is_bounded(self) -> None:
        """What is too deep or too much is left, and nothing fails."""
        made = self.made()
        deep = os.path.join(self.path, *"x" * (private.DEEPEST + 5))
        os.makedirs(deep)
        made.remove()
        self.assertTrue(os.path.isdir(deep))
        self.path = f"{self.path}-2"
        made = self.made()
        for number in range(5):
            made.write(str(number), "")
        with mock.patch.object(private, "MOST_ENTRIES", 3):
            made.remove()
        self.assertEqual(len(os.listdir(self.path)), 2)

    def test_without_a_free_descriptor_it_is_removed_later(self) -> None:
        """To list a folder takes one. The next folder may be made by then."""
        made = self.made()
        made.write("key", "")
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        for following in (True, False):
            taken = os.dup(0)
            resource.setrlimit(resource.RLIMIT_NOFILE, (taken + 1, before[1]))
            try:
                made.remove()
                self.assertEqual(private._postponed, [made])
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before)
                os.close(taken)
            self.assertTrue(os.path.isdir(self.path))
            if following:
                private.make(f"{self.path}-2").remove()
            else:
                private.remove_postponed()
            self.assertFalse(os.path.exists(self.path))
            self.assertEqual(private._postponed, [])
            made = self.made()
        made.remove()

    def test_removing_another_removes_what_had_to_wait(self) -> None:
        waits, other = self.made(), private.make(f"{self.path}-2")
        private._postpone(waits)
        other.remove()
        self.assertEqual(os.listdir(self.base), [])

    def test_at_the_latest_it_is_removed_when_the_process_exits(self) -> None:
        code = (
            "import sys; from ipr.boot import private\n"
            "private._postpone(private.make(sys.argv[1]))"
        )
        subprocess.run([sys.executable, "-c", code, self.path], check=True, timeout=60)
        self.assertEqual(os.listdir(self.base), [])

    def test_what_is_mounted_in_it_meanwhile(self) -> None:
        """Its device tells, where nothing was a moment ago; what is beside it goes."""
        made = self.made()
        for name in ("mounted", "plain"):
            os.makedirs(f"{self.path}/{name}/below")
            self.put(f"{self.path}/{name}", "file")
        with mock.patch.object(os, "fstat", elsewhere(f"{self.path}/mounted")):
            made.remove()
        self.assertEqual(os.listdir(self.path), ["mounted"])
        self.assertEqual(sorted(os.listdir(f"{self.path}/mounted")), ["below", "file"])

    @needs_root
    def test_a_folder_of_somebody_else_inside(self) -> None:
        """It is not ours to clear."""
        made = self.made()
        os.mkdir(f"{self.path}/theirs")
        self.put(f"{self.path}/theirs", "precious")
        os.chown(f"{self.path}/theirs", STRANGER, STRANGER)
        made.remove()
        self.assertEqual(os.listdir(f"{self.path}/theirs"), ["precious"])


class MakeTests(PrivateCase):
    def test_private_and_locked(self) -> None:
        """Whatever the umask says; a setgid bit above is no matter."""
        self.addCleanup(os.umask, os.umask(0))
        os.chmod(self.base, 0o2755)
        made = self.made()
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o700)
        other = private.find(self.path)
        assert other is not None
        self.addCleanup(other.close)
        self.raised(BlockingIOError, other.lock)
        made.close()
        other.lock()

    def test_not_private_there(self) -> None:
        """A file system may give all the same mode: it is not used."""
        made = os.mkdir

        def wide(name: str, _mode: int, dir_fd: int) -> None:
            made(name, 0o755, dir_fd=dir_fd)

        before = os.listdir("/proc/self/fd")
        with mock.patch.object(os, "mkdir", wide):
            self.raised(OSError, private.make, self.path)
        self.assertEqual(os.listdir(self.base), [])
        self.assertEqual(len(os.listdir("/proc/self/fd")), len(before))

    def test_on_another_device_than_the_folder_above(self) -> None:
        """It is not what was made there: nothing is kept in it, nor removed from it."""
        before = os.listdir("/proc/self/fd")
        with mock.patch.object(os, "fstat", elsewhere(self.path)):
            self.raised(OSError, private.make, self.path)
        self.assertEqual(os.listdir(self.base), [])
        self.assertEqual(len(os.listdir("/proc/self/fd")), len(before))

    @needs_root
    def test_not_ours_there(self) -> None:
        """Nor where root is made nobody, as on NFS."""
        made = os.mkdir

        def squashed(name: str, mode: int, dir_fd: int) -> None:
            made(name, mode, dir_fd=dir_fd)
            os.chown(name, STRANGER, STRANGER, dir_fd=dir_fd)

        with mock.patch.object(os, "mkdir", squashed):
            self.raised(OSError, private.make, self.path)
        self.assertEqual(os.listdir(self.base), [])

    def test_a_link_where_it_should_lie(self) -> None:
        """The base has no links when it is judged, and none when it is used."""
        os.symlink(self.precious, f"{self.base}/link")
        self.raised(OSError, private.make, f"{self.base}/link/ipr-1")
        self.assertEqual(os.listdir(self.precious), ["precious"])

    def test_being_removed_as_a_stale_one(self) -> None:
        """Somebody else's lock came first: another name is taken."""
        os.mkdir(self.path, 0o700)
        other = private.find(self.path)
        assert other is not None
        self.addCleanup(other.close)
        other.lock()
        with mock.patch.object(os, "mkdir"):
            self.raised(BlockingIOError, private.make, self.path)


class FindTests(PrivateCase):
    def test_not_private(self) -> None:
        """Links, files, other modes and other owners."""
        os.mkdir(self.path, 0o700)
        os.symlink(self.path, f"{self.base}/link")
        os.mkdir(f"{self.base}/wide")
        os.chmod(f"{self.base}/wide", 0o750)
        self.put(self.base, "file")
        for name in ("link", "wide", "file", "absent"):
            self.assertIs(private.find(f"{self.base}/{name}"), None, name)

    @needs_root
    def test_private_folder_of_another_user_is_not_taken(self) -> None:
        """Root may enter it, and must not."""
        os.mkdir(self.path, 0o700)
        os.chown(self.path, STRANGER, STRANGER)
        self.assertIs(private.find(self.path), None)
