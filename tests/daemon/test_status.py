"""How the daemon stands, as a person reads it."""

from __future__ import annotations

from ipr.daemon.status import COLUMNS, Row, as_html, as_text, size, span
from tests.case import Case


class TableTests(Case):
    rows = (Row("state", "running"), Row("id", "a\nb"), Row("none", ""))

    def test_text_is_aligned(self) -> None:
        """Two columns; further lines stand below the first."""
        self.assertEqual(
            as_text(self.rows),
            "state  running\nid     a\n       b\nnone   ",
        )
        self.assertEqual(as_text(()), "")

    def test_text_fits_into_a_terminal(self) -> None:
        """Broken between words; a path stays whole, and stands on a line of its own."""
        path = "/scratch/" + "x" * 90
        rows = (
            Row("command", f"python -m {'word ' * 30}-f {path} --last"),
            Row("stderr", "    indented\n\nend"),
        )
        found = as_text(rows).splitlines()
        self.assertEqual([line for line in found if len(line) > COLUMNS], [found[3]])
        self.assertEqual(found[3].strip(), path)
        self.assertEqual({line[:9] for line in found[1:5]}, {" " * 9})
        self.assertEqual(
            " ".join(map(str.strip, found[:5])).split()[1:], rows[0].value.split()
        )
        self.assertEqual(found[5:], ["stderr       indented", " " * 9, " " * 9 + "end"])

    def test_html_is_escaped(self) -> None:
        """A table in which nothing is taken for markup."""
        found = as_html((Row("a<b", "c&d\ne"),))
        self.assertIn("a&lt;b</th>", found)
        self.assertIn("c&amp;d<br>e</td>", found)
        self.assertEqual(found.count("<tr>"), 1)


class UnitsTests(Case):
    def test_size_has_a_fitting_unit(self) -> None:
        """Bytes, in the unit that fits."""
        self.assertEqual(
            [size(n) for n in (0, 1023, 1024, 123_456_789, 2**31, 2**45)],
            ["0 B", "1023 B", "1 KiB", "117.7 MiB", "2.0 GiB", "32768.0 GiB"],
        )

    def test_span_has_two_units_at_most(self) -> None:
        """Seconds, in the two units that fit."""
        self.assertEqual(
            [span(s) for s in (0.9, 59.9, 60, 3599, 3723, 172_799, 172_800, 10**6)],
            [
                "0 s",
                "59 s",
                "1 min 0 s",
                "59 min 59 s",
                "1 h 2 min",
                "47 h 59 min",
                "2 d 0 h",
                "11 d 13 h",
            ],
        )
