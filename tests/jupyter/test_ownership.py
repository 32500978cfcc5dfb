"""What a provisioner and the daemon say to each other."""

from __future__ import annotations

from typing import Any

from ipr.jupyter import ownership
from ipr.jupyter.messages import Draft
from ipr.jupyter.ownership import Greeting, Order, Wrong
from tests.case import Case


class GreetingTests(Case):
    def test_names_both_sessions(self) -> None:
        said = {"ipr": {"owner": "manager", "later": 1}}
        self.assertEqual(
            ownership.greeting({"session": "line"}, said), Greeting("line", "manager")
        )

    def test_everything_else_is_none(self) -> None:
        owned: dict[str, Any] = {"ipr": {"owner": "manager"}}
        long = "x" * (ownership.LONGEST_ID + 1)
        for header, content in (
            ({}, owned),
            ({"session": ""}, owned),
            ({"session": 7}, owned),
            ({"session": long}, owned),
            ({"session": "line"}, {}),
            ({"session": "line"}, {"ipr": "manager"}),
            ({"session": "line"}, {"ipr": {"owner": long}}),
            ({"session": "line"}, {"ipr": {"owner": None}}),
        ):
            self.assertIs(ownership.greeting(header, content), None, (header, content))

    def test_answer_has_all_that_others_get(self) -> None:
        info = Draft("kernel_info_reply", {"status": "ok"}, {"meta": 1})
        answer = ownership.greeted(info, "manager", 2, 3)
        said = {"restart": True, "owner": "manager", "asked": 2, "generation": 3}
        self.assertEqual(
            answer,
            Draft("kernel_info_reply", {"status": "ok", "ipr": said}, {"meta": 1}),
        )
        self.assertEqual(info.content, {"status": "ok"})


class OrderTests(Case):
    def test_everything_may_be_left_out(self) -> None:
        self.assertEqual(ownership.order({}), Order())

    def test_everything_is_taken(self) -> None:
        content = {"now": True, "env": {"A": "1", "B": None}, "cwd": "/x", "later": 1}
        self.assertEqual(
            ownership.order(content), Order(True, (("A", "1"), ("B", None)), "/x")
        )

    def test_nonsense_is_told_in_a_sentence(self) -> None:
        many = {f"A{number}": None for number in range(ownership.MOST_VARIABLES + 1)}
        for content, said in (
            ({"now": 0}, '"now" has to be true or false'),
            ({"env": "A=1"}, '"env" has to map names to values'),
            ({"env": {"A": True}}, '"env" has to map names to values'),
            ({"env": many}, '"env" has more than 10000 variables'),
            ({"cwd": 1}, '"cwd" has to be a path'),
        ):
            error = self.raised(Wrong, ownership.order, content)
            self.assertIn(said, str(error))

    def test_answer_names_what_was_ignored(self) -> None:
        self.assertEqual(
            ownership.ordered(("cwd",)),
            Draft("ipr_restart_reply", {"status": "ok", "ignored": ["cwd"]}),
        )
