"""``python -m tests.places``: what a restart costs in Slurm, with and without ``ipr``,
on an idle cluster and on a full one; medians for docs/slurm.rst.

Knows how the figures are taken; must not know what they ought to be.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

from tests.e2e import harness
from tests.e2e.harness import Client
from tests.places import cluster, kernels
from tests.places.cluster import Slurm


def in_place(slurm: Slurm, runs: int) -> tuple[list[float], list[float]]:
    """:return: the seconds of each ``%restart``: idle cluster, full cluster."""
    slurm.clear()
    with harness.place() as place:
        kernel = kernels.start(slurm, place)
        client = kernel.client()
        number = kernels.job_of(client)
        # The first one reads files that the others find in memory.
        kernels.restart_seconds(client)
        idle = [kernels.restart_seconds(client) for _ in range(runs)]
        waiting = slurm.sleeper(1)
        full = [kernels.restart_seconds(client) for _ in range(runs)]
        assert slurm.job(waiting).state == "PENDING"
        assert kernels.job_of(client) == number
        kernel.shutdown()
    return idle, full


def of_the_front_end(slurm: Slurm, other: float) -> float:
    """Restart a plain kernel as a front end does; :return: seconds until it answers.

    :param other: how long the job runs that waits meanwhile; 0: none does.
    """
    slurm.clear()
    with harness.place() as place:
        # Its best case: with "signal" srun has to be waited for, too.
        kernel = kernels.start(slurm, place, None, interrupt_mode="message")
        client = Client(kernel.connection_file)
        try:
            client.wait_until_ready()
            if other:
                slurm.sleeper(other)
            begun = time.monotonic()
            kernel.manager.restart_kernel()
            client.wait_until_ready()
            seconds = time.monotonic() - begun
        finally:
            client.close()
        kernel.shutdown()
    return seconds


def line(words: str, seconds: Sequence[float]) -> str:
    """:return: a line of the table."""
    runs = ", ".join(f"{one:.2f}" for one in sorted(seconds))
    return f"{words:44} {statistics.median(seconds):6.2f} s   of {runs}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.places")
    parser.add_argument("--runs", type=int, default=5, help="of each (default: 5)")
    parser.add_argument(
        "--other",
        type=float,
        default=15.0,
        metavar="SECONDS",
        help="the length of the job that waits (default: 15)",
    )
    args = parser.parse_args()
    with cluster.slurm() as slurm:
        idle, full = in_place(slurm, args.runs)
        print(line("%restart, idle cluster", idle))
        print(line("%restart, full queue", full), flush=True)
        print(
            line(
                "the front end's restart, idle cluster",
                [of_the_front_end(slurm, 0) for _ in range(args.runs)],
            ),
            flush=True,
        )
        print(
            line(
                f"the same, a job of {args.other:g} s waiting",
                [of_the_front_end(slurm, args.other) for _ in range(args.runs)],
            )
        )


if __name__ == "__main__":
    main()
