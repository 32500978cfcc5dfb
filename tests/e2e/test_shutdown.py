"""The ways in which a kernel behind ``ipr`` ends: by request, by signal, by the death
of the daemon or of its parent.  Nothing is left over, and nobody waits for it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

import psutil
import pytest

from tests.e2e import harness
from tests.e2e.harness import Client, Kernel, Place

#: After a death of the daemon, in seconds: no inner kernel is left.
ORPHANED = 3.0

#: Cells that leave a kernel in a state from which it does not go by itself.
BUSY = {
    "idle": "print('on')",
    "in a cell": "import time\nprint('on', flush=True)\ntime.sleep(600)",
    "deaf": (
        "import signal, time\n"
        "for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        "print('on', flush=True)\n"
        "while True: time.sleep(600)"
    ),
    "with children": (
        "import subprocess, sys\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "subprocess.Popen(sleep)\n"
        "subprocess.Popen(sleep, start_new_session=True)\n"
        "subprocess.Popen(sleep, start_new_session=True, env={}, cwd='/')\n"
        "print('on')"
    ),
    "at a prompt": "print('on', flush=True); input('? ')",
}


#: Those of which a plain kernel goes when it is asked.
OBEDIENT = [state for state in BUSY if state != "deaf"]


def prompt() -> float:
    """Seconds within which it ends with code 0, where the kernel needs no longer."""
    return harness.allowing_for_load(2.0)


@contextmanager
def running(place: Place, state: str) -> Iterator[tuple[Kernel, Client, str]]:
    """A wrapped kernel in one of the states, its client and the id of its cell."""
    kernel = place.start("wrapped")
    client = kernel.client()
    children = set()
    cell = client.execute(BUSY[state])
    client.wait_for(cell, "text:on")
    if state in ("idle", "with children"):
        client.finish(cell)
    # By pid as well: a child that dropped its environment and its parent is not found
    # any other way.
    children = {process.pid for process in place.processes()} - {kernel.pid}
    assert children
    client.kernel = None  # Its end is what the test is about.
    yield kernel, client, cell
    assert_nothing_left(place, kernel, children)


def assert_nothing_left(place: Place, kernel: Kernel, children: set[int]) -> None:
    if kernel.process.returncode == -signal.SIGKILL:
        # Its guardian ends the rest, and nobody hears of that.
        harness.until(lambda: not place.processes(), "the rest to go", ORPHANED)
    alive = [pid for pid in children if harness.is_alive(pid)]
    assert not alive, (alive, place.described_processes())
    assert not place.processes(), place.described_processes()
    # The outer connection file belongs to the manager that wrote it.
    outer = [kernel.connection_file] if os.path.exists(kernel.connection_file) else []
    assert place.leftovers() == outer


@pytest.mark.parametrize("state", OBEDIENT)
@pytest.mark.parametrize("restart", [False, True])
def test_shutdown_request(place: Place, state: str, restart: bool) -> None:
    with running(place, state) as (kernel, client, cell):
        msg_id = client.send("shutdown_request", {"restart": restart}, "control")
        client.wait(
            lambda: client.replies(msg_id), "the shutdown_reply", within=prompt()
        )
        if state == "with children":
            # ipykernel waits for them for half a minute, and its manager does not.
            harness.kill(kernel.pid, signal.SIGTERM)
        assert kernel.exit_code(prompt()) == 0
        asked = client.sent[msg_id].at
        assert time.monotonic() - asked < prompt()
        (reply,) = client.replies(msg_id)
        assert reply.channel == "control"
        assert reply.content == {"status": "ok", "restart": restart}
        # The running cell does not spin for ever in the front end that stays.
        client.wait(
            lambda: client.is_finished(cell), "the cell to be finished", prompt()
        )
        client.assert_once(cell)
        client.wait(lambda: client.idles(msg_id), "the idle of the request", prompt())
        told = [m for m in client.received if m.type == "shutdown_reply"]
        assert {m.channel for m in told} == {"control", "iopub"}
        # A qtconsole that is told restart=False quits.
        assert all(m.content["restart"] is restart for m in told)


#: Has the daemon, when it is about to hang up, wait for what it does not read any more.
LINGERING = """%ipr exec
front, parts = self.relay.voice.front, self.service._parts
def linger():
    open("ending", "w").close()
    for channel in ("shell", "control"):
        front._channels[channel].socket.poll(30_000)
parts._at_end = (linger, *parts._at_end)
"""


def test_what_comes_when_nothing_is_read_any_more_is_answered(place: Place) -> None:
    """A client that asks in the daemon's last moment does not wait for ever."""
    kernel = place.start("wrapped")
    client = kernel.client()
    client.run(LINGERING)
    client.kernel = None
    harness.kill(kernel.pid, signal.SIGTERM)
    ending = os.path.join(place.work, "ending")
    harness.until(lambda: os.path.exists(ending), "the daemon to hang up")
    cell = client.execute("6 * 7")
    others = [
        client.send("complete_request", {"code": "a", "cursor_pos": 1}),
        client.send("list_subshell_request", {}, "control"),
    ]
    client.wait(
        lambda: all(map(client.is_finished, (cell, *others))), "the last answers"
    )
    (reply,) = client.replies(cell)
    assert reply.content["status"] == "error"
    assert kernel.exit_code(prompt()) == 0
    client.assert_once(cell, *others)


@pytest.mark.parametrize("state", OBEDIENT)
def test_sigterm(place: Place, state: str) -> None:
    with running(place, state) as (kernel, client, cell):
        begin = time.monotonic()
        harness.kill(kernel.pid, signal.SIGTERM)
        assert kernel.exit_code(prompt()) == 0
        assert time.monotonic() - begin < prompt()
        client.wait(
            lambda: client.is_finished(cell), "the cell to be finished", prompt()
        )
        client.assert_once(cell)


#: Cells after which the kernel needs its time to go.
SLOW = {
    "atexit": (
        "import atexit, time\n"
        "def flush(): time.sleep(1.6); open('flushed', 'w').close()\n"
        "atexit.register(flush)"
    ),
    "handler": (
        "import os, signal, time\n"
        "def save(*_): time.sleep(2); open('flushed', 'w').close(); os._exit(0)\n"
        "signal.signal(signal.SIGTERM, save)"
    ),
    "handler in a cell": (
        "import os, signal, time\n"
        "def save(*_): time.sleep(2); open('flushed', 'w').close(); os._exit(0)\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "print('on', flush=True)\n"
        "time.sleep(600)"
    ),
}


@pytest.mark.parametrize("kind", ["plain", "wrapped"])
@pytest.mark.parametrize(
    ("state", "how"),
    [
        ("atexit", "manager"),
        ("handler", "SIGTERM"),
        ("handler in a cell", "SIGTERM"),
    ],
)
def test_time_to_go(place: Place, kind: harness.Kind, state: str, how: str) -> None:
    """Whoever ends the kernel waits for what it still has to do, ipr as well."""
    kernel = place.start(kind)
    client = kernel.client()
    cell = client.execute(SLOW[state])
    if state == "handler in a cell":
        client.wait_for(cell, "text:on")
    else:
        client.finish(cell)
    client.kernel = None
    if how == "manager":
        kernel.shutdown()
    else:
        harness.kill(kernel.pid, signal.SIGTERM)
        assert kernel.exit_code(harness.PATIENCE) == 0
    assert os.path.exists(os.path.join(place.work, "flushed"))
    assert_nothing_left(place, kernel, set())


def test_deaf_kernel_and_the_manager(place: Place) -> None:
    """Nothing but SIGKILL ends it, which the manager sends to the daemon."""
    with running(place, "deaf") as (kernel, _, _):
        kernel.shutdown()
        assert kernel.exit_code(0.1) == -signal.SIGKILL


def test_death_of_the_parent_after_sigterm(place: Place) -> None:
    """A deaf kernel: there is nobody any more for whom to wait."""
    with server_of(place) as (daemon, path):
        client = Client(path)
        client.wait_until_ready()
        client.wait_for(client.execute(BUSY["deaf"]), "text:on")
        os.kill(daemon, signal.SIGTERM)
    harness.until(lambda: not place.processes(), "the end of all", ORPHANED + prompt())
    client.close()


def test_sigterm_while_the_guardian_is_stopped(place: Place) -> None:
    with running(place, "idle") as (kernel, client, _):
        guardian = psutil.Process(client.inner_pid()).parent()
        assert guardian is not None
        guardian.suspend()
        harness.kill(kernel.pid, signal.SIGTERM)
        assert kernel.exit_code(prompt()) == 0


def test_sighup(place: Place) -> None:
    with running(place, "in a cell") as (kernel, _, _):
        harness.kill(kernel.pid, signal.SIGHUP)
        kernel.exit_code(prompt())


@contextmanager
def ignored_hangups() -> Iterator[None]:
    """What starts meanwhile ignores SIGHUP, as below nohup(1)."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("name", ["plain", "wrapped"])
def test_nohup(place: Place, name: Literal["plain", "wrapped"]) -> None:
    """Started by a server that ignores hangups, as ``nohup jupyter lab &`` does."""
    ignored = "__import__('signal').getsignal(1).name"
    with ignored_hangups():
        kernel = place.start(name)
    client = kernel.client()
    harness.kill(kernel.pid, signal.SIGHUP)
    assert client.value(ignored) == "SIG_IGN"
    if name == "wrapped":
        client.run("%restart")
        assert client.value(ignored) == "SIG_IGN"
    assert kernel.process.poll() is None


@pytest.mark.core
def test_by_the_manager(place: Place) -> None:
    """jupyter_client's own way: interrupt, shutdown_request, and it waits 2.5 s."""
    with running(place, "in a cell") as (kernel, _, _):
        begin = time.monotonic()
        kernel.shutdown()
        assert time.monotonic() - begin < 2.5
        assert kernel.exit_code(0.1) == 0


def test_restart_by_the_manager(place: Place) -> None:
    """The Restart button: another daemon on the same ports, the clients stay."""
    kernel = place.start("wrapped")
    client = kernel.client()
    old = client.inner_pid()
    client.kernel = None
    kernel.manager.restart_kernel()
    kernel.process = kernel.manager.provisioner.process  # type: ignore[union-attr]
    client.wait_until_ready()
    assert client.inner_pid() != old
    assert kernel.process.pid != kernel.pid
    kernel.pid = kernel.process.pid
    kernel.shutdown()
    assert_nothing_left(place, kernel, {old})


@pytest.mark.parametrize("state", BUSY)
def test_sigkill_of_the_daemon(place: Place, state: str) -> None:
    with running(place, state) as (kernel, _, _):
        harness.kill(kernel.pid, signal.SIGKILL)
        assert kernel.exit_code(1) == -signal.SIGKILL
        harness.until(
            lambda: not place.processes(),
            f"the orphans to go: {place.described_processes()}",
            ORPHANED,
        )
        harness.until(
            lambda: not set(place.leftovers()) - {kernel.connection_file},
            f"the files to go: {place.leftovers()}",
            ORPHANED,
        )


def test_during_a_restart(place: Place) -> None:
    """A shutdown_request that comes while the new kernel starts."""
    with running(place, "idle") as (kernel, client, _):
        restart = client.execute("%restart")
        client.wait_for(restart, "execute_input")
        msg_id = client.send("shutdown_request", {"restart": False}, "control")
        client.wait(lambda: client.replies(msg_id), "the shutdown_reply", prompt())
        assert kernel.exit_code(prompt()) == 0


def test_during_the_first_start(place: Place) -> None:
    """SIGTERM at many moments of the start: always an end, never an orphan."""
    delays = [0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6]
    for delay in delays:
        kernel = place.start("wrapped")
        # The moment is the test; there is no event to wait for.
        time.sleep(delay)
        harness.kill(kernel.pid, signal.SIGTERM)
        code = kernel.exit_code(prompt() + 0.5)
        # Before Python has got as far as our handler, SIGTERM is what ends it.
        assert code in (0, -signal.SIGTERM), (delay, code)
        harness.until(
            lambda: not place.processes(),
            f"no process to be left (after {delay} s): {place.described_processes()}",
            ORPHANED,
        )
        assert place.leftovers() == [kernel.connection_file], delay
        os.remove(kernel.connection_file)


def test_sigint_does_not_end_it(place: Place) -> None:
    """Not idle, not in a cell, and not while it starts either.

    From its first own instruction on, that is: while Python itself starts, nothing
    can be done.  It is past that when it has its first child.
    """
    kernel = place.start("wrapped")
    harness.until(
        lambda: place.children(kernel.pid), "the first child of the daemon", every=0.001
    )
    for _ in range(20):
        harness.kill(kernel.pid, signal.SIGINT)
        time.sleep(0.02)
    client = kernel.client()
    pid = client.inner_pid()
    for _ in range(5):
        harness.kill(kernel.pid, signal.SIGINT)
    # The last of them may still be under way, and hit the cell that comes next.
    client.finish(client.execute("1"))
    cell = client.execute("import time\nprint('on', flush=True)\ntime.sleep(60)")
    client.wait_for(cell, "text:on")
    harness.kill(kernel.pid, signal.SIGINT)
    client.finish(cell, within=5)
    assert client.replies(cell)[0].content["ename"] == "KeyboardInterrupt"
    assert client.inner_pid() == pid
    assert kernel.process.poll() is None


@pytest.mark.parametrize("delay", [0.05, 0.1, 0.15, 0.2])
def test_sigint_while_it_ends(place: Place, delay: float) -> None:
    """It is on its way out, and goes on with that; code 0 all the same."""
    kernel = place.start("wrapped")
    client = kernel.client()
    client.send("shutdown_request", {"restart": False}, "control")
    # The moment is the test.
    time.sleep(delay)
    with suppress(ProcessLookupError):
        harness.kill(kernel.pid, signal.SIGINT)
    assert kernel.exit_code(prompt()) == 0


def test_a_login_shell_that_hangs(place: Place) -> None:
    """Whatever ``%restart --module`` has started goes with the daemon."""
    with open(os.path.join(place.work, ".bash_profile"), "w") as file:
        file.write("module() { echo on >> began; sleep 600; }\n")
    began = os.path.join(place.work, "began")
    for number in (signal.SIGTERM, signal.SIGKILL):
        kernel = place.start("wrapped", HOME=place.work)
        client = kernel.client()
        client.execute("%restart --module cuda")
        harness.until(lambda: os.path.exists(began), "the login shell")
        harness.kill(kernel.pid, number)
        harness.until(
            lambda: not place.processes(),
            f"the end of {place.described_processes()}",
            ORPHANED,
        )
        os.remove(began)


@pytest.mark.core
def test_sigint_comes_once(place: Place) -> None:
    """A cell that counts them gets one for each, by signal and by message."""
    kernel = place.start("wrapped")
    client = kernel.client()
    # A handler of its own: a second KeyboardInterrupt may come while the first one
    # is being caught. A doubled signal has half a second to show itself.
    cell = client.execute(
        "import signal, time\ncame = []\n"
        "signal.signal(signal.SIGINT, lambda *_: came.append(1))\n"
        "print('on', flush=True)\n"
        "for number in (1, 2):\n"
        "    while len(came) < number: time.sleep(0.01)\n"
        "    time.sleep(0.5)\n"
        "    print('caught', len(came), flush=True)\n"
    )
    client.wait_for(cell, "text:on")
    # As jupyter_client sends it: to the process group of the daemon.
    os.killpg(os.getpgid(kernel.pid), signal.SIGINT)
    client.wait_for(cell, "text:caught")
    interrupt = harness.interrupt_by_message(client)
    client.finish(interrupt, cell)
    assert client.text(cell) == "on\ncaught 1\ncaught 2\n"


# --------------------------------------------------------------------------------
# The parent

PARENT = """
import sys, time
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name=sys.argv[1], connection_file=sys.argv[2])
manager.start_kernel(cwd=sys.argv[3])
print(manager.provisioner.pid, flush=True)
time.sleep(600)
"""


@contextmanager
def server_of(place: Place, spec: str = "") -> Iterator[tuple[int, str]]:
    """Start a daemon as a Jupyter server does; at the end the server is killed.

    :param spec: the name of a kernelspec; made when left out.
    :returns: the daemon's pid and its connection file.
    """
    path = os.path.join(place.runtime, "kernel-of-a-server.json")
    server = subprocess.Popen(
        [sys.executable, "-c", PARENT, spec or place.wrapped_spec(), path, place.work],
        env=place.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline()), path
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("delay", [0.05, 0.1, 0.2])
def test_death_of_the_parent_while_it_starts(place: Place, delay: float) -> None:
    with server_of(place) as _:
        # The moment is the test.
        time.sleep(delay)
    harness.until(
        lambda: not place.processes(),
        f"the end of {place.described_processes()}",
        ORPHANED + 3,
    )


@pytest.mark.skipif(
    os.readlink("/proc/self/ns/pid") != "pid:[4026531836]",
    reason="in a container nobody can tell who the first process is",
)
def test_death_of_the_parent_before_it_has_begun(place: Place) -> None:
    """Its parent is another one before it could look for the first time."""
    name = place.wrapped_spec()
    path = os.path.join(place.specs_of(name), "kernel.json")
    with open(path, encoding="utf-8") as file:
        content = json.load(file)
    gone = os.path.join(place.root, "gone")
    waits = 'while [ ! -e "$0" ]; do sleep 0.02; done; exec "$@"'
    content["argv"] = ["sh", "-c", waits, gone, *content["argv"]]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file)
    with server_of(place, name) as (pid, _):
        pass
    assert harness.is_alive(pid)
    with open(gone, "w"):
        pass
    harness.until(
        lambda: not place.processes(),
        f"the end of {place.described_processes()}",
    )


@pytest.mark.parametrize(
    "state", ["idle", pytest.param("in a cell", marks=pytest.mark.core)]
)
def test_death_of_the_parent(place: Place, state: str) -> None:
    """A Jupyter server that is killed takes its daemons with it."""
    with server_of(place) as (daemon, path):
        client = Client(path)
        client.wait_until_ready()
        inner = client.inner_pid()
        cell = client.execute(BUSY[state])
        client.wait_for(cell, "text:on")
    harness.until(
        lambda: not harness.is_alive(daemon),
        "the daemon to follow its parent",
        ORPHANED,
    )
    harness.until(lambda: not harness.is_alive(inner), "the inner kernel to go", 3)
    client.close()
    assert not place.processes(), place.described_processes()
    # Nobody is left to remove the outer one but the daemon; it may.
    assert set(place.leftovers()) <= {path}


# --------------------------------------------------------------------------------
# twistd, by hand


@contextmanager
def twistd(
    place: Place, *options: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """``twistd -n ipr`` at a terminal of nobody's; yields it and what it prints."""
    output = os.path.join(place.root, "twistd-output")
    with open(output, "wb") as sink:
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from twisted.scripts.twistd import run; run()",
                "--pidfile=",
                "-n",
                "ipr",
                *options,
            ],
            cwd=place.work,
            env=place.environment(),
            stdout=sink,
            stderr=sink,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield process, output
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        with open(output, errors="replace") as file:
            print(f"--- twistd\n{file.read()}", file=sys.stderr)


def connected(place: Place, output: str) -> tuple[str, Client]:
    """Connect as the line says that it printed; :return: the file, and a client."""

    def told() -> re.Match[str] | None:
        with open(output) as file:
            return re.search(r"jupyter console --existing (\S+)", file.read())

    line = harness.until(told, "the line that says how to connect", 15)
    path = line[1].strip("'\"")
    if not os.path.isabs(path):
        path = os.path.join(place.runtime, path)
    client = Client(path)
    client.wait_until_ready()
    return path, client


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_twistd_by_hand(place: Place, number: int) -> None:
    """It makes a connection file, says how to connect, and Ctrl-C ends it."""
    name = place.plain_spec(name="by-hand")
    with twistd(place, "--kernel", name) as (process, output):
        path, client = connected(place, output)
        assert os.stat(path).st_mode & 0o777 == 0o600
        with open(path) as file:
            assert json.load(file)["key"]
        inner = client.inner_pid()
        client.run("%restart")
        assert client.inner_pid() != inner
        client.close()
        begin = time.monotonic()
        process.send_signal(number)
        harness.until(lambda: process.poll() is not None, "the end of twistd", prompt())
        assert time.monotonic() - begin < prompt()
        assert process.returncode == 0
    assert not place.processes(), place.described_processes()
    assert place.leftovers() == []


def test_twistd_in_a_job_leaves_the_kernel_its_time(place: Place) -> None:
    """SIGTERM is a batch system's, which waits; Ctrl-C after it is a person's."""
    mark = os.path.join(place.work, "saved")
    saves = (
        "import os, signal, time\n"
        "def save(*_):\n"
        "    time.sleep({seconds})\n"
        f"    open({mark!r}, 'w').close()\n"
        "    os._exit(0)\n"
        "signal.signal(signal.SIGTERM, save)"
    )
    name = place.plain_spec(name="by-hand")
    for seconds, again in ((4, False), (600, True)):
        with twistd(place, "--kernel", name) as (process, output):
            _, client = connected(place, output)
            client.run(saves.format(seconds=seconds))
            client.close()
            process.send_signal(signal.SIGTERM)
            if again:
                time.sleep(1)
                process.send_signal(signal.SIGINT)
            harness.until(lambda: process.poll() is not None, "the end of twistd")
            assert process.returncode == 0
        assert not place.processes(), place.described_processes()
        assert os.path.exists(mark) is not again
        if not again:
            os.unlink(mark)


def test_twistd_below_nohup(place: Place) -> None:
    name = place.plain_spec(name="by-hand")
    with ignored_hangups(), twistd(place, "--kernel", name) as (process, output):
        _, client = connected(place, output)
        process.send_signal(signal.SIGHUP)
        client.run("%restart")
        client.close()
        process.send_signal(signal.SIGTERM)
        harness.until(lambda: process.poll() is not None, "the end of twistd", prompt())


@pytest.mark.parametrize(
    ("options", "sentence", "code"),
    [
        (["--kernel", "nosuch"], "no kernelspec is called 'nosuch' here; ", 1),
        (["--bogus"], "option --bogus not recognized; see twistd ipr --help", 2),
        (["--max-held=x"], "not a whole number: 'x'; see twistd ipr --help", 2),
    ],
)
def test_twistd_says_one_sentence(
    place: Place, options: list[str], sentence: str, code: int
) -> None:
    """No traceback, and nothing of twistd's own help; no file is left."""
    with twistd(place, *options) as (process, output):
        assert process.wait(harness.PATIENCE) == code
    with open(output) as file:
        said = file.read()
    assert said.startswith("twistd ipr: "), said
    assert sentence in said
    assert said.count("\n") == 1, said
    assert place.leftovers() == []


def test_twistd_killed_leaves_no_key_for_long(place: Place) -> None:
    name = place.plain_spec(name="by-hand")
    with twistd(place, "--kernel", name) as (process, output):
        path, client = connected(place, output)
        client.close()
        process.kill()
        process.wait()
    assert os.path.exists(path)
    harness.until(lambda: not place.processes(), "the end of its kernel")
    with twistd(place, "--kernel", name) as (process, output):
        new, client = connected(place, output)
        client.close()
        assert not os.path.exists(path)
        assert os.path.exists(new)


def test_twistd_in_the_background(place: Place) -> None:
    """It says how to connect before it leaves the terminal; SIGTERM ends it."""
    name = place.plain_spec(name="by-hand")
    pidfile = os.path.join(place.root, "twistd.pid")
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from twisted.scripts.twistd import run; run()"),
            *(f"--pidfile={pidfile}", f"--logfile={place.root}/log"),
            *("ipr", "--kernel", name),
        ],
        cwd=place.work,
        env=place.environment(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    found = re.search(r"jupyter console --existing (\S+)", done.stdout.decode())
    assert found, done
    client = Client(found[1])
    client.wait_until_ready()
    client.close()
    # A second one does not take the file of the first for stale.
    with twistd(place, "--kernel", name) as (_, output):
        _, other = connected(place, output)
        other.close()
        assert os.path.exists(found[1])
    with open(pidfile) as file:
        pid = int(file.read())
    os.kill(pid, signal.SIGTERM)
    harness.until(lambda: not place.processes(), "the end of all of it")
    assert not os.path.exists(found[1])
    with open(os.path.join(place.root, "log")) as file:
        assert "Traceback" not in file.read()


def test_twistd_passes_signals_on_and_keeps_to_its_log_level(place: Place) -> None:
    name = place.plain_spec(name="by-hand")
    with twistd(place, "--kernel", name) as (process, output):
        _, client = connected(place, output)
        client.run(
            "import signal; got = []\n"
            "signal.signal(signal.SIGUSR2, lambda *_: got.append(1))"
        )
        process.send_signal(signal.SIGUSR2)
        harness.until(lambda: client.value("got") == "[1]", "the kernel's handler")
        client.close()
    with open(output) as file:
        # A record of ours at the level INFO, below the one that counts.
        assert "Passing on signal" not in file.read()
