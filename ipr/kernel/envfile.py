"""Reads ``.env`` files, as python-dotenv does.

Knows their language and its ``${NAME}``, and how much a file may make of it.
Must not know where the file is, or who wants the variables. python-dotenv
reads the lines; the variables are filled in here, against the kernel's
environment instead of the daemon's, and without work or memory that grows
faster than the file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping

#: Bytes that a file may have.
LARGEST = 1 << 18
#: Blanks in a row: python-dotenv looks at each of them as often as there are.
_MOST_BLANKS = 500
#: Characters that all values together may have when ${NAME} is filled in; no
#: program can be started with more (execve(2), "Limits on size of arguments").
_MOST_FILLED_IN = 6 << 20


class BadLine(ValueError):
    """The file is not as it should be; the text says where."""


def parse(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Read the text of such a file.

    :param environment: in which it looks for ``${NAME}`` that it does not set.
    :raises BadLine: with the line that is wrong.
    """
    # Late: who uses no such file needs no such package.
    from dotenv.parser import parse_stream

    for number, line in enumerate(text.split("\n"), 1):
        if max(map(len, _BLANKS.findall(line)), default=0) > _MOST_BLANKS:
            raise BadLine(f"line {number} has more than {_MOST_BLANKS} blanks in a row")
    found: dict[str, str | None] = {}
    size = 0
    for binding in parse_stream(io.StringIO(text, newline="")):
        if binding.error:
            blank = len(binding.original.string) - len(binding.original.string.lstrip())
            number = binding.original.line
            number += binding.original.string[:blank].count("\n")
            raise BadLine(f"line {number} is not NAME=VALUE")
        if binding.key is None:
            continue  # an empty line, or a comment
        if binding.value is None:
            # "export NAME" sets nothing, and takes back what a line before it did.
            found[binding.key] = None
            continue
        parts = []
        for part in _filled_in(binding.value, found, environment):
            size += len(part)
            if size > _MOST_FILLED_IN:
                raise BadLine(
                    f"line {binding.original.line}: its values, with ${{NAME}} filled"
                    " in, are larger than any program can have"
                )
            parts.append(part)
        found[binding.key] = "".join(parts)
    return {name: value for name, value in found.items() if value is not None}


_BLANKS = re.compile(r"[^\S\r\n]+")


def _filled_in(
    value: str, found: Mapping[str, str | None], environment: Mapping[str, str]
) -> Iterable[str]:
    """Return the parts of a value, ``${NAME}`` and ``${NAME:-DEFAULT}`` filled in."""
    done = at = 0
    colon = close = -1
    while (at := value.find("${", at)) >= 0:
        if close < at:
            close = value.find("}", at)
            if close < 0:
                break
        if -1 < colon < at or colon == -1:
            colon = value.find(":", at)
            colon = len(value) if colon < 0 else colon
        name_end = min(colon, close)
        default = ""
        if name_end == colon:
            if not value.startswith(":-", colon):
                at += 2
                continue
            default = value[colon + 2 : close]
        yield value[done:at]
        name = value[at + 2 : name_end]
        if name in found:
            yield found[name] or ""
        else:
            yield environment.get(name, default)
        done = at = close + 1
    yield value[done:]
