"""The options of ``%restart`` on a real kernel, and what happens around it: bad input,
a clock that steps, a death while no cell runs.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import pytest
from jupyter_client.jsonutil import json_default

from tests.e2e import harness
from tests.e2e.harness import Kernel, Place, until

DEAF = (
    "import signal, time\n"
    "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "print('on', flush=True)\n"
    "time.sleep(600)"
)


@pytest.fixture
def kernel(place: Place) -> Kernel:
    kernels = os.path.join(place.root, "jupyter", "kernels")
    for name, text in (
        ("none", json.dumps({"argv": ["no-such-command-of-ipr"]})),
        ("broken", '{"argv": ['),
        ("fifo", None),
    ):
        os.makedirs(os.path.join(kernels, name))
        path = os.path.join(kernels, name, "kernel.json")
        if text is None:
            os.mkfifo(path)
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    os.mkfifo(os.path.join(place.work, "fifo"))
    for name, data in (
        ("large", b"#" * (1 << 20)),
        ("latin", b"A=\xe9\n"),
        ("nul", b"A='\0'\n"),
        ("wrong", b"A=1\n=2\n"),
        ("wide", b"A=" + b"x" * 200_000),
        ("blanks", b"A=x" + b" " * 200_000 + b"y"),
    ):
        with open(os.path.join(place.work, name), "wb") as file:
            file.write(data)
    return place.start("wrapped", JUPYTER_PATH=os.path.join(place.root, "jupyter"))


WRONG = {
    "--env X=a\0b": "holds a NUL character",
    "--env X=\ud800": "holds half a character",
    f"--env X={'x' * 200_000}": "characters, the limit is 131072",
    "--env " + " ".join(f"X{n}=x" for n in range(20_000)): "the line has",
    "--env =1": "--env needs NAME=VALUE",
    "--unset A=B": "cannot be the name of a variable",
    "--env PATH=/nowhere --kernel none": "there is no command 'no-such-command-of-ipr'",
    "--kernel none": "there is no command 'no-such-command-of-ipr'",
    "--kernel broken": "is not JSON",
    "--kernel fifo": "it is a FIFO",
    "--kernel nothing-of-the-sort": "no kernelspec is called",
    "--cwd /nowhere/at/all": "there is no folder",
    "--cwd fifo": "there is no folder",
    "--cwd 'a\0b'": "holds a NUL character",
    "--env-file fifo": "it is a FIFO",
    "--env-file /dev/zero": "it is a device",
    "--env-file /dev/tty": "it is a device",
    "--env-file .": "it is a directory",
    "--env-file none": "No such file",
    "--env-file large": "it is larger than",
    "--env-file latin": "is not UTF-8",
    "--env-file nul": "holds a NUL character",
    "--env-file wrong": "line 2 is not NAME=VALUE",
    "--env-file wide": "variable 'A' takes",
    "--env-file blanks": "blanks in a row",
    "--module 'no\0such'": "holds a NUL character",
    "--module no-such-module": "'module load no-such-module' failed",
}


def _as_ascii(content: object) -> bytes:
    return json.dumps(content, default=json_default).encode()


@pytest.mark.core
def test_invalid_options_leave_the_kernel_alone(kernel: Kernel) -> None:
    client = kernel.client()
    # As browsers write it: jupyter_client's own cannot say half a character.
    client.kc.session.pack = _as_ascii
    client.run("x = 1")
    pid = client.inner_pid()
    for options, why in WRONG.items():
        for magic in ("%restart", "%restart now"):
            cell = client.run(f"{magic} {options}")
            (reply,) = client.replies(cell)
            assert reply.content["status"] == "error", (magic, options[:80])
            assert why in reply.content["evalue"], (magic, options[:80], reply.content)
            assert "Error" not in reply.content["evalue"], reply.content["evalue"]
    assert client.value("x") == "1"
    assert client.inner_pid() == pid
    # None of it is remembered.
    client.run("%restart")
    assert client.inner_pid() != pid
    client.fence()
    client.assert_once()


@pytest.mark.core
def test_kernel_stays_when_its_program_was_uninstalled(place: Place) -> None:
    program = os.path.join(place.work, "bin", "python")
    os.mkdir(os.path.dirname(program))

    def install() -> None:
        with open(program, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        os.chmod(program, 0o755)

    install()
    argv = (program, *harness.IPYKERNEL_ARGV[1:])
    inner = place.wrapped_spec(argv)
    client = Kernel(place, inner).client()
    client.run("x = 1")
    os.unlink(program)
    cell = client.run("%restart")
    (reply,) = client.replies(cell)
    said = reply.content["evalue"]
    assert f"there is no command {program!r}" in said, said
    assert "its command is in" in said, said
    assert "run %restart again" in said, said
    assert client.value("x") == "1"
    # Behind a cell it is looked at when its turn comes.
    install()
    slow = client.execute("import time; time.sleep(1)")
    cell = client.execute("%restart")
    harness.receive(
        [client], lambda: "display_data" in client.types(cell), "word that it waits"
    )
    os.unlink(program)
    client.finish(slow, cell)
    assert client.replies(cell)[0].content["ename"] == "KernelStartError"
    assert client.value("x") == "1"
    client.fence()
    client.assert_once()
    # Now is now.
    cell = client.run("%restart now")
    assert client.replies(cell)[0].content["ename"] == "KernelStartError"
    cell = client.run("x")
    assert "its command is in" in client.replies(cell)[0].content["evalue"]
    install()
    client.run("%restart")
    assert client.value("1 + 1") == "2"


@pytest.mark.core
def test_death_while_no_cell_runs(kernel: Kernel) -> None:
    client = kernel.client()
    client.run("x = 1")
    pid = client.inner_pid()
    harness.kill(pid)
    # A cell that is sent before the daemon knows of it goes down with the kernel.
    harness.until(lambda: "killed by SIGKILL" in kernel.stderr(), "word of its end")
    # Whoever comes first, while the new kernel is starting or when it runs.
    first, second = client.execute("x"), client.execute("2")
    client.finish(first, second)
    told = client.text(first, "stderr")
    assert "While no cell was running, the kernel was killed by SIGKILL" in told
    assert "all variables are gone" in told
    assert client.types(first).count("error") == 1, client.story()
    assert client.text(second, "stderr") == ""
    client.assert_once()


def test_death_under_a_cell(kernel: Kernel) -> None:
    client = kernel.client()
    cell = client.run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    (reply,) = client.replies(cell)
    assert "The kernel is restarting; all" in "\n".join(reply.content["traceback"])
    assert client.text(client.run("1"), "stderr") == ""


def test_last_death_is_explained_in_every_cell(place: Place) -> None:
    client = place.start("wrapped", ["--restart-limit", "1"]).client()
    dies = "import os, time; time.sleep(0.3); os.abort()"
    client.finish(client.execute(dies))
    last = client.execute(dies)
    # As VS Code sends them; and one that comes when all is over.
    queued = [client.execute("1", stop_on_error=False) for _ in range(2)]
    client.finish(last, *queued)
    late = client.run("1")
    said = [client.replies(cell)[0].content["evalue"] for cell in (last, *queued, late)]
    assert said[0].startswith("the kernel was killed by SIGABRT"), said
    assert "it died twice in a row and is not started again" in said[0], said
    for text in said[1:]:
        assert text.startswith("this cell did not run: the kernel died twice"), said
        assert "SIGABRT" in text, said
    for text in said:
        assert text.endswith("; run %restart to start a new one"), said
    client.assert_once()
    client.run("%restart")
    assert client.value("1 + 1") == "2"


#: Steps the clock of each Python below it when a file appears: -3600 or 3600 seconds.
STEPPED = """
import time
real = time.time
def stepped():
    try:
        with open({flag!r}) as file:
            return real() + float(file.read() or 0)
    except OSError:
        return real()
time.time = stepped
"""


@pytest.mark.parametrize(
    "step", [pytest.param("-3600", marks=pytest.mark.core), "3600"]
)
def test_stepped_clock(place: Place, step: str) -> None:
    flag = os.path.join(place.root, "flag")
    folder = os.path.join(place.root, "site")
    os.makedirs(folder)
    path = os.path.join(folder, "sitecustomize.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(STEPPED.format(flag=flag))
    kernel = place.start("wrapped", PYTHONPATH=f"{folder}:{harness.SOURCE}")
    client = kernel.client()
    client.run("x = 1")
    pid = client.inner_pid()
    cell = client.execute(DEAF)
    client.wait_for(cell, "stream")
    # The ladder's timers are set, and then the clock steps.
    control = client.execute("%restart now")
    client.wait_for(control, "execute_input")
    with open(flag, "w", encoding="utf-8") as file:
        file.write(step)
    client.finish(cell, control)
    assert not harness.is_alive(pid)
    # A healthy kernel is not taken for one that is not ready within 60 s.
    new = client.inner_pid()
    client.run("%restart")
    assert client.inner_pid() != new
    status = client.run("%ipr status")
    shown = client.shown(status)
    assert "2: " in shown
    assert "3: " in shown
    assert "60 min" not in shown
    assert "-" not in shown.partition("kernels so far")[2].partition(" ago")[0]
    client.assert_once()


PROFILE = """
export PATH=/usr/local/bin:/usr/bin:/bin SITE=yes
module() {
    export PATH=/opt/$2/bin:$PATH LOADEDMODULES=${LOADEDMODULES:+$LOADEDMODULES:}$2
}
"""


def test_modules(place: Place) -> None:
    with open(os.path.join(place.root, ".bash_profile"), "w", encoding="utf-8") as file:
        file.write(PROFILE)
    kernel = place.start("wrapped", HOME=place.root, PATH="/env/bin:/usr/bin:/bin")
    client = kernel.client()
    client.run("%restart --module one")
    client.run("%restart --module two")
    client.run("import os")
    path = client.value("os.environ['PATH']")
    assert "/opt/two/bin:/opt/one/bin:/env/bin:/usr/bin:/bin" in path
    assert client.value("os.environ.get('SITE')") == "None"
    assert "one:two" in client.value("os.environ['LOADEDMODULES']")


#: A login shell that hangs, after it has started what no shell waits for: in a session
#: of its own, without a parent, and with another environment.
HANGING_PROFILE = """
module() { :; }
setsid sleep 3000 &
( exec env -i sleep 3001 & )
sleep 3002 &
mkfifo $HOME/never
echo started > $HOME/reached
read nothing < $HOME/never
"""


def test_nothing_is_left_of_a_login_shell_whose_guardian_is_killed(
    place: Place,
) -> None:
    """The cell says what was killed, and the kernel stays as it is."""
    with open(os.path.join(place.root, ".bash_profile"), "w", encoding="utf-8") as file:
        file.write(HANGING_PROFILE)
    kernel = place.start("wrapped", HOME=place.root)
    client = kernel.client()
    client.run("x = 41")
    guardians = set(place.children(kernel.pid))
    cell = client.execute("%restart --module one")
    reached = os.path.join(place.root, "reached")
    until(lambda: os.path.exists(reached), "the login shell to hang")
    until(lambda: len(place.processes_called("sleep")) == 3, "all that it starts")
    sleeping = place.processes_called("sleep")
    (guardian,) = set(place.children(kernel.pid)) - guardians
    os.kill(guardian, signal.SIGKILL)
    client.finish(cell)
    (reply,) = client.replies(cell)
    assert "its guardian process was killed by signal 9" in reply.content["evalue"]
    until(
        lambda: not any(harness.is_alive(one.pid) for one in sleeping),
        "all that the shell had started to end",
    )
    assert place.processes_called("bash") == []
    assert client.value("x") == "41"
    client.assert_once()


def test_changes_that_kill_every_kernel(kernel: Kernel) -> None:
    """What nobody could foresee: the way out is told, and it works."""
    client = kernel.client()
    cell = client.run("%restart --env PYTHONHOME=/nowhere")
    (reply,) = client.replies(cell)
    assert "run %restart --reset to start one without" in reply.content["evalue"]
    client.run("%restart --reset")
    assert client.value("1 + 1") == "2"


#: A kernel that first looks which ports of the front anybody could take.
LOOKING = """
import contextlib, json, os, runpy, socket, sys
name = os.path.basename(sys.argv[-1])
with open(os.path.join(os.environ["JUPYTER_RUNTIME_DIR"], name)) as file:
    front = json.load(file)
free = []
for field, port in front.items():
    if field.endswith("_port"):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((front["ip"], port))
            free.append(field)
with open("free", "w") as file:
    json.dump(free, file)
sys.argv = ["ipykernel_launcher", *sys.argv[1:]]
runpy.run_module("ipykernel_launcher", run_name="__main__")
"""


def test_first_kernel_is_given_no_port_of_the_front(place: Place) -> None:
    """It starts before the front listens, and asks for ports that are free."""
    argv = [sys.executable, "-c", LOOKING, "-f", "{connection_file}"]
    kernel = Kernel(place, place.wrapped_spec(argv))
    kernel.client().run("1")
    with open(os.path.join(place.work, "free")) as file:
        assert json.load(file) == []
