"""What is done about the lines before a ``%restart`` in their cell.

Knows the values, which :mod:`ipr.relay.turns` has among its effects. Must not know what
follows from what.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Run:
    """Have the kernel run the lines before it, then feed LinesEnded."""

    cell: str


@attrs.frozen
class Leave:
    """Its cell has been answered: it is no more."""

    cell: str
