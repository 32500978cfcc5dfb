"""What a process leaves of the processor to others."""

from __future__ import annotations

import os
import subprocess

from ipr.kernel import priority
from tests.case import Case


class LowerTests(Case):
    def test_a_session_has_what_all_others_leave(self) -> None:
        child = subprocess.Popen(["sleep", "60"], start_new_session=True)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        priority.lower(child.pid)
        self.assertEqual(os.getpriority(os.PRIO_PROCESS, child.pid), priority.LOWEST)
        path = f"/proc/{child.pid}/autogroup"
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                self.assertIn(f"nice {priority.LOWEST}", file.read())

    def test_a_process_that_is_gone_is_no_error(self) -> None:
        child = subprocess.Popen(["true"])
        child.wait()
        priority.lower(child.pid)
        priority.lower(2**40)
