"""The command line: exit codes and sentences, without a daemon."""

from __future__ import annotations

import argparse
import io
import sys
from unittest import mock

from ipr.terminal import cli
from ipr.terminal.line import NoAnswer
from ipr.terminal.parser import parser
from ipr.terminal.problem import Problem
from tests.case import Case


class CliCase(Case):
    def run_cli(self, *argv: str, does: object = None) -> tuple[int, str, str]:
        """Run it with commands that do this; give code, output and errors."""
        out, err = io.StringIO(), io.StringIO()

        def command(_args: argparse.Namespace) -> None:
            if isinstance(does, BaseException):
                raise does
            print(does)

        commands = dict.fromkeys(cli._COMMANDS, command)
        with (
            mock.patch.object(sys, "stdout", out),
            mock.patch.object(sys, "stderr", err),
            mock.patch.object(cli, "_COMMANDS", commands),
        ):
            code = cli.main(argv)
        return code, out.getvalue(), err.getvalue()


class ExitTests(CliCase):
    def test_exit_codes(self) -> None:
        for does, code, said in (
            ("done", 0, ""),
            (Problem("no such kernel"), 1, "ipr: no such kernel\n"),
            (NoAnswer("it hangs\x1b[2J"), 1, "ipr: it hangs\\x1b[2J\n"),
            (OSError(28, "No space left on device"), 1, "ipr: No space left on"),
            (KeyboardInterrupt(), 130, ""),
        ):
            found, _, err = self.run_cli("ps", does=does)
            self.assertEqual((found, err[: len(said)]), (code, said))
        _, _, err = self.run_cli("restart", does=KeyboardInterrupt())
        self.assertIn("no longer waiting", err)

    def test_wrong_usage(self) -> None:
        for argv in (
            (),
            ("dance",),
            ("restart", "--timeout", "x"),
            ("ps", "--no"),
            ("output", "ab", "0"),
        ):
            code, out, err = self.run_cli(*argv)
            self.assertEqual((code, out), (2, ""), argv)
            self.assertTrue(err, argv)

    def test_ipr_restart_is_the_same(self) -> None:
        with mock.patch.object(sys, "argv", ["ipr-restart", "--help"]):
            out = io.StringIO()
            with mock.patch.object(sys, "stdout", out):
                self.assertEqual(cli.restart(), 0)
        self.assertIn("Restart a kernel in place", out.getvalue())


class HelpTests(CliCase):
    def test_help_fits_into_eighty_columns_and_has_examples(self) -> None:
        self.environment(COLUMNS="80")
        for argv in ((), *((word,) for word in cli._COMMANDS)):
            code, out, _ = self.run_cli(*argv, "--help")
            self.assertEqual(code, 0)
            self.assertIn("examples:\n  ipr", out)
            self.assertTrue(max(map(len, out.splitlines())) <= 80, argv)

    def test_options_of_a_restart(self) -> None:
        words = "restart ab --env A=1 B=2 --env C=3 --unset X --cwd d --now"
        args = parser().parse_args(words.split())
        self.assertEqual((args.id, args.env), ("ab", ["A=1", "B=2", "C=3"]))
        self.assertEqual((args.unset, args.cwd, args.now), (["X"], "d", True))

    def test_cells_to_run_again(self) -> None:
        for words, value in (
            ("ab", None),
            ("ab --replay", ""),
            ("ab --replay 3", "3"),
            ("ab --replay all --now", "all"),
        ):
            args = parser().parse_args(["restart", *words.split()])
            self.assertEqual((args.id, args.replay), ("ab", value))
        code, _, err = self.run_cli("restart", "--replay", "1b2c")
        self.assertEqual(code, 2)
        self.assertIn("from 1 on, or all, not '1b2c'; ID comes first", err)

    def test_help_has_single_percent_signs(self) -> None:
        """argparse fills them in in some of its texts, and in others does not."""
        commands = ["ps", "status", "stack", "output", "restart", "interrupt", "log"]
        for words in ([], *([command] for command in commands)):
            out = io.StringIO()
            with mock.patch.object(sys, "stdout", out):
                error = self.raised(SystemExit, parser().parse_args, [*words, "--help"])
            self.assertEqual(error.code, 0)
            self.assertTrue("%%" not in out.getvalue())
