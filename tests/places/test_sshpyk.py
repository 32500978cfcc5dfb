"""A kernel that sshpyk starts on a host with a loopback of its own, by a real sshd, as
the page says: ``ipr`` is over there, and not here.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.harness import Place, until
from tests.places import cluster, ordinary, recipes
from tests.places.cluster import Node
from tests.places.sessions import IDS

pytestmark = [pytest.mark.launcher, pytest.mark.sshd, pytest.mark.netns]

PAGE = "howto/sshpyk.rst"
SESSION = os.path.join(os.path.dirname(__file__), "sshpyk_session.py")


def far_runtime(node: Node) -> str:
    """:return: the folder of connection files over there."""
    return os.path.join(node.base, "home", ".local", "share", "jupyter", "runtime")


@pytest.fixture
def over_there(node: Node) -> Iterator[str]:
    """Make the kernelspec, with ipr on it; :return: the interpreter over there."""
    kernels = ordinary.environment("kernels", "install-sshpyk")
    ordinary.put_ipr_into(kernels)
    python = f"{kernels}/bin/python"
    os.makedirs(far_runtime(node), mode=0o700)
    data = os.path.dirname(far_runtime(node))
    folder = os.path.join(data, "kernels", "python-there")
    os.makedirs(folder)
    argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "there", "language": "python"}
    with open(os.path.join(folder, "kernel.json"), "w") as file:
        json.dump(spec, file)
    (line,) = recipes.commands(PAGE, "sshpyk-install", python)
    cluster.command(f"{node.base}/bin/ssh", node.name, line)
    yield python
    shutil.rmtree(data)


@pytest.fixture
def environment(node: Node, place: Place, over_there: str) -> Iterator[dict[str, str]]:
    """Add the kernelspec here, as the page says; :return: for sshpyk's programs."""
    programs = os.path.join(ordinary.environment("sshpyk"), "bin")
    config = os.path.join(place.root, "ssh_config")
    text = recipes.block(PAGE, "sshpyk-config").replace("node1", node.name)
    # The name of a Unix socket is short.
    text = text.replace("~/.ssh", node.base).replace("User me", "User root")
    with open(f"{node.base}/ssh_config") as ours, open(config, "w") as file:
        file.write(f"{text}\n{ours.read()}")
    variables = {
        "PATH": os.pathsep.join([programs, os.environ["PATH"]]),
        "PYTHONPATH": "",
    }
    (line,) = recipes.commands(PAGE, "sshpyk-add", over_there)
    line = line.replace("node1", node.name) + f" --ssh-config {config}"
    recipes.carry_out(place, line, variables)
    yield place.environment(**variables)
    cluster.command("ssh", "-F", config, "-O", "exit", node.name)


def test_restart_in_place_interrupt_crash_button_and_nothing_is_left(
    node: Node, place: Place, environment: dict[str, str]
) -> None:
    said = cluster.command(
        "python", SESSION, "sshpy", IDS, within=180.0, environment=environment
    )
    told = json.loads(said.splitlines()[-1])
    print(told)
    assert told["host"] == node.name
    (first, daemon), (second, same) = told["first"], told["in place"]
    assert (second != first, same) == (True, daemon)
    assert told["x"] == "False"
    assert told["interrupted"] == "KeyboardInterrupt"
    assert "DeadKernelError" in told["aborted"]
    third, same = told["after it"]
    assert (third != second, same) == (True, daemon)
    # Restart is sshpyk's own: a new daemon as well.
    (fourth, other), (fifth, same) = told["button"], told["again"]
    assert other != daemon
    assert (fifth != fourth, same) == (True, other)

    def left() -> list[str]:
        lines = place.described_processes()
        return [line for line in lines if "[mux]" not in line]

    until(lambda: not left(), f"the end of {left()}")
    assert place.leftovers() == []
    assert os.listdir(far_runtime(node)) == []
