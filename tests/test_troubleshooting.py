"""What docs/troubleshooting.rst quotes is what ipr says."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent
PAGE = (SOURCE / "docs" / "troubleshooting.rst").read_text()

#: Terms of the page; in those, what stands in double backquotes is quoted.
TERMS = re.findall(r"^(\S.*)\n    \S", PAGE, re.MULTILINE)
QUOTED = [quoted for term in TERMS for quoted in re.findall(r"``(.+?)``", term)]

#: Quoted for another reason: what users type, or files.
NOT_SAID = {"input()", "%ipr", "ipr-…", "/tmp"}


@cache
def sentences() -> str:
    """:return: every string in ipr/, the parts of an f-string one by one."""
    found: list[str] = []
    for path in (SOURCE / "ipr").rglob("*.py"):
        found.extend(
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
    return "\0".join(found)


def test_page_has_many_sentences() -> None:
    assert len(QUOTED) > 25


@pytest.mark.parametrize("quoted", [each for each in QUOTED if each not in NOT_SAID])
def test_sentence_is_one_that_ipr_says(quoted: str) -> None:
    parts = [part.strip(" :;,.") for part in quoted.split("…")]
    for part in filter(None, parts):
        assert part in sentences(), (
            f"nothing in ipr/ says {part!r}: correct docs/troubleshooting.rst"
        )
