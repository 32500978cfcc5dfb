"""twistd ipr: its command line, and that looking at it loads nothing of ZeroMQ."""

from __future__ import annotations

import io
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from typing import Any

from twisted.application.service import IService

from ipr.boot import connection, options
from ipr.daemon import tap
from ipr.daemon.byhand import ByHand
from tests.case import Case

ROOT = os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(options.__file__)))
)


def complaint(case: Case, code: int, call: Callable[..., object], *argv: object) -> str:
    """Return what was said on stderr, by what ends the process with a code."""
    said = io.StringIO()
    with redirect_stderr(said):
        case.assertEqual(case.raised(SystemExit, call, *argv).code, code)
    case.assertEqual(said.getvalue().count("\n"), 1)
    return said.getvalue()


class OptionsTests(Case):
    def parsed(self, *argv: str) -> tap.Options:
        untyped: Any = tap.Options
        config: tap.Options = untyped()
        parse: Any = config.parseOptions
        parse(list(argv))
        return config

    def wrong(self, *argv: str) -> str:
        return complaint(self, 2, self.parsed, *argv)

    def test_same_as_the_other_command_line(self) -> None:
        """Both command lines know the same options with the same defaults."""
        self.assertEqual(self.parsed().settings({}), options.parse([], "")[0])

    def test_every_option_is_read(self) -> None:
        """And read them alike."""
        argv = [
            "--connection-file=c.json",
            "--resource-dir={resource_dir}",
            "--spec-dir=/spec",
            "--kernel=k",
            "--interrupt-mode=message",
            "--inner-transport=tcp",
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
            "--deadline=2026-11-29T18:00+01:00",
            f"--before-end={__file__}",
            "--before-end-at=60",
            "--before-end-interrupt",
            "--memory-interrupt=97",
            "--no-exec",
            "--log-level=debug",
        ]
        self.assertEqual(
            {word.removeprefix("--").partition("=")[0] for word in argv},
            {option.name for option in options.OPTIONS}
            # It leaves two others without effect.
            - {"RestarterApp.log_level", "no-autorestart"},
        )
        for words in (argv, ["--no-autorestart"]):
            settings = self.parsed(*words).settings({})
            self.assertEqual(settings, options.parse(words, "")[0])
        self.assertTrue(settings["no_autorestart"])

    def test_files_hold_where_the_command_line_says_nothing(self) -> None:
        """Flags, too, of which twistd knows only whether they are there."""
        defaults = {"restart_limit": 3, "no_exec": True, "max_held": 7}
        values = self.parsed("--max-held=9").settings(defaults)
        self.assertEqual(
            (values["restart_limit"], values["no_exec"], values["max_held"]),
            (3, True, 9),
        )

    def test_short_name_of_the_connection_file(self) -> None:
        """-f, as in a kernelspec."""
        values = self.parsed("-f", "c.json").settings({})
        self.assertEqual(values["connection_file"], "c.json")

    def test_old_name_of_the_level(self) -> None:
        """As the earlier package had it."""
        values = self.parsed("--RestarterApp.log_level=INFO").settings({})
        self.assertEqual(values["log_level"], "INFO")

    def test_words_after_the_dashes_are_the_command(self) -> None:
        """What follows -- is the inner command."""
        config = self.parsed("--no-exec", "--", "k", "-f", "{connection_file}")
        self.assertEqual(config.command, ["k", "-f", "{connection_file}"])

    def test_wrong_usage_is_one_sentence(self) -> None:
        """One sentence for twistd to print."""
        for argv, text in (
            (("--restart-limit=x",), "not a whole number: 'x'"),
            (("--interrupt-mode=maybe",), "'maybe' is not one of signal, message"),
            (("--nonsense",), "option --nonsense not recognized"),
        ):
            self.assertIn(text, self.wrong(*argv))

    def test_option_without_effect_is_one_sentence(self) -> None:
        for word in ("--before-end-at=120", "--before-end-interrupt"):
            made = self.parsed(word)
            said = complaint(self, 2, made.settings, {})
            name = word.partition("=")[0]
            told = f"{name} has no effect without --before-end; see twistd ipr --help"
            self.assertIn(told, said)
        made = self.parsed("--no-autorestart", "--restart-limit=3")
        said = complaint(self, 2, made.settings, {})
        self.assertIn("--restart-limit has no effect beside --no-autorestart", said)

    def test_help_lists_every_option(self) -> None:
        """Every option is told, with its percent signs as they are."""
        text = str(self.parsed())
        for option in options.OPTIONS:
            self.assertIn(f"--{option.name}", text)
        self.assertIn("%restart", text)
        self.assertFalse("%%" in text)


class MakeServiceTests(Case):
    def setUp(self) -> None:
        self.base = self.folder()
        self.environment(JUPYTER_RUNTIME_DIR=self.base)

    def made(self, *argv: str) -> ByHand:
        untyped: Any = tap.Options
        config = untyped()
        config.parseOptions(list(argv))
        made = tap.makeService(config)
        assert isinstance(made, ByHand)
        self.assertTrue(IService.providedBy(made))
        return made

    def test_connection_file_is_made(self) -> None:
        """Without -f one is made, that nobody else can read."""
        self.made("--", "k", "{connection_file}")
        (name,) = os.listdir(self.base)
        path = os.path.join(self.base, name)
        self.assertEqual(name, f"kernel-ipr-{socket.gethostname()}-{os.getpid()}.json")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        outer = connection.read(path)
        self.assertEqual(outer.ip, "127.0.0.1")
        self.assertTrue(outer.key)

    def test_connection_file_is_there(self) -> None:
        """One that is there is used as it is."""
        path = os.path.join(self.base, "there.json")
        connection.write_private(path, connection.fresh())
        with open(path, "rb") as file:
            before = file.read()
        self.made("-f", path, "--", "k")
        with open(path, "rb") as file:
            self.assertEqual(file.read(), before)

    def test_connection_file_with_a_name(self) -> None:
        """One that is named and not there is made under that name."""
        path = os.path.join(self.base, "new.json")
        self.made("-f", path, "--", "k")
        self.assertEqual(connection.read(path).path, path)

    def wrong(self, *argv: str) -> str:
        return complaint(self, 1, self.made, *argv)

    def test_connection_file_that_is_none(self) -> None:
        """One sentence."""
        path = os.path.join(self.base, "odd.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump([], file)
        self.assertEqual(
            self.wrong("-f", path, "--", "k"),
            f"twistd ipr: {path} does not hold a JSON object\n",
        )

    def test_an_unknown_kernel_leaves_no_file(self) -> None:
        """One sentence, and the file that was made is gone again."""
        self.assertIn("no kernelspec is called 'nope'", self.wrong("--kernel", "nope"))
        self.assertEqual(os.listdir(self.base), [])


class PluginTests(Case):
    """What twistd does before it has chosen a reactor, in a process of its own."""

    def run_python(self, code: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            cwd=self.folder(),
            env={**os.environ, "PYTHONPATH": ROOT},
            timeout=60,
        )
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode().split()

    def test_loads_nothing_of_zeromq(self) -> None:
        """Neither the plugin nor its options import ZeroMQ, or install a reactor."""
        found = self.run_python(
            "from twisted.plugins import ipr_plugin\n"
            "made = ipr_plugin.ipr\n"
            "options = made.options()\n"
            "options.parseOptions(['--', 'k'])\n"
            "make = made.makeService\n"
            "import ipr.daemon.byhand, sys\n"
            "heavy = ('zmq', 'txzmq', 'twisted.internet.reactor')\n"
            "print(made.tapname, *(name for name in heavy if name in sys.modules))\n"
        )
        self.assertEqual(found, ["ipr"])

    def test_twistd_finds_it(self) -> None:
        """twistd knows the subcommand where the folder is on the path."""
        found = self.run_python(
            "from twisted.plugin import getPlugins\n"
            "from twisted.application.service import IServiceMaker\n"
            "print(*(made.tapname for made in getPlugins(IServiceMaker)))\n"
        )
        self.assertIn("ipr", found)
