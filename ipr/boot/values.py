"""How the value of an option is read.

Knows the kinds of values, and the sentence for one that is wrong. Must not know which
options there are. Needed before the first inner kernel is spawned: no attrs here.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def level(text: str) -> str:
    """Read a log level.

    :raises ValueError: when it is none; the text names those there are.
    """
    name = {"WARN": "WARNING", "FATAL": "CRITICAL"}.get(text.upper(), text.upper())
    if name.isdecimal():
        steps = min(max(int(name) // 10, 1), 5)
        return LEVELS[steps - 1]
    if name not in LEVELS:
        raise ValueError(f"unknown log level {text!r}; use one of {', '.join(LEVELS)}")
    return name


def seconds(text: str) -> float:
    """Read a span of time.

    :raises ValueError: when it is no number, or negative.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise ValueError(f"not a number of seconds: {text!r}")
    return value


def stretch(text: str) -> float:
    """Read a span of time before something else.

    :raises ValueError: when it is no number, or not above 0.
    """
    value = seconds(text)
    if not value:
        raise ValueError(f"not before the end: {text!r}; use more than 0 seconds")
    return value


def count(text: str) -> int:
    """Read a number of things.

    :raises ValueError: when it is no whole number, or negative.
    """
    if not text.isdecimal():
        raise ValueError(f"not a whole number: {text!r}")
    return int(text)


def percent(text: str) -> int:
    """Read a share.

    :raises ValueError: when it is no whole number, or above 100.
    """
    if not text.isdecimal() or int(text) > 100:
        raise ValueError(f"not a whole number from 0 to 100: {text!r}")
    return int(text)


def spans(text: str) -> tuple[float, ...]:
    """Read spans of time before something else, ``600,120``; ``""``: none.

    :raises ValueError: when one is no number, or not above 0.
    """
    return tuple(stretch(part) for part in text.split(",") if part.strip())


def moment(text: str) -> float:
    """Read a point in time: ``2026-11-29T18:00``, here or with an offset.

    :returns: seconds since 1970; 0 for ``""``.
    :raises ValueError: when it is none.
    """
    if not text:
        return 0.0
    # Late: 3 ms, and hardly anybody has one.
    import datetime

    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"not a time like 2026-11-29T18:00: {text!r}") from None


def one_of(*words: str) -> Callable[[str], str]:
    """Make a reader for one of some words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is not one of {', '.join(words)}")
        return text

    return read


def program(text: str) -> str:
    """Read the name of a file whose code kernels are to run.

    :returns: its absolute path; ``""`` for ``""``.
    :raises ValueError: it cannot be run; the text says why.
    """
    if not text:
        return ""
    # Late: hardly anybody has one.
    from ipr.boot import codefile

    path = os.path.abspath(os.path.expanduser(text))
    codefile.read(path)
    return path
