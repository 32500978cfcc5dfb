"""Tables for people to read.

Knows how to lay out labels and values as text or HTML. Must not know where they
come from.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import attrs

from ipr.terminal import layout

#: Columns of a terminal, as far as we know: consoles do not say how many they have. One
#: less, since some begin a new line after the last.
COLUMNS = 79


@attrs.frozen
class Row:
    """One line of the table."""

    name: str
    value: str


def as_text(rows: Sequence[Row]) -> str:
    """Return the table as text; what is too long goes on below its beginning."""
    return layout.table([(row.name, row.value) for row in rows], width=COLUMNS)


def as_html(rows: Sequence[Row]) -> str:
    """Return the table as HTML."""
    body = "".join(
        f"<tr><th style='text-align:left;vertical-align:top'>{html.escape(row.name)}"
        "</th><td style='text-align:left'>"
        f"{html.escape(row.value).replace(chr(10), '<br>')}</td></tr>"
        for row in rows
    )
    return f"<table>{body}</table>"


def size(count: int) -> str:
    """``123456789`` -> ``"117.7 MiB"``."""
    value = float(count)
    for unit in ("B", "KiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} MiB" if value < 1024 else f"{value / 1024:.1f} GiB"


def span(seconds: float) -> str:
    """``3723`` -> ``"1 h 2 min"``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    hours, rest = divmod(whole, 3600)
    if hours < 48:
        return f"{hours} h {rest // 60} min"
    return f"{hours // 24} d {hours % 24} h"
