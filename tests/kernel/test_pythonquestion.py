"""Questions that an ipykernel answers by a program of ours."""

from __future__ import annotations

import json
from typing import Any

from ipr.kernel import pythonquestion
from ipr.kernel.pythonquestion import NoAnswer
from tests.case import Case


def content(text: object) -> dict[str, Any]:
    """Return a reply's content as ipykernel forms it."""
    found = {"status": "ok", "data": {"text/plain": text}, "metadata": {}}
    return {"status": "ok", "user_expressions": {"ipr": found}}


def written(answer: object) -> dict[str, Any]:
    return content(repr(json.dumps(answer).encode().hex()))


class QuestionTests(Case):
    def test_a_program_leaves_nothing_but_its_answer(self) -> None:
        names: dict[str, object] = {}
        (expression,) = pythonquestion.asking(
            "import json\nanswer = [x for x in (1, 2)]"
        ).values()
        text = eval(expression, names)
        self.assertEqual(set(names), {"__builtins__"})
        self.assertEqual(pythonquestion.answer(content(repr(text))), [1, 2])

    def test_what_is_no_answer_says_why(self) -> None:
        for said, why in (
            ({}, "did not say"),
            ({"user_expressions": []}, "did not say"),
            (content(7), "did not say"),
            (content("'zz'"), "cannot be read"),
            (content("7" * (pythonquestion.LONGEST + 1)), "longer"),
        ):
            error = self.raised(NoAnswer, pythonquestion.answer, said)
            self.assertIn(why, str(error))
