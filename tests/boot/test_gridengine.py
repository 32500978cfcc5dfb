"""What Grid Engine says of a job in a file."""

from __future__ import annotations

import os

from ipr.boot import gridengine
from tests.case import Case


class NoticeTests(Case):
    def notice(self, config: str) -> float:
        folder = self.folder()
        with open(os.path.join(folder, "config"), "w", encoding="utf-8") as file:
            file.write(config)
        return gridengine.notice({"SGE_JOB_SPOOL_DIR": folder})

    def test_notice_is_as_long_as_the_queue_has_it(self) -> None:
        self.assertEqual(self.notice("h_cpu=INFINITY\nnotify=60\nshell=sh\n"), 60.0)

    def test_without_notify_there_is_none(self) -> None:
        for config in ("notify=0\n", "", "notify=soon\n", "xnotify=60\n"):
            self.assertEqual(self.notice(config), 0.0)

    def test_outside_of_a_job_there_is_none(self) -> None:
        self.assertEqual(gridengine.notice({}), 0.0)
        self.assertEqual(gridengine.notice({"SGE_JOB_SPOOL_DIR": "/nowhere"}), 0.0)
