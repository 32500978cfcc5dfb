"""remote_ikernel 0.4.6 over a real sshd, with ``ipr`` around it and on its far side."""

from __future__ import annotations

import glob
import os
import signal
import subprocess
from collections.abc import Sequence

import pytest

from tests import provisioning
from tests.e2e import harness
from tests.e2e.button import Pressed, assert_usable
from tests.e2e.harness import Client, Kernel, Place, until
from tests.places import cluster, kernels, recipes
from tests.places.cluster import Node

pytestmark = [pytest.mark.sshd, pytest.mark.netns]

PAGE = "ssh.rst"
INSIDE = "rik-install-inside"
AROUND = "rik-install-around"


def programs() -> str:
    """:return: the folder with the command ``remote_ikernel``.

    .ci/install-places makes it.
    """
    folder = os.environ.get("IPR_PLACES")
    if folder is None:
        folder = os.path.join(harness.SOURCE, ".cache", "places")
    return os.path.join(folder, "python", "bin")


@pytest.fixture(autouse=True)
def _remote_ikernel() -> None:
    if not os.path.exists(os.path.join(programs(), "remote_ikernel")):
        cluster.unavailable(f"no remote_ikernel in {programs()}: .ci/install-places")


def added(node: Node, place: Place, install: str, **fields: str) -> str:
    """Make the kernelspec as the page says; :return: its name.

    :param install: the block of the page that says how ``ipr`` is installed.
    :param fields: further fields of its kernel.json.
    """
    (line,) = recipes.commands(PAGE, "rik-add")
    # The other host shares our files, but not our folder: that is the one to be in.
    line = f"{line} --workdir={place.work}".replace("node1", node.name)
    recipes.carry_out(
        place, line, {"PATH": os.pathsep.join([programs(), os.environ["PATH"]])}
    )
    (name,) = os.listdir(place.specs)
    if fields:
        recipes.add_fields(place, name, **fields)
    (line,) = recipes.commands(PAGE, install)
    recipes.carry_out(place, line.replace("rik_ssh_node1_python", name))
    return name


#: Two options of ipykernel, of which the daemon has one as well.
WORDS = ["--InteractiveShell.autocall=2", "--log-level=ERROR"]
SEEN = (
    "from ipykernel.kernelapp import IPKernelApp as App;"
    " print(get_ipython().autocall, App.instance().log_level)"
)


def local(place: Place, install: str, words: Sequence[str]) -> Kernel:
    """Start a kernel through remote_ikernel, which goes to no other host.

    :param words: stand in its --kernel_cmd, behind the kernel's own.
    """
    (line,) = recipes.commands(PAGE, "rik-add")
    line = line.replace("--interface=ssh --host=node1", "--interface=local")
    file = "{host_connection_file}"
    line = line.replace(file, " ".join([file, *words]))
    path = os.pathsep.join([programs(), os.environ["PATH"]])
    recipes.carry_out(place, f"{line} --workdir={place.work}", {"PATH": path})
    (name,) = os.listdir(place.specs)
    (line,) = recipes.commands(PAGE, install)
    recipes.carry_out(place, line.replace("rik_ssh_node1_python", name))
    return Kernel(place, name, {"PATH": path})


@pytest.mark.nightly
@pytest.mark.parametrize("install", [INSIDE, AROUND], ids=["inside", "around"])
def test_words_behind_the_kernels_own_reach_each_kernel(
    place: Place, install: str
) -> None:
    """Those of --kernel_cmd; ipr takes none of them for its own."""
    client = local(place, install, WORDS).client()
    for _ in range(2):
        assert client.text(client.run(SEEN)) == "2 40\n"
        pid = client.inner_pid()
        client.run("%restart")
        assert client.inner_pid() != pid
    assert client.text(client.run(SEEN)) == "2 40\n"


def test_words_that_a_client_appends_are_nothing_for_remote_ikernel() -> None:
    """So says the page: it ends, as it does without ipr, before there is any kernel."""
    words = ["--interface=local", "/nowhere.json", *WORDS]
    program = os.path.join(programs(), "remote_ikernel")
    ran = subprocess.run(
        [program, *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 2
    assert "unrecognized arguments: --InteractiveShell.autocall=2" in ran.stderr


def start(node: Node, place: Place, install: str, **fields: str) -> Client:
    """Start a kernel on the node; :return: a client."""
    name = added(node, place, install, **fields)
    client = Kernel(place, name, node.environment()).client()
    assert kernels.host_of(client) == node.name
    return client


def connections(place: Place) -> set[int]:
    """:return: the process ids of the ssh processes."""
    return {process.pid for process in place.processes_called("ssh")}


def kernel_processes(place: Place) -> list[str]:
    """:return: what runs, apart from the "sleep 600" that holds the tunnels open.

    remote_ikernel leaves one on the node for every connection; it ends by itself.
    """
    return [
        line for line in place.described_processes() if not line.endswith("sleep 600")
    ]


def test_inside_the_connection_stays(node: Node, place: Place) -> None:
    client = start(node, place, INSIDE)
    before, pid = connections(place), client.inner_pid()
    assert len(before) >= 2, "one for the shell, one for the tunnels"
    for _ in range(2):
        client.run("%restart")
        assert client.inner_pid() != pid
        pid = client.inner_pid()
    assert kernels.host_of(client) == node.name
    assert connections(place) == before


def test_button_goes_through_the_tunnels(node: Node, place: Place) -> None:
    """The provisioner is here, the daemon there; the connection stays."""
    with provisioning.by_default():
        name = added(node, place, INSIDE)
        kernel = Pressed(place, name, PATH=node.environment()["PATH"])
    client = kernel.client()
    before = connections(place)
    assert len(before) >= 2, "one for the shell, one for the tunnels"
    for now in (True, True, False):
        client.run("x = 1")
        pid = client.inner_pid()
        kernel.restart(now=now)
        assert assert_usable(client, gone="x") != pid
        assert kernel.provisioner.pid == kernel.pid
    assert kernels.host_of(client) == node.name
    assert connections(place) == before
    client.fence()
    client.assert_once()


def test_around_the_connection_is_made_anew(node: Node, place: Place) -> None:
    client = start(node, place, AROUND)
    before, pid = connections(place), client.inner_pid()
    client.run("%restart")
    assert client.inner_pid() != pid
    assert kernels.host_of(client) == node.name
    after = connections(place)
    assert len(after) == len(before)
    assert not after & before
    # The old kernel is not left on the node.
    until(lambda: not harness.is_alive(pid), f"the end of {pid}")


@pytest.mark.parametrize(
    ("install", "fields"),
    [
        pytest.param(INSIDE, {}, id="inside"),
        pytest.param(AROUND, {"interrupt_mode": "message"}, id="around-by-message"),
    ],
)
def test_interrupt(
    node: Node, place: Place, install: str, fields: dict[str, str]
) -> None:
    """Early ones too: a message does not meet remote_ikernel."""
    client = start(node, place, install, **fields)
    pid = client.inner_pid()
    cell = client.execute("import time\nprint('on', flush=True)\ntime.sleep(60)")
    client.wait_for(cell, "text:on")
    reply = client.finish(harness.interrupt_by_message(client), cell)
    assert reply["ename"] == "KeyboardInterrupt"
    assert client.inner_pid() == pid


def test_an_early_signal_ends_remote_ikernel_and_not_the_session(
    node: Node, place: Place
) -> None:
    """Its own fault; ipr around it starts it again, and says what came of the cell."""
    client = start(node, place, AROUND)
    pid = client.inner_pid()
    cell = client.execute("import time\nprint('on', flush=True)\ntime.sleep(60)")
    client.wait_for(cell, "text:on")
    client.finish(harness.interrupt_by_message(client), cell, within=30.0)
    (reply,) = client.replies(cell)
    assert reply.content["ename"] == "DeadKernelError"
    assert client.inner_pid() != pid
    until(lambda: not harness.is_alive(pid), f"the end of {pid}")
    client.fence()
    client.assert_once()


@pytest.mark.parametrize("hard", [False, True], ids=["shutdown", "kill"])
@pytest.mark.parametrize("install", [INSIDE, AROUND], ids=["inside", "around"])
def test_nothing_is_left(node: Node, place: Place, install: str, hard: bool) -> None:
    client = start(node, place, install)
    kernel = client.kernel
    assert kernel is not None
    if hard:
        os.killpg(kernel.pid, signal.SIGKILL)
    else:
        kernel.shutdown()
    until(
        lambda: not kernel_processes(place),
        f"the end of {place.described_processes()}",
    )
    until(
        lambda: set(place.leftovers()) <= {kernel.connection_file},
        f"the end of {place.leftovers()}",
    )
    # That of remote_ikernel itself is not ipr's.
    print(glob.glob(os.path.join(place.work, "*")))
