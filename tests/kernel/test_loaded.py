"""What a kernel says it has loaded: read, and bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from ipr.kernel import loaded, pythonquestion
from ipr.kernel.loaded import Loaded, NoAnswer
from tests.case import Case

ANSWER: dict[str, Any] = {
    "cwd": "/work",
    "folders": ["/lib", "/site", "/work"],
    "startup": ["/home/profile/startup"],
    "files": {"/lib": ["a.py", "b.so"], "/": ["python"]},
    "tops": ["a", "b"],
}


def content(text: str) -> dict[str, Any]:
    """Return the reply's content as ipykernel forms it."""
    found = {"status": "ok", "data": {"text/plain": text}, "metadata": {}}
    return {"status": "ok", "user_expressions": {"ipr": found}}


def written(answer: object) -> dict[str, Any]:
    return content(repr(json.dumps(answer).encode().hex()))


class ParseTests(Case):
    def test_all_of_an_answer_is_read(self) -> None:
        self.assertEqual(
            loaded.parse(written(ANSWER)),
            Loaded(
                ("/lib", "/site"),
                "/work",
                ("/home/profile/startup",),
                ("/lib/a.py", "/lib/b.so", "/python"),
                frozenset(("a", "b")),
            ),
        )

    def test_working_folder_counts_only_where_imports_look_there(self) -> None:
        self.assertEqual(loaded.parse(written({**ANSWER, "cwd": "/other"})).cwd, "")

    def test_no_answer_is_no_answer(self) -> None:
        """Of a kernel without user_expressions, or one that was not asked."""
        for said in (
            {},
            {"status": "ok", "user_expressions": {}},
            {"status": "ok", "user_expressions": []},
            {"user_expressions": {"ipr": {"status": "error", "ename": "NameError"}}},
            {"user_expressions": {"ipr": {"data": {"text/plain": 7}}}},
        ):
            self.raised(NoAnswer, loaded.parse, said)

    def test_malformed_answer_is_no_answer(self) -> None:
        for text in ("''", "'xyz'", "'7b'", "<text>", repr(b"[[".hex())):
            self.raised(NoAnswer, loaded.parse, content(text))
        wrongs: tuple[object, ...] = (
            [],
            {**ANSWER, "files": ["/lib/a.py"]},
            {**ANSWER, "files": {"/lib": "a.py"}},
            {**ANSWER, "files": {"lib": ["a.py"]}},
            {**ANSWER, "folders": None},
            {**ANSWER, "folders": ["lib"]},
            {**ANSWER, "folders": ["/lib\0"]},
            {**ANSWER, "tops": [1]},
            {**ANSWER, "startup": {"/x": 1}},
        )
        for wrong in wrongs:
            self.raised(NoAnswer, loaded.parse, written(wrong))

    def test_deeply_nested_answer_is_no_answer(self) -> None:
        self.raised(NoAnswer, loaded.parse, content(repr((b"[" * 200_000).hex())))

    def test_answer_that_is_too_large_is_no_answer(self) -> None:
        many = [f"/{number}" for number in range(loaded.MOST + 1)]
        spread = {folder: ["a"] for folder in many}
        for large in (
            {**ANSWER, "folders": many},
            {**ANSWER, "files": {"/lib": many}},
            {**ANSWER, "files": spread},
            {**ANSWER, "folders": ["/" * (loaded.LONGEST_PATH + 1)]},
        ):
            self.raised(NoAnswer, loaded.parse, written(large))
        self.raised(NoAnswer, loaded.parse, content("7" * (pythonquestion.LONGEST + 1)))

    def test_names_that_are_no_text_pass(self) -> None:
        """A path of any bytes, as Python writes it."""
        name = os.fsdecode(b"/\xff")
        found = loaded.parse(written({**ANSWER, "folders": [name]}))
        self.assertEqual(found.folders, (name,))

    def test_what_ipr_knows_by_itself_is_added(self) -> None:
        found = loaded.parse(written(ANSWER)).and_also(["/bin/R"], ["/kernels/ir"])
        self.assertEqual(found.files[-1], "/bin/R")
        self.assertEqual(found.whole, ("/home/profile/startup", "/kernels/ir"))
        self.assertEqual(Loaded().and_also(["/bin/R"]), Loaded(files=("/bin/R",)))


class ExpressionTests(Case):
    def test_expression_works_without_a_kernel_around(self) -> None:
        """In an IPython that is no kernel; its names are as they were."""
        (expression,) = loaded.question().content["user_expressions"].values()
        code = (
            "import IPython, sys\n"
            "names = {}\n"
            f"text = eval({expression!r}, names)\n"
            "assert set(names) == {'__builtins__'}, names\n"
            "sys.stdout.write(repr(text))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, timeout=60
        )
        found = loaded.parse(content(done.stdout.decode()))
        self.assertEqual(found.cwd, os.getcwd())
        self.assertIn("IPython", found.tops)
        self.assertIn(json.__file__, found.files)
        files = map(os.path.normpath, found.files)
        self.assertIn(os.path.normpath(sys.executable), list(files))

    def test_question_is_silent(self) -> None:
        """It neither counts as a cell nor comes into the history."""
        draft = loaded.question()
        self.assertEqual(draft.msg_type, "execute_request")
        self.assertEqual(draft.content["silent"], True)
        self.assertEqual(draft.content["store_history"], False)
        self.assertEqual(draft.content["code"], "")
