"""What the pages list by hand is complete: magics, fields, exit codes, pages."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from ipr.boot import kernels
from ipr.jupyter import magichelp

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
