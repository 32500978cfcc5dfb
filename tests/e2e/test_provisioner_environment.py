"""The Restart button takes along what has changed around the kernel: environment
variables and the folder.
"""

from __future__ import annotations

import json
import os

import pytest

from tests.e2e import harness
from tests.e2e.button import Pressed
from tests.e2e.harness import Client, Place

pytestmark = pytest.mark.usefixtures("in_place")


def variable(client: Client, name: str) -> str:
    return client.value(f"__import__('os').environ.get({name!r})")


def folder(client: Client) -> str:
    return client.value("__import__('os').getcwd()")


def test_variables_are_added_changed_and_removed(place: Place) -> None:
    kernel = Pressed(place, CHANGED="1", REMOVED="1")
    client = kernel.client()
    parent = variable(client, "JPY_PARENT_PID")
    env = kernel.launch_arguments()["env"]
    del env["REMOVED"]
    kernel.restart(env={**env, "CHANGED": "2", "ADDED": "ü"})
    assert variable(client, "CHANGED") == "2"
    assert variable(client, "ADDED") == "ü"
    assert variable(client, "REMOVED") == "None"
    # The guardian's, as ever: a new one for each kernel.
    assert variable(client, "JPY_PARENT_PID") not in (parent, str(os.getpid()))
    # Kept for later ones, whoever restarts; and back again when the manager says so.
    client.run("%restart")
    assert variable(client, "CHANGED") == "2"
    kernel.restart()
    assert variable(client, "ADDED") == "ü"
    kernel.restart(env={**env, "REMOVED": "1"})
    assert variable(client, "ADDED") == "None"
    assert variable(client, "REMOVED") == "1"
    assert kernel.provisioner.pid == kernel.pid


def test_reset_does_not_bring_the_old_ones_back(place: Place) -> None:
    kernel = Pressed(place, NAME="old")
    client = kernel.client()
    env = kernel.launch_arguments()["env"]
    client.run("%restart --env OWN=1")
    kernel.restart(env={**env, "NAME": "new"})
    assert variable(client, "OWN") == "1"
    client.run("%restart --reset")
    assert variable(client, "OWN") == "None"
    assert variable(client, "NAME") == "new"


def test_folder_that_is_there_is_entered(place: Place) -> None:
    kernel = Pressed(place)
    client = kernel.client()
    new = os.path.join(place.root, "other")
    os.mkdir(new)
    kernel.restart(cwd=new)
    assert folder(client) == new
    client.run("%restart")
    assert folder(client) == new
    assert kernel.provisioner.resolve_path("x") is None
    assert kernel.provisioner.pid == kernel.pid


def test_folder_that_is_missing_leaves_it_where_it_is(place: Place) -> None:
    """A kernel on another machine need not see the server's folders."""
    kernel = Pressed(place)
    client = kernel.client()
    kernel.restart(cwd="/nowhere/at/all")
    assert folder(client) == place.work
    assert kernel.provisioner.pid == kernel.pid
    assert kernel.is_alive()


#: As ssh and sshd: a process that stays between the two, and a session and an
#: environment of the far side's own.
FAR = """\
#!/bin/sh
setsid --wait env -i PATH="$PATH" HOME="$HOME" TMPDIR="$TMPDIR" \
    IPR_TEST_MARK="$IPR_TEST_MARK" OWN=1 "$@"
exit $?
"""


def test_kernel_on_a_far_side_gets_what_changes_and_no_more(place: Place) -> None:
    wrapper = os.path.join(place.root, "far")
    with open(wrapper, "w") as file:
        file.write(FAR)
    os.chmod(wrapper, 0o755)
    name = place.wrapped_spec()
    path = os.path.join(place.specs, name, "kernel.json")
    with open(path) as file:
        spec = json.load(file)
    place.spec({**spec, "argv": [wrapper, *spec["argv"]]}, "far")
    kernel = Pressed(place, "far", NEAR="1", JPY_SESSION_NAME="old.ipynb")
    client = kernel.client()
    (daemon,) = place.children(kernel.pid)
    env = kernel.launch_arguments()["env"]
    for now in (False, True):
        pid = client.inner_pid()
        kernel.restart(now=now, env={**env, "JPY_SESSION_NAME": f"{now}.ipynb"})
        assert client.inner_pid() != pid
        assert variable(client, "JPY_SESSION_NAME") == f"{now}.ipynb"
        assert variable(client, "NEAR") == "None"
        assert variable(client, "OWN") == "1"
    assert kernel.provisioner.pid == kernel.pid
    assert harness.is_alive(daemon)
    client.fence()
    client.assert_once()
    kernel.shutdown()
    harness.until(
        lambda: not place.processes(), f"the end of {place.described_processes()}"
    )
