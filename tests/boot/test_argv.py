"""Whose words stand on the command line: the daemon's, or the inner kernel's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ipr.boot import argv, options
from ipr.boot.argv import misspelt, part, written_words
from ipr.boot.options import OPTIONS, BadOption
from tests.case import Case

#: What "ipr-spec install" writes, and what comes of it.
WRITTEN = (
    *("/env/bin/python", "-P", "-m", "ipr"),
    *("-f", "{connection_file}", "--resource-dir", "{resource_dir}"),
)
GIVEN = ("-f", "/run/c.json", "--resource-dir", "/spec")

NAMES = [option.name for option in OPTIONS]

#: Options that ipykernel and IPython know (``ipykernel_launcher --help-all``), but for
#: ``--log-level`` and ``--init``, which are ours as well.
KERNELS = (
    "--HistoryManager.hist_file=:memory:",
    "--InteractiveShell.autocall=2",
    "--IPKernelApp.log_level=10",
    "--Application.log_level=DEBUG",
    "--Session.key=abc",
    *("--debug", "--quiet", "--show-config", "--show-config-json", "--automagic"),
    *("--pdb", "--no-pdb", "--pprint", "--no-pprint", "--no-color-info"),
    *("--autoindent", "--no-autoindent", "--nosep", "--no-confirm-exit"),
    *("--cache-size=0", "--logfile=x", "--logappend=x", "--colors=NoColor"),
    *("--ext=x", "--gui=qt", "--pylab=auto", "--matplotlib=inline", "--profile=p"),
    *("--profile-dir=d", "--ipython-dir=d", "--config=c", "--ip=127.0.0.1"),
    *("--transport=tcp", "--hb=1", "--shell=2", "--iopub=3", "--stdin=4"),
    *("--control=5", "--parent=1", "--interrupt=2", "-c", "-m", "--module=x"),
)


def written_at_spec(*words: str) -> dict[str, tuple[str, ...]]:
    return {"/spec": (*WRITTEN, *words)}


class PartTests(Case):
    def part(
        self, *words: str, written: tuple[str, ...] = WRITTEN
    ) -> tuple[list[str], list[str]]:
        return part(words, lambda folder: written if folder == "/spec" else ())

    def test_appended_words_reach_the_kernel(self) -> None:
        """Whatever they look like, when kernel.json says what is the daemon's."""
        for appended in (
            ["--HistoryManager.hist_file=:memory:"],
            ["--log-level=DEBUG"],
            ["--log-level", "DEBUG", "positional"],
            ["--foo", "bar", "-f", "x", "--version", "--help"],
            ["--restart-limt", "3"],
            ["--", "x"],
            ["--kernel"],
            ["list", ""],
        ):
            self.assertEqual(self.part(*GIVEN, *appended), (list(GIVEN), appended))

    def test_options_in_kernel_json_are_the_daemons(self) -> None:
        """Those that are appended after them are not."""
        own = ("--RestarterApp.log_level=INFO", "--no-exec", "--max-held", "1")
        self.assertEqual(
            self.part(
                *(*GIVEN, *own, "--log-level=DEBUG", "--no-exec"),
                written=(*WRITTEN, *own),
            ),
            ([*GIVEN, *own], ["--log-level=DEBUG", "--no-exec"]),
        )

    def test_an_option_of_the_kernel_in_kernel_json(self) -> None:
        """From it on all is the kernel's."""
        own = ("--no-exec", "--pylab", "auto", "--max-held=1")
        self.assertEqual(
            self.part(*GIVEN, *own, "--x", written=(*WRITTEN, *own)),
            ([*GIVEN, "--no-exec"], ["--pylab", "auto", "--max-held=1", "--x"]),
        )

    def test_misspelt_in_kernel_json(self) -> None:
        """It is told, though a kernel may know what we do not."""
        own = ("--restart-limt", "3")
        error = self.raised(
            BadOption, lambda: self.part(*GIVEN, *own, written=(*WRITTEN, *own))
        )
        self.assertEqual(
            str(error),
            "there is no option --restart-limt; did you mean --restart-limit?"
            " See python -m ipr --help",
        )

    def test_no_kernel_json(self) -> None:
        """The first word that ipr does not know ends what is ours."""
        for words, ours in (
            ((*GIVEN, "--no-exec", "--foo", "bar", "--no-exec"), 5),
            (("-f", "c", "--kernel", "--odd", "x"), 4),
            (("--kernel=k", "x", "-f", "c"), 1),
            (("-f", "c", "--log-level=DEBUG"), 3),
            ((), 0),
            (("-f",), 1),
        ):
            self.assertEqual(
                self.part(*words, written=()), (list(words[:ours]), list(words[ours:]))
            )

    def test_behind_a_command(self) -> None:
        """They end up in the command by themselves."""
        command = ("--", "k", "{inner_connection_file}")
        words = (*GIVEN, *command, "--foo", "--log-level=DEBUG")
        self.assertEqual(
            self.part(*words, written=(*WRITTEN, *command)), (list(words), [])
        )
        self.assertEqual(self.part(*words, written=()), (list(words), []))
        # What stands before must be ours: argparse tells what is not.
        odd = (*GIVEN, "--foo", "--", "k")
        self.assertEqual(self.part(*odd, written=()), (list(odd), []))

    def test_dashes_in_what_is_appended(self) -> None:
        """They are no mark for a command of ours."""
        written = (*WRITTEN, "--no-exec")
        self.assertEqual(
            self.part(*GIVEN, "--no-exec", "--", "x", written=written),
            ([*GIVEN, "--no-exec"], ["--", "x"]),
        )

    def test_unfilled_folder_is_the_noted_one(self) -> None:
        """The one that install has noted says what is whose."""
        own = ("-f", "c", "--resource-dir", "{resource_dir}", "--spec-dir", "/spec")
        self.assertEqual(
            self.part(*own, "--no-exec", written=(*WRITTEN, "--spec-dir", "/spec")),
            (list(own), ["--no-exec"]),
        )

    def test_resource_dir_in_one_word(self) -> None:
        own = ("-f", "{connection_file}", "--resource-dir={resource_dir}")
        # Not written by install, and so not counted; still no harm.
        self.assertEqual(
            self.part(
                "-f", "c", "--resource-dir=/spec", "--foo", written=("python", *own)
            ),
            (["-f", "c", "--resource-dir=/spec"], ["--foo"]),
        )

    @given(
        st.lists(st.text(st.characters(codec="utf-8"), max_size=6), max_size=5),
        st.lists(
            st.sampled_from(["--no-exec", "--log-level=INFO", "--max-held=2"]),
            max_size=3,
        ),
    )
    def test_any_words_may_be_appended(self, words: list[str], own: list[str]) -> None:
        """None is lost, taken for ours, or changes what is ours."""
        self.assertEqual(
            self.part(*GIVEN, *own, *words, written=(*WRITTEN, *own)),
            ([*GIVEN, *own], words),
        )


class WrittenWordsTests(Case):
    def test_launchers_in_front(self) -> None:
        """Neither the interpreter's words nor a wrapper's are on our command line."""
        for written in (
            WRITTEN,
            ("/usr/bin/env", "A=b", *WRITTEN),
            ("python", "-c", "import runpy", *WRITTEN[4:]),
        ):
            self.assertEqual(written_words((*GIVEN, "x", "y"), written), 4)

    def test_not_of_this_file(self) -> None:
        """It was changed meanwhile, or is another's: then all words are looked at."""
        for written in (
            (),
            ("ipr",),
            (*WRITTEN, "--no-exec"),
            (*WRITTEN[:-1], "/elsewhere"),
            ("python", "-m", "k", "{connection_file}"),
        ):
            self.assertEqual(written_words((*GIVEN, "x"), written), 5)


class MisspeltTests(Case):
    def test_slips_are_named(self) -> None:
        for word, meant in (
            ("--restart-limt", "--restart-limit"),
            ("--log-levle=DEBUG", "--log-level"),
            ("--loglevel=DEBUG", "--log-level"),
            ("--log_level=DEBUG", "--log-level"),
            ("--Log-Level", "--log-level"),
            ("-log-level", "--log-level"),
            ("\u2014log-level", "--log-level"),
            ("--kern", "--kernel"),
            ("--kernels", "--kernel"),
            ("--noexec", "--no-exec"),
            ("--no-autorestarts", "--no-autorestart"),
            ("--restart-", "--restart-limit"),
            ("--connection_file=c", "--connection-file"),
            ("--RestarterApp.loglevel=INFO", "--RestarterApp.log_level"),
        ):
            self.assertEqual(misspelt(word), meant)

    def test_options_of_kernels(self) -> None:
        """None of ipykernel's is taken for a slip."""
        for word in KERNELS:
            self.assertEqual(misspelt(word), "", word)

    def test_no_options(self) -> None:
        for word in ("", "-", "--", "kernel", "log-level=DEBUG", "-x", "--x"):
            self.assertEqual(misspelt(word), "", word)

    def test_the_nearest_of_two_options_is_meant(self) -> None:
        """--before-end is within two slips as well, and comes first in the table."""
        self.assertEqual(misspelt("--before-end-t"), "--before-end-at")

    @given(st.sampled_from(NAMES), st.data())
    def test_any_single_slip(self, name: str, data: st.DataObject) -> None:
        """A letter left out, doubled or swapped with the next is found out."""
        at = data.draw(st.integers(1, len(name) - 2))
        head, letter, tail = name[:at], name[at], name[at + 1 :]
        for slip in (
            head + tail,
            head + letter + letter + tail,
            head + tail[0] + letter + tail[1:],
            head + "#" + tail,
        ):
            if slip != name:
                self.assertEqual(misspelt(f"--{slip}"), f"--{name}", slip)

    def test_what_ipr_knows_is_not_ended(self) -> None:
        """Each of our own options is known to be ours, and whether it has a value."""
        for option in OPTIONS:
            words = [f"--{option.name}"] + (["1"] if option.metavar else [])
            self.assertEqual(argv.part([*words, "x"], lambda _: ()), (words, ["x"]))

    def test_the_other_half(self) -> None:
        """What is parted is what argparse then reads."""
        words, _ = part(["-f", "c", "--no-exec", "--odd"], lambda _: ())
        values, _ = options.parse(words, "")
        self.assertTrue(values["no_exec"])
