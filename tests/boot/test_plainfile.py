"""Files that a person named are read without waiting for anybody."""

from __future__ import annotations

import os
import socket
from typing import Any

from ipr.boot import plainfile
from ipr.boot.plainfile import NotPlain
from tests.case import Case


class ReadTests(Case):
    def setUp(self) -> None:
        self.base = self.folder()

    def path(self, name: str) -> str:
        return os.path.join(self.base, name)

    def test_file_is_read_up_to_the_allowed_byte(self) -> None:
        """All of it, up to the byte that is allowed; through a link, too."""
        with open(self.path("a"), "wb") as file:
            file.write(b"x" * 100_000)
        os.symlink(self.path("a"), self.path("link"))
        for name in ("a", "link"):
            self.assertEqual(plainfile.read(self.path(name), 100_000), b"x" * 100_000)
        error = self.raised(NotPlain, plainfile.read, self.path("a"), 99_999)
        self.assertEqual(str(error), "it is larger than 97 KiB")

    def test_file_without_size(self) -> None:
        """What the kernel of the system makes up says 0."""
        self.assertIn(b"Pid:", plainfile.read("/proc/self/status", 1 << 16))

    def test_what_is_no_plain_file_is_refused_at_once(self) -> None:
        """A FIFO that nobody writes to would keep us for ever."""
        os.mkfifo(self.path("fifo"))
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(self.path("socket"))
        for path, kind in (
            (self.path("fifo"), "a FIFO"),
            (self.path("socket"), "a socket"),
            (self.base, "a directory"),
            ("/dev/zero", "a device"),
        ):
            error = self.raised(NotPlain, plainfile.read, path, 10)
            self.assertEqual(str(error), f"it is {kind}, not a regular file")

    def test_what_is_opened_counts(self) -> None:
        """What is opened counts, not what stood there when we looked."""
        os.mkfifo(self.path("fifo"))
        regular = os.stat(__file__)
        untyped: Any = self
        untyped.patch(os, "stat", lambda _path: regular)
        error = self.raised(NotPlain, plainfile.read, self.path("fifo"), 10)
        self.assertEqual(str(error), "it is a FIFO, not a regular file")

    def test_name_with_nul_is_refused_in_our_words(self) -> None:
        """In our words."""
        error = self.raised(NotPlain, plainfile.read, "a\0b", 10)
        self.assertEqual(str(error), "its name holds a NUL character")
