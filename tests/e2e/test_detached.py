"""``--keep-detached``: what a cell has started in a session of its own goes on.

After a restart and a crash; never after the daemon, however that ends.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence

import psutil
import pytest

from tests.e2e import harness
from tests.e2e.button import Pressed
from tests.e2e.harness import Client, Kernel, Place, is_alive
from tests.e2e.situations import standby_status

SLEEP = "sleep = [sys.executable, '-c', 'import time; time.sleep(600)']"
#: A worker in the kernel's session; one in a session of its own, with a child.
START = f"""\
import subprocess, sys
{SLEEP}
plain = subprocess.Popen(sleep)
child = "import subprocess, sys; " + {SLEEP!r} + "; print(subprocess.Popen("
child += "sleep, stdout=subprocess.DEVNULL).pid, flush=True); input()"
detached = subprocess.Popen(
    [sys.executable, "-c", child], start_new_session=True,
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
)
below = int(detached.stdout.readline())
"""
#: Does not mind that its standard input ends.
START = START.replace("input()", "__import__('time').sleep(600)")

Workers = tuple[int, int, int]


def start(client: Client) -> Workers:
    """Start them; their pids: in the session, detached, below that."""
    cell = client.run(START + "print(plain.pid, detached.pid, below)")
    plain, detached, below = map(int, client.text(cell).split())
    return plain, detached, below


def assert_kept(workers: Workers) -> None:
    plain, *kept = workers
    harness.until(lambda: not is_alive(plain), f"the end of the worker {plain}", 5)
    assert all(map(is_alive, kept)), kept


def assert_gone(place: Place, pids: Sequence[int]) -> None:
    harness.until(lambda: not any(map(is_alive, pids)), f"the end of {tuple(pids)}", 10)
    harness.until(lambda: not place.processes(), "the end of everything", 10)


@pytest.fixture
def kernel(place: Place) -> Kernel:
    return place.start("wrapped", options=["--keep-detached"])


@pytest.fixture
def usual(place: Place) -> Kernel:
    return place.start("wrapped")


def crash(client: Client) -> None:
    client.finish(client.execute("import os, signal\nos.kill(os.getpid(), 11)"))


def restart(client: Client) -> None:
    client.run("%restart")


def restart_now(client: Client) -> None:
    client.run("%restart now")


@pytest.mark.parametrize(
    "end",
    [pytest.param(restart, marks=pytest.mark.core), crash],
    ids=lambda end: str(end.__name__),
)
def test_detached_process_goes_on(
    place: Place, kernel: Kernel, client: Client, end: Callable[[Client], None]
) -> None:
    workers = start(client)
    old = client.inner_pid()
    end(client)
    assert client.inner_pid() != old
    assert_kept(workers)
    cell = client.execute("%ipr status")
    client.finish(cell)
    shown = client.shown(cell)
    assert "2 of earlier kernels" in shown, shown
    kernel.shutdown()
    assert_gone(place, workers)


def test_it_goes_on_when_a_standby_takes_over(place: Place) -> None:
    options = ["--keep-detached", "--standby=full"]
    kernel = place.start("wrapped", options=options)
    client = kernel.client()
    for end in (restart, crash):
        workers = start(client)
        harness.until(
            lambda: standby_status(client).startswith("ready"), "the standby", 30.0
        )
        standby = standby_status(client).partition("pid ")[2].partition(",")[0]
        end(client)
        assert str(client.inner_pid()) == standby
        assert_kept(workers)
    kernel.shutdown()
    assert_gone(place, workers)


@pytest.mark.usefixtures("in_place")
def test_it_goes_on_when_the_button_is_pressed(place: Place) -> None:
    kernel = Pressed(place, options=["--keep-detached"])
    client = kernel.client()
    workers = start(client)
    old = client.inner_pid()
    for now in (False, True):
        kernel.restart(now=now)
        assert client.inner_pid() != old
        assert_kept(workers)
    kernel.shutdown()
    assert_gone(place, workers)


def test_it_goes_on_over_several_restarts(
    place: Place, kernel: Kernel, client: Client
) -> None:
    first = start(client)
    restart_now(client)
    second = start(client)
    restart(client)
    crash(client)
    for workers in (first, second):
        assert_kept(workers)
    kernel.shutdown()
    assert_gone(place, (*first, *second))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_daemon(
    place: Place, kernel: Kernel, client: Client, number: int
) -> None:
    workers = start(client)
    restart(client)
    assert_kept(workers)
    os.kill(kernel.pid, number)
    assert_gone(place, workers)


def test_it_ends_with_the_guardian_that_kept_it(
    place: Place, kernel: Kernel, client: Client
) -> None:
    """Nobody could end it with the daemon, otherwise."""
    workers = start(client)
    guardian = psutil.Process(client.inner_pid()).ppid()
    restart(client)
    assert_kept(workers)
    os.kill(guardian, signal.SIGKILL)
    harness.until(lambda: not any(map(is_alive, workers)), "the end of what it kept", 5)
    assert client.value("6 * 7") == "42"


def test_it_gets_sigterm_before_the_daemon_ends(
    place: Place, kernel: Kernel, client: Client
) -> None:
    mark = os.path.join(place.work, "tidied")
    code = (
        "import os, signal, time\n"
        f"def tidy(*_): open({mark!r}, 'w').close(); os._exit(0)\n"
        "signal.signal(signal.SIGTERM, tidy)\n"
        "print('on', flush=True); time.sleep(600)"
    )
    client.run(
        "import subprocess, sys\n"
        f"one = subprocess.Popen([sys.executable, '-c', {code!r}],"
        " start_new_session=True, stdout=subprocess.PIPE)\n"
        "one.stdout.readline()"
    )
    restart(client)
    assert not os.path.exists(mark)
    kernel.shutdown()
    assert os.path.exists(mark)
    assert_gone(place, ())


def test_one_restart_may_spare_it(place: Place, usual: Kernel) -> None:
    """The next one does not, of its own kernel's."""
    client = usual.client()
    first = start(client)
    client.run("%restart --keep-detached")
    assert_kept(first)
    second = start(client)
    client.run("%restart")
    harness.until(lambda: not any(map(is_alive, second)), "the end of the second", 5)
    assert_kept(first)
    usual.shutdown()
    assert_gone(place, first)


def test_code_may_ask_for_it(place: Place, usual: Kernel) -> None:
    client = usual.client()
    workers = start(client)
    old = client.inner_pid()
    client.run("import ipr; ipr.restart(keep_detached=True)")
    harness.until(lambda: client.inner_pid() != old, "the restart")
    assert_kept(workers)
    usual.shutdown()
    assert_gone(place, workers)
