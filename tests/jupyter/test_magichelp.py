"""Help and completion for our own words."""

from __future__ import annotations

from typing import Any

from ipr.jupyter import magics
from ipr.jupyter.magichelp import HELP, Completion, complete, inspect, merge, reply
from tests.case import Case


def completed(code: str) -> Completion | None:
    return complete(code, len(code))


class CompleteTests(Case):
    def test_words_beside_the_kernels_and_arguments_alone(self) -> None:
        """The two words beside the kernel's, their arguments alone."""
        for code, matches, start, alone in (
            ("%", ("%restart", "%ipr"), 0, False),
            ("%re", ("%restart",), 0, False),
            ("  %i", ("%ipr",), 2, False),
            ("%restart n", ("now",), 9, True),
            ("%restart --e", ("--env", "--env-file"), 9, True),
            ("%restart now --c", ("--cwd",), 13, True),
            (
                "%ipr ",
                (
                    "status",
                    "stack",
                    "history",
                    "output",
                    "replay",
                    "debug",
                    "standby",
                    "init",
                    "limit",
                    "exec",
                    "help",
                ),
                5,
                True,
            ),
            ("%ipr e", ("exec",), 5, True),
            ("%ipr debug DE", ("DEBUG",), 11, True),
            ("# c\n\n%re", ("%restart",), 5, False),
        ):
            self.assertEqual(
                completed(code), Completion(matches, start, len(code), alone), code
            )

    def test_last_line_of_a_cell_may_be_a_restart(self) -> None:
        """And nothing else of ours; where it would be the kernel's, it is not."""
        for code, matches in (
            ("x = 3\n%", ("%restart",)),
            ("!pip install foo\n\n%re", ("%restart",)),
            ("x = 3\n%restart --re", ("--reset", "--replay")),
            ("x = 3\n%restart n", ("now",)),
        ):
            found = completed(code)
            self.assertEqual(found and found.matches, matches, code)
        for code in (
            "x = 3\n%i",
            "x = 3\n%ipr s",
            "if x:\n  %re",
            "x = 3 + \\\n%re",
            "%%bash\n%re",
            "%restart\n%re",
        ):
            self.assertEqual(completed(code), None, code)
        for rest, there in (("\n\n# end", True), ("\ny = 4", False)):
            whole = complete(f"x = 3\n%re{rest}", len("x = 3\n%re"))
            self.assertEqual(whole is not None, there, rest)

    def test_kernelspecs_follow_kernel(self) -> None:
        """Their names follow ``--kernel``; a path is the kernel's to complete."""
        names = ["ir", "python3", "pypy"]
        for code, matches, start in (
            ("%restart --kernel ", ("ir", "pypy", "python3"), 18),
            ("%restart now --kernel py", ("pypy", "python3"), 22),
            ("%restart --kernel=i", ("ir",), 18),
            ("%restart --kernel ir n", ("now",), 21),
        ):
            self.assertEqual(
                complete(code, len(code), lambda: names),
                Completion(matches, start, len(code), alone=True),
                code,
            )
        for code in ("%restart --cwd ", "%restart --env-file ", "%restart --cwd="):
            self.assertEqual(complete(code, len(code), lambda: names), None, code)

    def test_kernelspecs_are_not_looked_for_elsewhere(self) -> None:
        """That costs files: only where they are asked for."""
        for code in ("%", "%restart ", "%restart --ke", "%restart --env A=", "%ipr "):
            complete(code, len(code), self.fail)

    def test_nothing_of_ours(self) -> None:
        """Everywhere else the kernel completes."""
        for code in (
            "",
            "re",
            "%time",
            "%%re",
            "x %re",
            "x = 1\n%ip",
            "%restart\n%re",
            "%ipr status ",
            "%ipr exec self.",
        ):
            found = completed(code)
            self.assertEqual(found.matches if found else (), (), code)

    def test_only_what_is_before_the_cursor_counts(self) -> None:
        """Only what is before the cursor counts."""
        self.assertEqual(
            complete("%restart now", 4), Completion(("%restart",), 0, 4, False)
        )
        self.assertEqual(complete("%re", 0), None)
        self.assertEqual(complete("%re", -5), None)

    def test_every_word_is_understood(self) -> None:
        """What is offered is what the magics take."""
        for word in ("%restart now", "%restart --reset", "%ipr status", "%ipr help"):
            found = magics.parse(word)
            self.assertFalse(isinstance(found, magics.Mistake), word)


class MergeTests(Case):
    ours = Completion(("%restart",), 0, 3)

    def theirs(self, **more: Any) -> dict[str, Any]:
        return {
            "status": "ok",
            "matches": ["%reset"],
            "cursor_start": 0,
            "cursor_end": 3,
            "metadata": {},
            **more,
        }

    def test_behind_the_kernels(self) -> None:
        """The kernel's first, and none twice."""
        found = merge(self.theirs(matches=["%reset", "%restart"]), self.ours, "%re")
        self.assertEqual(found, self.theirs(matches=["%reset", "%restart"]))
        found = merge(self.theirs(), self.ours, "%re")
        self.assertEqual(found, self.theirs(matches=["%reset", "%restart"]))

    def test_matches_of_different_spans_are_merged(self) -> None:
        """A kernel that replaces less, or more, than we do."""
        found = merge(self.theirs(matches=["reset"], cursor_start=1), self.ours, "%re")
        self.assertEqual(
            (found["matches"], found["cursor_start"]), (["%reset", "%restart"], 0)
        )
        found = merge(
            self.theirs(matches=[" %reset"], cursor_end=5),
            Completion(("%restart",), 1, 4),
            " %re",
        )
        self.assertEqual(
            (found["matches"], found["cursor_start"], found["cursor_end"]),
            ([" %reset", " %restart"], 0, 5),
        )

    def test_typed_completions_are_extended(self) -> None:
        """JupyterLab takes the typed ones instead, if they are there."""
        typed = {"start": 0, "end": 3, "text": "%reset", "type": "magic"}
        metadata = {"_jupyter_types_experimental": [typed], "other": 1}
        found = merge(self.theirs(metadata=metadata), self.ours, "%re")
        self.assertEqual(
            found["metadata"],
            {
                "_jupyter_types_experimental": [
                    typed,
                    {"start": 0, "end": 3, "text": "%restart", "type": "magic"},
                ],
                "other": 1,
            },
        )

    def test_metadata_of_the_kernel_that_is_none_is_left_alone(self) -> None:
        found = merge(self.theirs(metadata=None), self.ours, "%re")
        self.assertEqual(found["metadata"], None)

    def test_kernel_finds_nothing(self) -> None:
        """Then ours alone; so too when it failed, or says something odd."""
        for content in (
            self.theirs(matches=[]),
            self.theirs(status="error"),
            self.theirs(matches=None),
            self.theirs(cursor_start="0"),
            {},
        ):
            self.assertEqual(merge(content, self.ours, "%re"), reply(self.ours))


class InspectTests(Case):
    def test_a_restart_in_the_last_line_is_explained(self) -> None:
        code = "x = 3\n%restart"
        self.assertEqual(inspect(code, len(code)), HELP["restart"])
        self.assertEqual(inspect(f"{code}\ny = 4", len(code)), None)
        self.assertEqual(inspect("x = 3\n%ipr", len("x = 3\n%ipr")), None)

    def test_help_for_our_magics(self) -> None:
        """With the cursor anywhere in the line of the magic."""
        for code, topic in (
            ("%restart", "restart"),
            ("%restart now", "restart"),
            ("%ipr?", "ipr"),
            ("# c\n%ipr debug", "ipr"),
        ):
            for cursor in (len(code), len(code) - 2):
                self.assertEqual(inspect(code, cursor), HELP[topic], code)

    def test_no_help_for_what_is_not_ours(self) -> None:
        """The kernel explains its own."""
        for code in ("", "restart", "%time", "x = 1\n  %restart", "%restarts"):
            self.assertEqual(inspect(code, len(code)), None, code)

    def test_help_fits_a_terminal(self) -> None:
        """A console breaks what is longer in the middle of a word."""
        for text in HELP.values():
            self.assertLess(max(map(len, text.splitlines())), 80)

    def test_help_names_every_option(self) -> None:
        """What the usage line has, the help has."""
        for word in magics.RESTART_USAGE.replace("[", " ").split():
            if word.startswith("--"):
                self.assertIn(word.rstrip("]"), HELP["restart"])
        for word in (
            "status",
            "stack",
            "history",
            "output",
            "replay",
            "debug",
            "standby",
            "init",
            "exec",
            "help",
        ):
            self.assertIn(f"%ipr {word}", HELP["ipr"])
