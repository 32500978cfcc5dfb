"""How long something may take, as a person writes it: ``90s``, ``10m``, ``1h30m``.

Knows the words. Must not know what it is for.
"""

from __future__ import annotations

import re

_WRITTEN = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)


def seconds(text: str) -> int:
    """Read one.

    :raises ValueError: it is none, or 0; the text says what is right.
    """
    found = _WRITTEN.fullmatch(text)
    parts = [int(part or 0) for part in found.groups()] if found is not None else [0]
    whole = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    if not whole:
        raise ValueError(f"write a time such as 90s, 10m or 1h30m, not {text[:40]!r}")
    return whole


def problem(limit: str) -> str:
    """Say what is wrong with the limit that somebody wants: a time, off, or nothing."""
    if limit in ("", "off"):
        return ""
    try:
        seconds(limit)
    except ValueError as error:
        return f"{error}; off takes a limit away"
    return ""


def written(duration: float) -> str:
    """``5400`` -> ``"1h30m"``."""
    hours, rest = divmod(int(duration), 3600)
    minutes, left = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "m"), (left, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
