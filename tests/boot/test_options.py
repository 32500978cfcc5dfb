"""The daemon's command line, as argparse reads it."""

from __future__ import annotations

from typing import Any

from ipr.boot import options
from ipr.boot.options import BadOption
from tests.case import Case


class ParseTests(Case):
    def parse(self, *argv: str) -> tuple[dict[str, Any], list[str]]:
        return options.parse(argv, "1.2.3")

    def wrong(self, *argv: str) -> str:
        return str(self.raised(BadOption, self.parse, *argv))

    def test_defaults_hold_where_nothing_is_said(self) -> None:
        """What counts where nothing is said."""
        self.assertEqual(
            self.parse(),
            (
                {
                    "connection_file": "",
                    "resource_dir": "",
                    "kernel": "",
                    "interrupt_mode": "",
                    "inner_transport": "auto",
                    "restart_limit": 5,
                    "stable_start_time": 10.0,
                    "start_timeout": -1.0,
                    "no_autorestart": False,
                    "restart_overlap": "auto",
                    "keep_detached": False,
                    "standby": "off",
                    "preload": "",
                    "init": "",
                    "max_held": 256,
                    "replay_limit": 16,
                    "output_limit": 2,
                    "abandoned_timeout": 0.0,
                    "warn_before": (600.0, 120.0),
                    "deadline": 0.0,
                    "before_end": "",
                    "before_end_at": 120.0,
                    "before_end_interrupt": False,
                    "memory_interrupt": 0,
                    "no_exec": False,
                    "log_level": "WARNING",
                },
                [],
            ),
        )

    def test_argv_of_a_kernelspec_is_read(self) -> None:
        """The argv of a kernelspec."""
        values, command = self.parse("-f", "c.json", "--resource-dir", "/spec")
        self.assertEqual(
            (values["connection_file"], values["resource_dir"], command),
            ("c.json", "/spec", []),
        )

    def test_unfilled_resource_dir_is_the_spec_dir(self) -> None:
        """Clients that fill in no ``{resource_dir}``; the others come first."""
        for words, folder in (
            (("{resource_dir}", "--spec-dir", "/spec"), "/spec"),
            (("/other", "--spec-dir", "/spec"), "/other"),
            (("{resource_dir}",), ""),
        ):
            for more in ((), ("--no-exec",)):
                values, _ = self.parse("-f", "c", "--resource-dir", *words, *more)
                self.assertEqual(values["resource_dir"], folder)
                self.assertFalse("spec_dir" in values)

    def test_short_way(self) -> None:
        """The usual argv is read without argparse, to the same end."""
        for usual, other in (
            (("-f", "c", "--resource-dir", "d"), ("--resource-dir=d", "-f", "c")),
            (("-f", "c", "--kernel", "d"), ("--kernel=d", "-f", "c")),
            (
                ("--kernel", "c", "--resource-dir", "d"),
                ("--resource-dir=d", "--kernel=c"),
            ),
        ):
            self.assertEqual(self.parse(*usual), self.parse(*other))
            self.assertEqual(
                self.parse(*usual, "--", "k"), (self.parse(*other)[0], ["k"])
            )

    def test_each_option_is_read_with_blank_or_equals_sign(self) -> None:
        """Each option, with a blank or an equals sign."""
        values, command = self.parse(
            "--connection-file=c.json",
            "--kernel=k",
            "--interrupt-mode=message",
            "--inner-transport",
            "tcp",
            "--restart-limit=0",
            "--stable-start-time=1.5",
            "--start-timeout=0",
            "--restart-overlap=never",
            "--keep-detached",
            "--standby=full",
            f"--preload={__file__}",
            f"--init={__file__}",
            "--max-held=1",
            "--replay-limit=2",
            "--output-limit=3",
            "--abandoned-timeout=3600",
            "--warn-before=60,5",
            "--deadline=2023-11-14T22:13:20+00:00",
            f"--before-end={__file__}",
            "--before-end-at=60",
            "--before-end-interrupt",
            "--memory-interrupt=97",
            "--no-exec",
            "--log-level=debug",
        )
        self.assertEqual(
            (values, command),
            (
                {
                    "connection_file": "c.json",
                    "resource_dir": "",
                    "kernel": "k",
                    "interrupt_mode": "message",
                    "inner_transport": "tcp",
                    "restart_limit": 0,
                    "stable_start_time": 1.5,
                    "start_timeout": 0.0,
                    "no_autorestart": False,
                    "restart_overlap": "never",
                    "keep_detached": True,
                    "standby": "full",
                    "preload": __file__,
                    "init": __file__,
                    "max_held": 1,
                    "replay_limit": 2,
                    "output_limit": 3,
                    "abandoned_timeout": 3600.0,
                    "warn_before": (60.0, 5.0),
                    "deadline": 1700000000.0,
                    "before_end": __file__,
                    "before_end_at": 60.0,
                    "before_end_interrupt": True,
                    "memory_interrupt": 97,
                    "no_exec": True,
                    "log_level": "DEBUG",
                },
                [],
            ),
        )

    def test_old_name_of_the_level(self) -> None:
        """As the earlier package had it; it wins over the new one."""
        values, _ = self.parse("--RestarterApp.log_level=INFO", "--log-level=ERROR")
        self.assertEqual(values["log_level"], "INFO")
        self.assertFalse("RestarterApp_log_level" in values)

    def test_words_after_the_dashes_are_the_command(self) -> None:
        """What follows -- is the inner command, whatever it looks like."""
        values, command = self.parse("-f", "c", "--", "k", "-f", "--", "--kernel")
        self.assertEqual(values["connection_file"], "c")
        self.assertEqual(command, ["k", "-f", "--", "--kernel"])

    def test_wrong_option_is_one_sentence(self) -> None:
        """One sentence that says where to read on; never an exit."""
        see = "; see python -m ipr --help"
        for argv, text in (
            (("--kern", "x"), f"unrecognized arguments: --kern x{see}"),
            (
                ("--restart-limit=x",),
                f"argument --restart-limit: not a whole number: 'x'{see}",
            ),
            (
                ("--interrupt-mode=maybe",),
                "argument --interrupt-mode: 'maybe' is not one of signal, message"
                + see,
            ),
            (
                ("-f",),
                f"argument -f/--connection-file: expected one argument{see}",
            ),
        ):
            self.assertEqual(self.wrong(*argv), text)

    def test_option_without_effect_is_one_sentence(self) -> None:
        """Also with its usual value; the one it is about may be in ipr.toml."""
        see = "; see python -m ipr --help"
        for argv in (
            ("--before-end-at", "300"),
            ("--before-end-at=120",),
            ("--before-end=", "--before-end-at=60"),
        ):
            told = f"--before-end-at has no effect without --before-end{see}"
            self.assertEqual(self.wrong(*argv), told)
        told = f"--before-end-interrupt has no effect without --before-end{see}"
        self.assertEqual(self.wrong("--before-end-interrupt"), told)
        words = ["--before-end-interrupt", "--before-end-at=9"]
        values, _ = options.parse(words, "1", {"before_end": __file__})
        self.assertEqual(values["before_end_at"], 9)
        values, _ = options.parse(["--no-exec"], "1", {"before_end_at": 9.0})
        self.assertEqual(values["before_end_at"], 9)

    def test_option_that_another_one_leaves_without_effect_is_one_sentence(
        self,
    ) -> None:
        """What ipr.toml says for all kernelspecs is no mistake of this one."""
        see = "; see python -m ipr --help"
        for word in ("--restart-limit=2", "--stable-start-time=5"):
            name = word.partition("=")[0]
            told = f"{name} has no effect beside --no-autorestart{see}"
            self.assertEqual(self.wrong(word, "--no-autorestart"), told)
            self.assertEqual(self.wrong("--no-autorestart", word), told)
            values, _ = options.parse([word], "1", {"no_autorestart": True})
            self.assertTrue(values["no_autorestart"])
        values, _ = options.parse(["--no-autorestart"], "1", {"restart_limit": 2})
        self.assertEqual((values["no_autorestart"], values["restart_limit"]), (True, 2))

    def test_help_can_be_formatted(self) -> None:
        """Percent signs in a help text do not trip argparse; each option is told."""
        text = options.parser("1.2.3").format_help()
        for option in options.OPTIONS:
            self.assertIn(f"--{option.name}", text)
        self.assertIn("until %restart", " ".join(text.split()))

    def test_no_dashes_is_no_command(self) -> None:
        """Without -- there is no command; it is not the same as an empty one."""
        self.assertEqual(options.cut(["a", "b"]), (["a", "b"], []))
        self.assertEqual(options.cut(["a", "--"]), (["a"], []))
