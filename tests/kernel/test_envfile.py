"""``.env`` files mean what python-dotenv says."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import time

import dotenv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipr.kernel import envfile
from ipr.kernel.envfile import BadLine, parse
from tests.case import Case

PIECES = ["A", "B", "=", "${A}", "${", "}", ":", "-", ":-", "\n", "\r", " ", "'", '"']
PIECES += ["\\", "#", "x", "export ", "${HOME}", "${NONE:-d}", "é", "\t", "\f"]


class ParseTests(Case):
    def test_lines_are_read_as_people_write_them(self) -> None:
        """What people write, and what a shell would make something else of."""
        text = (
            "# comment\n\nA=1\nexport B='two words'\nC=two words # why\nD=\n"
            "E=\"x\\ny\"\nF=C:\\tmp\nG=${A}${HOME}${NO:-d}\nH='${A}'\nI=a#b\n"
            "J = spaced\nK=${K}\nL='it\\'s'\nM=\"two\nlines\"\n"
        )
        self.assertEqual(
            parse(text, {"HOME": "/h", "K": "old"}),
            {
                "A": "1",
                "B": "two words",
                "C": "two words",
                "D": "",
                "E": "x\ny",
                "F": "C:\\tmp",
                "G": "1/hd",
                "H": "1",
                "I": "a#b",
                "J": "spaced",
                "K": "old",
                "L": "it's",
                "M": "two\nlines",
            },
        )

    @settings(max_examples=500, deadline=None)
    @given(st.lists(st.sampled_from(PIECES), max_size=25))
    def test_as_python_dotenv(self, pieces: list[str]) -> None:
        """Whatever it takes, it takes as the original does."""
        text = "".join(pieces)
        logging.disable(logging.CRITICAL)
        try:
            theirs = dotenv.dotenv_values(stream=io.StringIO(text, newline=""))
        finally:
            logging.disable(logging.NOTSET)
        try:
            ours = parse(text, os.environ)
        except BadLine:
            return
        told = {name: value for name, value in theirs.items() if value is not None}
        self.assertEqual(ours, told)

    def test_wrong_line_of_an_env_file_is_named(self) -> None:
        """It is named, where python-dotenv only logs that there was one."""
        for text, line in (("A=1\n\n=2\n", 3), ("A='1\n", 1), ("A=1\nB='1' 2\n", 2)):
            error = self.raised(BadLine, parse, text, {})
            self.assertEqual(str(error), f"line {line} is not NAME=VALUE")

    def test_many_blanks_take_no_time(self) -> None:
        """A row of them costs python-dotenv the square of its length."""
        error = self.raised(BadLine, parse, "A=1\nB=x" + " " * 501 + "y", {})
        self.assertEqual(str(error), "line 2 has more than 500 blanks in a row")
        self.assertEqual(parse("B=x" + " " * 500 + "y", {})["B"][-1], "y")

    def test_doubling_values_are_bounded(self) -> None:
        """Forty lines that double each would be a terabyte."""
        lines = [f"A{n}=${{A{n - 1}}}${{A{n - 1}}}\n" for n in range(1, 41)]
        error = self.raised(BadLine, parse, "A0=x\n" + "".join(lines), {})
        self.assertIn("are larger than any program can have", str(error))

    @pytest.mark.slow
    def test_worst_file_takes_no_time(self) -> None:
        """The largest file of the worst kinds takes no time to speak of.

        The square of its length would be minutes.
        """
        size = envfile.LARGEST
        for piece in ("${", "${:", "x" + " " * 499, "\\'", '\\"', "A= #", "'", "x"):
            for before in ("A=", "A='", 'A="', ""):
                text = (before + piece * (size // len(piece)))[:size]
                begin = time.process_time()
                with contextlib.suppress(BadLine):
                    parse(text, {})
                self.assertTrue(time.process_time() - begin < 15, (before, piece))
