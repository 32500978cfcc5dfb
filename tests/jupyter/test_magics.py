"""Which cells are for ipr, and what they ask."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from ipr.jupyter import magics
from ipr.jupyter.howmany import HowMany
from ipr.jupyter.magics import Changes, Help, Ipr, Mistake, Restart, parse
from tests.case import Case


class OursTests(Case):
    """Which cells are ours at all."""

    def test_restart_alone_changes_nothing(self) -> None:
        """White space before and after does not matter."""
        for code in (
            "%restart",
            "  %restart  ",
            "\n\n%restart\n\n",
            "\t%restart\t",
            "%restart\r\n",
            "%restart # for a clean start",
        ):
            self.assertEqual(parse(code), Restart(), repr(code))

    def test_comments_may_come_first(self) -> None:
        """Comment lines of the usual languages may come first."""
        for line in ("# Python", "// C", "-- SQL", "; Lisp", "  # indented"):
            self.assertEqual(parse(f"{line}\n\n%restart"), Restart(), line)

    def test_other_cells_are_not_ours(self) -> None:
        """A cell that does not begin with one of our words is none of ours."""
        for code in (
            "",
            "   \n",
            "# only a comment",
            "x = 1\n%restart\ny = 2",
            "%restarts",
            "%restart_all",
            "%iprs",
            "%iprint 3",
            "%%restart",
            "%%ipr",
            "% restart",
            "restart",
            "x%restart",
            'print("%restart")',
            "'''\n%restart\n'''",
            "%ipr-status",
        ):
            self.assertEqual(parse(code), None, repr(code))

    def test_cells_of_ours_are_suspicious(self) -> None:
        """The bytes say quickly that a cell cannot be ours."""
        self.assertEqual(
            [
                magics.suspicious(json.dumps({"code": code}).encode())
                for code in ("%restart", "#c\n%ipr help", "x = 1", "restart", "ipr")
            ],
            [True, True, False, False, False],
        )

    @settings(deadline=None)
    @given(st.text(alphabet="%restarip \n\t#x?\x0c\r", max_size=30))
    def test_never_ours_without_suspicion(self, code: str) -> None:
        """No cell that the bytes test lets pass would have been ours."""
        if parse(code) is not None:
            for ascii_only in (True, False):
                content = json.dumps({"code": code}, ensure_ascii=ascii_only)
                self.assertTrue(magics.suspicious(content.encode()), repr(code))

    @settings(deadline=None)
    @given(st.text(max_size=80))
    def test_any_arguments_are_read_or_a_mistake(self, text: str) -> None:
        """Whatever follows our words, there is an answer; nothing raises."""
        for word in ("%restart", "%ipr"):
            self.assertTrue(parse(f"{word} {text}") is not None)


class RestartTests(Case):
    def test_now_does_not_wait(self) -> None:
        """Both spellings."""
        self.assertEqual(parse("%restart now"), Restart(now=True))
        self.assertEqual(parse("%restart --now"), Restart(now=True))

    def test_rest_is_for_the_new_kernel(self) -> None:
        """The lines after it are kept as they are."""
        self.assertEqual(
            parse("\n# c\n%restart now\n\nx = 1\n  y\n"),
            Restart(now=True, rest="\nx = 1\n  y\n"),
        )
        self.assertEqual(
            parse("%restart\r\n%%writefile f\r\na\r\n"),
            Restart(rest="%%writefile f\r\na\r\n"),
        )

    def test_what_is_no_line_end(self) -> None:
        """For Python and IPython neither; a string may hold it, or a comment."""
        for char in "\x0b\x0c\x1c\x85\u2028\u2029":
            self.assertEqual(
                parse(f"%restart\nx = 'a{char}b'"), Restart(rest=f"x = 'a{char}b'")
            )
            self.assertEqual(parse(f"# a{char}%restart\nx = 1"), None)

    def test_a_comment_ends_the_line(self) -> None:
        """As in a shell: only where a word may begin."""
        for line, value in (
            ("--env U=http://h/#frag", "http://h/#frag"),
            ("--env U=ab#cd # don't forget", "ab#cd"),
            ("--env U='a #b' #c", "a #b"),
            ("--env U=a\\ #b", "a #b"),
            ('--env U="a\\" #b" # c', 'a" #b'),
        ):
            found = parse(f"%restart {line}")
            assert isinstance(found, Restart), found
            self.assertEqual(found.changes.env, (("U", value),))

    def test_tabs_part_words(self) -> None:
        """Within quotes it stays what it is."""
        found = parse("%restart\t--env\t'U=a\tb'")
        assert isinstance(found, Restart), found
        self.assertEqual(found.changes.env, (("U", "a\tb"),))

    def test_replay_takes_a_number_or_all_or_nothing(self) -> None:
        for line, meant, now in (
            ("--replay", HowMany(), False),
            ("--replay now", HowMany(), True),
            ("now --replay 3", HowMany(3), True),
            ("--replay=all --reset", HowMany(everywhere=True), False),
        ):
            found = parse(f"%restart {line}")
            assert isinstance(found, Restart), found
            self.assertEqual((found.changes.replay, found.now), (meant, now), line)
            self.assertFalse(found.plain)

    def test_wrong_replay_is_told_in_a_sentence(self) -> None:
        cells = "write how many cells, from 1 on, or all, not"
        for line, why in (
            ("--replay 0", f"--replay: {cells} '0'"),
            ("--replay -2", f"--replay: {cells} '-2'"),
            ("--replay x", f"--replay: {cells} 'x'"),
            ("--replay=", f"--replay: {cells} ''"),
            ("--replay 1 2", "unknown argument '2'"),
            ("--replay 1 --replay 2", "--replay needs one value"),
        ):
            found = parse(f"%restart {line}")
            usage = magics.RESTART_USAGE
            self.assertEqual(found, Mistake(f"%restart: {why}. {usage}"))

    def test_help_and_more(self) -> None:
        """What follows is not to be dropped in silence."""
        for word in ("%restart?", "?%restart", "%restart help", "%ipr?", "%ipr help"):
            self.assertIs(type(parse(f"{word}\nx = 1")), Mistake)
            self.assertIs(type(parse(f"{word}\n \n")), Help)

    def test_a_blank_rest_is_none(self) -> None:
        """Lines with nothing in them are no rest."""
        self.assertEqual(parse("%restart\n \n\t\n"), Restart())

    def test_env_takes_several_pairs(self) -> None:
        """Values as a shell would take them, with or without '='."""
        self.assertEqual(
            parse("%restart --env A=1 B='x y' --env=C=a=b"),
            Restart(changes=Changes(env=(("A", "1"), ("B", "x y"), ("C", "a=b")))),
        )

    def test_empty_env_value(self) -> None:
        """A variable may be set to nothing."""
        self.assertEqual(
            parse("%restart --env A="), Restart(changes=Changes(env=(("A", ""),)))
        )

    def test_all_options_together(self) -> None:
        """Every option, and now among them."""
        self.assertEqual(
            parse(
                "%restart --unset A B --env-file .env --cwd /data"
                " --module gcc/12 cuda --kernel r-4 --reset now"
            ),
            Restart(
                now=True,
                changes=Changes(
                    unset=("A", "B"),
                    env_file=".env",
                    cwd="/data",
                    modules=("gcc/12", "cuda"),
                    kernel="r-4",
                    reset=True,
                ),
            ),
        )

    def test_sparing_changes_nothing_for_the_new_kernel(self) -> None:
        magic = parse("%restart --keep-detached now")
        self.assertEqual(magic, Restart(now=True, keep_detached=True))
        assert isinstance(magic, Restart)
        self.assertTrue(magic.plain)

    def test_sparing_takes_no_value(self) -> None:
        for line in ("%restart --keep-detached=yes", "%restart --keep-detached yes"):
            self.assertTrue(isinstance(parse(line), Mistake), line)

    def test_now_after_several_values(self) -> None:
        """'now' ends a list of values; as the value of one option it is that."""
        self.assertEqual(
            parse("%restart --env A=1 now"),
            Restart(now=True, changes=Changes(env=(("A", "1"),))),
        )
        self.assertEqual(
            parse("%restart --kernel now"), Restart(changes=Changes(kernel="now"))
        )

    def test_each_way_to_ask_for_restarts_help(self) -> None:
        """Each way to ask."""
        for code in (
            "%restart?",
            "?%restart",
            "%restart??",
            "%restart ?",
            "%restart help",
            "%restart --help",
            "%restart -h",
        ):
            self.assertEqual(parse(code), Help("restart"), code)

    def test_mistakes_in_restart_say_what_is_wrong(self) -> None:
        """Wrong usage says what is wrong and how it is right."""
        usage = magics.RESTART_USAGE
        for arguments, text in (
            ("later", f"%restart: unknown argument 'later'. {usage}"),
            ("now please", f"%restart: unknown argument 'please'. {usage}"),
            ("--what x", f"%restart: unknown option '--what'. {usage}"),
            ("--cwd", f"%restart: --cwd needs one value. {usage}"),
            ("--cwd a --cwd b", f"%restart: --cwd needs one value. {usage}"),
            ("--cwd a b", f"%restart: unknown argument 'b'. {usage}"),
            ("--env", f"%restart: --env needs a value. {usage}"),
            ("--env A", f"%restart: --env needs NAME=VALUE, not 'A'. {usage}"),
            ("--env =1", f"%restart: --env needs NAME=VALUE, not '=1'. {usage}"),
            ("--cwd=", f"%restart: --cwd needs one value. {usage}"),
            ("--unset ''", f"%restart: --unset needs a value. {usage}"),
            ("--module=", f"%restart: --module needs a value. {usage}"),
            ("--module now", f"%restart: --module needs a value. {usage}"),
            ("--env 'A=1", f"%restart: No closing quotation. {usage}"),
        ):
            self.assertEqual(parse(f"%restart {arguments}"), Mistake(text))


class IprTests(Case):
    def test_verbs_take_their_arguments(self) -> None:
        """status, debug and exec, with what belongs to them."""
        for code, expected in (
            ("%ipr status", Ipr("status")),
            ("%ipr  debug   INFO ", Ipr("debug", "INFO")),
            ("%ipr\tdebug\toff", Ipr("debug", "off")),
            ("%ipr standby on", Ipr("standby", "on")),
            ("%ipr history", Ipr("history")),
            ("%ipr output", Ipr("output")),
            ("%ipr output 3", Ipr("output", "3")),
            ("%ipr history 5 --all", Ipr("history", "5 --all")),
            ("%ipr standby off", Ipr("standby", "off")),
            ("%ipr limit 10m", Ipr("limit", "10m")),
            ("%ipr limit off", Ipr("limit", "off")),
            ("%ipr exec self.state", Ipr("exec", "self.state")),
            ("%ipr exec\na = 1\nb", Ipr("exec", "", "a = 1\nb")),
            ("%ipr exec a = 1\nb", Ipr("exec", "a = 1", "b")),
        ):
            self.assertEqual(parse(code), expected, code)

    def test_each_way_to_ask_for_iprs_help(self) -> None:
        """Each way to ask."""
        for code in ("%ipr", "%ipr help", "%ipr?", "?%ipr", "%ipr??", "%ipr help\n "):
            self.assertEqual(parse(code), Help("ipr"), code)

    def test_mistakes_in_ipr_say_what_is_wrong(self) -> None:
        """Wrong usage says what is wrong and how it is right."""
        usage = magics.IPR_USAGE
        for code, text in (
            ("%ipr debug", f"%ipr debug needs a level. {usage}"),
            ("%ipr exec", f"%ipr exec needs code. {usage}"),
            ("%ipr exec\n  \n", f"%ipr exec needs code. {usage}"),
            ("%ipr fly", f"%ipr: unknown command 'fly'. {usage}"),
            (
                "%ipr output 0",
                f"%ipr output: write how many cells, from 1 on, not '0'. {usage}",
            ),
            (
                "%ipr history -3",
                (
                    "%ipr history: write how many cells, from 1 on, or all, not '-3'."
                    f" {usage}"
                ),
            ),
            ("%ipr standby", f"%ipr standby is followed by on or off. {usage}"),
            ("%ipr standby now", f"%ipr standby is followed by on or off. {usage}"),
            ("%ipr status now", f"%ipr status takes no arguments. {usage}"),
        ):
            self.assertEqual(parse(code), Mistake(text), code)

    def test_limit_that_is_no_time_says_so(self) -> None:
        found = parse("%ipr limit soon")
        assert isinstance(found, Mistake)
        self.assertTrue(found.text.startswith("%ipr limit: "), found.text)
        self.assertIn("soon", found.text)

    def test_code_that_would_not_run(self) -> None:
        """Lines behind a %ipr that takes none are not passed over in silence."""
        for line in ("%ipr status", "%ipr debug INFO", "%ipr help", "%ipr"):
            self.assertEqual(
                parse(f"{line}\nx = 1"),
                Mistake(
                    "only %ipr exec and %ipr init may be followed by other lines; move"
                    " them to a separate cell"
                ),
                line,
            )


class LongestLineTests(Case):
    def test_a_line_that_is_too_long_is_a_mistake(self) -> None:
        """A longer line is told so, and what may be done."""
        longest = magics.LONGEST_LINE - len("--env A=")
        self.assertIn("Restart(", repr(parse(f"%restart --env A={'x' * longest}")))
        found = parse(f"%restart --env A={'x' * longest}x")
        self.assertEqual(
            found,
            Mistake(
                "%restart: the line has 131073 characters, the limit is 131072; put"
                " long values into a file and use --env-file"
            ),
        )
