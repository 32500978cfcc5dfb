"""Where in somebody else's command line a program can be put in front of the kernel.

Knows remote_ikernel's command line, and how a shell splits a line into commands and
words; :mod:`ipr.spec.launchers` knows the launchers. Must not know kernelspecs, nor
what is put there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from ipr.spec import launchers


class CannotPlace(Exception):
    """There is no place for it that could be known; the text says why."""


def launcher_end(
    argv: Sequence[str], after: int | None = None, pattern: str | None = None
) -> int:
    """Return how many words of *argv* belong to the launcher.

    :param after: that number, when the caller knows better.
    :param pattern: a regular expression for the launcher and its own arguments,
        matched from the start against the words with one space between them;
        it must end where a word ends.
    :raises CannotPlace: the launcher is not known, or nothing is left after it.
    """
    if after is not None:
        end = after
    elif pattern is not None:
        end = _matched_words(argv, pattern)
    else:
        try:
            end = launchers.end(argv)
        except launchers.Unknown as error:
            raise CannotPlace(str(error)) from None
    if not 0 < end < len(argv):
        raise CannotPlace(
            f"of the {len(argv)} words of its command, {end} would be the launcher's:"
            " nothing is left to be started"
            if end
            else "the launcher must be at least one word"
        )
    return end


def _matched_words(argv: Sequence[str], pattern: str) -> int:
    line = " ".join(argv)
    match = re.match(pattern, line)
    if match is None:
        raise CannotPlace(f"--launcher {pattern!r} does not match its command: {line}")
    matched = match.group().rstrip(" ")
    length = -1
    for count, word in enumerate(argv, 1):
        length += 1 + len(word)
        if length == len(matched):
            return count
    raise CannotPlace(
        f"--launcher {pattern!r} matches {matched!r}, which ends within a word"
    )


def kernel_cmd_at(argv: Sequence[str]) -> int | None:
    """Return the index of the word with remote_ikernel's ``--kernel_cmd``, if any."""
    for index, word in enumerate(argv):
        if word.startswith("--kernel_cmd="):
            return index
        if word == "--kernel_cmd" and index + 1 < len(argv):
            return index + 1
    return None


def formatted(text: str) -> str:
    """Return *text* as ``str.format``, which remote_ikernel runs, leaves its braces."""
    return text.replace("{{", "{").replace("}}", "}")


def for_format(text: str) -> str:
    """Undo :func:`formatted`."""
    return text.replace("{", "{{").replace("}", "}}")


@attrs.frozen
class Word:
    """A word of a shell command: where it stands, and what it is without quotes."""

    start: int
    end: int
    value: str


_SEPARATORS = ";&|()\n"
#: Words that may stand in front of a command and are not it.
_BEFORE_A_COMMAND = "! { do elif else exec if then time until while"
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def shell_commands(line: str) -> list[list[Word]]:
    """Split a line as a shell would: into commands, and those into words.

    Assignments, ``exec`` and the like in front of a command are left out; what is
    in quotes or in ``$(…)`` is one word. It is enough to find a command; it is
    not a shell.
    """
    commands: list[list[Word]] = []
    words: list[Word] = []
    at = 0

    def end_command() -> None:
        if words:
            commands.append(words.copy())
            words.clear()

    while at < len(line):
        char = line[at]
        if char in _SEPARATORS and not (char == "&" and _redirects(line, at)):
            end_command()
            at += 1
        elif char.isspace():
            at += 1
        elif char == "#":
            at = line.find("\n", at)
            if at < 0:
                break
        else:
            word = _word(line, at)
            at = word.end
            if not words and (
                _ASSIGNMENT.match(word.value) or word.value in _BEFORE_A_COMMAND.split()
            ):
                continue
            words.append(word)
    end_command()
    return commands


def _redirects(line: str, at: int) -> bool:
    """Return whether the ``&`` at *at* is one of ``2>&1`` or ``&>file``."""
    return (at > 0 and line[at - 1] in "<>") or line[at + 1 : at + 2] == ">"


def _word(line: str, start: int) -> Word:
    value = []
    at = start
    while at < len(line):
        char = line[at]
        if char.isspace() or char in ";|\n":
            break
        if char == "&" and not _redirects(line, at):
            break
        if char == "(" and line[at - 1 : at] == "$":
            close = line.find(")", at)
            close = len(line) if close < 0 else close + 1
            value.append(line[at:close])
            at = close
        elif char in "()":
            break
        elif char == "'":
            close = line.find("'", at + 1)
            close = len(line) if close < 0 else close
            value.append(line[at + 1 : close])
            at = close + 1
        elif char == '"':
            at += 1
            while at < len(line) and line[at] != '"':
                if line[at] == "\\" and line[at + 1 : at + 2] in '"\\$`':
                    at += 1
                value.append(line[at : at + 1])
                at += 1
            at += 1
        elif char == "\\":
            value.append(line[at + 1 : at + 2])
            at += 2
        else:
            value.append(char)
            at += 1
    return Word(start, min(at, len(line)), "".join(value))


def quoted_at(text: str, position: int) -> bool:
    """Return whether *position* in a shell's text is within quotes."""
    quote = ""
    at = 0
    while at < position:
        char = text[at]
        if quote:
            if char == "\\" and quote == '"':
                at += 1
            elif char == quote:
                quote = ""
        elif char == "\\":
            at += 1
        elif char in "'\"":
            quote = char
        at += 1
    return bool(quote)
