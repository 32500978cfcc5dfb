"""``python -m tests.chaos --seconds 600 --seed 1``: one life after the other, each
of the next seed, until the time is over; a seed that failed is named, and it goes on.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.chaos import life


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1, help="of the first life")
    parser.add_argument(
        "--code", action="store_true", help="kernels run init code, and replays"
    )
    asked = parser.parse_args()
    end = time.monotonic() + asked.seconds
    failed: list[int] = []
    seed = asked.seed
    requests = deeds = 0
    while time.monotonic() < end:
        try:
            lived = life.live(seed, code=asked.code)
            requests += lived.requests
            deeds += sum(lived.deeds.values())
            print(lived, flush=True)
        except AssertionError as error:
            failed.append(seed)
            print(f"FAILED {error}", flush=True)
        seed += 1
    print(
        f"{seed - asked.seed} seeds, {requests} requests, {deeds} deeds;"
        f" failed: {failed or 'none'}"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
