"""Where private folders may lie: whoever may write beside them; stale ones go."""

from __future__ import annotations

import os
from unittest import mock

from ipr.boot import places, private
from tests.boot.private_case import STRANGER, PrivateCase, needs_root


class BasesTests(PrivateCase):
    def setUp(self) -> None:
        super().setUp()
        self.environment(XDG_RUNTIME_DIR=None, TMPDIR=self.base)

    def test_shared_without_sticky_bit(self) -> None:
        """Others could rename what is in it: another one is taken, and it is said."""
        for mode in (0o777, 0o770, 0o707, 0o2775):
            os.chmod(self.base, mode)
            self.assertFalse(self.base in places.bases())
            sentence = (
                f"no private folder is made in {self.base}: others can rename"
                f" what is in {self.base} (mode {mode:04o}, no sticky bit)"
            )
            self.assertEqual(places.refused(), [sentence])
        for mode in (0o1777, 0o755, 0o700):
            os.chmod(self.base, mode)
            self.assertEqual(places.bases()[0], self.base)
            self.assertEqual(places.refused(), [])

    def test_shared_above(self) -> None:
        """A folder of ours in one that others may write can be replaced whole."""
        inside = os.path.join(self.base, "mine")
        os.mkdir(inside, 0o700)
        self.environment(TMPDIR=inside)
        self.assertEqual(places.bases()[0], inside)
        os.chmod(self.base, 0o777)
        self.assertFalse(inside in places.bases())

    @needs_root
    def test_folder_of_another_user_is_no_base(self) -> None:
        """An owner may rename what is in it, sticky or not."""
        for mode in (0o755, 0o1777):
            os.chmod(self.base, mode)
            os.chown(self.base, STRANGER, STRANGER)
            self.assertFalse(self.base in places.bases())
            self.assertEqual(
                places.danger(self.base),
                f"{self.base} belongs to another user (uid {STRANGER})",
            )

    @needs_root
    def test_in_a_container_that_maps_one_user(self) -> None:
        """There root is nobody; elsewhere nobody is a user like any other."""
        self.assertFalse(places._is_unmapped(65534))

        def reading(path: str, **_options: object) -> object:
            text = {
                "/proc/self/uid_map": "      1000       1000          1\n",
                "/proc/sys/kernel/overflowuid": "65534\n",
            }[path]
            return mock.mock_open(read_data=text)()

        with mock.patch("builtins.open", reading):
            self.assertTrue(places._is_unmapped(65534))
            self.assertFalse(places._is_unmapped(STRANGER))

    def test_a_link_to_a_base(self) -> None:
        """The link may change; where it led to when it was judged does not."""
        link = os.path.join(self.folder(), "link")
        os.symlink(self.base, link)
        self.environment(TMPDIR=link)
        self.assertEqual(os.path.dirname(places.fresh()[0]), self.base)

    def test_folder_of_the_connection_file_comes_late(self) -> None:
        """Where the clients' connection file lies is good enough, but comes late."""
        found = places.bases(self.precious)
        self.assertIn(self.precious, found[1:])

    def test_working_folder_that_is_gone(self) -> None:
        """It is the last one, and no reason not to take the others."""
        self.addCleanup(os.chdir, os.getcwd())
        gone = self.folder()
        os.chdir(gone)
        os.rmdir(gone)
        self.assertEqual(places.working_folder(), "")
        self.assertEqual(places.bases()[0], self.base)


class StaleTests(PrivateCase):
    """Folders whose daemon was killed together with its guardian."""

    def stale(self, name: str = "56789abc", mode: int = 0o700) -> str:
        if len(name) == 8:
            name = places.prefix() + name
        path = os.path.join(self.base, name)
        os.mkdir(path)
        os.chmod(path, mode)
        self.put(path, "kernel.json")
        return path

    def remove(self) -> int:
        before = os.listdir("/proc/self/fd")
        found = places.remove_stale([self.base, f"{self.base}/absent"])
        self.assertEqual(len(os.listdir("/proc/self/fd")), len(before))
        return found

    def test_stale_folders_go_with_their_contents(self) -> None:
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
        self.assertEqual(places.remove_stale([self.base], 0.0), 1)
        self.assertFalse(os.path.exists(path))

    def test_in_use(self) -> None:
        """A daemon that lives holds its lock; once it is gone there is none."""
        made = private.make(f"{self.base}/{places.prefix()}56789abc")
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
        ours = places.prefix()
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
    def test_stale_folder_of_another_user_stays(self) -> None:
        """Private as it is, it is another user's."""
        path = self.stale()
        os.chown(path, STRANGER, STRANGER)
        self.assertEqual(self.remove(), 0)
        self.assertEqual(os.listdir(path), ["kernel.json"])
