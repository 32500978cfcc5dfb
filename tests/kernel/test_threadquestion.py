"""What an ipykernel says that its threads do: asked, read, and bounded."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from ipr.kernel import threadquestion
from ipr.kernel.frames import MOST_FRAMES, MOST_THREADS, Frame, Thread
from ipr.kernel.pythonquestion import NoAnswer
from tests.case import Case
from tests.kernel.test_pythonquestion import content, written

FRAMES = [
    ["/lib/time.py", 9, "sleep", "", "wait()"],
    ["/tmp/ipykernel_1/2.py", 3, "f", "In[5]", "sleep(9)"],
]
#: Runs code as the threads of an ipykernel do, and prints what ``check`` leaves.
IPYTHON = """
import sys, threading, time
from IPython.terminal.interactiveshell import TerminalInteractiveShell
shell = TerminalInteractiveShell.instance()
from ipykernel.zmqshell import ZMQInteractiveShell
said = []
shell.events.register("post_execute", lambda: said.append("post_execute"))
shell.payload_manager.write_payload({"source": "page"})
"""


class ParseTests(Case):
    def test_the_newest_call_comes_last(self) -> None:
        found = threadquestion.parse(written([["MainThread", True, FRAMES]]))
        sleep = Frame("/lib/time.py", 9, "sleep", "", "wait()")
        cell = Frame("/tmp/ipykernel_1/2.py", 3, "f", "In[5]", "sleep(9)")
        self.assertEqual(found, (Thread("MainThread", True, (cell, sleep)),))

    def test_what_was_not_asked_for_is_no_answer(self) -> None:
        thread: list[object] = ["t", False, []]
        wrong: tuple[object, ...] = (
            {"a": 1},
            [7],
            [["t", 1, []]],
            [["t", False, [7]]],
            [["t", False, [["/a", "3", "f", "", ""]]]],
            [["t", False, [FRAMES[0]] * (MOST_FRAMES + 1)]],
            [thread] * (MOST_THREADS + 1),
        )
        for said in wrong:
            self.raised(NoAnswer, threadquestion.parse, written(said))

    def test_long_texts_are_cut(self) -> None:
        long = "x" * (threadquestion.LONGEST_TEXT + 1)
        (thread,) = threadquestion.parse(
            written([[long, False, [[long, 1, long, long, long]]]])
        )
        frame = thread.frames[0]
        for text in (thread.name, frame.path, frame.function, frame.cell, frame.text):
            self.assertEqual(len(text), threadquestion.LONGEST_TEXT)


class QuestionTests(Case):
    def test_question_is_silent_and_leaves_stdin_as_the_cell_has_it(self) -> None:
        for allowed in (True, False):
            draft = threadquestion.question(allow_stdin=allowed)
            said: Any = draft.content
            self.assertEqual(said["allow_stdin"], allowed)
            self.assertEqual((said["silent"], said["store_history"]), (True, False))

    def asked(self, after: str) -> str:
        """Ask in a thread of an IPython, and return what it prints then."""
        said: Any = threadquestion.question(allow_stdin=True).content
        code = (
            f"{IPYTHON}"
            "def ask():\n"
            f"    shell.run_cell({said['code']!r}, silent=True, store_history=False)\n"
            f"    found = shell.user_expressions({said['user_expressions']!r})\n"
            "    said.append(found['ipr']['data']['text/plain'])\n"
            "    said.append(shell.payload_manager.read_payload())\n"
            "    shell.payload_manager.clear_payload()\n"
            "asking = threading.Thread(target=ask)\n"
            "asking.start(); asking.join()\n"
            f"{after}"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_the_answer_names_the_main_thread_and_its_calls(self) -> None:
        text = self.asked("sys.stdout.write(said[0])").splitlines()[-1]
        main = threadquestion.parse(content(text))[0]
        self.assertEqual((main.name, main.main), ("MainThread", True))
        self.assertIn("join", [frame.function for frame in main.frames])

    def test_what_ends_a_cell_is_left_to_the_cell_that_runs(self) -> None:
        """Its figures are not shown half made, its pager's text is not taken."""
        out = self.asked(
            "said.pop(0)\n"
            "print(said)\n"
            "print(shell.payload_manager.read_payload())\n"
            "shell.run_cell('x = 1', silent=True)\n"
            "print(said)\n"
        ).splitlines()
        self.assertEqual(out[-3:-1], ["[[]]", "[{'source': 'page'}]"])
        # Its own end has not been taken from it.
        self.assertEqual(out[-1], "[[], 'post_execute']")
