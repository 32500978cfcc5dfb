"""What a kernel of another language has read, as far as can be known."""

from __future__ import annotations

import os
import subprocess
import sys

from ipr.kernel import fingerprint, startupfiles
from ipr.kernel.loaded import Loaded
from tests.case import Case


class ReadByTests(Case):
    def test_files_of_a_language_are_named(self) -> None:
        environment = {"HOME": "/home/me", "R_PROFILE_USER": "mine.R"}
        found = startupfiles.read_by("R", environment, "/work")
        for path in (
            "/home/me/.Rprofile",
            "/work/.Rprofile",
            "/work/mine.R",
            "/work/renv.lock",
        ):
            self.assertIn(path, found)
        # Of variables that are not set, nothing.
        self.assertFalse("/work/" in found, found)

    def test_unknown_language_reads_nothing(self) -> None:
        self.assertEqual(startupfiles.read_by("lolcode", {"HOME": "/h"}, "/w"), ())

    def test_without_home_and_folder_nothing_is_read(self) -> None:
        """No path that would depend on where the daemon is."""
        self.assertEqual(startupfiles.read_by("r", {}, ""), ())


class MappedTests(Case):
    def test_own_libraries_are_mapped(self) -> None:
        import _socket

        found = startupfiles.mapped(os.getpid())
        self.assertIn(os.path.realpath(sys.executable), map(os.path.realpath, found))
        if hasattr(_socket, "__file__"):
            self.assertIn(_socket.__file__, found)
        self.assertTrue(all(path.startswith("/") for path in found))

    def test_process_that_is_gone_has_nothing_mapped(self) -> None:
        self.assertEqual(startupfiles.mapped(2**22 + 1), ())

    def test_library_that_is_upgraded_is_seen(self) -> None:
        """As of an R package, or of the program itself: a new file in its place."""
        folder = self.folder()
        path = os.path.join(folder, "package.so")
        with open(path, "wb") as file:
            file.write(bytes(4096))
        code = (
            "import mmap, sys\nf = open(sys.argv[1], 'rb')\n"
            "m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)\nf.close()\n"
            "print(1, flush=True)\nsys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-S", "-c", code, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            found = startupfiles.of(process.pid, "", {}, folder)
            process.communicate()
        self.assertIn(path, found)
        before = fingerprint.of(Loaded().and_also(found), float("inf"))
        self.assertEqual(fingerprint.changed(before), "")
        with open(f"{path}.new", "wb") as file:
            file.write(bytes(4096))
        os.replace(f"{path}.new", path)
        self.assertEqual(fingerprint.changed(before), f"{path} has changed")
