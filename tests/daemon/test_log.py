"""The daemon's log: its level, its look, and when the notebook sees it."""

from __future__ import annotations

import logging

from twisted.logger import Logger, LogLevel, LogPublisher, globalLogPublisher

from ipr.daemon.log import Log, to_stderr
from tests.case import Case
from tests.fakes import Records

TIME = 0.0


class LogCase(Case):
    def setUp(self) -> None:
        self.written: list[str] = []
        self.shown: list[str] = []
        self.log = Log(self.written.append)
        self.publisher = LogPublisher(self.log.observer())
        self.logger = Logger("test", observer=self.publisher)

    def ends(self, lines: list[str]) -> list[str]:
        """Return the lines without the time in front of them."""
        return [line.partition(" ipr ")[2] for line in lines]


class LevelTests(LogCase):
    def test_warnings_by_default(self) -> None:
        """Less than a warning is not written."""
        self.logger.info("no")
        self.logger.warn("yes")
        self.logger.error("too")
        self.assertEqual(self.ends(self.written), ["WARN: yes\n", "ERROR: too\n"])

    def test_each_level_lets_itself_and_all_above_through(self) -> None:
        """Each level lets itself and all above it through."""
        seen = {}
        for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
            self.log.set_level(level)
            self.written.clear()
            for name in ("debug", "info", "warn", "error", "critical"):
                self.logger.emit(LogLevel.lookupByName(name), "x")
            seen[level] = len(self.written)
        self.assertEqual(
            seen, {"DEBUG": 5, "INFO": 4, "WARNING": 3, "ERROR": 2, "CRITICAL": 1}
        )

    def test_who_makes_debug_records_is_told_whether_they_are_wanted(self) -> None:
        """Who makes DEBUG records is told whether anybody wants them."""
        told: list[bool] = []
        self.log.debugging_changed = told.append
        for level in ("DEBUG", "INFO", "DEBUG"):
            self.log.set_level(level)
        self.assertEqual(told, [True, False, True])
        self.assertTrue(self.log.debugging)

    def test_a_record_has_time_level_and_text(self) -> None:
        """Time, level and text with its fields; braces in a value stay."""
        self.logger.warn("{a} and {b}", a=1, b="{c}")
        line = self.written[0]
        self.assertEqual(self.ends([line]), ["WARN: 1 and {c}\n"])
        time = line.partition(" ipr ")[0]
        self.assertEqual((time[4], time[10], len(time)), ("-", "T", 24))

    def test_a_failure_has_its_traceback(self) -> None:
        """A failure comes with its traceback."""
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            self.logger.failure("it broke")
        self.assertIn("CRITICAL: it broke\nTraceback", self.written[0])
        self.assertIn("ZeroDivisionError", self.written[0])

    def test_what_is_not_utf8_does_not_break_the_log(self) -> None:
        """What cannot be written as UTF-8 does not break the log."""
        written: list[bytes] = []
        log = to_stderr(written.append)
        Logger(observer=LogPublisher(log.observer())).warn("{x}", x="\udc80")
        self.assertTrue(written[0].endswith(b"WARN: ?\n"), written)


class NotebookTests(LogCase):
    def test_not_before_it_is_asked_for(self) -> None:
        """And no more once it is switched off."""
        self.logger.warn("one")
        self.log.to_notebook(self.shown.append)
        self.logger.warn("two")
        self.log.to_notebook(None)
        self.logger.warn("three")
        self.assertEqual(self.ends(self.shown), ["WARN: two\n"])
        self.assertEqual(len(self.written), 3)

    def test_level_counts_there_too(self) -> None:
        """What the level keeps out does not get there either."""
        self.log.to_notebook(self.shown.append)
        self.logger.info("no")
        self.assertEqual(self.shown, [])

    def test_showing_causes_no_record(self) -> None:
        """A record that comes up while one is shown goes to stderr only."""

        def show(text: str) -> None:
            self.shown.append(text)
            self.logger.warn("while showing")

        self.log.to_notebook(show)
        self.logger.warn("one")
        self.assertEqual(self.ends(self.shown), ["WARN: one\n"])
        self.assertEqual(
            self.ends(self.written), ["WARN: one\n", "WARN: while showing\n"]
        )

    def test_a_record_that_cannot_be_shown_goes_to_stderr(self) -> None:
        """A fault in showing is told on stderr, and the next record is shown."""
        broken = [True]

        def show(text: str) -> None:
            if broken.pop():
                raise OSError("no socket")
            self.shown.append(text)

        self.log.to_notebook(show)
        self.logger.warn("one")
        broken.append(False)
        self.logger.warn("two")
        self.assertEqual(self.ends(self.shown), ["WARN: two\n"])
        self.assertEqual(
            self.written[1],
            "cannot show the log in the notebook: OSError('no socket')\n",
        )


class ExecTests(LogCase):
    """self.log of %ipr exec, as the earlier package's documentation has it."""

    def test_set_level_takes_numbers_and_names(self) -> None:
        """By number or by name, as logging.Logger.setLevel."""
        for level, name in (
            (logging.DEBUG, "DEBUG"),
            (logging.WARNING, "WARNING"),
            ("ERROR", "ERROR"),
        ):
            self.log.setLevel(level)
            self.assertEqual(self.log.level, name)

    def test_set_level_refuses_what_is_no_level(self) -> None:
        """What logging itself would not take, or has no name here."""
        for level in ("LOUD", 7):
            self.raised(ValueError, self.log.setLevel, level)
        self.assertEqual(self.log.level, "WARNING")

    def test_each_method_logs_at_its_own_level(self) -> None:
        """Each of its methods logs at its own level, with fields filled in."""
        records = Records()
        globalLogPublisher.addObserver(records)
        self.addCleanup(globalLogPublisher.removeObserver, records)
        self.log.debug("{n}", n=1)
        self.log.info("{n}", n=2)
        self.log.warning("{n}", n=3)
        self.log.error("{n}", n=4)
        self.assertEqual(
            records.found,
            [("debug", "1"), ("info", "2"), ("warn", "3"), ("error", "4")],
        )


class KeptTests(LogCase):
    def test_infos_of_ours_are_kept_whatever_the_level(self) -> None:
        """Others' from the level on."""
        publisher = LogPublisher(self.log.keeper())
        ours = Logger("ipr.relay", observer=publisher)
        theirs = Logger("other", observer=publisher)
        ours.info("ours")
        ours.debug("no")
        theirs.info("no")
        theirs.warn("theirs")
        self.assertEqual(
            self.ends(self.log.kept.after(0)[0]), ["INFO: ours", "WARN: theirs"]
        )
        self.log.set_level("DEBUG")
        ours.debug("now")
        self.assertEqual(self.ends(self.log.kept.after(2)[0]), ["DEBUG: now"])
