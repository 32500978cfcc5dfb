"""A waiting kernel's session in IPython's history: taken back, and opened again."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import Any

from ipr.kernel import pasthistory
from tests.case import Case

#: A kernel that has run one cell, and has ended; then one that is started and waits.
BEGIN = f"""\
import json, sqlite3, sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
path = sys.argv[1]

def started(**traits):
    config = Config()
    config.HistoryManager.hist_file = path
    config.HistoryManager.db_cache_size = 0
    config.HistoryManager.update(traits)
    return InteractiveShell(config=config)

def waits(shell):
    exec({pasthistory.PROGRAM!r}, {{"shell": shell}})

def sessions():
    with sqlite3.connect(path) as db:
        return [number for number, in db.execute("SELECT session FROM sessions")]

def ran(shell):
    shell.history_manager.writeout_cache()
    with sqlite3.connect(path) as db:
        return list(db.execute("SELECT session, line, source FROM history"))

def hooks(shell):
    return len(shell.events.callbacks["pre_execute"])

old = started()
old.run_cell("first = 1", store_history=True)
old.history_manager.writeout_cache()
old.history_manager.end_session()
"""


def said(script: str) -> Any:
    """Run it after :data:`BEGIN`; :return: what its ``found`` is in the end."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                *(sys.executable, "-c"),
                f"{BEGIN}{script}\nprint('\\n' + json.dumps(found))",
                f"{folder}/history.sqlite",
            ],
            env={"IPYTHONDIR": folder, "HOME": folder},
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class TakeBackTests(Case):
    def test_kernel_that_only_waits_leaves_nothing(self) -> None:
        found = said(
            "for _ in range(3):\n"
            "    waiting = started()\n"
            "    there = sessions()\n"
            "    waits(waiting)\n"
            "    waiting.history_manager.end_session()\n"
            "found = there, sessions(), started().history_manager.session_number"
        )
        self.assertEqual(found, [[1, 2], [1], 2])

    def test_first_cell_is_in_the_session_after_the_last(self) -> None:
        found = said(
            "new = started()\n"
            "before = hooks(new)\n"
            "waits(new)\n"
            "new.run_cell('again = 2', store_history=True)\n"
            "new.run_cell('again = 3', store_history=True)\n"
            "past = list(new.history_manager.get_range(-1))\n"
            "found = sessions(), ran(new), past, hooks(new) - before"
        )
        numbers, lines, past, hooks = found
        self.assertEqual(numbers, [1, 2])
        self.assertEqual(
            lines, [[1, 1, "first = 1"], [2, 1, "again = 2"], [2, 2, "again = 3"]]
        )
        self.assertEqual(past, [[1, 1, "first = 1"]])
        self.assertEqual(hooks, 0)

    def test_number_is_another_kernels_that_was_started_since(self) -> None:
        found = said(
            "waiting, other = started(), started()\n"
            "waits(waiting)\n"
            "other.run_cell('other = 1', store_history=True)\n"
            "waiting.run_cell('own = 1', store_history=True)\n"
            "found = sessions(), ran(other), ran(waiting)"
        )
        self.assertEqual(found[0], [1, 3, 4])
        self.assertIn([3, 1, "other = 1"], found[1])
        self.assertIn([4, 1, "own = 1"], found[2])

    def test_session_with_lines_stays(self) -> None:
        found = said(
            "shell = started()\n"
            "shell.run_cell('startup = 1', store_history=True)\n"
            "shell.history_manager.writeout_cache()\n"
            "before = hooks(shell)\n"
            "waits(shell)\n"
            "found = sessions(), hooks(shell) - before"
        )
        self.assertEqual(found, [[1, 2], 0])

    def test_history_that_is_switched_off_or_in_memory_is_left_alone(self) -> None:
        found = said(
            "found = []\n"
            "for how in ({'enabled': False}, {'hist_file': ':memory:'}):\n"
            "    shell = started(**how)\n"
            "    waits(shell)\n"
            "    ran_well = shell.run_cell('x = 1', store_history=True).success\n"
            "    found.append((ran_well, sessions()))"
        )
        self.assertEqual(found, [[True, [1]], [True, [1]]])

    def test_locked_database_is_not_waited_for(self) -> None:
        found = said(
            "import time\n"
            "waiting = started()\n"
            "writer = sqlite3.connect(path, isolation_level=None)\n"
            "writer.execute('BEGIN IMMEDIATE')\n"
            "before, begin = hooks(waiting), time.monotonic()\n"
            "waits(waiting)\n"
            "took = time.monotonic() - begin\n"
            "writer.execute('ROLLBACK')\n"
            "db = waiting.history_manager.db\n"
            "patience, = db.execute('PRAGMA busy_timeout').fetchone()\n"
            "found = took, sessions(), hooks(waiting) - before, patience"
        )
        took, numbers, hooks, patience = found
        self.assertLess(took, 2.0)
        self.assertEqual((numbers, hooks, patience), ([1, 2], 0, 5000))

    def test_session_that_cannot_be_opened_again_harms_no_cell(self) -> None:
        """As at IPython's own start: the history is not saved, and cells run."""
        found = said(
            "waiting = started()\n"
            "waits(waiting)\n"
            "waiting.history_manager.db.execute('PRAGMA busy_timeout = 50')\n"
            "writer = sqlite3.connect(path, isolation_level=None)\n"
            "writer.execute('BEGIN IMMEDIATE')\n"
            "good = waiting.run_cell('x = 1', store_history=True).success\n"
            "writer.execute('ROLLBACK')\n"
            "other = started()\n"
            "waiting.run_cell('x = 2', store_history=True)\n"
            "found = good, ran(waiting)"
        )
        self.assertEqual(found, [True, [[1, 1, "first = 1"]]])
