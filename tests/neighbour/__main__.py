"""``python -m tests.neighbour``: what a stranger's floods cost, plain and wrapped.

Run it as root: the stranger is nobody. It prints the table of docs/security.md, all of
it measured in one run, each flood first on a plain kernel and then on a wrapped one.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr

from tests.e2e.harness import Kind, place
from tests.e2e.test_siege import memory
from tests.neighbour.test_floods import MIB, Flood

#: For Flood: the channel, what, of how many bytes, for how many seconds, and from how
#: many connections.
_Words = tuple[str, str, int, int, int]

FLOODS: dict[str, Sequence[_Words]] = {
    "messages of 200 kB with a wrong signature, 20 connections": [
        ("shell", "wrong", 200_000, 4, 20)
    ],
    "the same from 200 connections": [("shell", "wrong", 200_000, 4, 200)],
    "unsigned messages of 10 bytes, 20 connections": [
        ("control", "unsigned", 10, 4, 20)
    ],
    "answers to `input()` of 200 kB, unsigned, 20 connections": [
        ("stdin", "unsigned", 200_000, 4, 20)
    ],
    "2000 idle connections": [
        (channel, what, 0, 8, 500)
        for channel, what in (
            ("shell", "nothing"),
            ("control", "nothing"),
            ("stdin", "nothing"),
            ("iopub", "deaf"),
        )
    ],
}
KINDS: tuple[Kind, ...] = ("plain", "wrapped")
HEAD = ("flood", *(f"{kind}: MiB, cells" for kind in KINDS))


def measured(kind: Kind, parts: Sequence[_Words]) -> str:
    """Return the memory before and at worst, and the owner's cells meanwhile."""
    # A plain kernel logs a traceback for each message: tens of thousands of lines.
    with redirect_stderr(io.StringIO()), place() as scratch:
        kernel = scratch.start(kind)
        client = kernel.client()
        before = memory(kernel) // MIB
        floods = [Flood(kernel, *words) for words in parts]
        for flood in floods:
            flood.suffer(client)
        worst = max(flood.worst for flood in floods)
        return f"{before} → {worst}, {sum(flood.cells for flood in floods)}"


def main() -> int:
    """Measure, and print a table for Markdown."""
    if os.geteuid() != 0:
        sys.stderr.write("only root can be somebody else\n")
        return 1
    lines = [HEAD, ("---",) * len(HEAD)]
    for name, parts in FLOODS.items():
        lines.append((name, *(measured(kind, parts) for kind in KINDS)))
        sys.stderr.write(f"{lines[-1]}\n")
    sys.stdout.write("".join(f"| {' | '.join(line)} |\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
