"""What counts as a change on disk, and what does not."""

from __future__ import annotations

import os
import time
import zipfile
from unittest import mock

from ipr.kernel import fingerprint
from ipr.kernel.fingerprint import Fingerprint
from ipr.kernel.loaded import Loaded
from tests.case import Case


def taken(loaded: Loaded) -> Fingerprint:
    """Return the fingerprint of a kernel during whose start nothing was written."""
    return fingerprint.of(loaded, float("inf"))


class Folders(Case):
    def setUp(self) -> None:
        self.root = self.folder()

    def path(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)

    def file(self, *parts: str, text: str = "") -> str:
        path = self.path(*parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def dir(self, *parts: str) -> str:
        os.makedirs(self.path(*parts))
        return self.path(*parts)

    def replace(self, path: str, text: str) -> None:
        """Write a file as most programs do: another one in its place."""
        with open(f"{path}~", "w") as file:
            file.write(text)
        os.replace(f"{path}~", path)

    def keeping_times(self, path: str) -> None:
        """Put a time back that is about to change, at the end of the statement."""
        found = os.stat(path)
        self.times = (path, found.st_atime_ns, found.st_mtime_ns)

    def restore_times(self) -> None:
        path, accessed, modified = self.times
        os.utime(path, ns=(accessed, modified))


class OneFileTests(Folders):
    def test_nothing_changed(self) -> None:
        path = self.file("a.py")
        before = taken(Loaded(files=(path, self.path("absent"), "/")))
        self.assertEqual(fingerprint.changed(before), "")

    def test_single_file_written_in_place_is_seen(self) -> None:
        path = self.file("a.py", text="x")
        before = taken(Loaded(files=(path,)))
        self.file("a.py", text="xy")
        self.assertEqual(fingerprint.changed(before), f"{path} has changed")

    def test_file_of_same_size_and_time_in_its_place(self) -> None:
        """As an installer makes it that restores times, or makes hard links."""
        path = self.file("a.py", text="x")
        self.keeping_times(path)
        before = taken(Loaded(files=(path,)))
        self.replace(path, "y")
        self.restore_times()
        self.assertEqual(fingerprint.changed(before), f"{path} has changed")

    def test_file_that_comes_and_goes(self) -> None:
        path = self.path("ipython_config.py")
        absent = taken(Loaded(files=(path,)))
        self.file("ipython_config.py")
        there = taken(Loaded(files=(path,)))
        self.assertEqual(fingerprint.changed(absent), f"{path} has changed")
        os.remove(path)
        self.assertEqual(fingerprint.changed(there), f"{path} has changed")
        self.assertEqual(fingerprint.changed(absent), "")

    def test_hard_link_is_no_change(self) -> None:
        """Another environment made by uv has the same file."""
        path = self.file("a.py")
        before = taken(Loaded(files=(path,)))
        os.link(path, self.path("b.py"))
        os.chmod(path, 0o600)
        self.assertEqual(fingerprint.changed(before), "")

    def test_link_that_points_elsewhere(self) -> None:
        """As a site's /sw/python/current."""
        path = self.path("current")
        os.symlink(self.file("1"), path)
        before = taken(Loaded(files=(path,)))
        os.remove(path)
        os.symlink(self.file("2"), path)
        self.assertEqual(fingerprint.changed(before), f"{path} has changed")

    def test_file_system_that_is_away_is_a_doubt(self) -> None:
        path = self.file("a.py")
        before = taken(Loaded(files=(path,)))
        away = OSError(116, "Stale file handle")
        with mock.patch("os.stat", side_effect=away):
            words = f"{path} cannot be looked at: Stale file handle"
            self.assertEqual(fingerprint.changed(before), words)
            self.assertEqual(taken(Loaded(files=(path,))).doubt, words)


class SinceTests(Folders):
    def test_file_written_since_the_start_is_a_doubt(self) -> None:
        """The kernel may have read either of the two."""
        path = self.file("a.py")
        before = fingerprint.of(Loaded(files=(path,)), time.time() - 60)
        self.assertEqual(
            fingerprint.changed(before), f"{path} has changed during its start"
        )

    def test_file_written_before_is_none(self) -> None:
        path = self.file("a.py")
        before = fingerprint.of(Loaded(files=(path,)), time.time() + 60)
        self.assertEqual(fingerprint.changed(before), "")

    def test_folder_of_packages_changed_since_the_start_is_a_doubt(self) -> None:
        before = fingerprint.of(Loaded(folders=(self.root,)), time.time() - 60)
        self.assertIn("during its start", fingerprint.changed(before))

    def test_working_folder_changed_since_the_start_is_none(self) -> None:
        self.file("notebook.ipynb")
        before = fingerprint.of(Loaded(cwd=self.root), time.time() - 60)
        self.assertEqual(fingerprint.changed(before), "")


class PathFolderTests(Folders):
    """A folder of sys.path."""

    def setUp(self) -> None:
        super().setUp()
        self.site = self.dir("site-packages")
        self.file("site-packages", "editable.pth", text="/src")
        self.dir("site-packages", "numpy")
        self.before = taken(Loaded(folders=(self.site, self.path("no"))))

    def assert_changed(self, what: str = "") -> None:
        found = fingerprint.changed(self.before)
        self.assertEqual(found, f"{self.site} has changed{what and f' ({what})'}")

    def test_package_installed(self) -> None:
        self.dir("site-packages", "tiny")
        self.assert_changed("tiny")

    def test_package_without_modules_of_its_name(self) -> None:
        """Of whatever kind: its metadata are there."""
        self.dir("site-packages", "tiny-1.0.dist-info")
        self.assert_changed("tiny-1.0.dist-info")

    def test_package_removed(self) -> None:
        os.rmdir(self.path("site-packages", "numpy"))
        self.assert_changed("numpy")

    def test_module_added(self) -> None:
        for name in (
            "six.py",
            "_x.cpython-311-x86_64-linux-gnu.so",
            "sitecustomize.py",
        ):
            with self.subTest(name):
                path = self.file("site-packages", name)
                self.assert_changed(name)
                os.remove(path)

    def test_pth_file_written_in_place(self) -> None:
        path = self.file("site-packages", "editable.pth", text="/other/src")
        self.assertEqual(fingerprint.changed(self.before), f"{path} has changed")

    def test_pth_file_added(self) -> None:
        self.file("site-packages", "__editable__.tiny-1.0.pth")
        self.assert_changed("__editable__.tiny-1.0.pth")

    def test_path_folder_that_was_missing_is_seen(self) -> None:
        """The user's own site-packages, before the first ``pip install --user``."""
        path = self.dir("no")
        self.assertEqual(fingerprint.changed(self.before), f"{path} has changed")

    def test_folder_made_again(self) -> None:
        """A virtual environment of the same name, with the same packages."""
        os.rename(self.site, self.path("old"))
        self.dir("site-packages")
        self.file("site-packages", "editable.pth", text="/src")
        self.dir("site-packages", "numpy")
        found = fingerprint.changed(self.before)
        self.assertEqual(found, f"{self.site} is another folder now")

    def test_folder_removed(self) -> None:
        os.rename(self.site, self.path("old"))
        self.assert_changed()

    def test_bytecode_in_a_path_folder_is_no_change(self) -> None:
        self.file("site-packages", "__pycache__", "six.cpython-311.pyc")
        self.assertEqual(fingerprint.changed(self.before), "")

    def test_what_no_import_looks_at_is_no_change(self) -> None:
        """Pip's own folders, notebooks, results."""
        self.dir("site-packages", "~umpy")
        for name in (".lock", "Untitled.ipynb", "data.csv", "run 1.txt", "7.py"):
            self.file("site-packages", name)
        self.assertEqual(fingerprint.changed(self.before), "")

    def test_archive_on_the_path_written_in_place(self) -> None:
        archive = self.path("tools.zip")
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("tool.py", "")
        before = taken(Loaded(folders=(archive,)))
        self.assertEqual(fingerprint.changed(before), "")
        with zipfile.ZipFile(archive, "a") as file:
            file.writestr("other.py", "")
        self.assertEqual(fingerprint.changed(before), f"{archive} has changed")

    def test_folder_too_large_to_compare_counts_by_its_time(self) -> None:
        with mock.patch.object(fingerprint, "MOST_NAMES", 1):
            before = taken(Loaded(folders=(self.site,)))
            self.assertEqual(fingerprint.changed(before), "")
            self.file("site-packages", "data.csv")
            words = f"{self.site} has changed"
            self.assertEqual(fingerprint.changed(before), words)


class WorkingFolderTests(Folders):
    """A notebook is saved there again and again, and cells write their results."""

    def setUp(self) -> None:
        super().setUp()
        tops = frozenset(("json", "mine"))
        self.notebook = self.file("Untitled.ipynb")
        self.file("mine.py")
        self.before = taken(Loaded(cwd=self.root, tops=tops))

    def test_saved_notebook_and_results_are_no_change(self) -> None:
        self.replace(self.notebook, "{}")
        self.dir(".ipynb_checkpoints")
        self.dir("run_001")
        self.file("results", "x.csv")
        self.file("helper.py")
        self.file("json.txt")
        self.assertEqual(fingerprint.changed(self.before), "")

    def test_module_before_an_imported_one(self) -> None:
        for name in ("json.py", "json.so", "sitecustomize.py"):
            with self.subTest(name):
                path = self.file(name)
                found = fingerprint.changed(self.before)
                self.assertEqual(found, f"{self.root} has changed ({name})")
                os.remove(path)
        self.dir("json")
        self.assertEqual(
            fingerprint.changed(self.before), f"{self.root} has changed (json)"
        )

    def test_imported_module_removed(self) -> None:
        os.remove(self.path("mine.py"))
        found = fingerprint.changed(self.before)
        self.assertEqual(found, f"{self.root} has changed (mine.py)")

    def test_millions_of_results_are_not_all_listed(self) -> None:
        with mock.patch.object(fingerprint, "MOST_NAMES", 1):
            before = taken(Loaded(cwd=self.root))
            self.file("run_001")
            self.assertEqual(fingerprint.changed(before), "")


class WholeFolderTests(Folders):
    """IPython's startup folder, a kernelspec's folder."""

    def setUp(self) -> None:
        super().setUp()
        self.startup = self.dir("startup")
        self.script = self.file("startup", "00-first.py", text="a = 1")
        self.before = taken(Loaded(whole=(self.startup, self.path("etc", "startup"))))

    def test_file_added(self) -> None:
        self.file("startup", "10-more.ipy")
        found = fingerprint.changed(self.before)
        self.assertEqual(found, f"{self.startup} has changed (10-more.ipy)")

    def test_file_of_a_whole_folder_written_in_place_is_seen(self) -> None:
        self.file("startup", "00-first.py", text="a = 22")
        found = fingerprint.changed(self.before)
        self.assertEqual(found, f"{self.script} has changed")

    def test_whole_folder_that_was_missing_is_seen(self) -> None:
        path = self.dir("etc", "startup")
        self.assertEqual(fingerprint.changed(self.before), f"{path} has changed")

    def test_bytecode_in_a_whole_folder_is_no_change(self) -> None:
        self.dir("startup", "__pycache__")
        self.assertEqual(fingerprint.changed(self.before), "")
