"""The man pages, made of what ``--help`` prints: ``python -m tests.manpages``.

``--check`` says whether those in the repository are up to date, as a release has to be.

Knows the layout of a page (man(7)). Must not know commands or options: the parsers do.
The examples are in the help, and a page without them would be half of one.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from collections.abc import Iterator

from ipr import __version__
from ipr.spec import parser as of_spec
from ipr.terminal import parser as of_ipr

FOLDER = pathlib.Path(__file__).parents[1] / "man"
COLUMNS = "80"


def pages() -> dict[str, str]:
    """:return: each page by the name of its file."""
    before = {name: os.environ.get(name) for name in ("COLUMNS", "NO_COLOR")}
    # argparse breaks its lines for the terminal that it believes to have.
    os.environ.update(COLUMNS=COLUMNS, NO_COLOR="1")
    try:
        return {
            "ipr.1": _page(of_ipr.parser()),
            # ipr-restart is ipr restart.
            "ipr-restart.1": ".so man1/ipr.1\n",
            "ipr-spec.1": _page(of_spec.parser()),
        }
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _page(parser: argparse.ArgumentParser) -> str:
    description = parser.description or ""
    words = description[0].lower() + description[1:].rstrip(".")
    lines = [
        f'.TH {_plain(parser.prog.upper())} 1 "" "ipr {__version__}" "User Commands"',
        ".SH NAME",
        f"{_plain(parser.prog)} \\- {_plain(words)}",
        ".SH DESCRIPTION",
        *_block(parser.format_help()),
    ]
    for command in _commands(parser):
        lines += [f".SH {_plain(command.prog.upper())}", *_block(command.format_help())]
    return "\n".join(lines) + "\n"


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            # Aliases have the parser of what they stand for.
            yield from dict.fromkeys(action.choices.values())


def _block(text: str) -> Iterator[str]:
    """Lines as they are, without filling."""
    yield ".nf"
    for line in text.rstrip().splitlines():
        plain = _plain(line)
        yield f"\\&{plain}" if plain.startswith((".", "'")) else plain
    yield ".fi"


def _plain(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def write() -> None:
    """Write them all."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def out_of_date() -> list[str]:
    """:return: the pages that say something else than the help, or are missing."""
    # Pythons differ in where they break lines.
    return [
        name
        for name, text in pages().items()
        if not (FOLDER / name).exists()
        or (FOLDER / name).read_text(encoding="utf-8").split() != text.split()
    ]


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        old = out_of_date()
        sys.exit(
            f"out of date: {' '.join(old)}; python -m tests.manpages" if old else 0
        )
    write()
