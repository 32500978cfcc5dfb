"""Samples, and the ratio of two interleaved series of them.

Knows order statistics. Must not know what was measured, or how.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import attrs


def quantile(samples: Sequence[float], part: float) -> float:
    """Return the quantile ``part`` (0 to 1), linear between the neighbours.

    :raises ValueError: when there are no samples.
    """
    if not samples:
        raise ValueError("no samples")
    ordered = sorted(samples)
    place = part * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def median(samples: Sequence[float]) -> float:
    """Return the median.

    :raises ValueError: when there are no samples.
    """
    return quantile(samples, 0.5)


@attrs.frozen
class Spread:
    """A value with its lower and upper quartile, and of how many samples."""

    value: float
    lower: float
    upper: float
    count: int


def spread(samples: Sequence[float]) -> Spread:
    """Return median and quartiles."""
    return Spread(
        median(samples), quantile(samples, 0.25), quantile(samples, 0.75), len(samples)
    )


def ratio_of_quantiles(
    base: Sequence[float], other: Sequence[float], part: float, resamples: int = 200
) -> Spread:
    """Compare one quantile of two series; the quartiles are bootstrapped.

    :param part: for instance 0.99. A high quantile exists once per series, so
        that its spread can only be had by drawing the series again.
    :param resamples: how often both are drawn.
    """
    # Seeded: the same samples give the same table.
    draw = random.Random(7)
    ratios = [
        quantile(draw.choices(other, k=len(other)), part)
        / quantile(draw.choices(base, k=len(base)), part)
        for _ in range(resamples)
    ]
    return Spread(
        quantile(other, part) / quantile(base, part),
        quantile(ratios, 0.25),
        quantile(ratios, 0.75),
        len(other),
    )


def ratio_of_rounds(
    base: Sequence[Sequence[float]], other: Sequence[Sequence[float]]
) -> Spread:
    """Compare two series that were measured in turns.

    :param base: rounds of samples; ``other[i]`` ran between the samples of
        ``base[i]``, so that both met the same noise.
    :return: the median, over the rounds, of the ratio of the medians.
    """
    ratios = [median(o) / median(b) for b, o in zip(base, other, strict=True)]
    return spread(ratios)


@attrs.frozen
class Limit:
    """A figure to reach: ``at_most`` or ``at_least`` this value."""

    value: float
    at_most: bool = True

    def met_by(self, value: float) -> bool:
        """Whether ``value`` keeps to the limit."""
        return value <= self.value if self.at_most else value >= self.value

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.value:g}"


@attrs.frozen
class Row:
    """One line of the table.

    :ivar name: what was measured, with the unit.
    :ivar base: the figure without ``ipr``; None where there is no such thing.
    :ivar other: the figure with it.
    :ivar ratio: of the two; None where only ``other`` counts.
    :ivar limit: for the ratio, or for ``other`` when there is no ratio; None
        when the row is for the record only.
    :ivar note: what else was seen, for instance messages lost.
    :ivar wrong: what must not be, whatever the speed: lost or reordered
        messages. A row with this has failed.
    """

    name: str
    other: Spread
    base: Spread | None = None
    ratio: Spread | None = None
    limit: Limit | None = None
    note: str = ""
    wrong: str = ""

    @property
    def verdict(self) -> str:
        """``yes``, ``no`` or ``-``: is the figure reached?"""
        if self.wrong:
            return "NO: " + self.wrong
        if self.limit is None:
            return "-"
        judged = self.ratio or self.other
        return "yes" if self.limit.met_by(judged.value) else "NO"


def number(value: float) -> str:
    """Return a number with three or four digits that count."""
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    digits = 1 if size >= 100 else 2 if size >= 10 else 3
    return f"{value:.{digits}f}"


def _shown(found: Spread | None, write: Callable[[float], str]) -> str:
    if found is None:
        return ""
    if found.count == 1:
        return write(found.value)
    return f"{write(found.value)} ({write(found.lower)}..{write(found.upper)})"


def table(rows: Sequence[Row], base: str, other: str) -> str:
    """Write the rows as a table in reStructuredText's simple form.

    :param base: heading of the figures without ``ipr``.
    :param other: heading of the figures with it.
    """
    lines = [("figure", base, other, "ratio", "to reach", "n", "reached", "note")]
    lines += [
        (
            row.name,
            _shown(row.base, number),
            _shown(row.other, number),
            _shown(row.ratio, "{:.3f}".format),
            str(row.limit or ""),
            str(row.other.count),
            row.verdict,
            row.note,
        )
        for row in rows
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rule = "  ".join("=" * max(width, 1) for width in widths)
    texts = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    ]
    return "\n".join(text.rstrip() for text in [rule, texts[0], rule, *texts[1:], rule])


def plain_data(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as what ``json`` can write."""
    return [{**attrs.asdict(row), "verdict": row.verdict} for row in rows]
