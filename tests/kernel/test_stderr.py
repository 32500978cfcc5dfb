"""The inner kernel's stderr: passed on without blocking, its last lines kept."""

from __future__ import annotations

import fcntl
import os

from ipr.kernel.stderr import TAIL_BYTES, TAIL_LINES, Stderr, Tail
from tests.case import Case


class TailTests(Case):
    def said(self, *pieces: bytes) -> tuple[str, ...]:
        tail = Tail()
        for piece in pieces:
            tail.add(piece)
        return tail.lines()

    def test_unfinished_line(self) -> None:
        """A last line without its end counts; blanks alone do not."""
        self.assertEqual(self.said(b"one\ntwo"), ("one", "two"))
        self.assertEqual(self.said(b"one\n  "), ("one",))

    def test_last_lines(self) -> None:
        """Only so many."""
        lines = [f"line {number}" for number in range(TAIL_LINES + 5)]
        text = "".join(f"{line}\n" for line in lines).encode()
        self.assertEqual(self.said(text), tuple(lines[-TAIL_LINES:]))

    def test_last_bytes(self) -> None:
        """And not more than so many bytes, with or without line ends."""
        self.assertEqual(self.said(b"a" * 50_000, b"b" * 50_000), ("b" * TAIL_BYTES,))
        found = self.said(b"\n".join([b"x" * 1000] * 10) + b"\n")
        self.assertEqual(sum(map(len, found)) + len(found) - 1, TAIL_BYTES)

    def test_no_text(self) -> None:
        """Bytes that are no UTF-8 are replaced."""
        self.assertEqual(self.said(b"\xff\n"), ("\ufffd",))


class StderrTests(Case):
    def pipe(self) -> tuple[int, int]:
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        return reading, writing

    def test_stderr_is_written_as_it_comes(self) -> None:
        """What comes is passed on."""
        reading, writing = self.pipe()
        self.addCleanup(os.close, writing)
        stderr = Stderr(writing)
        stderr(b"one ")
        stderr(b"two")
        self.assertEqual(os.read(reading, 100), b"one two")

    def test_reader_that_does_not_read(self) -> None:
        """What does not fit is dropped; it never blocks."""
        reading, writing = self.pipe()
        self.addCleanup(os.close, writing)
        size = fcntl.fcntl(writing, 1032)  # F_GETPIPE_SZ
        stderr = Stderr(writing)
        stderr(b"x" * (size + 5000))
        self.assertEqual(os.read(reading, size + 5000), b"x" * size)
        stderr(b"again")
        self.assertEqual(os.read(reading, 100), b"again")

    def test_reader_that_is_gone(self) -> None:
        """It is dropped, and no error."""
        reading, writing = os.pipe()
        os.close(reading)
        self.addCleanup(os.close, writing)
        Stderr(writing)(b"12345")
