"""Knows how to run many rows at once; must not know what is looked at in them.

Two at a time: a kernel waits more than it works, and the machine has two cores.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from tests.e2e.harness import Kind
from tests.kernels import matrix
from tests.kernels.matrix import Half
from tests.kernels.subjects import Subject


class Rows:
    """The rows that were asked for, as they come in.

    :param subjects: the kernels, all of which must be there.
    :param jobs: how many halves run at once.
    """

    def __init__(self, subjects: Iterable[Subject], jobs: int = 2) -> None:
        self._pool = ThreadPoolExecutor(jobs, "row")
        heavy_first = sorted(subjects, key=lambda subject: -subject.weight)
        kinds: tuple[Kind, ...] = ("wrapped", "plain")
        # The two halves of a kernel do not meet: some look for a free port on their
        # own, and find the same one.
        self._halves: dict[tuple[str, Kind], Future[Half]] = {
            (subject.name, kind): self._pool.submit(_run, subject, kind)
            for kind in kinds
            for subject in heavy_first
        }

    def half(self, name: str, kind: Kind) -> Half:
        """:return: one half, when it is done."""
        return self._halves[name, kind].result()

    def row(self, name: str) -> tuple[Half, Half]:
        """:return: the plain and the wrapped half of a kernel, when they are done."""
        return self.half(name, "plain"), self.half(name, "wrapped")

    def close(self) -> None:
        """Start no more; wait for those that run."""
        self._pool.shutdown(cancel_futures=True)


def _run(subject: Subject, kind: Kind) -> Half:
    half = matrix.run(subject, kind)
    if half.faults and kind == "plain":
        # What a kernel does wrong by itself now and then is no measure for ipr. The
        # other half gets no second chance.
        half = matrix.run(subject, kind)
    return half
