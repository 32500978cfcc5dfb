"""The Restart button when something goes wrong: it is bounded, nothing is left over,
and there is a kernel afterwards, or a sentence that says why not.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from jupyter_client.manager import AsyncKernelManager, KernelManager

from tests.e2e import harness
from tests.e2e.button import MANAGERS, Pressed, assert_usable
from tests.e2e.harness import Place

pytestmark = pytest.mark.usefixtures("in_place")

#: Seconds until the manager has given up a process that hangs, two for our question
#: included, and some for a machine that is busy.
GIVEN_UP = 2.0 + 5.0 + 4.0


def assert_nothing_left(place: Place, within: float = 10.0) -> None:
    harness.until(
        lambda: not place.processes(),
        f"the end of every process: {place.described_processes()}",
        within,
    )
    harness.until(lambda: not place.leftovers(), f"no files: {place.leftovers()}", 5)


@pytest.mark.parametrize("now", [False, True])
def test_hanging_daemon_is_replaced(place: Place, now: bool) -> None:
    kernel = Pressed(place)
    client = kernel.client()
    inner = client.inner_pid()
    os.kill(kernel.pid, signal.SIGSTOP)
    assert kernel.restart(now=now) < GIVEN_UP
    assert kernel.provisioner.pid != kernel.pid
    harness.until(lambda: not harness.is_alive(kernel.pid), "the end of the daemon")
    harness.until(lambda: not harness.is_alive(inner), "the end of its kernel")
    kernel.adopt()
    kernel.wait_until_agreed()
    new = kernel.client()
    new.run("x = 1")
    kernel.restart(now=now)
    assert_usable(new, gone="x")
    assert kernel.provisioner.pid == kernel.pid
    kernel.shutdown()
    assert_nothing_left(place)


@pytest.mark.parametrize("now", [False, True])
def test_dead_daemon_is_replaced(place: Place, now: bool) -> None:
    kernel = Pressed(place)
    kernel.client().run("x = 1")
    os.kill(kernel.pid, signal.SIGKILL)
    harness.until(lambda: not harness.is_alive(kernel.pid), "the end of the daemon")
    assert kernel.restart(now=now) < 2.0
    assert kernel.provisioner.pid != kernel.pid
    kernel.adopt()
    kernel.wait_until_agreed()
    client = kernel.client()
    kernel.restart(now=now)
    assert_usable(client)
    assert kernel.provisioner.pid == kernel.pid


def test_kernel_that_cannot_start_says_why_and_can_be_mended(place: Place) -> None:
    """The restart itself succeeds, and the next cell says what is wrong."""
    link = os.path.join(place.root, "python")
    os.symlink(sys.executable, link)
    script = os.path.join(place.root, "kernel")
    words = f'exec {sys.executable} -m ipykernel_launcher -f "$1"'
    with open(script, "w") as file:
        file.write(f"#!/bin/sh\n{words}\n")
    os.chmod(script, 0o755)
    kernel = Pressed(place, place.wrapped_spec([script, "{connection_file}"]))
    client = kernel.client()
    client.run("x = 1")
    os.rename(script, script + ".away")
    kernel.restart()
    failed = client.execute("1")
    reply = client.finish(failed)
    assert reply["status"] == "error"
    assert "command not found" in reply["evalue"]
    os.rename(script + ".away", script)
    kernel.restart()
    assert_usable(client, gone="x")
    assert kernel.provisioner.pid == kernel.pid
    client.fence()
    client.assert_once()


@pytest.mark.parametrize("how", [{"extra_arguments": ["--quiet"]}, {"umask": 0o77}])
def test_other_arguments_need_another_process(
    place: Place, how: dict[str, object]
) -> None:
    kernel = Pressed(place)
    old = kernel.process
    kernel.restart(**how)
    assert kernel.provisioner.pid != kernel.pid
    assert old.returncode is not None
    kernel.adopt()
    assert_usable(kernel.client())


@pytest.mark.parametrize("now", [False, True])
def test_other_ports_need_another_process(place: Place, now: bool) -> None:
    class Fresh(AsyncKernelManager):
        def __init__(self, **traits: Any) -> None:
            super().__init__(cache_ports=False, **traits)

    kernel = Pressed(place, kind=Fresh)
    before = kernel.manager.ports
    kernel.restart(now=now, newports=True)
    assert not set(before) & set(kernel.manager.ports)
    assert kernel.provisioner.pid != kernel.pid
    harness.until(lambda: not harness.is_alive(kernel.pid), "the end of the daemon")
    kernel.adopt()
    kernel.wait_until_agreed()
    client = kernel.client()
    kernel.restart(now=now)
    assert_usable(client)
    assert kernel.provisioner.pid == kernel.pid


def test_plain_provisioner_ends_the_process_as_ever(place: Place) -> None:
    """And the daemon of a client that restarts by itself ends as well."""
    kernel = Pressed(place)
    client = kernel.client()
    client.send("shutdown_request", {"restart": True}, "control")
    kernel.exit_code(5)


@pytest.mark.parametrize("kind", MANAGERS)
@pytest.mark.parametrize("now", [False, True])
def test_shutdown_right_after_it(
    place: Place, kind: type[KernelManager], now: bool
) -> None:
    for first in (False, True):
        kernel = Pressed(place, kind=kind)
        kernel.restart(now=first)
        begin = time.monotonic()
        kernel.do(kernel.manager.shutdown_kernel(now=now))
        assert time.monotonic() - begin < 2.4
        assert not kernel.is_alive()
    assert_nothing_left(place)


def test_shutdown_for_a_restart_that_never_comes(place: Place) -> None:
    kernel = Pressed(place, kind=AsyncKernelManager)
    for then in (False, True):
        kernel.do(kernel.manager.shutdown_kernel(restart=True))
        assert harness.is_alive(kernel.pid)
        kernel.do(kernel.manager.start_kernel(**kernel.launch_arguments()))
        assert kernel.provisioner.pid == kernel.pid
        assert_usable(kernel.client())
        if then:
            kernel.do(kernel.manager.shutdown_kernel(restart=True))
            kernel.do(kernel.manager.shutdown_kernel(now=True))
    assert_nothing_left(place)


def test_two_calls_of_a_blocking_manager(place: Place) -> None:
    """Each is a task of its own: what the first knew, the second does not."""
    kernel = Pressed(place, kind=KernelManager)
    kernel.manager.shutdown_kernel(restart=True)
    kernel.manager.start_kernel(**kernel.launch_arguments())
    harness.until(lambda: not harness.is_alive(kernel.pid), "the end of the daemon")
    kernel.adopt()
    assert_usable(kernel.client())
    kernel.shutdown()
    assert_nothing_left(place)


OWNER = """
import sys, time
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from tests import provisioning
with provisioning.by_default():
    specs = KernelSpecManager(kernel_dirs=[sys.argv[1]], ensure_native_kernel=False)
    manager = KernelManager(kernel_name=sys.argv[2], kernel_spec_manager=specs)
    manager.start_kernel()
    pid = manager.provisioner.pid
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    manager.restart_kernel()
    client.kernel_info(reply=True, timeout=60)
    print(pid == manager.provisioner.pid, flush=True)
    time.sleep(600)
"""


def test_nothing_is_left_of_a_manager_that_is_killed(place: Place) -> None:
    name = place.wrapped_spec()
    owner = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", OWNER, place.specs, name],
        env=place.environment(),
        cwd=place.work,
        stdout=subprocess.PIPE,
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"True\n"
    owner.kill()
    owner.wait()
    owner.stdout.close()
    harness.until(
        lambda: not place.processes(),
        f"the end of every process: {place.described_processes()}",
        8,
    )
