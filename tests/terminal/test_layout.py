"""How kernels are listed."""

from __future__ import annotations

from typing import Any

from ipr.terminal.layout import (
    coloured,
    kernels,
    plain,
    shortest,
    size,
    span,
    table,
    uncoloured,
)
from tests.case import Case

ONE: dict[str, Any] = {
    "id": "1b2c3d4e-0000-4000-8000-000000000000",
    "kernel": "python3",
    "state": "running",
    "pid": 4711,
    "kernel_up": 3723.5,
    "restarts": 3,
    "memory": 123456789,
    "notebook": "work/analysis.ipynb",
}


class KernelsTests(Case):
    def test_columns_are_aligned(self) -> None:
        other = {**ONE, "id": "9", "pid": 123, "memory": 5 << 30, "notebook": ""}
        self.assertEqual(
            kernels([ONE, other]),
            "ID        KERNEL   STATE     PID     UP  RESTARTS  MEMORY  NOTEBOOK\n"
            "1b2c3d4e  python3  running  4711  1h02m         3    118M"
            "  work/analysis.ipynb\n"
            "9         python3  running   123  1h02m         3    5.0G",
        )

    def test_lines_fit_into_a_terminal(self) -> None:
        long = {**ONE, "kernel": "k" * 40, "notebook": "n" * 200 + "/x-nb.ipynb"}
        lines = kernels([long], width=80).splitlines()
        self.assertEqual([len(line) <= 80 for line in lines], [True, True])
        self.assertTrue("  \u2026" in lines[1] and lines[1].endswith("nb.ipynb"))
        self.assertTrue(len(kernels([long])) > 200)
        head = kernels([{**long, "state": "s" * 14}], width=80).splitlines()[0]
        self.assertTrue(head.endswith("  NOTEB"), head)

    def test_daemon_that_does_not_answer_has_no_figures(self) -> None:
        line = kernels([{"id": "12345678", "state": "no answer"}]).splitlines()[1]
        self.assertEqual(line.split(), ["12345678", "no", "answer", *"----"])

    def test_colours_are_for_terminals(self) -> None:
        dead = {**ONE, "state": "dead"}
        self.assertFalse("\x1b" in kernels([dead], width=80))
        head, line = kernels([dead], width=80, colour=True).splitlines()
        self.assertTrue(head.startswith("\x1b[1m"))
        self.assertIn("\x1b[31mdead\x1b[0m", line)
        odd = {**ONE, "state": "odd"}
        line = kernels([odd], width=80, colour=True).splitlines()[1]
        self.assertFalse("\x1b" in line)

    def test_what_another_program_answers_does_nothing_to_the_terminal(self) -> None:
        evil = {
            "id": "\x1b[2J",
            "kernel": "a\nb",
            "state": {"x": 1},
            "pid": "many",
            "kernel_up": float("nan"),
            "restarts": [],
            "memory": 1e300,
            "notebook": "\x1b]0;title\x07",
        }
        text = kernels([evil], width=80)
        self.assertEqual(text.count("\n"), 1)
        self.assertEqual({sign for sign in text if not sign.isprintable()}, {"\n"})


class TextTests(Case):
    def test_ids_are_as_long_as_they_have_to_be(self) -> None:
        self.assertEqual(
            shortest(["1234567890", "1234567891", "abcdefghij", "x"]),
            ["1234567890", "1234567891", "abcdefgh", "x"],
        )

    def test_table_has_values_of_several_lines(self) -> None:
        rows = [("a", "1\n2"), ("longer", ""), ("\x1b", "x")]
        self.assertEqual(table(rows), "a       1\n        2\nlonger  \n\\x1b       x")

    def test_table_fits_into_the_terminal_but_for_a_path(self) -> None:
        path = "/tmp/" + "x" * 40
        rows = [("command", f"python -m some.kernel_launcher -f {path}"), ("a", "1")]
        self.assertEqual(
            table(rows, width=40).splitlines(),
            [
                "command  python -m some.kernel_launcher",
                "         -f",
                f"         {path}",
                "a        1",
            ],
        )
        self.assertEqual(len(table(rows).splitlines()), 2)

    def test_control_characters_are_written_out(self) -> None:
        self.assertEqual(plain("a\tb\nc\x1b\x9bd\u2026"), "a\tb\nc\\x1b\\x9bd\u2026")

    def test_units_are_short(self) -> None:
        spans = {0.4: "0s", 59: "59s", 60: "1m00s", 3723: "1h02m", 90000: "1d01h"}
        self.assertEqual({each: span(each) for each in spans}, spans)
        sizes = {0: "0B", 999: "999B", 1000: "1K", 1 << 20: "1M", 5 << 30: "5.0G"}
        self.assertEqual({each: size(each) for each in sizes}, sizes)


class ColourTests(Case):
    #: A colour, the cursor, the screen, the title, a link, and a lone escape.
    TEXT = (
        "\x1b[1;31mred\x1b[0m \x1b[2J\x1b[?25l\x1b]0;title\x07"
        "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \x1bc\x9b31m\n"
    )

    def test_colours_pass_and_nothing_else_does(self) -> None:
        self.assertEqual(
            coloured(self.TEXT),
            "\x1b[1;31mred\x1b[0m link \\x1bc\\x9b31m\n\x1b[0m",
        )
        self.assertEqual(coloured("a\tb\n"), "a\tb\n")

    def test_without_colours_no_sequence_is_left(self) -> None:
        self.assertEqual(uncoloured(self.TEXT), "red link \\x1bc\\x9b31m\n")
