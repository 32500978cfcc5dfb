"""Where a launcher's words end, and where a shell's command begins."""

from __future__ import annotations

import pytest

from ipr.spec import farside

KERNEL = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]


@pytest.mark.parametrize(
    "words",
    [
        "srun",
        "/usr/bin/srun -Q",
        "srun -n1 -c 2 --mem 4G",
        "srun -n 1 --mem=4G --pty",
        "srun -QuvX -J name --exclusive --gres gpu:1",
        "srun -vn 1 -N1-1 -K1 -I60 -t 2:00:00 -p gpu",
        "srun --job-name x --no-kill --overlap --jobid 12 --x11",
        "srun --parti gpu --time-min 3 --kill-on-bad-exit=1 --",
        "srun --export=ALL,FOO=1 --cpu-bind none --nice -w node1 -A acct",
    ],
)
def test_where_the_words_of_srun_end(words: str) -> None:
    launcher = words.split()
    assert farside.launcher_end([*launcher, *KERNEL]) == len(launcher)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("srun --frobnicate python {connection_file}", "--frobnicate"),
        ("srun -n1 -y python {connection_file}", "-y"),
        ("srun --no 2 python {connection_file}", "--no"),  # --nodes or --no-kill
        ("srun -n1 --multi-prog file", "multi-prog"),
        ("srun -n1 a : -n1 b {connection_file}", "more than one"),
        ("srun -n1", "nothing is left"),
        ("python -m ipykernel", "no launcher that"),
        ("salloc -n1 python {connection_file}", "on this machine"),
        ("salloc -n1", "on this machine"),
        ("qrsh -frob python {connection_file}", "qrsh option -frob"),
    ],
)
def test_what_is_not_known_about_srun(words: str, why: str) -> None:
    with pytest.raises(farside.CannotPlace, match=why):
        farside.launcher_end(words.split())


def test_the_user_knows_better() -> None:
    argv = ["qrsh", "-l", "h_rt=1:0:0", "-now", "n", *KERNEL]
    assert farside.launcher_end(argv, after=5) == 5
    assert farside.launcher_end(argv, pattern=r"qrsh( -\S+ \S+)*?(?= python)") == 5
    assert farside.launcher_end(argv, pattern=r"qrsh -l \S+ -now n ") == 5
    for after in (0, -1, len(argv), 99):
        with pytest.raises(farside.CannotPlace):
            farside.launcher_end(argv, after=after)
    for pattern, why in (
        ("srun", "does not match"),
        ("qr", "within a word"),
        (".*", "nothing is left"),
    ):
        with pytest.raises(farside.CannotPlace, match=why):
            farside.launcher_end(argv, pattern=pattern)


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("a b", [["a", "b"]]),
        ("a;b&&c||d|e&f\ng", [["a"], ["b"], ["c"], ["d"], ["e"], ["f"], ["g"]]),
        ("(a; b)", [["a"], ["b"]]),
        ("A=1 B='x y' a b", [["a", "b"]]),
        ("if a; then b; fi", [["a"], ["b"], ["fi"]]),
        ("a 2>&1 >x &>y", [["a", "2>&1", ">x", "&>y"]]),
        ("a 'b c' \"d 'e'\" f\\ g", [["a", "b c", "d 'e'", "f g"]]),
        ("a $(b c) d", [["a", "$(b c)", "d"]]),
        ("a # b; c\nd", [["a"], ["d"]]),
        ("a 'open", [["a", "open"]]),
        ('a "open', [["a", "open"]]),
        ("", []),
        (" ; ) ", []),
    ],
)
def test_shell_line_is_split_into_commands(
    line: str, commands: list[list[str]]
) -> None:
    found = farside.shell_commands(line)
    assert [[word.value for word in words] for words in found] == commands
    for words in found:
        for word in words:
            assert line[word.start : word.end].strip() == line[word.start : word.end]


def test_a_shells_comment_is_no_command() -> None:
    found = farside.shell_commands("srun k # and so on")
    assert [[word.value for word in words] for words in found] == [["srun", "k"]]


def test_a_lone_parenthesis_ends_no_reading() -> None:
    found = farside.shell_commands("a ) b")
    assert "b" in {word.value for words in found for word in words}


def test_kernel_cmd_is_found_with_an_equals_sign() -> None:
    assert farside.kernel_cmd_at(["python", "--kernel_cmd=k", "-x"]) == 1


def test_an_escaped_quote_quotes_nothing() -> None:
    assert not farside.quoted_at('a\\"b', 4)
    assert farside.quoted_at('a"b', 2)
