"""Somebody else on the node, without the key: how much of the daemon is his?

Knows what he can send. Must not know how the daemon copes: it looks at the
daemon's memory, next to that of a plain kernel under the same flood, and at
whether the owner's cells are answered meanwhile.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from tests.e2e.harness import PATIENCE, Client, Kernel, Kind, Place, until
from tests.e2e.harness import place as scratch
from tests.e2e.test_siege import connection, memory

#: He can use the system's Python only: ours may lie in somebody's home.
PYTHON = shutil.which("python3", path="/usr/bin:/bin:/usr/local/bin")

pytestmark = [
    pytest.mark.neighbour,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else"),
    pytest.mark.skipif(PYTHON is None, reason="there is no Python that he may use"),
]

RAW = os.path.join(os.path.dirname(os.path.abspath(__file__)), "raw.py")
NOBODY = 65534
MIB = 2**20
#: Megabytes that a flood may cost whatever it costs a plain kernel; a daemon at rest
#: has 40.
LITTLE = 300


@pytest.fixture
def place() -> Iterator[Place]:
    with scratch() as made:
        yield made


class Flood:
    """One that has begun, by nobody.

    :param at: a channel of the daemon's, or another port.
    :ivar worst: the most memory of the daemon, in MiB, seen while it lasted.
    :ivar cells: how many of the owner's were answered meanwhile.
    :ivar connections: how many he got.
    :ivar sent: the bytes that he got rid of.
    """

    def __init__(
        self,
        kernel: Kernel,
        at: str | int,
        what: str,
        size: int,
        seconds: int,
        of: int,
    ) -> None:
        port = connection(kernel)[f"{at}_port"] if isinstance(at, str) else at
        with open(RAW) as program:
            # He may not be able to read our folder: the program goes along.
            text = program.read()
        words = [text, str(port), what, str(size), str(seconds), str(of)]
        assert PYTHON is not None
        self._kernel = kernel
        self._process = subprocess.Popen(
            [PYTHON, "-I", "-c", *words],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd="/",
            stdout=subprocess.PIPE,
            text=True,
        )
        self.worst = self.cells = self.connections = self.sent = 0
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def look(self) -> None:
        self.worst = max(self.worst, memory(self._kernel) // MIB)

    def suffer(self, client: Client) -> Flood:
        """Run cells until it is over."""
        while self._process.poll() is None:
            assert client.value("6 * 7") == "42"
            self.cells += 1
            self.look()
        return self.end()

    def end(self) -> Flood:
        """Wait until it is over."""
        said, _ = self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == 0, said
        self.connections, self.sent = map(int, said.split())
        return self


FLOODS = {
    "large": ("shell", "wrong", 200_000, 4, 20),
    "small": ("control", "unsigned", 10, 3, 20),
    "answers": ("stdin", "unsigned", 200_000, 3, 20),
}


@pytest.mark.parametrize("name", FLOODS)
def test_memory_under_a_flood_is_bounded(place: Place, name: str) -> None:
    """It is at most twice a plain kernel's, or little, and all of it is refused."""
    found: dict[str, Flood] = {}
    kinds: tuple[Kind, ...] = ("wrapped", "plain")
    for kind in kinds:
        kernel = place.start(kind)
        client = kernel.client()
        found[kind] = Flood(kernel, *FLOODS[name]).suffer(client)
        kernel.close()
    for what, flood in found.items():
        print(
            f"{name}, {what}: {flood.worst} MiB, {flood.cells} cells,"
            f" {flood.sent / MIB:.1f} MiB sent through {flood.connections}"
        )
    wrapped, plain = found["wrapped"], found["plain"]
    assert wrapped.connections == FLOODS[name][-1]
    # A flood that waited for the daemon all the time would show nothing.
    assert wrapped.sent > (1 if name == "small" else 30) * MIB
    assert wrapped.cells > 0
    assert wrapped.worst < max(LITTLE, 2 * plain.worst)


def test_nothing_unsigned_is_believed(place: Place) -> None:
    """What he sends reaches no kernel and no client; the log says so now and then."""
    kernel = place.start("wrapped")
    client = kernel.client()
    client.forget()
    Flood(kernel, "shell", "wrong", 10, 2, 20).suffer(client)
    assert {one.parent.get("session") for one in client.received} == {client.session}
    complaints = kernel.stderr().count("Dropped a message on shell")
    assert 1 <= complaints <= 3


@pytest.mark.parametrize("what", ["subscribe", "unsubscribe"])
def test_subscriptions_are_no_clients(place: Place, what: str) -> None:
    """Any number of these, or of their ends: there are as many as have connected."""
    kernel = place.start("wrapped")
    client = kernel.client()
    client.forget()
    flood = Flood(kernel, "iopub", what, 0, 2, 2).suffer(client)
    print(f"{what}: {flood.worst} MiB, {flood.cells} cells, {flood.sent} bytes sent")
    assert flood.sent > 100_000
    assert flood.cells > 0
    assert flood.worst < LITTLE
    # What is under way is read first: some megabytes, of three bytes each.
    until(lambda: clients(client) == 1, "only the owner's connection to be left", 60)
    welcomes = [one for one in client.received if one.type == "iopub_welcome"]
    assert len(welcomes) < 100


def test_beats_cost_little(place: Place) -> None:
    """He sends beats, and reads no echo."""
    kernel = place.start("wrapped")
    client = kernel.client()
    flood = Flood(kernel, "hb", "beat", 4000, 2, 20).suffer(client)
    print(f"beats: {flood.worst} MiB, {flood.cells} cells, {flood.sent} bytes sent")
    assert flood.sent > 100_000
    assert flood.worst < LITTLE


def test_two_thousand_idle_connections(place: Place) -> None:
    """The owner works, and all is given back when they have gone."""
    kernel = place.start("wrapped")
    client = kernel.client()
    daemon = psutil.Process(kernel.pid)
    before = daemon.num_fds()
    floods = [
        Flood(kernel, channel, what, 0, 8, 500)
        for channel, what in (
            ("shell", "nothing"),
            ("control", "nothing"),
            ("stdin", "nothing"),
            ("iopub", "deaf"),
        )
    ]
    until(lambda: daemon.num_fds() >= before + 2000, "all to be connected at once", 5)
    for flood in floods:
        flood.suffer(client)
    print(f"idle: {max(flood.worst for flood in floods)} MiB")
    assert sum(flood.connections for flood in floods) == 2000
    assert sum(flood.cells for flood in floods) > 0
    assert max(flood.worst for flood in floods) < LITTLE
    until(lambda: daemon.num_fds() <= before + 2, "the connections to be closed", 20)


def clients(client: Client) -> int:
    """As ``%ipr status`` counts them."""
    for line in client.shown(client.run("%ipr status")).splitlines():
        if line.strip().startswith("clients"):
            return int(line.split()[-1])
    raise AssertionError("no line 'clients' in %ipr status")
