"""Ordinary notebooks under a limit of memory that the system enforces: none is warned
of it, nor its cell interrupted, and a leak still is. ``-s`` shows the table of
``docs/design.rst``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from tests.e2e import harness, memorylimit
from tests.e2e.harness import Client, Kernel
from tests.e2e.memorylimit import LEAK, Watched
from tests.places import cluster
from tests.places.loads import LIMIT, LOADS
from tests.places.ordinary import environment

#: What is said when memory runs out, and when the cell is interrupted for it.
ALARMS = ("At the limit the system kills", "(--memory-interrupt)")
#: At least so many of a group have to fill the limit, or there was no temptation.
FULL = {"large files": 4, "many files, and programs": 2, "computing": 0}


@pytest.fixture
def job() -> Iterator[tuple[Client, Watched]]:
    if missing := memorylimit.missing():
        cluster.unavailable(missing)
    python = os.path.join(environment("loads"), "bin", "python")
    with harness.place() as place:
        argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = place.wrapped_spec(argv, options=["--memory-interrupt=97"])
        with memorylimit.limited(place, spec, LIMIT) as group:
            kernel = Kernel(place, spec)
            yield kernel.client(), group
            kernel.shutdown()


class Looks:
    """Looks at a group each second, as long as a ``with`` block lasts."""

    def __init__(self, group: Watched) -> None:
        self._group = group
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.count = self.usage = self.use = 0

    def _look(self) -> None:
        while not self._over.wait(1.0):
            self.count += 1
            usage, cache = self._group.usage()
            self.usage += usage > 0.9 * (LIMIT << 20)
            self.use += usage - cache > 0.9 * (LIMIT << 20)

    def __enter__(self) -> Looks:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def alarms(client: Client) -> int:
    said = str(client.received)
    return sum(said.count(words) for words in ALARMS)


@pytest.mark.parametrize("group", LOADS)
def test_no_ordinary_notebook_is_warned(
    job: tuple[Client, Watched], group: str
) -> None:
    client, watched = job
    false, full = [], 0
    print("\nlooks with usage over 90 %, with use over 90 %, all; alarms")
    for name, code in LOADS[group].items():
        client.run("%restart")
        client.forget()
        with Looks(watched) as looks:
            reply = client.finish(client.execute(code), within=240.0)
        assert reply["status"] == "ok", (name, reply)
        full += looks.usage > 0
        if told := alarms(client):
            false.append(name)
        figures = f"{looks.usage:3} {looks.use:3} {looks.count:3} {told:3}"
        print(f"{figures}  {name}", flush=True)
    assert false == []
    assert full >= FULL[group]


def test_leak_is_told_and_interrupted(job: tuple[Client, Watched]) -> None:
    """By the same rule, at the same limit."""
    client, _ = job
    reply = client.finish(client.execute(LEAK.format(step=8, pause=0.5)), within=180.0)
    assert reply["ename"] == "KeyboardInterrupt", reply
    said = str(client.received)
    assert [words for words in ALARMS if words in said] == list(ALARMS)
