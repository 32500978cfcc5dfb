"""Draws docs/images/states.svg from the restart machine.

Knows where on the page each state stands, and how an edge and its words are
drawn. Must not know any transition: ``machine_world`` explores all that can happen,
and what leads from one state to another there is an edge here.

``python -m tests.lifecycle.draw_states`` writes the file; a test compares it.
"""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

from ipr.lifecycle.limits import Limits
from ipr.lifecycle.states import PUBLIC_NAMES
from tests.lifecycle.machine_world import all_worlds

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "states.svg"

WIDTH, HEIGHT = 900, 600
BOX_WIDTH, BOX_HEIGHT = 124, 46

#: Centre of each state's box.
PLACES: dict[str, tuple[float, float]] = {
    "Starting": (130, 230),
    "Running": (450, 70),
    "Halting": (770, 230),
    "Draining": (450, 330),
    "Pausing": (190, 440),
    "Dead": (450, 550),
    "Stopped": (770, 550),
}

#: Limits under which the worlds are explored: each switches on paths of its own.
LIMITS = (
    Limits(restart_limit=2, start_limit=2),
    Limits(autorestart=False, start_timeout=0.0),
)

Edges = dict[tuple[str, str], set[str]]


def edges() -> Edges:
    """Find which events lead from one state to another one.

    :returns: the names of the events, by the names of both states.
    """
    found: Edges = {}
    for limits in LIMITS:
        for world, following in all_worlds(limits).items():
            for event, after in following.items():
                pair = type(world.state).__name__, type(after.state).__name__
                if pair[0] != pair[1]:
                    found.setdefault(pair, set()).add(type(event).__name__)
    return found


def drawn(found: Edges) -> str:
    """Return the picture as SVG."""
    arrows = [
        _edge(pair, found[pair], both=(pair[1], pair[0]) in found)
        for pair in sorted(found)
    ]
    names = {kind.__name__: public for kind, public in PUBLIC_NAMES.items()}
    boxes = [_box(name, names[name]) for name in PLACES]
    return "\n".join([_HEAD, *arrows, *boxes, "</svg>", ""])


_HEAD = f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"
     font-family="sans-serif" font-size="12">
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8"
 markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>
<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#fff"/>"""

_COLOURS = {
    "running": "#d9f0dd",
    "restarting": "#fdf0cd",
    "dead": "#f9d8d6",
    "stopped": "#e4e4e8",
}


def _box(name: str, public: str) -> str:
    x, y = PLACES[name]
    left, top = x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2
    return (
        f'<rect x="{left:g}" y="{top:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}"'
        f' rx="10" fill="{_COLOURS[public]}" stroke="#555"/>\n'
        f'<text x="{x}" y="{y - 2}" text-anchor="middle" font-size="15">{name}</text>\n'
        f'<text x="{x}" y="{y + 14}" text-anchor="middle" fill="#666">{public}</text>'
    )


def _edge(pair: tuple[str, str], events: set[str], *, both: bool) -> str:
    """Draw one arrow from box to box; of two opposite ones each keeps right."""
    (x1, y1), (x2, y2) = PLACES[pair[0]], PLACES[pair[1]]
    length = math.hypot(x2 - x1, y2 - y1)
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    aside = 11.0 if both else 0.0
    x1, y1, x2, y2 = (
        x1 - uy * aside,
        y1 + ux * aside,
        x2 - uy * aside,
        y2 + ux * aside,
    )
    begin, end = _to_border(ux, uy), length - _to_border(ux, uy) - 2
    lines = [_words(event) for event in sorted(events)]
    # Off the middle, where many arrows cross; with two, each near its own start.
    middle = begin + (end - begin) * (0.25 if both else 0.42)
    x, y = x1 + ux * middle, y1 + uy * middle - 6 * (len(lines) - 1)
    said = "".join(
        f'<tspan x="{x:.1f}" dy="{13 if at else 0}">{line}</tspan>'
        for at, line in enumerate(lines)
    )
    return (
        f'<path d="M{x1 + ux * begin:.1f} {y1 + uy * begin:.1f}'
        f'L{x1 + ux * end:.1f} {y1 + uy * end:.1f}" stroke="#555" fill="none"'
        ' marker-end="url(#tip)"/>\n'
        f'<text y="{y:.1f}" text-anchor="middle" stroke="#fff" stroke-width="4"'
        f' paint-order="stroke" fill="#333">{said}</text>'
    )


def _to_border(ux: float, uy: float) -> float:
    """Return how far it is from a box's centre to its border in a direction."""
    across = (BOX_WIDTH / 2) / abs(ux) if ux else math.inf
    down = (BOX_HEIGHT / 2) / abs(uy) if uy else math.inf
    return min(across, down)


def _words(name: str) -> str:
    """``RestartAsked`` as words: ``restart asked``."""
    return " ".join(re.findall("[A-Z][a-z]*", name)).lower()


if __name__ == "__main__":
    PICTURE.write_text(drawn(edges()), encoding="utf-8")
    sys.stdout.write(f"{PICTURE}\n")
