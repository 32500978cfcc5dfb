"""Signals that are not the daemon's: the kernel gets them, as it would by itself."""

from __future__ import annotations

import os
import signal

import pytest

from tests.e2e import harness
from tests.e2e.harness import Kernel, Place

#: Those that would end a process that does not handle them, and some that would not.
SIGNALS = [
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGQUIT,
    signal.SIGXCPU,
    signal.SIGPWR,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGIO,
    signal.SIGWINCH,
    signal.SIGTSTP,
    signal.SIGCONT,
    signal.SIGRTMIN,
    signal.SIGRTMAX,
]
HANDLE = (
    "import signal; got = []\n"
    f"for n in {[int(n) for n in SIGNALS]}:\n"
    "    signal.signal(n, lambda number, frame: got.append(int(number)))"
)


@pytest.mark.parametrize("kind", ["plain", "wrapped"])
def test_handlers_of_the_kernel_run(place: Place, kind: harness.Kind) -> None:
    kernel = place.start(kind)
    client = kernel.client()
    client.run(HANDLE)
    pid = client.inner_pid()
    expected = []
    for number in SIGNALS:
        kernel.manager.signal_kernel(number)
        expected.append(int(number))
        harness.until(
            lambda: client.value("got") == str(expected), f"signal {number} in got"
        )
    assert client.inner_pid() == pid
    assert kernel.process.poll() is None


def test_kernel_dies_of_it_and_comes_back(place: Place) -> None:
    kernel = place.start("wrapped")
    client = kernel.client()
    cell = client.execute("print('on', flush=True); import time; time.sleep(600)")
    client.wait_for(cell, "text:on")
    kernel.manager.signal_kernel(signal.SIGUSR1)
    reply = client.finish(cell)
    assert reply["status"] == "error"
    assert "SIGUSR1" in reply["evalue"], reply
    assert client.value("6 * 7") == "42"
    assert kernel.process.poll() is None


def test_during_the_start(place: Place) -> None:
    """Once the daemon has begun nothing of this ends it."""
    kernel = place.start("wrapped")
    # The guardian is forked after the signals are caught.
    harness.until(lambda: place.children(kernel.pid), "the guardian")
    for number in (signal.SIGUSR1, signal.SIGXCPU, signal.SIGQUIT):
        os.kill(kernel.pid, number)
    client = kernel.client()
    assert client.value("6 * 7") == "42"
    assert kernel.process.poll() is None


def environment_of(kernel: Kernel) -> set[str]:
    """What the kernel's program was started with (proc_pid_environ(5))."""
    client = kernel.client()
    found = client.value("open('/proc/self/environ').read().split(chr(0))")
    names = ("JPY_PARENT_PID=", "IPYTHONDIR=")
    return {word for word in eval(found) if not word.startswith(names)}


def test_environment_without_a_locale(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel is given what the daemon was given, where it is, and no more."""
    for name in list(os.environ):
        if name == "LANG" or name.startswith("LC_"):
            monkeypatch.delenv(name)
    plain = environment_of(place.start("plain"))
    kernel = place.start("wrapped")
    # By which "ipr restart" in a cell finds the daemon.
    ours = f"IPR_CONNECTION_FILE={kernel.connection_file}"
    assert environment_of(kernel) == plain | {ours}
    assert not any(word.startswith("LC_") for word in plain)
