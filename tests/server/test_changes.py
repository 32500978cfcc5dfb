from __future__ import annotations

from typing import Any

from ipr.server.changes import Launched, in_folder, launched, of_environment
from tests.case import Case


def launch(*command: str, **arguments: Any) -> Launched:
    return launched(command or ("k",), arguments, {"shell_port": 1}, "/here")


class LaunchedTests(Case):
    def test_folder_and_environment_may_change_in_place(self) -> None:
        before = launch(env={"A": "1"}, cwd="/one", stdout=3)
        after = launch(env={"A": "2"}, cwd="/two", stdout=3)
        self.assertTrue(before.same_process(after))

    def test_other_arguments_need_another_process(self) -> None:
        before = launch(env={}, cwd="/one")
        for other in (
            launch("k", "--more"),
            launch(stdout=3),
            launch(independent=True),
            launched(("k",), {}, {"shell_port": 2}, "/here"),
        ):
            self.assertFalse(before.same_process(other), other)

    def test_folder_is_ours_where_none_is_said(self) -> None:
        self.assertEqual(launch().cwd, "/here")
        self.assertEqual(launch(cwd=None).cwd, "/here")
        self.assertEqual(launch(cwd="/one").cwd, "/one")
        self.assertEqual(in_folder(launch(), "/two").cwd, "/two")

    def test_environment_is_a_copy(self) -> None:
        """jupyter_client's launcher writes into the one that it is given."""
        env = {"A": "1"}
        before = launch(env=env)
        env["JPY_PARENT_PID"] = "7"
        self.assertEqual(before.env, {"A": "1"})


class EnvironmentTests(Case):
    def test_only_differences_are_told(self) -> None:
        before = {"SAME": "1", "OTHER": "1", "GONE": "1"}
        after = {"SAME": "1", "OTHER": "2", "NEW": ""}
        self.assertEqual(
            of_environment(before, after), {"GONE": None, "NEW": "", "OTHER": "2"}
        )
        self.assertEqual(of_environment(after, after), {})

    def test_what_each_process_has_of_its_own_is_not_told(self) -> None:
        before = {"JPY_PARENT_PID": "1", "PYTHONEXECUTABLE": "a"}
        self.assertEqual(of_environment(before, {"JPY_PARENT_PID": "2"}), {})
        self.assertEqual(of_environment({}, before), {})

    def test_bytes_that_are_no_text_are_left_out(self) -> None:
        after = {"A": "\udcff", "B\udcff": "1", "C": "ü"}
        self.assertEqual(of_environment({}, after), {"C": "ü"})
