"""Under which cell the daemon's log is shown, and until when."""

from __future__ import annotations

from twisted.logger import Logger, LogPublisher

from ipr.daemon.log import Log
from ipr.daemon.shownlog import ShownLog
from ipr.jupyter.messages import Draft
from ipr.relay.request import Request
from tests.case import Case
from tests.requests import request


class ShownLogTests(Case):
    def setUp(self) -> None:
        self.log = Log(lambda _text: None)
        self.running: list[Request] = []
        self.shown: list[tuple[str, str]] = []
        self.shown_log = ShownLog(self.log, lambda: self.running, self.whisper)

    def whisper(self, parent: Request, draft: Draft) -> None:
        text = str(draft.content["text"])
        self.shown.append((parent.msg_id, text.partition(": ")[2].strip()))

    def record(self, text: str) -> None:
        Logger(observer=LogPublisher(self.log.observer())).warn(text)

    def test_records_follow_the_askers_running_cell(self) -> None:
        self.shown_log.begin(request("m1"), "DEBUG")
        self.record("one")
        self.running = [request("m2", "execute_request")]
        self.record("two")
        self.assertEqual(self.shown, [("m1", "one"), ("m2", "two")])

    def test_at_its_end_the_level_is_the_one_before_the_first_who_asked(self) -> None:
        before = self.log.level
        self.shown_log.begin(request("m1"), "DEBUG")
        self.shown_log.begin(request("m2"), "ERROR")
        self.shown_log.end()
        self.record("nobody reads it")
        self.assertEqual((self.log.level, self.shown), (before, []))
        self.shown_log.end()
        self.assertEqual(self.log.level, before)
