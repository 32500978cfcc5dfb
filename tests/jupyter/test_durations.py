"""How long something may take, as a person writes it."""

from __future__ import annotations

from ipr.jupyter import durations
from tests.case import Case


class DurationsTests(Case):
    def test_times_are_read_and_written(self) -> None:
        for text, seconds in (
            ("90s", 90),
            ("10m", 600),
            ("1h30m", 5400),
            ("2h", 7200),
            ("1h1m1s", 3661),
        ):
            self.assertEqual(durations.seconds(text), seconds)
            self.assertEqual(durations.seconds(durations.written(seconds)), seconds)
        self.assertEqual(durations.written(5400), "1h30m")
        self.assertEqual(durations.written(0.4), "0s")

    def test_what_is_no_time_says_what_is_one(self) -> None:
        for text in ("0s", "0", "10", "-1m", "1.5h", "m", "ten", "10m 5s", "9" * 99):
            for why in (
                str(self.raised(ValueError, durations.seconds, text)),
                durations.problem(text),
            ):
                self.assertIn("a time such as 90s, 10m or 1h30m", why)
        for text in ("", "off", "10m"):
            self.assertEqual(durations.problem(text), "")
