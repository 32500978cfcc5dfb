"""``python -m tests.benchmarks``: the figures of DESIGN §10, as ratios.

Measures a wrapped kernel against the same kernel without ``ipr``, in one run,
the two taking turns, and prints a table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

import zmq

from tests.benchmarks import (
    button,
    figures,
    forwarding,
    kernel_figures,
    standby,
    subjects,
)

Measure = Callable[[subjects.Place, bool], list[figures.Row]]


def _of_kernel(
    measure: Callable[[subjects.Place, kernel_figures.Plan], list[figures.Row]],
) -> Measure:
    return lambda place, quick: measure(
        place, kernel_figures.QUICK if quick else kernel_figures.Plan()
    )


MEASURES: dict[str, Measure] = {
    "start": _of_kernel(kernel_figures.start),
    "roundtrip": _of_kernel(kernel_figures.roundtrip),
    "small": _of_kernel(kernel_figures.small_messages),
    "large": _of_kernel(kernel_figures.large_messages),
    "restart": _of_kernel(kernel_figures.restart),
    "standby": _of_kernel(standby.standby),
    "button": _of_kernel(button.button),
    "memory": _of_kernel(kernel_figures.resident),
    "forwarding": lambda place, quick: forwarding.forwarding(place, quick=quick),
}
#: A load above which the figures say more about other work on the machine.
QUIET = 0.5
# A plain kernel knows no %restart, and a bare path has no kernel.
NOT_SELF = ("restart", "standby", "button", "memory", "forwarding")


def parse(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure a kernel behind ipr against the same kernel without.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer samples: about a minute or two"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=sorted(MEASURES),
        metavar="NAME",
        help=f"measure this only; may be repeated. One of: {', '.join(MEASURES)}",
    )
    parser.add_argument("--json", metavar="FILE", help="write the rows there, too")
    parser.add_argument(
        "--self-test",
        action="store_true",
        help="measure plain against plain: what differs from 1.0 is noise",
    )
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Measure, print; give 1 when a figure was not reached."""
    options = parse(argv)
    names = options.only or list(MEASURES)
    if options.self_test:
        names = [name for name in names if name not in NOT_SELF]
    load_before = os.getloadavg()[0]
    if load_before > QUIET:
        sys.stderr.write(
            f"the load is {load_before:.1f}: other work on this machine makes every"
            " hop wait for a core, so ratios will come out too high\n"
        )
    rows: list[figures.Row] = []
    with subjects.scratch_place(self_test=options.self_test) as place:
        for name in names:
            began = time.monotonic()
            rows += MEASURES[name](place, options.quick)
            sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")
    about = (
        f"CPython {platform.python_version()}, pyzmq {zmq.__version__},"
        f" libzmq {zmq.zmq_version()}, {os.cpu_count()} cores,"
        f" load {load_before:.1f} before, {os.getloadavg()[0]:.1f} after"
    )
    sys.stdout.write(
        f"{about}\nmedian (lower..upper quartile); the ratio is the median over turns"
        " of wrapped / plain;\nfor bare forwarding the column plain is zmq.proxy in C\n"
        f"{figures.table(rows, 'plain', 'wrapped')}\n"
    )
    if options.json:
        found: dict[str, Any] = {"about": about, "rows": figures.plain_data(rows)}
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)
            file.write("\n")
    return int(any(row.verdict.startswith("NO") for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
