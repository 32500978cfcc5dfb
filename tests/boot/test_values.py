"""How the values of options are read."""

from __future__ import annotations

import os

from ipr.boot import values
from tests.case import Case


class ReadersTests(Case):
    def test_spans_of_time_are_read(self) -> None:
        """Separated by commas; nothing is none."""
        self.assertEqual(values.spans("600, 120"), (600.0, 120.0))
        self.assertEqual(values.spans(""), ())
        error = self.raised(ValueError, values.spans, "600,soon")
        self.assertEqual(str(error), "not a number of seconds: 'soon'")

    def test_time_before_the_end_is_before_it(self) -> None:
        """Nothing could be warned of, or saved, at the end itself."""
        for read in (values.stretch, values.spans):
            error = self.raised(ValueError, read, "0")
            told = "not before the end: '0'; use more than 0 seconds"
            self.assertEqual(str(error), told)
        self.assertEqual(values.stretch("0.5"), 0.5)

    def test_percent_ends_at_a_hundred(self) -> None:
        self.assertEqual(
            [values.percent(text) for text in ("0", "97", "100")], [0, 97, 100]
        )
        for text in ("101", "-1", "97%", "0.97", "", "\u00b2"):
            error = self.raised(ValueError, values.percent, text)
            self.assertEqual(str(error), f"not a whole number from 0 to 100: {text!r}")

    def test_point_in_time_is_read(self) -> None:
        """With an offset or in local time; nothing is none."""
        self.assertEqual(values.moment("1970-01-01T00:01:00+00:00"), 60.0)
        self.assertEqual(values.moment(""), 0.0)
        for text in ("soon", "2026-13-01", "600"):
            error = self.raised(ValueError, values.moment, text)
            self.assertEqual(str(error), f"not a time like 2026-11-29T18:00: {text!r}")

    def test_level_is_read_in_any_case(self) -> None:
        """Names in any case, the old ones too, and the numbers of logging."""
        self.assertEqual(
            [
                values.level(text)
                for text in (
                    "debug",
                    "Info",
                    "WARN",
                    "WARNING",
                    "FATAL",
                    "0",
                    "10",
                    "35",
                    "50",
                    "99",
                )
            ],
            [
                "DEBUG",
                "INFO",
                "WARNING",
                "WARNING",
                "CRITICAL",
                "DEBUG",
                "DEBUG",
                "WARNING",
                "CRITICAL",
                "CRITICAL",
            ],
        )

    def test_wrong_level(self) -> None:
        """The text names those there are."""
        for text in ("loud", "", "-10", "1.5"):
            error = self.raised(ValueError, values.level, text)
            self.assertEqual(
                str(error),
                f"unknown log level {text!r}; use one of DEBUG, INFO, WARNING, ERROR,"
                " CRITICAL",
            )

    def test_seconds_are_not_negative(self) -> None:
        """Any number that is not negative."""
        self.assertEqual(
            [values.seconds(text) for text in ("0", "1.5", "1e3", " 2 ")],
            [0, 1.5, 1000, 2],
        )

    def test_wrong_seconds(self) -> None:
        """Nor for ever, nor no number at all."""
        for text in ("-1", "nan", "inf", "1e10", "soon", ""):
            error = self.raised(ValueError, values.seconds, text)
            self.assertEqual(str(error), f"not a number of seconds: {text!r}")

    def test_count_is_a_whole_number(self) -> None:
        """Whole numbers."""
        self.assertEqual([values.count(text) for text in ("0", "5")], [0, 5])
        for text in ("-1", "1.5", "", "x", "\u00b2"):
            error = self.raised(ValueError, values.count, text)
            self.assertEqual(str(error), f"not a whole number: {text!r}")

    def test_one_of(self) -> None:
        """One of the words, or a sentence with them."""
        read = values.one_of("a", "b")
        self.assertEqual(read("b"), "b")
        error = self.raised(ValueError, read, "c")
        self.assertEqual(str(error), "'c' is not one of a, b")

    def test_program_is_an_absolute_path(self) -> None:
        """From where we are, or from home; none is none."""
        home = self.folder()
        with open(os.path.join(home, "code.py"), "w") as file:
            file.write("import os")
        self.environment(HOME=home)
        self.assertEqual(values.program("~/code.py"), os.path.join(home, "code.py"))
        self.assertEqual(values.program(os.path.relpath(__file__)), __file__)
        self.assertEqual(values.program(""), "")

    def test_program_that_is_not_there(self) -> None:
        error = self.raised(ValueError, values.program, "/no/such.py")
        self.assertEqual(
            str(error), "cannot read /no/such.py: No such file or directory"
        )
