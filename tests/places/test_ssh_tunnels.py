"""The Restart button of a plain kernel manager, through the tunnels of ``ssh -L``: the
daemon is behind ssh, and all that it has in common with the provisioner is the control
channel.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

import pytest
from jupyter_client.manager import KernelManager

from tests import provisioning
from tests.e2e.button import MANAGERS, Pressed, assert_usable
from tests.e2e.harness import Client, Place, until
from tests.places import kernels, recipes
from tests.places.cluster import Node

pytestmark = [pytest.mark.sshd, pytest.mark.netns]

NAME = "behind-ssh"
PAGE = "ssh.rst"


@pytest.fixture
def behind(node: Node, place: Place) -> Iterator[str]:
    """Make a kernelspec with ipr on the far side; :return: the PATH that finds ssh."""
    launcher = os.path.join(place.root, "ssh-tunnels")
    with open(launcher, "w") as file:
        file.write(recipes.block(PAGE, "ssh-tunnels").replace("node1", node.name))
    os.chmod(launcher, 0o755)
    inner = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    place.plain_spec([launcher, "{connection_file}", *inner], NAME)
    (line,) = recipes.commands(PAGE, "ssh-install-inside")
    recipes.carry_out(place, line)
    with provisioning.by_default():
        yield node.environment()["PATH"]


def pressed(kernel: Pressed, client: Client, now: bool) -> float:
    """Press the button, and look; :return: the seconds until the next cell's idle."""
    client.run("x = 1")
    pid = client.inner_pid()
    begun = time.monotonic()
    kernel.restart(now=now)
    client.run("y = 1")
    took = time.monotonic() - begun
    assert assert_usable(client, gone="x") != pid
    assert kernel.provisioner.pid == kernel.pid
    return took


@pytest.mark.parametrize("kind", MANAGERS)
def test_button_keeps_the_connection(
    node: Node, place: Place, behind: str, kind: type[KernelManager]
) -> None:
    kernel = Pressed(place, NAME, kind=kind, PATH=behind)
    client = kernel.client()
    assert kernels.host_of(client) == node.name
    (ssh,) = place.processes_called("ssh")
    took = [pressed(kernel, client, now) for now in (False, True, False)]
    print(f"the button, until the next cell's idle: {took} s")
    assert kernels.host_of(client) == node.name
    assert place.processes_called("ssh") == [ssh]
    client.fence()
    client.assert_once()
    kernel.shutdown()
    until(lambda: not place.processes(), f"the end of {place.described_processes()}")


def test_button_right_after_the_start_keeps_the_connection(
    place: Place, behind: str
) -> None:
    """The greeting and the manager's requests come by tunnels of their own."""
    kernel = Pressed(place, NAME, agreed=False, PATH=behind)
    client = kernel.client()
    kernel.restart()
    assert assert_usable(client)
    assert kernel.provisioner.pid == kernel.pid
    client.fence()
    client.assert_once()


def test_button_works_again_when_the_connection_has_been_lost(
    node: Node, place: Place, behind: str
) -> None:
    """The first restart needs a new connection; the next ones are in place again."""
    kernel = Pressed(place, NAME, PATH=behind)
    inner = kernel.client().inner_pid()
    kernel.process.kill()
    until(lambda: not kernel.is_alive(), "the end of ssh")
    kernel.restart(now=True)
    assert kernel.provisioner.pid != kernel.pid
    kernel.adopt()
    kernel.wait_until_agreed()
    client = kernel.client()
    assert client.inner_pid() != inner
    pressed(kernel, client, False)
    assert kernels.host_of(client) == node.name
