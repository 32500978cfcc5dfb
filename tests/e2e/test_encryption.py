"""An inner kernel on tcp is encrypted where its kernelspec says that it can."""

from __future__ import annotations

import json
import socket

import pytest

from tests.e2e.harness import PATIENCE, Kernel, Place


def speaks(port: int, mechanism: bytes) -> bool:
    """Say whether a socket goes on with a peer of that mechanism.

    ZMTP 3.1, "Greeting": 64 bytes, of which the mechanism is 12 to 31; a peer with
    another one is hung up on.
    """
    greeting = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x01" + mechanism.ljust(20, b"\0")
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as peer:
        peer.sendall(greeting.ljust(64, b"\0"))
        said = b""
        while len(said) < 32 and (chunk := peer.recv(64)):
            said += chunk
    return said[12:32].rstrip(b"\0") == mechanism


@pytest.mark.parametrize("encrypts", [True, False])
def test_as_the_kernelspec_declares(place: Place, encrypts: bool) -> None:
    """On each port, the heartbeat's apart, of the first kernel and of the next."""
    name = place.wrapped_spec(
        options=["--inner-transport", "tcp"],
        metadata={"supported_encryption": ["curve"] if encrypts else []},
    )
    client = Kernel(place, name).client()
    for _ in range(2):
        path = client.value("__import__('ipykernel').get_connection_file()")
        with open(path) as file:
            info = json.load(file)
        assert info["transport"] == "tcp"
        for channel in ("shell", "control", "stdin", "iopub"):
            port = info[f"{channel}_port"]
            assert speaks(port, b"CURVE") == encrypts, channel
            assert speaks(port, b"NULL") != encrypts, channel
        client.run("%restart")
