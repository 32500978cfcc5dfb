"""How kernels are listed.

Knows widths, units and colours. Must not know where the figures come from, nor where
the text goes.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence

#: The head of each column, and whether it is a number.
_COLUMNS = (
    ("ID", False),
    ("KERNEL", False),
    ("STATE", False),
    ("PID", True),
    ("UP", True),
    ("RESTARTS", True),
    ("MEMORY", True),
    ("NOTEBOOK", False),
)
_COLOURS = {"running": "32", "dead": "31", "no answer": "31", "restarting": "33"}
#: Characters of an id that are shown at least, and of a kernel's name at most.
_LEAST_ID, _MOST_NAME = 8, 16


def plain(text: str) -> str:
    """Return a text that does nothing to a terminal; lines and tabs stay."""
    return "".join(
        sign if sign in "\n\t" or sign.isprintable() else f"\\x{ord(sign):02x}"
        for sign in text
    )


def coloured(text: str) -> str:
    """Return a text of which only the colours do anything to a terminal."""
    parts = _COLOUR.split(_SEQUENCE.sub("", text))
    # The odd ones are the colours.
    shown = [part if at % 2 else plain(part) for at, part in enumerate(parts)]
    return "".join(shown) + ("\x1b[0m" if len(parts) > 1 else "")


def uncoloured(text: str) -> str:
    """Return a text that does nothing to a terminal, without its colours."""
    return plain(_COLOUR.sub("", _SEQUENCE.sub("", text)))


#: What sets a colour or weight, and every other sequence: of CSI, and of OSC.
_COLOUR = re.compile(r"(\x1b\[[0-9;:]*m)")
_SEQUENCE = re.compile(
    r"\x1b\[(?![0-9;:]*m)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
)


def kernels(
    facts: Sequence[Mapping[str, object]], *, width: int = 0, colour: bool = False
) -> str:
    """Return a table of kernels.

    :param facts: as ``ipr ps --json`` prints them.
    :param width: of the terminal, which no line exceeds; 0: it does not matter.
    """
    short = shortest([str(one["id"]) for one in facts])
    cells = [[head for head, _ in _COLUMNS]]
    cells += [_row(one, name) for one, name in zip(facts, short, strict=True)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    room = width - sum(widths[:-1]) - 2 * len(widths[:-1])
    if width:
        # Of a head the beginning tells.
        cells[0][-1] = cells[0][-1][: max(room, 0)]
    for number, row in enumerate(cells):
        parts = [
            text.rjust(wide) if is_number else text.ljust(wide)
            for text, wide, (_, is_number) in zip(row, widths, _COLUMNS, strict=True)
        ]
        line = _fitted("  ".join(parts[:-1]), row[-1], width)
        if colour:
            line = _coloured(line, row[2], head=not number)
        lines.append(line)
    return "\n".join(lines)


def _fitted(line: str, last: str, width: int) -> str:
    """Append the last column; of a path that is too long, its end is what tells."""
    room = width - len(line) - 2
    if width and len(last) > room:
        last = "\u2026" + last[len(last) - max(room - 1, 0) :]
    whole = f"{line}  {last}".rstrip()
    return whole[:width] if width else whole


def shortest(ids: Sequence[str]) -> list[str]:
    """Return the beginnings that tell ids from each other."""
    found = []
    for one in ids:
        length = _LEAST_ID
        while length < len(one) and any(
            other != one and other.startswith(one[:length]) for other in ids
        ):
            length += 1
        found.append(one[:length])
    return found


def table(rows: Sequence[tuple[str, str]], *, width: int = 0) -> str:
    """Return labels and values; a value may have several lines.

    :param width: of the terminal; what is too long is broken between words, but a path
        stays whole, so that it can be copied. 0: nothing is broken.
    """
    names = max((len(name) for name, _ in rows), default=0)
    lines = []
    for name, value in rows:
        first, *more = [
            part
            for line in value.splitlines()
            for part in (_wrapped(line, width - names - 2) if width else [line])
        ] or [""]
        lines.append(f"{name:<{names}}  {first}")
        lines += [f"{'':<{names}}  {line}" for line in more]
    return plain("\n".join(lines))


def _wrapped(line: str, room: int) -> list[str]:
    return textwrap.wrap(
        line, max(room, 1), break_long_words=False, break_on_hyphens=False
    ) or [""]


def span(seconds: float) -> str:
    """``3723`` -> ``"1h02m"``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole // 60 % 60:02}m"
    return f"{whole // 86400}d{whole // 3600 % 24:02}h"


def size(count: float) -> str:
    """``123456789`` -> ``"118M"``."""
    for unit in "BKM":
        if count < 1000:
            return f"{count:.0f}{unit}"
        count /= 1024
    return f"{count:.1f}G"


def _row(one: Mapping[str, object], name: str) -> list[str]:
    kernel = str(one.get("kernel", ""))
    if len(kernel) > _MOST_NAME:
        kernel = kernel[: _MOST_NAME - 1] + "\u2026"
    pid, memory, up = (_number(one, key) for key in ("pid", "memory", "kernel_up"))
    texts = [
        name,
        kernel,
        str(one.get("state", "")),
        f"{pid:.0f}" if pid else "-",
        span(up) if pid else "-",
        f"{_number(one, 'restarts'):.0f}" if "restarts" in one else "-",
        size(memory) if memory else "-",
        str(one.get("notebook", "")),
    ]
    return [plain(text).replace("\n", " ").replace("\t", " ") for text in texts]


def _number(one: Mapping[str, object], key: str) -> float:
    """Return a figure; another program may answer with anything."""
    found = one.get(key, 0)
    if isinstance(found, int | float) and 0 <= found < 1e18:
        return float(found)
    return 0.0


def _coloured(line: str, state: str, *, head: bool) -> str:
    if head:
        return f"\x1b[1m{line}\x1b[0m"
    colour = _COLOURS.get(state)
    if colour is None:
        return line
    return line.replace(f"  {state}", f"  \x1b[{colour}m{state}\x1b[0m", 1)
