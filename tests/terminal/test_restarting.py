"""A restart from elsewhere, with a daemon that answers as the test says."""

from __future__ import annotations

from functools import partial
from typing import Any

from ipr.jupyter import magics
from ipr.jupyter.howmany import HowMany
from ipr.terminal import restarting
from ipr.terminal.line import Answer, NoAnswer
from ipr.terminal.problem import Problem
from tests.case import Case


class FakeLine:
    """Gives one answer after the other; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def ask(self, content: dict[str, Any], seconds: float = 2.0) -> Answer:
        self.asked.append(content)
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return Answer("r1", found)


def facts(generation: int, state: str = "running", **more: Any) -> dict[str, Any]:
    return {"generation": generation, "state": state, **more}


class WordsTests(Case):
    def test_words_say_what_was_given(self) -> None:
        """As ``%restart`` reads them, whatever is in a value."""
        words = restarting.words(
            now=True,
            env={"A": "a b", "B": "--now"},
            unset=["now", "--cwd"],
            env_file="/e",
            cwd="/c d",
            modules=["gcc/13"],
            kernel="ir",
            reset=True,
            keep_detached=True,
            run="/r.py",
        )
        changes = magics.Changes(
            (("A", "a b"), ("B", "--now")),
            ("now", "--cwd"),
            "/e",
            "/c d",
            ("gcc/13",),
            "ir",
            reset=True,
            run="/r.py",
        )
        self.assertEqual(
            magics.restart(words), magics.Restart(True, changes, keep_detached=True)
        )
        self.assertEqual(restarting.words(), [])

    def test_words_for_cells_to_run_again(self) -> None:
        for value, how_many in (("", HowMany()), ("3", HowMany(3))):
            changes = magics.restart(restarting.words(replay=value)).changes
            self.assertEqual(changes.replay, how_many)


class AskTests(Case):
    def test_daemon_has_to_answer_before_it_looks_at_files(self) -> None:
        line: Any = FakeLine(facts(3), {"waits": True, "generation": 3})
        asked = restarting.ask(line, ["--now"])
        self.assertEqual(asked, restarting.Asked("r1", True, 3))
        restart = {"command": "restart", "options": ["--now"], "inside": False}
        self.assertEqual(line.asked, [{"command": "facts"}, restart])
        line = FakeLine(NoAnswer("hangs"))
        self.raised(NoAnswer, restarting.ask, line, [])
        line = FakeLine(facts(3), {"waits": True})
        self.raised(Problem, restarting.ask, line, [])


class WaitTests(Case):
    def setUp(self) -> None:
        restarting.LOOK_TIME, before = 0.001, restarting.LOOK_TIME
        self.addCleanup(setattr, restarting, "LOOK_TIME", before)
        self.asked = restarting.Asked("r1", False, 3)

    def wait(self, *answers: Any, waits: bool = False, seconds: float = 30.0) -> str:
        """Wait; give why it failed."""
        line: Any = FakeLine(*answers)
        asked = restarting.Asked("r1", waits, 3)
        return str(self.raised(Problem, restarting.wait, line, asked, seconds))

    def test_new_kernel_is_ready(self) -> None:
        line: Any = FakeLine(
            facts(3), facts(3, "restarting"), facts(4, "restarting"), facts(4)
        )
        self.assertTrue(restarting.wait(line, self.asked, 30.0) < 5)
        self.assertEqual(line.answers, [])

    def test_new_kernel_is_dead(self) -> None:
        why = self.wait(facts(4, "dead", reason="it crashed"))
        self.assertEqual(why, "no new kernel is running: it crashed")

    def test_dead_kernel_of_before_is_not_the_new_one(self) -> None:
        line: Any = FakeLine(facts(3, "dead"), facts(4))
        restarting.wait(line, self.asked, 30.0)

    def test_restart_that_came_to_nothing(self) -> None:
        """Somebody else's is none of ours."""
        other = {"request": "r0", "why": "x"}
        ours = {"request": "r1", "why": "no such command"}
        why = self.wait(facts(3, failed=other), facts(3, failed=ours))
        self.assertEqual(why, "no such command")

    def test_wait_has_a_bound(self) -> None:
        many = [facts(3)] * 10_000
        self.assertIn("is still to come", self.wait(*many, seconds=0.05))
        why = self.wait(*many, waits=True, seconds=0.05)
        self.assertIn("--now does not wait", why)

    def test_daemon_that_ends_meanwhile(self) -> None:
        self.assertIn("no answer", self.wait(facts(3), NoAnswer("no answer")))


class ReplayTests(Case):
    """What is waited for after the new kernel is ready."""

    def setUp(self) -> None:
        for name, value in (("LOOK_TIME", 0.001), ("QUIET_TIME", 0.0)):
            self.addCleanup(setattr, restarting, name, getattr(restarting, name))
            setattr(restarting, name, value)
        self.said: list[str] = []

    def replay(self, line: str, request: str = "r1", **more: bool) -> dict[str, Any]:
        return facts(4, replay={"request": request, "line": line, **more})

    def wait(self, *answers: Any, seconds: float = 30.0) -> str:
        line: Any = FakeLine(*answers)
        asked = restarting.Asked("r1", False, 3, replays=True)
        return restarting.wait_for_replay(line, asked, self.said.append, seconds)

    def test_told_once_how_it_stands_and_then_how_it_ended(self) -> None:
        """Another one's is none of ours."""
        done = self.wait(
            facts(4),
            self.replay("another", "r0", over=True),
            self.replay("replaying cell 1 of 2 · 0:00"),
            self.replay("replaying cell 2 of 2 · 0:01"),
            self.replay("replayed 2 cells in 0:02", over=True),
        )
        self.assertEqual(done, "replayed 2 cells in 0:02")
        (said,) = self.said
        self.assertIn("replaying cell 1 of 2 · 0:00 (Ctrl-C", said)

    def test_one_that_stops_is_a_problem(self) -> None:
        stopped = self.replay("stopped at cell 2", over=True, failed=True)
        error = self.raised(Problem, self.wait, stopped)
        self.assertEqual(str(error), "restarted in place, stopped at cell 2")

    def test_restart_that_fails_after_all(self) -> None:
        failed = facts(4, failed={"request": "r1", "why": "no"})
        self.assertEqual(str(self.raised(Problem, self.wait, failed)), "no")

    def test_it_goes_on_when_nobody_waits_any_more(self) -> None:
        many = [self.replay("cell 1 of 2")] * 10_000
        error = self.raised(Problem, partial(self.wait, seconds=0.05), *many)
        self.assertIn("the replay is not over: cell 1 of 2; it goes on", str(error))
