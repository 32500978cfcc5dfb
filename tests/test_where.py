"""The pages for contributors name files, and names in them, that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent
PAGES = ("CONTRIBUTING.rst", "docs/design.rst", "README.rst", "SECURITY.md")
TEXTS = {page: (SOURCE / page).read_text() for page in PAGES}

#: A file or folder of ours.
_PATH = re.compile(r"`((?:ipr|tests|docs|\.ci|twisted)/[\w./-]+)`")
#: A file of ours, and then the name of what is meant in it.
_NAMED = re.compile(r"``(ipr/[\w/]+\.py)``\s+``(\w+(?:\.\w+)?)``")


@pytest.mark.parametrize("page", PAGES)
def test_each_file_named_is_there(page: str) -> None:
    for path in _PATH.findall(TEXTS[page]):
        assert (SOURCE / path).exists(), f"{page} names {path}, which is not there"


@pytest.mark.parametrize("page", PAGES)
def test_each_name_is_defined_in_its_file(page: str) -> None:
    for path, name in _NAMED.findall(TEXTS[page]):
        names = defined(ast.parse((SOURCE / path).read_text()))
        assert name in names, f"{page}: {path} defines no {name}"


def test_ten_questions_have_their_answers() -> None:
    table = section(TEXTS["CONTRIBUTING.rst"], "Where is …?")
    assert len(_NAMED.findall(table)) >= 10


def test_rooms_are_described_by_their_own_words() -> None:
    table = " ".join(section(TEXTS["CONTRIBUTING.rst"], "The rooms").split())
    rooms = [each.parent for each in (SOURCE / "ipr").glob("*/__init__.py")]
    assert len(rooms) >= 8
    for room in rooms:
        words = ast.get_docstring(ast.parse((room / "__init__.py").read_text()))
        assert words is not None
        first = " ".join(words.partition("\n\n")[0].split())
        assert f"``{room.name}`` {first}" in table, (
            f"the table of rooms in CONTRIBUTING.rst should say of {room.name}: {first}"
        )


def defined(module: ast.Module) -> set[str]:
    """:return: what a module defines, and what its classes do, with their names."""
    names = set(_names(module.body))
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            names.update(f"{node.name}.{name}" for name in _names(node.body))
    return names


def _names(body: list[ast.stmt]) -> list[str]:
    names = []
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)
        elif isinstance(node, ast.Assign):
            names += [each.id for each in node.targets if isinstance(each, ast.Name)]
    return names


def section(text: str, title: str) -> str:
    """:return: what stands below a title, up to the next one."""
    after = text.partition(f"\n{title}\n---")[2]
    assert after, f"no section {title!r}"
    return re.split(r"\n[^\n]+\n-{4,}\n", after)[0]
