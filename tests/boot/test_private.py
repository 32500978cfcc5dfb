"""Private folders: whoever may write beside them, and whatever lies in them."""

from __future__ import annotations

import os
import socket
import unittest
from unittest import mock

from ipr.boot import private
from tests.case import Case

#: A user who is neither root nor us.
STRANGER = 12345

needs_root = unittest.skipUnless(
    os.geteuid() == 0, "only root can give a folder to another user"
)


class PrivateCase(Case):
    def setUp(self) -> None:
        self.base = os.path.realpath(self.folder())
        self.environment(XDG_RUNTIME_DIR=self.base, TMPDIR=None)
        self.path = os.path.join(self.base, "ipr-1")
        self.precious = self.victim()

    def victim(self) -> str:
        """Give a folder with something in it, which nobody may touch."""
        path = os.path.realpath(self.folder())
        self.put(path, "precious")
        return path

    def put(self, folder: str, name: str) -> None:
        with open(os.path.join(folder, name), "w", encoding="utf-8"):
            pass

    def made(self) -> private.Folder:
        made = private.make(self.path)
        self.addCleanup(made.close)
        return made


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

    def test_bounded(self) -> None:
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
    def test_of_somebody_else(self) -> None:
        """Root may enter it, and shall not."""
        os.mkdir(self.path, 0o700)
        os.chown(self.path, STRANGER, STRANGER)
        self.assertIs(private.find(self.path), None)


class BasesTests(PrivateCase):
    def setUp(self) -> None:
        super().setUp()
        self.environment(XDG_RUNTIME_DIR=None, TMPDIR=self.base)

    def test_shared_without_sticky_bit(self) -> None:
        """Others could rename what is in it: another one is taken, and it is said."""
        for mode in (0o777, 0o770, 0o707, 0o2775):
            os.chmod(self.base, mode)
            self.assertFalse(self.base in private.bases())
            sentence = (
                f"no private folder is made in {self.base}: others can rename"
                f" what is in {self.base} (mode {mode:04o}, no sticky bit)"
            )
            self.assertEqual(private.refused(), [sentence])
        for mode in (0o1777, 0o755, 0o700):
            os.chmod(self.base, mode)
            self.assertEqual(private.bases()[0], self.base)
            self.assertEqual(private.refused(), [])

    def test_shared_above(self) -> None:
        """A folder of ours in one that others may write can be replaced whole."""
        inside = os.path.join(self.base, "mine")
        os.mkdir(inside, 0o700)
        self.environment(TMPDIR=inside)
        self.assertEqual(private.bases()[0], inside)
        os.chmod(self.base, 0o777)
        self.assertFalse(inside in private.bases())

    @needs_root
    def test_of_somebody_else(self) -> None:
        """An owner may rename what is in it, sticky or not."""
        for mode in (0o755, 0o1777):
            os.chmod(self.base, mode)
            os.chown(self.base, STRANGER, STRANGER)
            self.assertFalse(self.base in private.bases())
            self.assertEqual(
                private.danger(self.base),
                f"{self.base} belongs to another user (uid {STRANGER})",
            )

    @needs_root
    def test_in_a_container_that_maps_one_user(self) -> None:
        """There root is nobody; elsewhere nobody is a user like any other."""
        self.assertFalse(private._is_unmapped(65534))

        def reading(path: str, **_options: object) -> object:
            text = {
                "/proc/self/uid_map": "      1000       1000          1\n",
                "/proc/sys/kernel/overflowuid": "65534\n",
            }[path]
            return mock.mock_open(read_data=text)()

        with mock.patch("builtins.open", reading):
            self.assertTrue(private._is_unmapped(65534))
            self.assertFalse(private._is_unmapped(STRANGER))

    def test_a_link_to_a_base(self) -> None:
        """The link may change; where it led to when it was judged does not."""
        link = os.path.join(self.folder(), "link")
        os.symlink(self.base, link)
        self.environment(TMPDIR=link)
        self.assertEqual(os.path.dirname(private.places()[0]), self.base)

    def test_beside(self) -> None:
        """Where the clients' connection file lies is good enough, but comes late."""
        found = private.bases(self.precious)
        self.assertIn(self.precious, found[1:])

    def test_working_folder_that_is_gone(self) -> None:
        """It is the last one, and no reason not to take the others."""
        self.addCleanup(os.chdir, os.getcwd())
        gone = self.folder()
        os.chdir(gone)
        os.rmdir(gone)
        self.assertEqual(private.working_folder(), "")
        self.assertEqual(private.bases()[0], self.base)


class StaleTests(PrivateCase):
    """Folders whose daemon was killed together with its guardian."""

    def stale(self, name: str = "56789abc", mode: int = 0o700) -> str:
        if len(name) == 8:
            name = private.prefix() + name
        path = os.path.join(self.base, name)
        os.mkdir(path)
        os.chmod(path, mode)
        self.put(path, "kernel.json")
        return path

    def remove(self) -> int:
        before = os.listdir("/proc/self/fd")
        found = private.remove_stale([self.base, f"{self.base}/absent"])
        self.assertEqual(len(os.listdir("/proc/self/fd")), len(before))
        return found

    def test_removed(self) -> None:
        """With what is in them, and at once."""
        self.stale()
        os.mkdir(f"{self.stale('76543210')}/inside")
        self.assertEqual(self.remove(), 2)
        self.assertEqual(os.listdir(self.base), [])

    def test_young_and_empty(self) -> None:
        """Perhaps it has just been made, and is locked the next moment."""
        path = self.stale()
        os.unlink(f"{path}/kernel.json")
        self.assertEqual(self.remove(), 0)
        self.assertTrue(os.path.isdir(path))
        self.assertEqual(private.remove_stale([self.base], 0.0), 1)
        self.assertFalse(os.path.exists(path))

    def test_in_use(self) -> None:
        """A daemon that lives holds its lock; once it is gone there is none."""
        made = private.make(f"{self.base}/{private.prefix()}56789abc")
        made.write("kernel.json", "{}")
        self.assertEqual(self.remove(), 0)
        self.assertTrue(os.path.exists(f"{made.path}/kernel.json"))
        made.close()
        self.assertEqual(self.remove(), 1)
        self.assertFalse(os.path.exists(made.path))

    def test_where_nothing_can_be_locked(self) -> None:
        """Then nobody knows whether it is in use."""
        self.stale()
        with mock.patch("fcntl.flock", side_effect=OSError(9, "Bad file descriptor")):
            self.assertEqual(self.remove(), 0)
            made = private.make(self.path)
        made.remove()
        self.assertEqual(len(os.listdir(self.base)), 1)

    def test_not_ours(self) -> None:
        """Other names, other modes and links are left alone."""
        ours = private.prefix()
        self.stale(f"{ours}0123456")
        self.stale(f"{ours}012345678")
        self.stale(f"x{ours}01234567")
        self.stale(f"{ours}ABCDEF01")
        self.stale(f"{ours}00000000", 0o755)
        # Another machine's, which sees TMPDIR, too, but perhaps not our locks.
        self.stale("ipr-fffe01234567")
        # A link to what would be removed under its own name.
        target = self.stale("x")
        os.symlink(target, os.path.join(self.base, f"{ours}11111111"))
        before = sorted(os.listdir(self.base))
        self.assertEqual(self.remove(), 0)
        self.assertEqual(sorted(os.listdir(self.base)), before)
        self.assertEqual(os.listdir(target), ["kernel.json"])

    @needs_root
    def test_of_somebody_else(self) -> None:
        """Private as it is, it is another user's."""
        path = self.stale()
        os.chown(path, STRANGER, STRANGER)
        self.assertEqual(self.remove(), 0)
        self.assertEqual(os.listdir(path), ["kernel.json"])
