"""Cells that begin with ``%ipr init``: what they show, and when they are kept."""

from __future__ import annotations

from typing import Any

from ipr.relay import initcode
from ipr.relay.initcells import FAILED
from ipr.sockets.channels import ChannelClosed
from tests.fakes import Done
from tests.relay.relay_case import DIED, SecondIsR
from tests.relay.test_lines import LinesCase

CODE = "%ipr init\nimport os"


class InitCellCase(LinesCase):
    def mark(self, code: str = CODE, msg_id: str = "m1", **more: Any) -> None:
        """Run such a cell; it goes well."""
        self.execute(msg_id, code, **more)
        self.start_cell(msg_id)
        self.end_cell(msg_id)

    def kept(self) -> list[str]:
        return [cell.code for cell in self.relay_init.cells]

    @property
    def relay_init(self) -> initcode.InitCode:
        assert self.init is not None
        return self.init

    def codes(self) -> list[Any]:
        return [code for code in self.ran() if code is not None]

    def new_kernel(self, generation: int = 2) -> None:
        self.turn_over(generation)

    def shown(self, done: Done, msg_id: str = "m1") -> list[str]:
        seen = [what for what in done if what[0] in ("iopub", "ann shell")]
        return [what[2] for what in seen if what[1] == msg_id]


class RunTests(InitCellCase):
    def test_it_runs_as_any_cell_without_its_first_line(self) -> None:
        self.execute("m1", CODE)
        self.assertEqual(self.ran(), ["import os"])
        self.start_cell("m1", 7)
        self.kernel("iopub", "stream", "m1", name="stdout", text="hello")
        self.end_cell("m1", number=7)
        self.assertEqual(
            self.shown(self.took()),
            [
                "busy",
                f"execute_input 7: {CODE}",
                "stream: hello",
                "execute_reply ok 7",
                "idle",
            ],
        )

    def test_it_runs_again_in_each_new_kernel(self) -> None:
        self.mark()
        for generation in (2, 3):
            self.inner.bodies.clear()
            self.new_kernel(generation)
            self.assertEqual(self.codes(), ["import os"])
            self.end_cell(self.inner.asked["execute_request"])

    def test_one_that_failed_is_not_kept_and_says_so(self) -> None:
        self.execute("m1", CODE)
        self.start_cell("m1")
        self.took()
        self.kernel("iopub", "error", "m1", ename="E", evalue="no", traceback=[])
        self.end_cell("m1", "error")
        self.assertEqual(
            self.shown(self.took()),
            ["error: E: no", f"stream: {FAILED}", "execute_reply error 1", "idle"],
        )
        self.assertEqual(self.kept(), [])

    def test_one_that_ended_the_kernel_is_not_kept(self) -> None:
        self.execute("m1", CODE)
        self.start_cell("m1")
        self.relay.hold()
        self.relay.finish(1, DIED)
        replies = ["execute_reply error 1", "idle"]
        self.assertEqual(self.shown(self.took())[-2:], replies)
        self.assertEqual(self.kept(), [])

    def test_it_is_held_as_any_cell_and_runs_then(self) -> None:
        self.execute("m0", "%restart")
        self.execute("m1", CODE)
        self.assertEqual(self.ran(), [])
        self.new_kernel()
        self.assertEqual(self.codes(), ["import os"])

    def test_same_cell_takes_the_place_of_what_it_held(self) -> None:
        for number, line in enumerate(("a = 1", "b = 1")):
            self.mark(f"%ipr init\n{line}", f"m{number}", cell=True)
        self.assertEqual(self.kept(), ["a = 1", "b = 1"])
        # A cell is named as its first request here.
        self.mark("%ipr init\na = 2", "m0", cell=True, session="again")
        self.assertEqual(self.kept(), ["a = 2", "b = 1"])

    def test_same_lines_of_a_console_are_kept_once(self) -> None:
        self.mark(msg_id="m1")
        self.mark(msg_id="m2")
        self.assertEqual(self.kept(), ["import os"])

    def test_a_cell_that_runs_without_the_line_is_kept_no_more(self) -> None:
        self.mark(cell=True)
        self.execute("m2", "x", cell=True)
        self.assertEqual(self.kept(), ["import os"])
        self.execute("m1", "import os", cell=True, session="again")
        self.assertEqual(self.kept(), [])

    def test_too_many_are_refused_before_they_run(self) -> None:
        for number in range(initcode.MOST_CELLS):
            self.relay_init.keep(initcode.InitCell(f"{number}", "x"))
        self.took()
        self.execute("m1", CODE)
        said = "there are 100 init cells, the most that are kept; this cell did not run"
        self.assertIn(f"error: UsageError: %ipr init: {said}", self.shown(self.took()))
        self.assertEqual(self.ran(), [])

    def test_a_silent_one_is_kept_without_a_word(self) -> None:
        self.execute("m1", CODE, silent=True)
        self.status("m1", "busy")
        self.took()
        self.end_cell("m1", "error")
        self.assertEqual(self.shown(self.took()), ["execute_reply error 1", "idle"])

    def test_one_that_could_not_be_sent_is_answered_when_its_kernel_is_gone(
        self,
    ) -> None:
        self.inner.broken = True
        self.execute("m1", CODE)
        self.assertEqual(len(self.logged_errors(ChannelClosed)), 1)
        self.assertEqual(self.shown(self.took()), [])
        self.relay.hold()
        self.relay.finish(1, DIED)
        self.assertEqual(self.shown(self.took())[-1], "idle")


class LanguageTests(SecondIsR):
    def test_a_kernel_of_another_language_does_without_the_cell(self) -> None:
        self.run_kernel()
        self.execute("m1", CODE)
        self.start_cell("m1")
        self.end_cell("m1")
        self.execute("m2", "%restart")
        self.turn_over()
        line = "1 init cell not run: this kernel's language is R"
        said = f"display_data: restarted in place, 0.00 s, {line}"
        self.assertIn(("iopub", "m2", said), self.took())
        self.inner.bodies.clear()
        self.turn_over(3)
        self.assertEqual(self.took()[-1][2], "execute_request: import os")
