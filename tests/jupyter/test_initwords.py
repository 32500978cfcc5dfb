"""What may follow ``%ipr init``, and how a cell is known again."""

from __future__ import annotations

from typing import Any

from ipr.jupyter.initwords import key_of
from ipr.jupyter.magics import Ipr, Mistake, parse
from ipr.jupyter.wire import METADATA, Envelope
from tests.case import Case
from tests.requests import body, dumps, header


class WordsTests(Case):
    def test_the_lines_after_it_are_the_cell(self) -> None:
        for code in ("%ipr init\nx = 1", "\n# first\n  %ipr  init  \nx = 1"):
            self.assertEqual(parse(code), Ipr("init", "", "x = 1"))

    def test_list_and_clear_stand_alone(self) -> None:
        for words in ("list", "clear", "clear 12"):
            self.assertEqual(parse(f"%ipr init {words}\n"), Ipr("init", words))

    def test_mistakes_say_what_is_right(self) -> None:
        follows = "it is followed by list, clear or clear NUMBER, not"
        for code, said in (
            ("%ipr init", "it is followed by the lines that each kernel is to run"),
            (
                "%ipr init list\nx",
                "lines after 'init list' would not run: move them to another cell",
            ),
            ("%ipr init all", f"{follows} 'all'"),
            ("%ipr init list 2", f"{follows} 'list 2'"),
            ("%ipr init clear 0", f"{follows} 'clear 0'"),
            ("%ipr init clear -1", f"{follows} 'clear -1'"),
            ("%ipr init clear 1 2", f"{follows} 'clear 1 2'"),
            ("%ipr init clear \u00b2", f"{follows} 'clear \u00b2'"),
        ):
            self.assertEqual(parse(code), Mistake(f"%ipr init: {said}"), code)


class KeyTests(Case):
    def key(self, metadata: Any, code: str = "x = 1") -> str:
        envelope = Envelope([], body(header("m", "execute_request"), {}))
        envelope.body[METADATA] = metadata
        return key_of(envelope, code)

    def test_a_notebooks_cell_is_known_by_its_id(self) -> None:
        self.assertEqual(self.key(dumps({"cellId": "a1"})), "cell a1")
        self.assertEqual(self.key(dumps({"cellId": "a1"}), "y"), "cell a1")

    def test_any_other_is_known_by_what_stands_in_it(self) -> None:
        for metadata in (b"{}", b'{"cellId"', dumps({"cellId": 3})):
            self.assertEqual(self.key(metadata, "x = 1\n"), "code x = 1")
