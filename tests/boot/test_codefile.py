"""Which files of code are read, and what is said of the others."""

from __future__ import annotations

import os

from ipr.boot import codefile
from ipr.boot.codefile import LARGEST, BadCode
from tests.case import Case


class ReadTests(Case):
    def setUp(self) -> None:
        self.path = os.path.join(self.folder(), "code.py")

    def write(self, data: bytes) -> None:
        with open(self.path, "wb") as file:
            file.write(data)

    def wrong(self) -> str:
        return str(self.raised(BadCode, codefile.read, self.path))

    def test_code_is_read_without_its_byte_order_mark(self) -> None:
        for data in (b"x = '\xc3\xa4'\n", b"\xef\xbb\xbfx = '\xc3\xa4'\n"):
            self.write(data)
            self.assertEqual(codefile.read(self.path), "x = '\xe4'\n")

    def test_missing_file_is_named(self) -> None:
        self.assertEqual(
            self.wrong(), f"cannot read {self.path}: No such file or directory"
        )

    def test_fifo_is_refused_at_once(self) -> None:
        os.mkfifo(self.path)
        self.assertEqual(
            self.wrong(), f"cannot read {self.path}: it is a FIFO, not a regular file"
        )

    def test_huge_file_is_refused(self) -> None:
        self.write(b"#" * LARGEST)
        self.assertEqual(len(codefile.read(self.path)), LARGEST)
        self.write(b"#" * (LARGEST + 1))
        self.assertEqual(
            self.wrong(), f"cannot read {self.path}: it is larger than 1024 KiB"
        )

    def test_other_encoding_is_refused(self) -> None:
        self.write(b"x = '\xe4'\n")
        self.assertEqual(self.wrong(), f"{self.path} is not UTF-8 (byte 5)")
