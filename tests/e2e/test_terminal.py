"""``ipr`` in a terminal, in a cell and in code, on a wrapped ipykernel."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import harness
from tests.e2e.harness import SOURCE, Client, Kernel, Place, is_alive, until

#: ``!ipr`` of the tests: the program may not be on the PATH.
IPR = f"{sys.executable} -P -m ipr"
SPIN = "print('on', flush=True)\nwhile True: pass"
DEAF = (
    "import signal\n"
    "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "print('on', flush=True)\n"
    "while True: pass"
)
#: Runs until the test says so.
UNTIL_TOLD = (
    "import os, time\n"
    "print('on', flush=True)\n"
    "while not os.path.exists('told'): time.sleep(0.05)"
)
#: Those that are about one kernel.
COMMANDS = ("status", "stack", "output", "restart", "interrupt", "log")
DONE = re.compile(r"restarted in place, \d+\.\d\d s\n")


@pytest.fixture
def kernel(place: Place) -> Kernel:
    return place.start("wrapped", JPY_SESSION_NAME="work/analysis.ipynb")


class Done:
    """What a command has said."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        assert "Traceback" not in self.err, self.err


def started(place: Place, *words: str, **extra: str) -> subprocess.Popen[str]:
    """Start ``ipr`` as in a terminal of the user."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "ipr", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=place.environment(**extra),
        cwd=place.work,
    )


def ended(process: subprocess.Popen[str], within: float = 60.0) -> Done:
    out, err = process.communicate(timeout=within)
    return Done(subprocess.CompletedProcess([], process.returncode, out, err))


def ipr(place: Place, *words: str, within: float = 60.0, **extra: str) -> Done:
    """Run ``ipr`` to its end."""
    return ended(started(place, *words, **extra), within)


def identity(kernel: Kernel) -> str:
    name = os.path.basename(kernel.connection_file)
    return name.removeprefix("kernel-").removesuffix(".json")


def problem(done: Done) -> str:
    """Give the one sentence of a command that could not be done."""
    assert (done.code, done.out) == (1, ""), (done.code, done.out, done.err)
    (line,) = done.err.splitlines()
    assert line.startswith("ipr: ")
    return line.removeprefix("ipr: ")


# --------------------------------------------------------------------------------
# From a terminal


@pytest.mark.core
def test_ps_lists_what_runs(place: Place, kernel: Kernel, client: Client) -> None:
    other = place.start("wrapped")
    other.client()
    plain = place.start("plain")
    plain.client()
    client.run("%restart")
    listed = {one["id"]: one for one in json.loads(ipr(place, "ps", "--json").out)}
    assert identity(plain) not in listed
    one = listed[identity(kernel)]
    assert one["connection_file"] == kernel.connection_file
    assert (one["state"], one["restarts"], one["generation"]) == ("running", 1, 2)
    assert (one["pid"], one["daemon"]) == (client.inner_pid(), kernel.pid)
    assert (one["kernel"], one["notebook"]) == (kernel.name, "work/analysis.ipynb")
    assert one["memory"] > 1 << 20
    assert 0 < one["kernel_up"] < one["up"]
    assert listed[identity(other)]["notebook"] == ""

    text = ipr(place, "ps").out
    assert "\x1b" not in text
    head, *lines = text.splitlines()
    assert head.split()[:3] == ["ID", "KERNEL", "STATE"]
    (line,) = [line for line in lines if line.startswith(identity(kernel)[:8])]
    assert line.endswith("work/analysis.ipynb")
    assert head.index("NOTEBOOK") == line.index("work/")


def test_restart_by_each_way_to_name_it(
    place: Place, kernel: Kernel, client: Client
) -> None:
    pids = [client.inner_pid()]
    for word in (
        identity(kernel)[:6],
        identity(kernel),
        f"kernel-{identity(kernel)}",
        kernel.connection_file,
        os.path.relpath(kernel.connection_file, place.work),
        str(kernel.pid),
        "",
    ):
        client.run("x = 1")
        done = ipr(place, "restart", word or str(client.inner_pid()))
        assert (done.code, done.err) == (0, ""), done.err
        assert DONE.fullmatch(done.out), done.out
        client.fence()
        pids.append(client.inner_pid())
        assert client.value("'x' in dir()") == "False"
    assert len(set(pids)) == len(pids)
    assert kernel.process.poll() is None


def test_restart_waits_for_the_running_cell(
    place: Place, kernel: Kernel, client: Client
) -> None:
    cell = client.execute(f"{UNTIL_TOLD}\ny = 7")
    client.wait_for(cell, "text:on")
    restarting = started(place, "restart", identity(kernel))
    until(lambda: waits(place, kernel), "the restart to be waiting")
    after = client.execute("'y' in dir()")
    assert restarting.poll() is None
    tell(place)
    assert client.finish(cell)["status"] == "ok"
    done = ended(restarting)
    assert done.code == 0, done.err
    assert "restarts when its running cells have finished" in done.err
    client.finish(after)
    assert client.value("'y' in dir()") == "False"


def tell(place: Place) -> None:
    """Let the cell end."""
    with open(os.path.join(place.work, "told"), "w"):
        pass


def waits(place: Place, kernel: Kernel) -> bool:
    facts = json.loads(ipr(place, "status", identity(kernel), "--json").out)
    return bool(facts["restart_waits"])


@pytest.mark.parametrize("code", [SPIN, DEAF], ids=["spin", "deaf"])
def test_restart_now_ends_a_cell_that_never_ends(
    place: Place, kernel: Kernel, client: Client, code: str
) -> None:
    cell = client.execute(code)
    client.wait_for(cell, "text:on")
    done = ipr(place, "restart", identity(kernel), "--now")
    assert done.code == 0, done.err
    assert DONE.fullmatch(done.out)
    assert client.finish(cell)["status"] == "error"
    client.run("1")


def test_interrupt_ends_the_cell_and_not_the_kernel(
    place: Place, kernel: Kernel, client: Client
) -> None:
    pid = client.inner_pid()
    cell = client.execute(SPIN)
    client.wait_for(cell, "text:on")
    done = ipr(place, "interrupt", identity(kernel))
    assert (done.code, done.out, done.err) == (0, "", "")
    assert client.finish(cell)["ename"] == "KeyboardInterrupt"
    assert client.inner_pid() == pid


def test_options_are_those_of_a_cell(
    place: Place, kernel: Kernel, client: Client
) -> None:
    pid = client.inner_pid()
    os.makedirs(os.path.join(place.work, "sub"))
    told = ipr(place, "restart", identity(kernel), "--cwd", "nowhere")
    assert "--cwd: there is no folder" in problem(told)
    told = ipr(place, "restart", identity(kernel), "--env", "nonsense")
    assert "--env needs NAME=VALUE" in problem(told)
    assert client.inner_pid() == pid

    words = ("--env", "A=a b", "B=2", "--cwd", "sub", "--unset", "JPY_SESSION_NAME")
    done = ipr(place, "restart", identity(kernel), *words)
    assert done.code == 0, done.err
    client.fence()
    client.run("import os")
    assert client.value("[os.environ['A'], os.environ['B']]") == "['a b', '2']"
    assert client.value("os.path.basename(os.getcwd())") == "sub"
    assert client.value("os.environ.get('JPY_SESSION_NAME')") == "None"
    # The next one, from where that kernel is, finds its daemon all the same.
    client.run("%restart --unset IPR_CONNECTION_FILE")
    client.run("import os")
    own = client.value("os.environ['IPR_CONNECTION_FILE']")
    assert own == kernel.connection_file


def test_restart_runs_cells_again_and_says_how_that_went(
    place: Place, kernel: Kernel, client: Client
) -> None:
    """Under the last cell, too; a replay that stops is exit code 1."""
    told = ipr(place, "restart", identity(kernel), "--replay")
    assert "nothing to replay" in problem(told)
    client.run("x = 40")
    last = client.run("x += 2; print('first', x)")
    done = ipr(place, "restart", identity(kernel), "--replay")
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(
        r"restarted in place, \d+\.\d\d s, replayed 2 cells in 0:0\d\n", done.out
    )
    assert client.value("x") == "42"
    under = client.text(last, None)
    assert re.search(r"^restarted in place, .*, replayed 2 cells in", under, re.M)
    assert client.types(last).count("idle") == 1
    client.run("x = 'lost' if x == 42 else 1 / 0")
    told = ipr(place, "restart", identity(kernel), "--replay", "1")
    said = problem(told)
    assert "stopped at cell 1 of 1: x = 'lost' if x == 42 else 1 / 0" in said
    assert "(NameError: name 'x' is not defined)" in said
    client.run("1")
    client.fence()
    client.assert_once()


@pytest.mark.parametrize(
    "code", [f"!{IPR} restart --replay", "import ipr; ipr.restart(replay=True)"]
)
def test_cell_that_asks_for_a_replay_runs_again_and_asks_for_nothing(
    client: Client, code: str
) -> None:
    """Otherwise it would begin over and over."""
    client.run("x = 1")
    first = client.inner_pid()
    client.run(f"x += 1\n{code}")
    client.fence()
    second = client.inner_pid()
    assert second != first
    assert client.value("x") == "2"
    client.run("%restart --replay\nx += 1")
    third = client.inner_pid()
    client.fence()
    assert client.value("x") == "3"
    assert client.inner_pid() == third != second


def test_status_is_the_table_of_a_cell(
    place: Place, kernel: Kernel, client: Client
) -> None:
    said = ipr(place, "status", identity(kernel)).out
    assert re.search(rf"^kernel process +pid {client.inner_pid()}$", said, re.MULTILINE)
    assert kernel.connection_file in said


def test_log_goes_on(place: Place, kernel: Kernel, client: Client) -> None:
    pid = client.inner_pid()
    assert f"Inner kernel 1 runs, pid {pid}" in ipr(place, "log", identity(kernel)).out
    following = started(place, "log", identity(kernel), "-f")
    assert following.stdout is not None
    assert f"pid {pid}" in following.stdout.readline()
    client.run("%restart")
    pid = client.inner_pid()
    while f"pid {pid}" not in (line := following.stdout.readline()):
        assert line, "it has ended"
    kernel.shutdown()
    done = ended(following)
    assert (done.code, done.err) == (0, "the daemon has ended\n")


def test_a_front_end_that_hangs_does_not_prevent_it(
    place: Place, kernel: Kernel, client: Client
) -> None:
    """With 20 MB that it has not read."""
    code = (
        "import sys, zmq\n"
        "from jupyter_client.blocking.client import BlockingKernelClient\n"
        "client = BlockingKernelClient(connection_file=sys.argv[1])\n"
        "client.load_connection_file()\n"
        "client.start_channels()\n"
        "client.wait_for_ready(timeout=30)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    hung = subprocess.Popen(
        [sys.executable, "-c", code, kernel.connection_file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=place.environment(),
    )
    try:
        assert hung.stdout is not None
        assert hung.stdout.readline() == b"ready\n"
        hung.send_signal(signal.SIGSTOP)
        client.run("for n in range(200): print('x' * 100_000)")
        cell = client.execute(SPIN)
        client.wait_for(cell, "text:on")
        done = ipr(place, "restart", identity(kernel), "--now")
        assert done.code == 0, done.err
        client.finish(cell)
    finally:
        hung.kill()
        hung.communicate()


def test_dead_kernel_is_restarted(place: Place) -> None:
    kernel = place.start("wrapped", ["--no-autorestart"])
    client = kernel.client()
    harness.kill(client.inner_pid())
    until(lambda: state(place, kernel) == "dead", "the kernel to be dead")
    assert "dead" in ipr(place, "ps").out
    done = ipr(place, "restart", identity(kernel))
    assert (done.code, state(place, kernel)) == (0, "running"), done.err


def state(place: Place, kernel: Kernel) -> Any:
    return json.loads(ipr(place, "status", identity(kernel), "--json").out)["state"]


def test_kernel_that_cannot_start_is_told(place: Place) -> None:
    """After the daemon has accepted it, too: it looks when the turn has come."""
    folder = os.path.join(place.root, "data", "kernels", "gone")
    os.makedirs(folder)
    program = os.path.join(place.root, "program")
    with open(program, "w") as file:
        file.write(f"#!/bin/sh\nexec {sys.executable} -m ipykernel_launcher $*\n")
    os.chmod(program, 0o700)
    spec = {"argv": [program, "-f", "{connection_file}"], "display_name": "g"}
    with open(os.path.join(folder, "kernel.json"), "w") as file:
        json.dump(spec, file)
    kernel = place.start("wrapped")
    client = kernel.client()
    client.run("%restart --kernel gone")
    cell = client.execute(UNTIL_TOLD)
    client.wait_for(cell, "text:on")
    restarting = started(place, "restart", identity(kernel))
    until(lambda: waits(place, kernel), "the restart to be waiting")
    os.unlink(program)
    tell(place)
    client.finish(cell)
    done = ended(restarting)
    assert done.code == 1
    assert "the kernel was not restarted" in done.err
    assert client.value("1") == "1"


def test_ctrl_c_ends_the_wait_and_not_the_restart(
    place: Place, kernel: Kernel, client: Client
) -> None:
    pid = client.inner_pid()
    cell = client.execute(SPIN)
    client.wait_for(cell, "text:on")
    restarting = started(place, "restart", identity(kernel))
    until(lambda: waits(place, kernel), "the restart to be waiting")
    restarting.send_signal(signal.SIGINT)
    done = ended(restarting)
    assert done.code == 130
    assert "no longer waiting" in done.err
    client.finish(harness.interrupt_by_message(client), cell)
    client.fence()
    assert client.inner_pid() != pid


def test_wait_has_a_bound(place: Place, kernel: Kernel, client: Client) -> None:
    cell = client.execute(SPIN)
    client.wait_for(cell, "text:on")
    done = ipr(place, "restart", identity(kernel), "--timeout", "1")
    assert done.code == 1
    assert "the restart is still to come" in done.err
    done = ipr(place, "restart", identity(kernel), "--no-wait")
    assert (done.code, done.out) == (
        0,
        "the kernel restarts when its running cells have finished\n",
    )
    assert ipr(place, "restart", identity(kernel), "--now").code == 0
    client.finish(cell)


PAGE = os.path.join(SOURCE, "docs", "commands.rst")


def test_commands_of_the_page(place: Place, kernel: Kernel, client: Client) -> None:
    """Those for Slurm are in tests/places."""
    with open(PAGE) as file:
        lines = re.findall(r"^   \$ ipr (.*)$", file.read(), re.MULTILINE)
    assert len(lines) >= 8
    Path(place.work, "setup.py").write_text("x = 1")
    for line in lines:
        client.run("1")
        words = [identity(kernel) if w == "1b2c" else w for w in shlex.split(line)]
        done = ipr(place, *words)
        assert (done.code, done.err) == (0, ""), line
        client.fence()


def test_python_of_the_page(place: Place, kernel: Kernel, client: Client) -> None:
    with open(PAGE) as file:
        calls = re.findall(r"^   (ipr\.restart\(.*\))$", file.read(), re.MULTILINE)
    assert len(calls) == 3
    for call in calls:
        old = client.inner_pid()
        cell = client.execute(f"import ipr\n{call.replace('/data', place.work)}")
        client.finish(cell)
        client.fence()
        assert client.inner_pid() != old, call


# --------------------------------------------------------------------------------
# From the running cell


@pytest.mark.parametrize(
    "code",
    [
        f"!{IPR} restart",
        f"!{IPR} restart $IPR_CONNECTION_FILE",
        "import ipr; ipr.restart(); ipr.restart()",
        f"import subprocess, sys; subprocess.run('{IPR} restart', shell=True)",
    ],
)
def test_cell_that_asks_finishes_first(
    kernel: Kernel, client: Client, code: str
) -> None:
    old = client.inner_pid()
    cell = client.run(f"{code}\nprint('after', flush=True)")
    assert "after" in client.text(cell, None)
    client.fence()
    new = client.inner_pid()
    assert new != old
    # One restart, however often the cell has asked.
    client.fence()
    assert client.inner_pid() == new
    if code.startswith("!"):
        text = client.text(cell, None)
        assert "restarts when the cells before this have finished" in text


@pytest.mark.parametrize(
    "code", [f"!{IPR} restart --now", "import ipr; ipr.restart(now=True)"]
)
def test_cell_that_asks_for_now_ends(kernel: Kernel, client: Client, code: str) -> None:
    old = client.inner_pid()
    cell = client.execute(f"{code}\nimport time; time.sleep(5); print('too far')")
    assert client.finish(cell)["status"] == "error"
    assert "too far" not in client.text(cell, None)
    assert client.inner_pid() != old


def test_failing_cell_restarts_all_the_same(kernel: Kernel, client: Client) -> None:
    old = client.inner_pid()
    cell = client.execute("import ipr; ipr.restart(); 1 / 0")
    assert client.finish(cell)["ename"] == "ZeroDivisionError"
    client.fence()
    assert client.inner_pid() != old


def test_wrong_option_is_an_exception(kernel: Kernel, client: Client) -> None:
    cell = client.execute("import ipr; ipr.restart(cwd='/nowhere')")
    reply = client.finish(cell)
    assert reply["ename"] == "NotRestarted"
    assert "there is no folder /nowhere" in reply["evalue"]


def test_plain_kernel_has_no_daemon(place: Place) -> None:
    client = place.start("plain").client()
    cell = client.execute("import ipr; ipr.restart()")
    assert client.finish(cell)["ename"] == "NotInKernel"
    cell = client.run(f"!{IPR} restart")
    assert "this is not inside one" in client.text(cell, None)


def test_plain_kernel_inside_a_wrapped_one_does_not_restart_that(
    place: Place, kernel: Kernel, client: Client
) -> None:
    """As nbclient in a cell starts one; the variable is inherited."""
    old = client.inner_pid()
    code = (
        "from jupyter_client.manager import start_new_kernel\n"
        f"manager, inner = start_new_kernel(kernel_name={place.plain_spec()!r})\n"
        "told = []\n"
        "def tell(m):\n"
        "    told.append(str(m['content']))\n"
        f"inner.execute_interactive('!{IPR} restart', output_hook=tell, timeout=40)\n"
        "manager.shutdown_kernel(now=True)\n"
        "print(''.join(told))"
    )
    cell = client.run(code)
    assert "the kernel that this runs in has no ipr" in client.text(cell, None)
    client.fence()
    assert client.inner_pid() == old


# --------------------------------------------------------------------------------
# What cannot be done: one sentence, and exit code 1


def test_names_that_mean_nothing_or_too_much(place: Place) -> None:
    place.start("wrapped").client()
    place.start("wrapped").client()
    plain = place.start("plain")
    plain.client()
    for command in COMMANDS:
        assert "may be" in problem(ipr(place, command, "kernel-"))
        assert "no kernel here has an id" in problem(ipr(place, command, "zzz"))
        assert "not inside one" in problem(ipr(place, command))
        told = problem(ipr(place, command, identity(plain)))
        assert "runs without ipr" in told
        assert plain.connection_file in told


def test_what_is_another_users_is_not_asked(place: Place) -> None:
    """Root is told as whom to do it."""
    if os.geteuid():
        pytest.skip("only root can have something of another user")
    path = os.path.join(place.work, "theirs.json")
    with open(path, "w") as file:
        file.write("{}")
    os.chown(path, 65534, 65534)
    sleep = subprocess.Popen(["sleep", "600"], user=65534)
    try:
        for command in COMMANDS:
            for word in (path, str(sleep.pid)):
                told = problem(ipr(place, command, word))
                assert "belongs to another user (uid 65534); run this" in told
    finally:
        sleep.kill()
        sleep.wait()


def test_hostile_connection_files(place: Place) -> None:
    """Neither hang, nor a traceback."""
    make = hostile_files(place)
    assert len(make) >= 15
    for name, why in make.items():
        path = os.path.join(place.work, name)
        begun = time.monotonic()
        told = problem(ipr(place, "status", path, within=20))
        assert why in told, (name, told)
        assert time.monotonic() - begun < 15, name


def hostile_files(place: Place) -> dict[str, str]:
    """Make them; give what is said of each."""
    ports = {f"{name}_port": 50_000 + n for n, name in enumerate(PORTS)}
    usable = {**ports, "ip": "127.0.0.1", "key": "k", "transport": "tcp"}
    deep = "[" * 200_000
    texts: dict[str, tuple[bytes, str]] = {
        "empty.json": (b"", "is not JSON"),
        "text.json": (b"hello", "is not JSON"),
        "latin.json": (b'{"key": "\xe9"}', "is not UTF-8"),
        "list.json": (b"[]", "does not hold a JSON object"),
        "deep.json": (deep.encode(), "it is larger than 64 KiB"),
        "deeper.json": (deep[:60_000].encode(), "is not JSON"),
        "bare.json": (b"{}", "lacks a usable shell_port"),
        "stale.json": (dumps(usable), "did not answer within 2 s"),
        "keyless.json": (dumps({**usable, "key": ""}), "did not answer within 2 s"),
        "scheme.json": (
            dumps({**usable, "signature_scheme": "none"}),
            "unknown signature_scheme",
        ),
        "ip.json": (dumps({**usable, "ip": "a b;c"}), "cannot be reached"),
        "nul.json": (dumps({**usable, "ip": "a\0b"}), "cannot be reached"),
        "socket.json": (
            dumps({**usable, "transport": "ipc", "ip": "/" + "x" * 200}),
            "cannot be reached",
        ),
        "curve.json": (dumps({**usable, "curve_publickey": "x"}), "no CurveZMQ key"),
        "half.json": (
            dumps({**usable, "curve_publickey": "a" * 40}),
            "cannot be reached",
        ),
        "port.json": (dumps({**usable, "control_port": 70_000}), "ports end at"),
        "large.json": (dumps({**usable, "x": "x" * 70_000}), "larger than 64 KiB"),
    }
    found = {}
    for name, (data, why) in texts.items():
        with open(os.path.join(place.work, name), "wb") as file:
            file.write(data)
        found[name] = why
    open_to_all = os.path.join(place.work, "open.json")
    with open(open_to_all, "wb") as file:
        file.write(dumps(usable))
    os.chmod(open_to_all, 0o666)
    os.mkfifo(os.path.join(place.work, "fifo.json"))
    os.mkdir(os.path.join(place.work, "folder.json"))
    for name, to in (
        ("zero.json", "/dev/zero"),
        ("tty.json", "/dev/tty"),
        ("to-fifo.json", "fifo.json"),
        ("loop.json", "loop.json"),
        ("dangling.json", "nowhere"),
        ("proc.json", "/proc/self/mem"),
    ):
        os.symlink(to, os.path.join(place.work, name))
    found |= {
        "open.json": "others may write to it",
        "fifo.json": "it is a FIFO",
        "folder.json": "it is a directory",
        "zero.json": "it is a device",
        "tty.json": "it is a device",
        "to-fifo.json": "it is a FIFO",
        "loop.json": "Too many levels",
        "dangling.json": "No such file",
        "proc.json": "cannot use the connection file",
        "not-there.json": "No such file",
    }
    if os.geteuid() == 0:
        theirs = os.path.join(place.work, "theirs.json")
        with open(theirs, "wb") as file:
            file.write(dumps(usable))
        os.chown(theirs, 65534, 65534)
        found["theirs.json"] = "it belongs to another user (uid 65534)"
    return found


PORTS = ("shell", "iopub", "stdin", "control", "hb")


def dumps(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def test_daemon_that_hangs_is_told_after_two_seconds(
    place: Place, kernel: Kernel, client: Client
) -> None:
    client.run("1")
    os.kill(kernel.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        told = problem(ipr(place, "restart", identity(kernel)))
        assert "did not answer within 2 s" in told
        assert time.monotonic() - begun < 10
        for command in COMMANDS:
            told = problem(ipr(place, command, identity(kernel)))
            assert "did not answer within 2 s" in told, command
        listed = json.loads(ipr(place, "ps", "--json").out)
        (one,) = [one for one in listed if one["id"] == identity(kernel)]
        assert one["state"] == "no answer"
    finally:
        os.kill(kernel.pid, signal.SIGCONT)
    assert is_alive(kernel.pid)


def test_it_is_light() -> None:
    """``import ipr`` is on the way of each kernel's start."""
    code = "import sys; before = set(sys.modules); import ipr; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": SOURCE},
    )
    found = {name for name in done.stdout.split() if name.startswith("ipr")}
    assert found == {"ipr"}
