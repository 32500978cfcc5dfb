"""Kernelspecs whose command is not the kernel but something that starts it: a script
that stays, a wrapper that waits, an empty environment, a session of its own.

The same matrix as for the kernels of other languages, by itself and behind ``ipr``,
always with ipykernel.  Two fates of a launcher are decided here:

* Its end is the kernel's end, as it is for Jupyter: what it leaves running is killed.
* An interrupt goes where Jupyter's goes, to the launcher's process group. A launcher
  that dies of it is a dead kernel there; behind ``ipr`` a new one comes up.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e.harness import PATIENCE, Json, Kernel, Place, is_alive, until
from tests.kernels import verdict
from tests.kernels.rows import Rows
from tests.kernels.subjects import PYTHON_CELLS, Subject

PID = "print(__import__('os').getpid())"
KERNEL = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]

#: Launchers by name: what goes before the kernel's command, or a program that is
#: given the command as its arguments.
WORDS: dict[str, Sequence[str]] = {
    "nohup env -i": ["nohup", "env", "-i", f"PATH={os.environ['PATH']}", "HOME={home}"],
    "setsid --wait": ["setsid", "--wait"],
}
PROGRAMS = {
    # It neither replaces itself by the kernel nor passes anything on.
    "script": '#!/bin/sh\nexport STARTED_BY=$0\n"$@"\nstatus=$?\nexit $status\n',
    # "conda run" starts a script that runs the command, and collects its output.
    "conda run": (
        "#!{python}\n"
        "import subprocess, sys\n"
        "script = '. /dev/null\\n\"$@\"\\n'\n"
        "child = subprocess.Popen(['/bin/sh', '-c', script, 'sh', *sys.argv[1:]])\n"
        "child.communicate()\n"
        "sys.exit(child.returncode)\n"
    ),
    # A group of its own for the kernel, and every signal passed on to it.
    "forwarder": (
        "#!{python}\n"
        "import os, signal, subprocess, sys\n"
        "child = subprocess.Popen(sys.argv[1:], start_new_session=True)\n"
        "for number in (signal.SIGINT, signal.SIGTERM):\n"
        "    signal.signal(number, lambda number, _: os.killpg(child.pid, number))\n"
        "sys.exit(child.wait())\n"
    ),
    # Gone before the kernel has begun.
    "daemon": '#!/bin/sh\nnohup setsid "$@" >/dev/null 2>&1 &\n',
}
#: What an interrupt ends by signal, it does not by message.
BY_MESSAGE = "setsid --wait by message"
WORDS[BY_MESSAGE] = WORDS["setsid --wait"]
STAYING = [name for name in (*WORDS, *PROGRAMS) if name != "daemon"]


def argv(name: str, folder: Path) -> list[str]:
    """:return: the command of a kernelspec with this launcher."""
    if name in WORDS:
        return [word.replace("{home}", str(folder)) for word in WORDS[name]] + KERNEL
    path = folder / name.replace(" ", "-")
    path.write_text(PROGRAMS[name].replace("{python}", sys.executable))
    path.chmod(0o755)
    return [str(path), *KERNEL]


def subject(name: str, folder: Path) -> Subject:
    """:return: an ipykernel behind this launcher, as a row of the matrix."""
    content: Json = {
        "argv": argv(name, folder),
        "display_name": name,
        "language": "python",
    }
    if name == BY_MESSAGE:
        content["interrupt_mode"] = "message"
    find: Callable[[], tuple[Json, str]] = lambda: (content, "")  # noqa: E731
    return Subject(
        name.replace(" ", "-"),
        name,
        "python",
        PYTHON_CELLS,
        lambda: "",
        find,
        pid=PID,
    )


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    folder = tmp_path_factory.mktemp("launchers")
    made = Rows(subject(name, folder) for name in STAYING)
    yield made
    made.close()


@pytest.mark.parametrize("name", STAYING)
def test_never_worse(launched: Rows, name: str) -> None:
    plain, wrapped = launched.row(name.replace(" ", "-"))
    assert not plain.faults, "\n".join(plain.faults.values())
    assert not wrapped.faults, "\n".join(wrapped.faults.values())
    faults = [
        f"{check.name}: {fault}"
        for check in verdict.CHECKS
        if (
            fault := check.fault(
                plain.seen.get(check.name), wrapped.seen.get(check.name)
            )
        )
    ]
    assert not faults
    for check in verdict.SAME:
        assert wrapped.shapes[check] == plain.shapes[check]
    assert wrapped.files == []
    if name == BY_MESSAGE:
        assert wrapped.seen["interrupt"] == "stops"


@pytest.mark.parametrize("name", ["conda run", "setsid --wait", "forwarder"])
def test_daemon_killed(place: Place, tmp_path: Path, name: str) -> None:
    """Whatever the launcher did: when the daemon is gone, so is everything."""
    kernel = Kernel(place, place.wrapped_spec(argv(name, tmp_path)))
    client = kernel.client()
    inner = client.inner_pid()
    client.execute(PYTHON_CELLS.loop)
    os.kill(kernel.pid, signal.SIGKILL)
    kernel.exit_code(2)
    until(lambda: not is_alive(inner), "the kernel to go", 3)
    until(lambda: not place.processes(), "all of it to go", 3)
    until(lambda: place.leftovers() == [kernel.connection_file], "the files to go", 3)


def test_launcher_that_leaves(place: Place, tmp_path: Path) -> None:
    """It starts the kernel in the background and ends: for Jupyter that is a death.

    So it is here, but the cell says so, and no kernel is left behind.
    """
    command = argv("daemon", tmp_path)
    plain = Kernel(place, place.plain_spec(command))
    assert plain.exit_code(PATIENCE) == 0
    assert not plain.manager.is_alive()
    plain.close()

    kernel = Kernel(place, place.wrapped_spec(command))
    client = kernel.client()
    for code in ("1", "%restart", "1"):
        reply = client.finish(client.execute(code))
        assert reply["ename"] == "KernelStartError"
        assert "exited with code 0 before it was ready" in reply["evalue"]
    # The daemon and nothing else.
    until(
        lambda: [process.pid for process in place.processes()] == [kernel.pid],
        "the stray kernels to go",
        3,
    )
    kernel.shutdown()
    until(lambda: not place.processes(), "the daemon to go", 3)
    # The outer connection files are the managers' own.
    outer = {plain.connection_file, kernel.connection_file}
    assert set(place.leftovers()) <= outer
