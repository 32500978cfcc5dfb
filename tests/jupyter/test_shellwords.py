"""A line cut into words, as a shell does."""

from __future__ import annotations

import contextlib
import shlex
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipr.jupyter.shellwords import shell_words
from tests.case import Case


class WordsTests(Case):
    """A line is cut as a shell cuts it, in time that its length allows."""

    @settings(max_examples=500, deadline=None)
    @given(st.text(alphabet="ab= \t\n'\"\\é", max_size=20))
    def test_words_are_those_of_shlex(self, text: str) -> None:
        """The same words, and the same lines that are wrong."""
        try:
            theirs = shlex.split(text)
        except ValueError:
            self.raised(ValueError, shell_words, text)
            return
        self.assertEqual(shell_words(text), theirs)

    def test_comments_begin_where_a_word_may(self) -> None:
        """Where a word may begin, and nowhere else."""
        for text, words in (
            ("a #b", ["a"]),
            ("a#b", ["a#b"]),
            ("'a'#b", ["a#b"]),
            ("'#a' \\#b", ["#a", "#b"]),
            ("#", []),
        ):
            self.assertEqual(shell_words(text), words)

    @pytest.mark.slow
    def test_time_grows_with_the_length(self) -> None:
        """2 MB in one word: the square of that would be a minute and a half."""
        for piece in ("x", "\\a", '\\"', "''", '""', "'a"):
            begin = time.process_time()
            with contextlib.suppress(ValueError):
                shell_words('"' + piece * ((2 << 20) // len(piece)) + '"')
            self.assertTrue(time.process_time() - begin < 20, piece)
