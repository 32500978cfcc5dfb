"""What the pages list by hand is complete, and the commands in them are understood."""

from __future__ import annotations

import argparse
import configparser
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipr.boot import kernels, options
from ipr.jupyter import magichelp
from ipr.spec import parser as of_spec
from ipr.terminal import parser as of_ipr

SOURCE = Path(__file__).parent.parent
DOCS = SOURCE / "docs"

#: Words after %ipr and %restart that docs/cells.rst need not explain.
OBVIOUS = {"help"}


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def offered(line: str) -> tuple[str, ...]:
    """:return: what may follow a magic."""
    found = magichelp.complete(line, len(line))
    assert found is not None
    return found.matches


@pytest.mark.parametrize("magic", ["%restart", "%ipr"])
def test_page_of_cells_has_each_word_of_a_magic(magic: str) -> None:
    words = set(offered(f"{magic} ")) - OBVIOUS
    assert len(words) >= 9
    quoted = re.findall(r"``(.+?)``", page("cells.rst"))
    for word in words:
        start = word if word.startswith("--") else f"{magic} {word}"
        assert any(each.split("=")[0].startswith(start) for each in quoted), start


def test_each_word_of_a_magic_is_in_its_help() -> None:
    for magic in ("restart", "ipr"):
        for word in offered(f"%{magic} "):
            assert word in magichelp.HELP[magic]


def test_page_of_the_kernelspec_has_each_field() -> None:
    described = set(re.findall(r"^``(\w+)``$", page("reference/kernelspec.rst"), re.M))
    named = {
        value
        for value in vars(kernels).values()
        if isinstance(value, str) and value.startswith("restarter_")
    }
    assert len(named) >= 6
    assert named <= described


def test_page_of_exit_codes_has_each_program() -> None:
    config = configparser.ConfigParser()
    config.read(SOURCE / "setup.cfg")
    programs = config["options.entry_points"]["console_scripts"].split("\n")
    text = page("reference/exit-codes.rst")
    for name in filter(None, programs):
        assert f"``{name.partition(' = ')[0].replace('-ipr', ' ipr')}``" in text


def test_each_page_is_reached_from_the_first() -> None:
    """Sphinx warns of a page in no table of contents; so may a test without it."""
    listed: set[str] = set()
    for name in ("index.rst", "howto/index.rst", "reference/index.rst"):
        folder = (DOCS / name).parent
        for block in page(name).split(".. toctree::")[1:]:
            for word in re.findall(r"^   ([\w./-]+)$", block, re.M):
                listed.add((folder / word).resolve().relative_to(DOCS).as_posix())
    pages = {
        path.relative_to(DOCS).with_suffix("").as_posix()
        for pattern in ("*.rst", "*.md", "*/*.rst")
        for path in DOCS.glob(pattern)
    }
    pages = {each for each in pages if not each.startswith("_")}
    assert pages - {"index"} == listed


#: Pages with commands; what is a program's own text is left out.
COMMANDS = [
    SOURCE / "README.rst",
    *sorted(path for path in DOCS.glob("**/*.rst") if "_build" not in path.parts),
]
_OURS = re.compile(r"(?:^|[\s/])(ipr-spec|ipr)( .*)?$")


def commands(path: Path) -> Iterator[tuple[str, list[str]]]:
    """:return: of each command that a page shows: whose it is, and the words after."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    shown = re.findall(r"^ +\$ (.+)$", text, re.M)
    # In blocks without a prompt.
    shown += re.findall(r"^    ((?:\S+/)?ipr-spec .+)$", text, re.M)
    shown += re.findall(r"``((?:\S+/)?ipr(?:-spec)? [^`…]+)``", text)
    for line in shown:
        ours = _OURS.search(line.partition(" #")[0])
        if not ours:
            continue
        words = shlex.split(ours[2] or "")
        # "python -m ipr install" is ipr-spec's; "python -m ipr -f FILE" the daemon.
        spec = words[:1] in (["list"], ["install"], ["remove"], ["check"])
        if words[:1] != ["-f"]:
            yield ("ipr-spec" if spec else ours[1]), words


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.name)
def test_commands_of_a_page_are_understood(path: Path) -> None:
    for program, words in commands(path):
        if words == ["WORD"] or "ipr-spec does not know" in " ".join(words):
            continue
        before, dashes, after = _cut(words)
        parser = of_spec.parser() if program == "ipr-spec" else of_ipr.parser()
        if "--standby" in before:
            # Shown for the sentence that it ends with.
            continue
        _understood(parser, before, program)
        if dashes and after != ["OPTIONS"]:
            _understood(options.parser("0"), after, "python -m ipr")


def _cut(words: list[str]) -> tuple[list[str], bool, list[str]]:
    if "--" not in words:
        return words, False, []
    at = words.index("--")
    return words[:at], True, words[at + 1 :]


def _understood(
    parser: argparse.ArgumentParser, words: list[str], program: str
) -> None:
    try:
        _, unknown = parser.parse_known_args(words)
    except SystemExit:
        unknown = words
    except options.BadOption as error:
        # Files of the pages' readers.
        unknown = [] if "cannot read" in str(error) else words
    assert unknown == [], f"{program} {shlex.join(words)}"


def test_pages_show_many_commands() -> None:
    assert sum(len(list(commands(path))) for path in COMMANDS) > 90
