"""The clients on one host, the kernel on another one: the connection file names an
address of the wire between them, and the wire is cut.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from ipr.boot import connection
from tests.e2e import harness
from tests.e2e.harness import Client, Place
from tests.places.cluster import Node

pytestmark = pytest.mark.netns

#: How long the wire is cut, in seconds.
CUT = 10.0
#: The sender's next try comes after twice the time of the last one (RFC 6298, 5.5).
RECOVERY = 40.0


@pytest.fixture
def client(node: Node, place: Place) -> Iterator[Client]:
    path = os.path.join(place.runtime, f"kernel-{uuid.uuid4().hex}.json")
    # Ports that are free here are free there, where there is nothing else.
    connection.write_private(path, {**connection.fresh(), "ip": node.address})
    daemon = [sys.executable, *harness.interpreter_options(), "-m", "ipr", "-f", path]
    inner = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    with open(os.path.join(place.root, "stderr"), "w") as sink:
        process = subprocess.Popen(
            node.argv(*daemon, "--", *inner),
            env=place.environment(),
            cwd=place.work,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
    client = Client(path)
    try:
        client.wait_until_ready()
        yield client
        client.send("shutdown_request", channel="control")
        assert process.wait(10) == 0
    finally:
        client.close()
        process.kill()
        process.wait()
        with open(os.path.join(place.root, "stderr")) as said:
            print(said.read())


def test_only_the_front_is_on_the_wire(client: Client, node: Node) -> None:
    """The inner kernel is not to be reached from the other host."""
    file = client.value("__import__('ipykernel').get_connection_file()")
    with open(file) as text:
        inner = json.load(text)
    assert inner["transport"] == "ipc" or inner["ip"] == "127.0.0.1"
    pid = client.inner_pid()
    client.run("%restart")
    assert client.inner_pid() != pid


def loud(node: Node) -> Callable[[], None]:
    node.pull_the_plug()
    return node.put_it_back


def silent(node: Node) -> Callable[[], None]:
    node.swallow()
    return node.swallow_no_more


@pytest.mark.slow
@pytest.mark.parametrize("cut", [loud, silent])
def test_the_wire_is_cut(
    client: Client, node: Node, cut: Callable[[Node], Callable[[], None]]
) -> None:
    client.run("x = 1")
    pid = client.inner_pid()
    client.forget()
    busy = client.execute(
        "import time\n"
        "for i in range(60):\n    print(i, flush=True); time.sleep(0.1)\n"
        "print('end', flush=True)"
    )
    client.wait_for(busy, "text:1\n")

    mend = cut(node)
    begun = time.monotonic()
    try:
        # The cell ends while the wire is cut; these go out then, too.
        cells = [client.execute("x += 1; print('x', x)") for _ in range(20)]
        others = [
            client.send("kernel_info_request", channel=channel)
            for channel in ("shell", "control")
            for _ in range(10)
        ]
        while time.monotonic() < begun + CUT:
            harness.receive([client], lambda: True, "nothing")
            assert not client.replies(cells[0]), "the wire is not cut"
            time.sleep(0.1)
    finally:
        mend()

    client.finish(busy, *cells, *others, within=RECOVERY)
    print(f"all there {time.monotonic() - begun - CUT:.1f} s after the cut")
    client.fence()
    client.assert_once()
    # Each in its turn, every line of every cell, and by the same kernel.
    assert client.text(busy) == "".join(f"{i}\n" for i in range(60)) + "end\n"
    assert [client.text(cell) for cell in cells] == [
        f"x {number}\n" for number in range(2, 22)
    ]
    assert client.inner_pid() == pid
