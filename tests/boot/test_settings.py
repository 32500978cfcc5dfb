"""``ipr.toml``: where it is looked for, and how a value in it is read."""

from __future__ import annotations

import os
import sys

from ipr.boot import options, settings
from tests.case import Case


class FoldersTests(Case):
    def test_users_folder_comes_before_environment_and_system(self) -> None:
        """With Jupyter's own variables, and without them."""
        system = ["/usr/local/etc/jupyter", "/etc/jupyter"]
        for environ, mine in (
            ({"HOME": "/h"}, ["/h/.jupyter"]),
            ({"HOME": "/h", "JUPYTER_CONFIG_DIR": "/mine"}, ["/mine"]),
            ({"HOME": "/h", "JUPYTER_PLATFORM_DIRS": "1"}, ["/h/.config/jupyter"]),
            (
                {"HOME": "/h", "JUPYTER_CONFIG_PATH": "/a/:/b"},
                ["/a", "/b", "/h/.jupyter"],
            ),
        ):
            expected = [*mine, "/env/etc/jupyter", *system]
            self.assertEqual(settings.folders(environ, "/env"), expected)

    def test_no_folder_where_jupyter_is_told_to_read_none(self) -> None:
        """JUPYTER_NO_CONFIG is for tests of others."""
        self.assertEqual(settings.folders({"JUPYTER_NO_CONFIG": "1"}, "/env"), [])


class ParseTests(Case):
    def parsed(self, text: str) -> settings.Settings:
        return settings.parse("/etc/ipr.toml", text.encode())

    def test_values_are_read_as_on_the_command_line(self) -> None:
        """Numbers, texts, flags; each with its line."""
        found = self.parsed(
            '# of the site\n[daemon]\nrestart-limit = 3\nlog-level = "debug"\n'
            "start-timeout = 1.5\nno-exec = true\n"
        )
        self.assertEqual(
            found.values,
            {
                "restart_limit": 3,
                "log_level": "DEBUG",
                "start_timeout": 1.5,
                "no_exec": True,
            },
        )
        self.assertEqual(found.origins["no_exec"], "/etc/ipr.toml, line 6")
        self.assertEqual(found.told, ())

    def test_wrong_entry_is_told_with_its_line_and_the_others_hold(self) -> None:
        """One sentence each."""
        for line, sentence in (
            ("max-held = 'lots'", "max-held: not a whole number: 'lots'"),
            ("max-held = [1]", "max-held: write a number or a text, not an array"),
            (
                "max-held = true",
                "max-held: write a number or a text, not true or false",
            ),
            ("max-held = 1979-05-27", "max-held: write a number or a text, not a date"),
            ("max-held.a = 1", "max-held: write a number or a text, not a table"),
            ("no-exec = 1", "no-exec: write true or false, not 1"),
            (
                "restart-limt = 1",
                "there is no option 'restart-limt'; did you mean restart-limit?",
            ),
            ("colour = 1", "there is no option 'colour'"),
            (
                "kernel = 'ir'",
                "kernel belongs to one kernel: write it into its kernelspec",
            ),
        ):
            found = self.parsed(f"[daemon]\nstable-start-time = 2\n{line}\n")
            self.assertEqual(found.values, {"stable_start_time": 2.0})
            place = "/etc/ipr.toml"
            if "max-held.a" not in line:
                place += ", line 3"
            self.assertEqual(found.told, (f"{place}: {sentence}",))

    def test_other_tables_are_told(self) -> None:
        """They may be meant for a later version."""
        for text, name in (("[spec]\na = 1\n", "spec"), ("daemon = 1\n", "daemon")):
            (told,) = self.parsed(text).told
            self.assertEqual(
                told,
                f"/etc/ipr.toml, line 1: {name!r} is unknown here; options belong"
                " in [daemon]",
            )

    def test_what_is_not_toml_is_told_with_its_place(self) -> None:
        """Neither the syntax, nor bytes that are no UTF-8, nor depth is a traceback."""
        (told,) = self.parsed("[daemon]\nrestart-limit 3\n").told
        self.assertIn("/etc/ipr.toml: this is not TOML: ", told)
        self.assertIn("line 2", told)
        (told,) = settings.parse("f", b"\xff").told
        self.assertEqual(told, "f: this is not TOML: not UTF-8")
        (told,) = self.parsed("a = " + "[" * 60_000).told
        self.assertIn("this is not TOML", told)


class ReadTests(Case):
    def setUp(self) -> None:
        self.base = self.folder()

    def written(self, name: str, text: str) -> str:
        folder = os.path.join(self.base, name)
        os.makedirs(folder)
        path = os.path.join(folder, settings.NAME)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def found(self) -> settings.Settings:
        environ = {
            "JUPYTER_CONFIG_PATH": os.path.join(self.base, "named"),
            "JUPYTER_CONFIG_DIR": os.path.join(self.base, "mine"),
        }
        return settings.read(environ, os.path.join(self.base, "env"))

    def test_nothing_there_is_nothing_said(self) -> None:
        """And tomllib is not imported for it."""
        before = sys.modules.pop("tomllib", None)
        try:
            self.assertEqual(self.found(), settings.Settings({}, {}, ()))
            self.assertFalse("tomllib" in sys.modules)
        finally:
            if before is not None:
                sys.modules["tomllib"] = before

    def test_users_file_wins_over_the_sites_option_by_option(self) -> None:
        """What the user does not say, the site does."""
        self.written("env/etc/jupyter", "[daemon]\nrestart-limit = 1\nmax-held = 7\n")
        mine = self.written("mine", "[daemon]\nrestart-limit = 2\n")
        found = self.found()
        self.assertEqual(found.values, {"restart_limit": 2, "max_held": 7})
        self.assertEqual(found.origins["restart_limit"], f"{mine}, line 2")

    def test_file_that_cannot_be_read_is_told_and_keeps_nobody_waiting(self) -> None:
        """A FIFO has no end, a folder no content."""
        os.makedirs(os.path.join(self.base, "mine"))
        path = os.path.join(self.base, "mine", settings.NAME)
        os.mkfifo(path)
        self.assertEqual(
            self.found().told, (f"{path}: it is a FIFO, not a regular file",)
        )
        os.remove(path)
        os.symlink("/dev/zero", path)
        self.assertEqual(
            self.found().told, (f"{path}: it is a device, not a regular file",)
        )


class CommandLineTests(Case):
    DEFAULTS = {"restart_limit": 3, "no_exec": True, "log_level": "DEBUG"}  # noqa: RUF012

    def test_argv_wins_over_the_files(self) -> None:
        """Both for what ipr-spec writes and for more than that."""
        usual = ["-f", "c.json", "--resource-dir", "/d"]
        for argv in (usual, [*usual, "--max-held", "5"]):
            values, _ = options.parse(argv, "", self.DEFAULTS)
            self.assertEqual(values["restart_limit"], 3)
            self.assertEqual((values["no_exec"], values["log_level"]), (True, "DEBUG"))
        values, _ = options.parse([*usual, "--restart-limit=9"], "", self.DEFAULTS)
        self.assertEqual(values["restart_limit"], 9)
        older = [*usual, "--RestarterApp.log_level=ERROR"]
        self.assertEqual(
            options.parse(older, "", self.DEFAULTS)[0]["log_level"], "ERROR"
        )
