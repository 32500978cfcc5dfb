"""Run a suite by hand: ``python -m tests.peers NAME [TEST ...] [-- WORDS FOR PYTEST]``.

The suite is a folder below ``$IPR_PEERS/suites`` (default ``.cache/peers``), with its
requirements in the environment beside it.
"""

from __future__ import annotations

import argparse
import sys

from tests.e2e import harness
from tests.peers import suites
from tests.peers.suites import SUITES, Suite


def main() -> int:
    words = sys.argv[1:]
    more = words[words.index("--") + 1 :] if "--" in words else []
    parser = argparse.ArgumentParser(prog="python -m tests.peers", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("test", nargs="*", help="files or folders of the suite")
    asked = parser.parse_args(words[: len(words) - len(more)])
    known = {suite.name: suite for suite in SUITES}
    suite = known.get(asked.name) or Suite(asked.name)
    if asked.test:
        suite = Suite(suite.name, tuple(asked.test), suite.options, suite.environment)
    found = {}
    for kind in suites.KINDS:
        with harness.place() as place:
            found[kind] = suites.run(suite, kind, place, more)
        print(kind, found[kind].log.strip().splitlines()[-1])
    plain, wrapped = found["plain"], found["wrapped"]
    for name, outcome in plain.of.items():
        if outcome == "failed":
            print("fails plain:", name)
    for name in suites.worse(plain, wrapped):
        print("worse:", name)
        print(wrapped.texts.get(name, "it did not run"))
    for name in suites.worse(wrapped, plain):
        print("better:", name)
    print(
        f"{suite.name}: {len(plain.of)} tests, {plain.count('passed')} pass plain,"
        f" {wrapped.count('passed')} wrapped, {wrapped.daemons} kernels behind ipr"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
