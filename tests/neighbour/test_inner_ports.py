"""Another user of the machine at the ports of an inner kernel on tcp, where a kernel
without encryption lets everybody read what it publishes, and at ours.

What he has is signed: he hears it, and sends it again.
"""

from __future__ import annotations

import json
import os
import time

import pytest

from tests.e2e.harness import Client, Kernel, Place, until
from tests.neighbour.test_floods import PYTHON, Flood, place

pytestmark = [
    pytest.mark.neighbour,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else"),
    pytest.mark.skipif(PYTHON is None, reason="there is no Python that he may use"),
]

__all__ = ["place"]

#: A comm as a widget has it: the kernel counts what it is sent, and publishes as much.
COMM = """
import comm
heard = []
def opened(made, message):
    made.on_msg(lambda message: heard.append(message["content"]["data"]))
get_ipython().kernel.comm_manager.register_target("count", opened)
ours = comm.create_comm("count", data={})
ours.on_msg(lambda message: heard.append(message["content"]["data"]))
from ipykernel.connect import get_connection_info
print(get_connection_info())
"""


@pytest.fixture
def kernel(place: Place) -> Kernel:
    options = ["--inner-transport", "tcp"]
    return Kernel(place, place.wrapped_spec(options=options, metadata={}))


def ports(kernel: Kernel, client: Client, inner: bool) -> dict[str, int]:
    found = json.loads(client.text(client.run(COMM)))
    if not inner:
        with open(kernel.connection_file) as file:
            found = json.load(file)
    return {
        name: found[f"{name}_port"] for name in ("shell", "control", "stdin", "iopub")
    }


@pytest.mark.parametrize("channel", ["shell", "control", "stdin"])
def test_what_was_published_is_no_request(kernel: Kernel, channel: str) -> None:
    """Sent to us as a client's, it changes nothing in the kernel, and kills nothing."""
    client = kernel.client()
    there = ports(kernel, client, inner=False)
    flood = Flood(kernel, "iopub", "replay", there[channel], 1, 2)
    client.run("x = 1; ours.send({'of': 'the kernel'}); print('heard by all')")
    assert flood.end().sent > 3000
    assert client.value("(x, heard)") == "(1, [])"
    client.assert_once()
    restart = client.run("%restart")
    assert client.value("'x' in globals()") == "False"
    client.assert_once(restart)


@pytest.mark.parametrize("channel", ["shell", "control"])
def test_replies_find_their_clients_when_he_sends_to_the_kernel_itself(
    kernel: Kernel, channel: str
) -> None:
    """A kernel that lets him is not ours to guard; what we pass on of it is."""
    client = kernel.client()
    there = ports(kernel, client, inner=True)
    flood = Flood(kernel, there["iopub"], "replay", there[channel], 1, 2)
    client.run("x = 1; ours.send({'of': 'the kernel'}); print('heard by all')")
    assert flood.end().sent > 3000
    client.fence()
    client.assert_once()
    client.run("%restart")
    assert client.value("'x' in globals()") == "False"


def test_a_thousand_connections_to_the_kernel(kernel: Kernel) -> None:
    """Cells, and a restart while he comes and stays, go as ever."""
    client = kernel.client()
    there = ports(kernel, client, inner=True)
    floods = [
        Flood(kernel, there[name], "nothing", 0, 4, 250)
        for name in ("shell", "control", "stdin", "iopub")
    ]
    assert client.value("6 * 7") == "42"
    begin = time.monotonic()
    client.run("%restart")
    assert client.value("'heard' in globals()") == "False"
    print(f"restarted in {time.monotonic() - begin:.2f} s")
    for flood in floods:
        flood.suffer(client)
    assert sum(flood.connections for flood in floods) == 1000
    client.assert_once()
    until(lambda: client.value("1") == "1", "a cell", 5)
