"""Where a ``%restart`` counts that is not in the first line, and where it does not."""

from __future__ import annotations

from ipr.jupyter.magics import Changes, Mistake, Restart, parse
from ipr.jupyter.placement import LastLine, last_line, misplaced
from tests.case import Case


class LastLineTests(Case):
    def test_last_line_is_ours_in_any_language(self) -> None:
        """Blank lines and comments after it do not count."""
        for before in ("x = 3\n", "!pip install foo\n\n", "x <- 3\r\n", "# a\nx = 1\n"):
            for after in ("", "\n", "\n\n  \n", "\n# that was it\n", "\n// x\n-- y"):
                code = f"{before}%restart{after}"
                self.assertEqual(last_line(code), LastLine(before, ""), repr(code))

    def test_options_follow_it(self) -> None:
        self.assertEqual(
            parse("x = 1\n%restart now --env A='b c'"),
            Restart(now=True, changes=Changes(env=(("A", "b c"),)), before="x = 1\n"),
        )

    def test_wrong_options_are_found_before_any_line_runs(self) -> None:
        found = parse("x = 1\n%restart --nonsense")
        self.assertTrue(isinstance(found, Mistake))
        self.assertIn("--nonsense", str(found))

    def test_line_that_may_be_something_else_is_the_kernels(self) -> None:
        for code in (
            "if x:\n    %restart",
            "\tx\n\t%restart",
            "x = 5 \\\n%restart",
            "%%writefile a.ipynb\n%restart",
            "# a\n%%bash\n%restart",
            's = """\n%restart"""',
            's = """\n%restart now"""',
            "s = '''\n%restart --env a=b'''",
            "s = `\n%restart now`",
            "x\n%restart?",
            "x\n%restarted",
            "x\n%restart\ny",
            "x\n# a\u2028%restart",
            "x = 1 # \f%restart",
            "%restart",
            "\n# a\n%restart",
        ):
            self.assertEqual(last_line(code), None, repr(code))

    def test_first_line_goes_first(self) -> None:
        """One in the first line has the rest of the cell, another one or not."""
        self.assertEqual(parse("%restart\n%restart"), Restart(rest="%restart"))

    def test_help_in_the_last_line_is_the_kernels(self) -> None:
        self.assertEqual(parse("x\n%restart help"), None)


class MisplacedTests(Case):
    def test_lines_that_begin_with_it(self) -> None:
        self.assertTrue(misplaced("x\n  %restart now\ny"))
        for code in ('print("%restart")', "x\n%restarts", "x = '%restart'\n"):
            self.assertFalse(misplaced(code), code)
