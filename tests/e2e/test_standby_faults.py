"""A kernel that waits for its turn, and everything that can befall it.

Whatever dies, at whatever moment: each request gets one reply and one idle, the next
cell runs in a kernel that is what a new one would be, and nothing is left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e import harness
from tests.e2e.button import Pressed
from tests.e2e.environment import Environment
from tests.e2e.harness import Client, Kernel, Place, until

#: How a kernel's command line is told from its guardian's.
LAUNCHER = "ipykernel_launcher"
OPTIONS = ["--standby=full"]

LOOK = "print(__import__('os').getpid(), 'x' in globals())"


class Wrapped:
    """A kernel with a standby, and one client.

    :ivar pid: of the kernel that runs.
    """

    def __init__(
        self, place: Place, started: tuple[Kernel, Client] | None = None
    ) -> None:
        self.place = place
        if started is None:
            kernel = place.start("wrapped", OPTIONS)
            started = kernel, kernel.client()
        self.kernel, self.client = started
        self.pid = self.client.inner_pid()
        self._earlier: set[int] = set()
        self.client.run("x = 1")

    def kernels(self) -> set[int]:
        """:return: the kernels that there are, in whatever state."""
        found = set()
        for process in self.place.processes():
            with contextlib.suppress(psutil.Error):
                if LAUNCHER in process.cmdline():
                    found.add(process.pid)
        return found

    def booting(self) -> int:
        """Wait until a standby has been started; :return: its pid."""

        # What has run cells may still end.
        self._earlier.add(self.pid)

        def found() -> int:
            there = self.kernels()
            # The system uses the numbers of those that have gone again.
            self._earlier &= there
            others = there - self._earlier
            return others.pop() if len(others) == 1 else 0

        pid = until(found, "a standby")
        assert isinstance(pid, int)
        return pid

    def waiting(self) -> int:
        """Wait until a standby has come up; :return: its pid."""
        while True:
            pid = self.booting()
            try:
                process = psutil.Process(pid)
                before = -1.0
                while (now := sum(process.cpu_times()[:2])) != before or now < 0.2:
                    before = now
                    time.sleep(0.5)
            except psutil.Error:
                continue
            return pid

    def restart(self, magic: str = "%restart") -> int:
        """Restart, and look at the new kernel; :return: its pid.

        Twice the outputs are looked at: of the rest of the cell, and of the next one.
        """
        first = self.client.run(f"{magic}\n{LOOK}")
        second = self.client.run(LOOK)
        *_, said = self.client.text(first).splitlines()
        assert said == self.client.text(second).strip()
        pid, x = said.split()
        assert x == "False"
        assert int(pid) != self.pid
        self._earlier.add(self.pid)
        self.pid = int(pid)
        return self.pid


@pytest.fixture
def wrapped(place: Place) -> Iterator[Wrapped]:
    made = Wrapped(place)
    yield made
    # Whatever the test did: all that was asked got its answers.
    made.client.fence()
    made.client.assert_once()


def guardian_of(pid: int) -> int:
    parent = psutil.Process(pid).ppid()
    assert parent not in (1, os.getpid())
    return parent


def assert_nothing_left(place: Place) -> None:
    until(lambda: not place.processes(), f"the end of {place.described_processes()}")
    assert place.leftovers() == []


def test_it_takes_over_and_another_one_is_started(wrapped: Wrapped) -> None:
    for _ in range(2):
        standby = wrapped.waiting()
        assert wrapped.restart() == standby


@pytest.mark.parametrize("magic", ["%restart", "%restart now"])
def test_one_that_still_starts_takes_over(wrapped: Wrapped, magic: str) -> None:
    standby = wrapped.booting()
    assert wrapped.restart(magic) == standby


def test_crash_hands_over(wrapped: Wrapped) -> None:
    standby = wrapped.waiting()
    dies = wrapped.client.execute("import os; os.kill(os.getpid(), 9)")
    after = wrapped.client.execute(LOOK)
    wrapped.client.finish(dies, after)
    assert wrapped.client.replies(dies)[0].content["status"] == "error"
    look = wrapped.client.run(LOOK)
    assert wrapped.client.text(look).split() == [str(standby), "False"]


@pytest.mark.usefixtures("in_place")
@pytest.mark.parametrize("now", [False, True])
@pytest.mark.parametrize("moment", ["booting", "waiting"])
def test_restart_button_hands_over(place: Place, moment: str, now: bool) -> None:
    """What a server's kernel manager starts a kernel with is what the standby has."""
    kernel = Pressed(place, options=OPTIONS)
    wrapped = Wrapped(place, started=(kernel, kernel.client()))
    standby = wrapped.booting() if moment == "booting" else wrapped.waiting()
    kernel.restart(now=now)
    assert wrapped.client.value("'x' in globals()") == "False"
    assert wrapped.client.inner_pid() == standby
    wrapped.client.fence()
    wrapped.client.assert_once()


@pytest.mark.usefixtures("in_place")
def test_other_environment_of_the_button_is_a_new_kernels(place: Place) -> None:
    kernel = Pressed(place, options=OPTIONS)
    wrapped = Wrapped(place, started=(kernel, kernel.client()))
    standby = wrapped.waiting()
    kernel.restart(env={**kernel.launch_arguments()["env"], "IPR_X": "5"})
    assert wrapped.client.value("__import__('os').environ['IPR_X']") == "5"
    assert wrapped.client.inner_pid() != standby


@pytest.mark.parametrize("moment", ["booting", "waiting"])
def test_restart_from_a_terminal_hands_over(wrapped: Wrapped, moment: str) -> None:
    standby = wrapped.booting() if moment == "booting" else wrapped.waiting()
    environment = {**os.environ, **wrapped.place.environment()}
    done = subprocess.run(
        [sys.executable, "-m", "ipr", "restart", str(wrapped.kernel.pid)],
        env=environment,
        timeout=60,
    )
    assert done.returncode == 0
    assert wrapped.client.value("'x' in globals()") == "False"
    assert wrapped.client.inner_pid() == standby


def test_crash_while_it_starts(wrapped: Wrapped) -> None:
    wrapped.booting()
    dies = wrapped.client.execute("import os; os.kill(os.getpid(), 9)")
    wrapped.client.finish(dies)
    assert wrapped.client.value("'x' in globals()") == "False"
    until(lambda: len(wrapped.kernels()) == 1, "one kernel")


@pytest.mark.parametrize("victim", ["kernel", "guardian", "both"])
@pytest.mark.parametrize("moment", ["booting", "waiting"])
def test_standby_that_dies_is_no_loss(
    wrapped: Wrapped, victim: str, moment: str
) -> None:
    standby = wrapped.booting() if moment == "booting" else wrapped.waiting()
    guardian = guardian_of(standby)
    before = len(wrapped.client.received)
    victims = {"kernel": [standby], "guardian": [guardian], "both": [guardian, standby]}
    for pid in victims[victim]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not harness.is_alive(standby), "the end of the standby")
    assert wrapped.client.value("x") == "1"
    others = [
        message
        for message in wrapped.client.received[before:]
        if message.parent.get("msg_type") not in ("execute_request",)
    ]
    assert others == [], "a standby that dies is nobody's business"
    wrapped.restart()


@pytest.mark.parametrize("milliseconds", [0, 10, 20, 40, 80])
def test_standby_that_dies_as_it_takes_over(
    wrapped: Wrapped, milliseconds: int
) -> None:
    """At every moment of the handover, as far as time can hit them."""
    standby = wrapped.waiting()
    asked = wrapped.client.execute(f"%restart\n{LOOK}")
    behind = wrapped.client.execute(LOOK)
    time.sleep(milliseconds / 1000)
    with contextlib.suppress(ProcessLookupError):
        os.kill(standby, signal.SIGKILL)
    wrapped.client.finish(asked, behind)
    assert wrapped.client.value("'x' in globals()") == "False"


def test_restarts_back_to_back(wrapped: Wrapped) -> None:
    wrapped.waiting()
    asked = [wrapped.client.execute(f"%restart\nprint({n})") for n in range(4)]
    wrapped.client.finish(*asked)
    for number, msg_id in enumerate(asked):
        assert wrapped.client.text(msg_id).splitlines()[-1] == str(number)
    until(lambda: len(wrapped.kernels()) == 1, "one kernel")


def test_restarts_leave_nothing_that_grows(place: Place, wrapped: Wrapped) -> None:
    """``IPR_RESTARTS=200`` is the long run; its figures are printed."""
    count = int(os.environ.get("IPR_RESTARTS", "10"))
    daemon = psutil.Process(wrapped.kernel.pid)
    found = []
    for number in range(count):
        standby = wrapped.waiting()
        # Whatever comes late: the old kernel's end, the look at the new standby.
        until(lambda: len(wrapped.kernels()) == 2, "the old kernel's end")
        processes, files = len(place.processes()), len(place.leftovers())
        found.append((processes, files, daemon.num_fds(), daemon.num_threads()))
        if number % 10 == 3:
            print(number, found[-1], daemon.memory_info().rss >> 10, "KiB")
        if number == 3:
            before = daemon.memory_info().rss
        assert wrapped.restart() == standby
    assert set(found[2:]) == {found[2]}
    grown = daemon.memory_info().rss - before
    assert grown < (2 << 20) + count * (40 << 10)


def test_two_restarts_at_once_by_two_clients(wrapped: Wrapped) -> None:
    other = wrapped.kernel.client()
    wrapped.waiting()
    first = wrapped.client.execute("%restart now\nprint('first')")
    second = other.execute("%restart now\nprint('second')")
    harness.receive(
        [wrapped.client, other],
        lambda: wrapped.client.is_finished(first) and other.is_finished(second),
        "both restarts",
    )
    other.fence()
    other.assert_once()
    assert wrapped.client.value("'x' in globals()") == "False"


def test_nothing_of_a_standby_is_heard_before_it_takes_over(wrapped: Wrapped) -> None:
    session = wrapped.client.received[-1].header["session"]
    mark = len(wrapped.client.received)
    wrapped.waiting()
    wrapped.client.run("1")
    heard = wrapped.client.received[mark:]
    assert {message.header["session"] for message in heard} == {session}
    assert {m.parent.get("msg_type") for m in heard} == {"execute_request"}
    wrapped.restart()
    mark = len(wrapped.client.received)
    wrapped.client.run("1")
    (later,) = {message.header["session"] for message in wrapped.client.received[mark:]}
    assert later != session


def test_first_outputs_are_not_lost(wrapped: Wrapped) -> None:
    """The very first line that the new kernel prints, twenty times."""
    for number in range(3):
        wrapped.waiting()
        msg_id = wrapped.client.run(
            f"%restart\nfor n in range(200): print({number}, n, flush=True)"
        )
        lines = wrapped.client.text(msg_id).splitlines()[-200:]
        assert lines == [f"{number} {n}" for n in range(200)]
        wrapped.client.run("x = 1")
        wrapped.pid = wrapped.client.inner_pid()


def test_counts_and_history_begin_anew(wrapped: Wrapped) -> None:
    wrapped.waiting()
    wrapped.restart()
    msg_id = wrapped.client.execute("1 + 1")
    reply = wrapped.client.finish(msg_id)
    # The two looks at it were cells 1 and 2.
    assert reply["execution_count"] == 3
    text = "list(get_ipython().history_manager.get_range(raw=True))"
    history = wrapped.client.value(text)
    assert "ipr" not in history
    assert "1 + 1" in history


def sessions(place: Place) -> list[int]:
    """:return: the numbers of those in IPython's history."""
    (path,) = Path(place.root).rglob("history.sqlite")
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as past:
        return [number for (number,) in past.execute("SELECT session FROM sessions")]


@pytest.mark.parametrize("thrown_away", [True, False])
def test_standby_wastes_no_session_of_ipythons_history(
    wrapped: Wrapped, thrown_away: bool
) -> None:
    """``%history ~1/`` is what ran before the restart."""
    wrapped.waiting()
    until(lambda: sessions(wrapped.place) == [1], "one session")
    if thrown_away:
        wrapped.client.run("%ipr standby off")
        until(lambda: len(wrapped.kernels()) == 1, "one kernel")
    wrapped.client.run("%restart")
    history = wrapped.client.run("%history ~1/")
    assert "x = 1" in wrapped.client.text(history)
    assert sessions(wrapped.place) == [1, 2]


@pytest.mark.parametrize("moment", ["booting", "waiting"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_daemon_that_ends_leaves_nothing(
    place: Place, moment: str, number: int
) -> None:
    wrapped = Wrapped(place)
    if moment == "booting":
        wrapped.booting()
    else:
        wrapped.waiting()
    os.kill(wrapped.kernel.pid, number)
    wrapped.kernel.exit_code(20)
    # The clients' connection file is the manager's.
    wrapped.kernel.close()
    assert_nothing_left(place)


@pytest.mark.parametrize("milliseconds", [0, 20, 60])
@pytest.mark.parametrize("victim", ["daemon", "kernel", "guardian", "guardian of new"])
def test_sigkill_in_the_handover_leaves_no_orphan(
    place: Place, victim: str, milliseconds: int
) -> None:
    wrapped = Wrapped(place)
    standby = wrapped.waiting()
    pids = {
        "daemon": wrapped.kernel.pid,
        "kernel": wrapped.pid,
        "guardian": guardian_of(wrapped.pid),
        "guardian of new": guardian_of(standby),
    }
    asked = wrapped.client.execute(f"%restart\n{LOOK}")
    behind = wrapped.client.execute(LOOK)
    time.sleep(milliseconds / 1000)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pids[victim], signal.SIGKILL)
    if victim == "daemon":
        wrapped.kernel.exit_code(20)
        # The clients' connection file is the manager's.
        wrapped.kernel.close()
    else:
        wrapped.client.finish(asked, behind)
        assert wrapped.client.value("'x' in globals()") == "False"
        wrapped.client.fence()
        wrapped.client.assert_once()
        wrapped.kernel.shutdown()
    assert_nothing_left(place)


@pytest.mark.parametrize("moment", ["booting", "waiting"])
def test_shutdown_leaves_nothing(place: Place, moment: str) -> None:
    wrapped = Wrapped(place)
    if moment == "booting":
        wrapped.booting()
    else:
        wrapped.waiting()
    began = time.monotonic()
    wrapped.kernel.shutdown()
    assert time.monotonic() - began < 10
    assert_nothing_left(place)


@pytest.mark.parametrize(
    "opened", ["open({!r}, 'r+b', buffering=0)", "__import__('os').open({!r}, 2)"]
)
def test_device_is_free_before_the_standby_takes_over(
    wrapped: Wrapped, opened: str
) -> None:
    """As with a GPU: at no moment are there two kernels that may use it."""
    device = "/dev/fuse"
    if not os.access(device, os.R_OK | os.W_OK):
        pytest.skip(f"{device} cannot be opened here")
    old = wrapped.pid
    wrapped.client.run(f"device = {opened.format(device)}")
    standby = wrapped.waiting()
    # At once, in the new kernel: does the old one still have it?
    cell = wrapped.client.run(
        "%restart\nimport glob, os\nhave = []\n"
        f"for each in glob.glob('/proc/{old}/fd/*'):\n"
        "    try: have.append(os.readlink(each))\n"
        "    except OSError: pass\n"
        f"print({device!r} in have, os.getpid())"
    )
    assert wrapped.client.text(cell).splitlines()[-1] == f"False {standby}"


def test_standby_is_started_anew_when_its_folder_is_gone(place: Place) -> None:
    folder = Path(place.root) / "elsewhere"
    folder.mkdir()
    wrapped = Wrapped(place)
    wrapped.restart(f"%restart --cwd {folder}")
    wrapped.waiting()
    folder.rmdir()
    cell = wrapped.client.execute("%restart\nprint('here')")
    wrapped.client.finish(cell)
    wrapped.client.fence()
    wrapped.client.assert_once()


def test_other_surroundings_are_those_of_a_new_kernel(wrapped: Wrapped) -> None:
    standby = wrapped.waiting()
    cell = wrapped.client.run(
        "%restart --env IPR_X=5\nimport os; print(os.environ['IPR_X'], os.getpid())"
    )
    value, pid = wrapped.client.text(cell).splitlines()[-1].split()
    assert value == "5"
    assert int(pid) != standby
    wrapped.pid = int(pid)
    wrapped.client.run("x = 1")
    standby = wrapped.waiting()
    assert wrapped.restart() == standby
    assert wrapped.client.value("__import__('os').environ['IPR_X']") == "5"


# --- installations -----------------------------------------------------------------


@pytest.fixture
def installed(place: Place) -> Environment:
    """Version 1.0 of tiny, which each kernel imports at its start."""
    environment = Environment(place)
    environment.install(environment.wheel("1.0"))
    environment.startup.write_text("import tiny\n")
    return environment


def test_upgrade_is_there_after_a_restart(installed: Environment) -> None:
    """By pip in a terminal; the package was imported, in the standby as well."""
    wrapped = Wrapped(installed.place, started=installed.start("wrapped", OPTIONS))
    old = wrapped.waiting()
    assert wrapped.client.value("tiny.version") == "1.0"
    installed.install("--upgrade", installed.wheel("1.1"))
    assert wrapped.restart() != old
    assert wrapped.client.value("tiny.version") == "1.1"
    wrapped.client.run("x = 1")
    standby = wrapped.waiting()
    assert wrapped.restart() == standby
    assert wrapped.client.value("tiny.version") == "1.1"
    wrapped.client.assert_once()


def test_upgrade_in_a_cell_is_there_in_the_rest_of_the_restart(
    installed: Environment,
) -> None:
    wrapped = Wrapped(installed.place, started=installed.start("wrapped", OPTIONS))
    wrapped.waiting()
    wheel = installed.wheel("1.1")
    command = [sys.executable, "-m", "pip", "--python", installed.python, "install"]
    command += ["--no-deps", "--no-index", "--upgrade", wheel]
    cells = [
        wrapped.client.execute(f"import subprocess; subprocess.run({command})"),
        wrapped.client.execute("%restart\nprint(tiny.version)"),
        wrapped.client.execute("print(tiny.version)"),
    ]
    wrapped.client.finish(*cells)
    for cell in cells[1:]:
        assert wrapped.client.text(cell).splitlines()[-1] == "1.1"
    wrapped.client.assert_once()


def test_upgrade_while_a_standby_starts_is_there_after_a_restart(
    installed: Environment,
) -> None:
    wrapped = Wrapped(installed.place, started=installed.start("wrapped", OPTIONS))
    wheel = installed.wheel("1.1")
    wrapped.booting()
    installed.install("--upgrade", wheel)
    wrapped.restart()
    assert wrapped.client.value("tiny.version") == "1.1"


def test_new_startup_file_runs_after_a_restart(installed: Environment) -> None:
    wrapped = Wrapped(installed.place, started=installed.start("wrapped", OPTIONS))
    wrapped.waiting()
    (installed.profile / "startup" / "10-more.py").write_text("more = 7")
    wrapped.restart()
    assert wrapped.client.value("more") == "7"
