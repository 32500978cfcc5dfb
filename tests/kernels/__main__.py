"""``python -m tests.kernels``: run the matrix by hand, or write it into the docs.

Knows the command line; must not know how anything is found out or judged.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.kernels import verdict
from tests.kernels.rows import Rows
from tests.kernels.subjects import BY_NAME, SUBJECTS


def main() -> int:
    """:return: 0 when no row is worse than the kernel by itself."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.kernels",
        description="Put kernels of many languages through a matrix, with ipr and"
        " without. .ci/install-kernels installs them.",
    )
    parser.add_argument("names", nargs="*", help="which (default: all that are there)")
    parser.add_argument("--table", metavar="FILE", help="write the tables into a page")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    args = parser.parse_args()
    unknown = set(args.names) - set(BY_NAME)
    if unknown:
        known = ", ".join(BY_NAME)
        parser.error(f"no kernel is called {', '.join(unknown)}; there are {known}")
    if args.table and args.names:
        parser.error("--table needs all kernels: leave the names out")
    chosen = [s for s in SUBJECTS if s.name in args.names or not args.names]
    there = [subject for subject in chosen if not subject.missing()]
    for subject in chosen:
        if subject.missing():
            print(f"{subject.name}: {subject.missing()}", file=sys.stderr)
    if args.table and there != chosen:
        print("the table needs all of them; it was not written", file=sys.stderr)
        return 1
    began = time.monotonic()
    rows = Rows(there, args.jobs)
    worse = 0
    done = []
    for subject in there:
        plain, wrapped = row = rows.row(subject.name)
        done.append(row)
        for half in row:
            print(
                f"{half.subject.name} {half.kind} {half.seconds['all']:.1f} s", end=""
            )
            print(":", ", ".join(f"{k} {v}" for k, v in half.seen.items()))
            for name, fault in half.faults.items():
                worse += 1
                print(f"!! {name}\n{fault}")
        for check in verdict.CHECKS:
            fault = check.fault(
                plain.seen.get(check.name), wrapped.seen.get(check.name)
            )
            if fault:
                worse += 1
                print(f"!! {check.name}: {fault}")
        for name in verdict.SAME:
            if plain.shapes.get(name) != wrapped.shapes.get(name):
                worse += 1
                print(f"!! {name}: {plain.shapes.get(name)}")
                print(f"   but behind ipr {wrapped.shapes.get(name)}")
        if wrapped.files:
            worse += 1
            print(f"!! files left: {wrapped.files}")
    rows.close()
    print(f"{len(done)} rows, {worse} faults, {time.monotonic() - began:.0f} s")
    if args.table and not worse:
        verdict.write(args.table, verdict.table(done))
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
