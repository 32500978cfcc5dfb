"""The kernels that are compared: the same ipykernel, without and with ``ipr``.

And, as a yardstick, behind ``zmq.proxy`` in C.

Knows kernelspecs, processes and ``/proc``. Must not know what is measured.
Everything that Jupyter or IPython would read or write lies in a scratch
folder, so that the machine's own settings do not take part.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
from jupyter_client.connect import write_connection_file

from tests.benchmarks.client import Client, TookTooLong

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

INNER = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
WRAPPED = [
    sys.executable,
    # A notebook folder may hold modules of any name.
    *(["-P"] if sys.version_info >= (3, 11) else []),
    *("-m", "ipr", "-f", "{connection_file}", "--resource-dir", "{resource_dir}"),
]

PLAIN_SPEC = {
    "argv": INNER,
    "display_name": "plain",
    "language": "python",
}
WRAPPED_SPEC = {
    "argv": WRAPPED,
    "display_name": "wrapped",
    "language": "python",
    "restarter_original_argv": INNER,
    "interrupt_mode": "message",
}
#: With a kernel that waits. A death counts for a second only: the next standby is not
#: started before.
STANDBY_SPEC = {
    **WRAPPED_SPEC,
    "argv": [*WRAPPED, "--standby=full", "--stable-start-time=1"],
    "display_name": "standby",
}
#: A hop that does nothing, in C: what is beyond it is ipr's own.
PROXIED_SPEC = {
    "argv": [sys.executable, "-m", "tests.benchmarks.proxied", "{connection_file}"],
    "display_name": "proxied",
    "language": "python",
}


@attrs.frozen
class Place:
    """A scratch folder with the kernelspecs, and the environment to use it.

    :ivar folder: removed at the end.
    :ivar environment: for every process that is started here.
    """

    folder: str
    environment: dict[str, str]

    @property
    def specs(self) -> str:
        """The folder that holds the kernelspecs."""
        return os.path.join(self.folder, "data", "kernels")


@contextlib.contextmanager
def scratch_place(*, self_test: bool = False) -> Iterator[Place]:
    """Make a place with kernelspecs: ``plain``, ``wrapped``, ``standby``, ``proxied``.

    The environment of this very process is set too: ``KernelManager`` has no
    other way to be told.

    :param self_test: make ``wrapped`` the same as ``plain``; what the table
        then shows beside 1.0 is noise.
    """
    folder = tempfile.mkdtemp(prefix="ipr-bench-")
    ours = {
        "JUPYTER_DATA_DIR": os.path.join(folder, "data"),
        "JUPYTER_CONFIG_DIR": os.path.join(folder, "config"),
        "JUPYTER_RUNTIME_DIR": os.path.join(folder, "runtime"),
        "IPYTHONDIR": os.path.join(folder, "ipython"),
        "JUPYTER_NO_CONFIG": "1",
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYTHONPATH": ROOT,
    }
    # A package that pip installed has its bytecode; so must this source tree,
    # or each start of the daemon, and of it alone, compiles again.
    others = ["JUPYTER_PATH", "PYTHONDONTWRITEBYTECODE"]
    before = {name: os.environ.get(name) for name in [*ours, *others]}
    for name in others:
        os.environ.pop(name, None)
    os.environ.update(ours)
    try:
        place = Place(folder, {**os.environ, "JPY_PARENT_PID": str(os.getpid())})
        os.makedirs(ours["JUPYTER_RUNTIME_DIR"], 0o700)
        specs = {
            "plain": PLAIN_SPEC,
            "wrapped": WRAPPED_SPEC,
            "standby": STANDBY_SPEC,
            "proxied": PROXIED_SPEC,
        }
        if self_test:
            specs["wrapped"] = PLAIN_SPEC
        for name, spec in specs.items():
            os.makedirs(os.path.join(place.specs, name))
            with open(
                os.path.join(place.specs, name, "kernel.json"), "w", encoding="utf-8"
            ) as file:
                json.dump(spec, file)
        yield place
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(folder, ignore_errors=True)


class Running:
    """One kernel that was started as a Jupyter server would start it.

    :param place: where its kernelspec lies.
    :param name: ``plain``, ``wrapped``, ``standby`` or ``proxied``.
    :ivar launched: ``time.perf_counter()`` just before the start.
    :ivar connection: what stands in its connection file.
    """

    def __init__(self, place: Place, name: str) -> None:
        self.name = name
        path, raw = write_connection_file(
            os.path.join(place.folder, "runtime", f"kernel-{os.urandom(6).hex()}.json")
        )
        # As LocalProvisioner leaves it: ports are strings of digits nowhere.
        self.connection: dict[str, Any] = {**raw, "key": _text(raw["key"])}
        resource_dir = os.path.join(place.specs, name)
        with open(os.path.join(resource_dir, "kernel.json"), encoding="utf-8") as file:
            argv = json.load(file)["argv"]
        fields = {"{connection_file}": path, "{resource_dir}": resource_dir}
        self._errors = tempfile.TemporaryFile(dir=place.folder)  # noqa: SIM115
        self.launched = time.perf_counter()
        self.process = subprocess.Popen(
            [fields.get(word, word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            env=place.environment,
            cwd=place.folder,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process that was started: the kernel, or the daemon."""
        return self.process.pid

    def lives(self) -> bool:
        """Whether the process that was started is still there."""
        return self.process.poll() is None

    def said(self) -> str:
        """What it wrote to stdout and stderr, the last of it."""
        self._errors.seek(0)
        return self._errors.read()[-3000:].decode(errors="replace")

    def stop(self, client: Client | None = None, patience: float = 8.0) -> None:
        """Ask it to shut down; after ``patience`` seconds kill all of it."""
        tree = [self.pid, *descendants(self.pid)]
        if client is not None and self.process.poll() is None:
            _, frames = client.request("shutdown_request", {"restart": False})
            client.control.send_multipart(frames)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        for pid in [self.pid, *descendants(self.pid), *tree]:
            # A pid of a tree that is just gone can hardly be another's yet,
            # but look: it must still be one of this scratch folder.
            if alive(pid) and (pid == self.pid or pid in tree):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait()
        deadline = time.monotonic() + patience
        while any(alive(pid) for pid in tree):
            if time.monotonic() > deadline:
                raise TookTooLong(f"the end of the processes {tree}, {patience:g} s")
            time.sleep(0.005)
        self._errors.close()


@contextlib.contextmanager
def running(place: Place, name: str) -> Iterator[tuple[Running, Client]]:
    """Start one kernel, ready for requests; stop it at the end.

    :raises TookTooLong: when it does not answer; with what it wrote.
    """
    kernel = Running(place, name)
    client = Client(kernel.connection)
    try:
        try:
            client.settle(lives=kernel.lives)
        except TookTooLong as trouble:
            raise TookTooLong(f"{name}: {trouble}\n{kernel.said()}") from None
        yield kernel, client
    finally:
        kernel.stop(client)
        client.close()


@contextlib.contextmanager
def several(
    place: Place, names: Sequence[str]
) -> Iterator[dict[str, tuple[Running, Client]]]:
    """Start one kernel of each name, all ready for requests."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(running(place, name)) for name in names}


def turns(index: int, names: Sequence[str] = ("plain", "wrapped")) -> Sequence[str]:
    """Who goes first in turn ``index``: each as often as the others."""
    first = index % len(names)
    return [*names[first:], *names[:first]]


# /proc, on Linux.


def _text(key: Any) -> str:
    return key.decode() if isinstance(key, bytes) else str(key)


def stat_fields(pid: int) -> list[str]:
    """Return the fields of ``/proc/PID/stat`` from the state on (proc(5)).

    :raises OSError: when there is no such process.
    """
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return stat_fields(pid)[0] not in "ZX"
    except (OSError, IndexError):
        return False


def descendants(pid: int) -> list[int]:
    """Return the children of ``pid``, theirs, and so on; zombies left out."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = stat_fields(int(entry))
                if fields[0] not in "ZX":
                    children.setdefault(int(fields[1]), []).append(int(entry))
    found: list[int] = []
    ahead = [pid]
    while ahead:
        below = children.get(ahead.pop(), [])
        found += below
        ahead += below
    return found


def cpu_seconds(pid: int) -> float:
    """Return the seconds of CPU, user and system, that a process has used.

    By the scheduler's own count, in nanoseconds, of the threads that live now
    (proc(5), ``schedstat``); where the system keeps none, by ticks.
    """
    if not os.path.exists("/proc/self/schedstat"):
        fields = stat_fields(pid)
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        path = f"/proc/{pid}/task/{thread}/schedstat"
        # A thread may end meanwhile; what it used is then left out.
        with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def memory(pid: int) -> dict[str, float]:
    """Return the resident memory of a process in MB (10**6 bytes).

    ``Rss`` counts shared pages in full, ``Pss`` by the number of those who
    share them (proc(5), ``smaps_rollup``).
    """
    found = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name in ("Rss", "Pss"):
                found[name] = int(rest.split()[0]) * 1024 / 1e6
    return found


def command(pid: int) -> str:
    """Return a process's command line, for reports."""
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
