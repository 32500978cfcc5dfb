"""What install has written starts, and ``check`` says so."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from jupyter_client._version import version_info
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from ipr.spec.around import starter
from tests.spec import shapes
from tests.spec.home import PATIENCE, SOURCE, Home, Ran, make_environment

#: Each of them starts a real kernel.
pytestmark = pytest.mark.slow


def spec(*argv: str, **more: Any) -> bytes:
    return json.dumps({"argv": argv, "display_name": "x", **more}).encode()


def python_spec(python: str, **more: Any) -> bytes:
    words = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    return spec(*words, language="python", **more)


def processes(home: Home) -> list[str]:
    """What still runs of all that has been started with this home."""
    mark = f"HOME={home.env['HOME']}".encode()
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            state = (
                Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
            )
            environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            if mark in environ and state not in (b"Z", b"X"):
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                found.append(command.replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def check(home: Home, *args: str, **more: Any) -> Ran:
    """Run check; whatever comes of it, nothing may be left, nor changed."""
    before = home.content()
    for _ in range(3):
        # Shorter than the patience with the command: it is to say what it waited for.
        ran = home.run("check", "--timeout", "20", *args, **more)
        # jupyter_client finds out a free port, the daemon binds it later: somebody
        # else may have been quicker, and nothing here can help it.
        if "Address already in use" not in ran.out:
            break
    assert home.content() == before
    end = time.monotonic() + 10
    while left := processes(home):
        assert time.monotonic() < end, f"still running 10 s later: {left}\n{ran.out}"
    runtime = home.own.parent / "runtime"
    assert [path.name for path in runtime.iterdir()] == []
    return ran


def works(ran: Ran) -> str:
    assert ran.code == 0, ran.out + ran.err
    assert " restarts in place.\n" in ran.out
    assert re.search(r"^ +\d+\.\d\d s   %restart$", ran.out, re.MULTILINE)
    assert "same connection file: " in ran.out
    assert re.search("same outer process: [1-9]", ran.out)
    old, new = re.findall(r"new inner process: (\d+) -> (\d+)", ran.out)[0]
    assert old != new
    return ran.out


def test_check_of_a_kernel_without_ipr_passes(home: Home) -> None:
    home.add("python3", python_spec(home.python))
    # python3 is the default; the job is what Slurm would say.
    out = works(check(home, env={"SLURM_JOB_ID": "4711"}))
    assert "checked in a temporary copy of" in out
    assert "empty namespace: ipr_check is gone" in out
    assert "same Slurm job: 4711 -> 4711" in out
    assert "started: python 3" in out
    assert "'python3' restarts in place.\nThe Restart button " in out
    assert out.endswith("\nNow run: ipr-spec install python3\n")


def test_check_of_a_kernel_with_ipr_passes(home: Home) -> None:
    home.add("py", python_spec(home.python))
    assert home.run("install", "py").code == 0
    # A notebook folder may hold what it likes.
    folder = home.folder / "notebooks"
    folder.mkdir()
    for name in ("ipr", "attr", "json"):
        (folder / f"{name}.py").write_text("raise SystemExit('wrong module')\n")
    out = works(check(home, "py", cwd=str(folder), env=with_extension(home)))
    assert "ipr is installed on it" in out
    assert "Slurm" not in out
    assert out.endswith("'py' restarts in place.\n" + BUTTON), "nothing left to do"


BUTTON = "The Restart button of a Jupyter server here does so as well.\n"


def with_extension(home: Home, enabled: bool = True) -> dict[str, str]:
    """Have the server extension enabled as a wheel does; return the environment."""
    folder = home.folder / "config" / "jupyter_server_config.d"
    folder.mkdir(parents=True)
    shipped = (SOURCE / "etc" / "ipr.provisioner.json").read_text()
    if not enabled:
        shipped = shipped.replace("true", "false")
    (folder / "ipr.provisioner.json").write_text(shipped)
    return {"JUPYTER_CONFIG_DIR": str(folder.parent)}


@pytest.mark.skipif(
    version_info < (8,), reason="check's manager blocks: with jupyter_client 7 plain"
)
def test_check_presses_the_button(home: Home) -> None:
    home.add("py", python_spec(home.python))
    out = works(check(home, "py", env=with_extension(home, enabled=False)))
    _, pressed = out.split("restart_kernel(), as the Restart button does\n")
    old, new = re.findall(r"new inner process: (\d+) -> (\d+)", pressed)[0]
    assert old != new
    first, second = re.findall(r"same outer process: (\d+)", out)
    assert first == second
    assert "The Restart button ends the process, and the job with it, since" in out
    assert "\n  the server extension is disabled\n" in out


def test_check_does_not_press_where_another_provisioner_starts(home: Home) -> None:
    """And its exit code stays that of %restart."""
    stanza = {"provisioner_name": "local-provisioner"}
    home.add("py", python_spec(home.python, metadata={"kernel_provisioner": stanza}))
    out = works(check(home, "py"))
    assert "restart_kernel()" not in out
    assert "its provisioner 'local-provisioner' starts the kernel" in out


ECHO = """
from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel

class Echo(Kernel):
    implementation, implementation_version, banner = "echo", "1.0", ""
    language_info = {"name": "echo", "version": "2", "mimetype": "text/plain",
                     "file_extension": ".txt"}
    def do_execute(self, code, silent, *args, **kwargs):
        return {"status": "ok", "execution_count": self.execution_count,
                "payload": [], "user_expressions": {}}

IPKernelApp.launch_instance(kernel_class=Echo)
"""


def test_check_of_another_language_passes(home: Home) -> None:
    script = home.folder / "echo.py"
    script.write_text(ECHO)
    words = [home.python, str(script), "-f", "{connection_file}"]
    home.add("echo", spec(*words, language="echo"))
    out = works(check(home, "echo"))
    assert "started: echo 2 (echo 1.0)" in out
    assert "an empty cell ran" in out
    assert "ipr_check" not in out


def test_check_after_a_launcher_passes(home: Home) -> None:
    """What stands in for srun does with its command what srun does: run it."""
    srun = home.folder / "srun"
    srun.write_text('#!/bin/sh\nshift 2\nexport SLURM_JOB_ID=12\n"$@"\n')
    srun.chmod(0o755)
    kernel = [home.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    home.add("slurm", spec(str(srun), "-n", "1", *kernel, language="python"))
    assert home.run("install", "--inside", "slurm").code == 0
    out = works(check(home, "slurm"))
    assert "same Slurm job: 12 -> 12" in out


REMOTE = """
# What remote_ikernel does with --kernel_cmd, without the ssh in between.
import json, os, subprocess, sys
command, connection = sys.argv[sys.argv.index("--kernel_cmd") + 1], sys.argv[-1]
text = open(connection).read()
with open("./rik_kernel-1.json", "w") as file:
    file.write(text)
line = command.format(host_connection_file="./rik_kernel-1.json", ci=json.loads(text))
shell = subprocess.Popen(["bash", "-i"], stdin=subprocess.PIPE, text=True)
shell.communicate(f"{line}\\nrm -f ./rik_kernel-1.json\\nexit\\n")
"""


@pytest.mark.parametrize("inside", [True, False])
def test_check_through_remote_ikernel_passes(home: Home, inside: bool) -> None:
    script = home.folder / "remote_ikernel.py"
    script.write_text(REMOTE)
    command = f"A=1 && {home.python} -m ipykernel_launcher -f {{host_connection_file}}"
    words = [sys.executable, str(script), "--kernel_cmd", command, "{connection_file}"]
    data = spec(*words, language="python", remote_ikernel_argv=[])
    path = home.add("rik", data)
    args = ["--inside", "--python", home.python] if inside else []
    assert home.run("install", *args, "rik").code == 0
    works(check(home, "rik"))
    assert home.run("remove", "rik").code == 0
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["{python}", "-m", "nosuchmodule"], "No module named nosuchmodule"),
        (["/no/such/kernel"], "'/no/such/kernel'"),
    ],
)
def test_a_kernel_that_does_not_start(home: Home, argv: list[str], reason: str) -> None:
    argv = [word.replace("{python}", home.python) for word in argv]
    home.add("bad", spec(*argv, "{connection_file}", language="python"))
    ran = check(home, "bad")
    assert ran.code == 1
    assert "\nfailed: the cell 'ipr_check = 1' ended in an error:\n" in ran.out
    assert reason in ran.out
    assert "has written nothing" not in ran.out
    assert "\nWhat to try:\n  - does it start without ipr?" in ran.out


def test_a_daemon_that_does_not_start(home: Home) -> None:
    home.add("py", python_spec(home.python))
    assert home.run("install", "py").code == 0
    path = home.own / "py" / "kernel.json"
    text = path.read_text()
    path.write_text(text.replace('"ipr"', '"ipr.nosuchmodule"', 1))
    ran = home.run("check", "py")
    assert ran.code == 1
    # It is not wrapped any more, by the looks of it, and says what is in the way.
    assert "metadata.ipr" in ran.err
    ends = home.folder / "python"
    ends.write_text("#!/bin/sh\necho 'the licence has expired' >&2\nexit 3\n")
    ends.chmod(0o755)
    path.write_text(text.replace(home.python, str(ends), 1))
    ran = check(home, "py")
    assert ran.code == 1
    assert "failed: the process ended before a kernel_info_reply came" in ran.out
    assert "the licence has expired" in ran.out
    assert f"{ends} -m pip show inplace_restarter" in ran.out


def test_check_starts_nothing_where_ipr_is_gone(home: Home) -> None:
    """It says how to mend it instead."""
    home.add("py", python_spec(home.python))
    assert home.run("install", "py").code == 0
    path = home.own / "py" / "kernel.json"
    text = path.read_text()
    other = make_environment(home.folder / "other", with_ipr=False)
    for python, lacks in (
        (f"{other}/bin/python", "no longer has ipr"),
        ("/gone/python", "is gone"),
    ):
        path.write_text(text.replace(home.python, python, 1))
        reason = f"{python} {lacks}, it cannot start; 'ipr-spec install py' mends it"
        assert reason in home.run("list").out
        ran = home.run("check", "py")
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == f"ipr-spec: 'py': {reason}\n"


def test_a_kernel_that_says_nothing(home: Home) -> None:
    home.add("mute", spec("sh", "-c", "sleep 100 # {connection_file}", language="x"))
    ran = check(home, "--timeout", "2", "mute")
    assert ran.code == 1
    assert "failed: waited 2 s for " in ran.out
    assert "ipr-spec check --timeout 600 mute" in ran.out


def test_check_of_what_is_not_there(home: Home) -> None:
    home.add("broken", b"{")
    for name, words in {"nosuch": "no such kernel", "broken": "not valid JSON"}.items():
        ran = home.run("check", name)
        assert (ran.code, ran.out) == (1, "")
        assert words in ran.err


def test_interrupted_check_leaves_nothing_running(home: Home) -> None:
    home.add("mute", spec("sh", "-c", "sleep 100 # {connection_file}", language="x"))
    command = [str(home.environment / "bin" / "ipr-spec"), "check", "mute"]
    with subprocess.Popen(
        command, env=home.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline().startswith(b"'mute': checked in")
            end = time.monotonic() + PATIENCE
            while not any("sleep 100" in command for command in processes(home)):
                assert time.monotonic() < end, "the kernel never started"
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=PATIENCE)
        finally:
            child.kill()
    assert err == b"ipr-spec: interrupted\n"
    assert child.returncode == 1
    end = time.monotonic() + 10
    while left := processes(home):
        assert time.monotonic() < end, f"still running 10 s later: {left}"


@pytest.mark.parametrize("form", ["as installed", "as once on Python 3.10", "plain"])
def test_a_folder_with_modules_of_our_names(home: Home, form: str) -> None:
    for name in ("ipr", "attr", "attrs", "json", "twisted", "signal"):
        (home.folder / f"{name}.py").write_text("raise SystemExit('wrong module')\n")
    start = {
        "as installed": starter(home.python),
        "as once on Python 3.10": [home.python, "-c", shapes.WITHOUT_P],
        "plain": [home.python, "-m", "ipr"],
    }[form]
    done = subprocess.run(
        [*start, "--version"],
        cwd=home.folder,
        env=home.env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if form == "plain":
        assert "wrong module" in done.stderr, "else this test would show nothing"
    else:
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("ipr ")


@pytest.mark.filterwarnings("error:Passing unrecognized arguments")
def test_the_kernel_runs_in_its_own_environment(home: Home) -> None:
    """One environment has ipykernel and its kernelspec, another one has ipr."""
    other = make_environment(home.folder / "analysis", with_ipr=False)
    kernels = other / "share" / "jupyter" / "kernels"
    home.add("python3", shapes.IPYKERNEL_6, kernels)
    ran = home.run("install", "--prefix", str(other), "python3")
    assert ran.code == 0, ran.err
    found = {
        "prefix": "__import__('sys').prefix",
        "ipr": "__import__('importlib.util').util.find_spec('ipr')",
    }
    for values in before_and_after(home, kernels, found):
        assert values == {"prefix": repr(str(other)), "ipr": "None"}


def before_and_after(
    home: Home, kernels: Path, found: dict[str, str], **start: Any
) -> list[dict[str, str]]:
    """Start python3 as a client does; evaluate, and once more after %restart."""
    specs = KernelSpecManager(kernel_dirs=[str(kernels)], ensure_native_kernel=False)
    manager = KernelManager(kernel_name="python3", kernel_spec_manager=specs)
    manager.connection_file = str(home.folder / "connection.json")
    manager.start_kernel(env=home.env, cwd=str(home.folder), **start)
    seen = []
    try:
        client = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=PATIENCE)
        quiet: dict[str, Any] = {
            "timeout": PATIENCE,
            "output_hook": lambda message: None,
        }
        for code in ("1", "%restart"):
            client.execute_interactive(code, **quiet)
            reply = client.execute_interactive("2", user_expressions=found, **quiet)
            values = reply["content"]["user_expressions"]
            seen.append({key: values[key]["data"]["text/plain"] for key in found})
        client.stop_channels()
    finally:
        manager.shutdown_kernel()
    return seen


@pytest.mark.parametrize("csh", [False, True])
def test_what_a_client_appends_is_for_the_kernel_behind_the_launcher(
    home: Home, csh: bool
) -> None:
    """nbclient and others do so, for a kernelspec that is called python3."""
    srun = home.folder / "srun"
    # A shell on the way may take the braces off.
    braces = 'for word; do shift; set -- "$@" "$(echo $word | tr -d {})"; done\n'
    srun.write_text(f'#!/bin/sh\nshift 2\n{braces if csh else ""}exec "$@"\n')
    srun.chmod(0o755)
    kernel = [home.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    home.add("python3", spec(str(srun), "-n", "1", *kernel, language="python"))
    ran = home.run("install", "--inside", "python3")
    assert (ran.code, ran.err) == (0, "")
    seen = before_and_after(
        home,
        home.own,
        {"autocall": "get_ipython().autocall"},
        extra_arguments=["--InteractiveShell.autocall=2"],
    )
    assert seen == [{"autocall": "2"}] * 2


def test_a_provisioner_that_is_not_here(home: Home) -> None:
    """Jupyter says there is no such kernel; why, it does not say."""
    more = {"metadata": {"kernel_provisioner": {"provisioner_name": "cloud"}}}
    home.add("far", python_spec(home.python, **more))
    assert home.run("install", "--force", "far").code == 0
    ran = home.run("check", "far")
    assert ran.code == 1
    assert "its provisioner 'cloud' is not installed in this environment" in ran.out


def test_each_fact_is_said_once(home: Home) -> None:
    script = "for i in 1 2 3; do echo no node is free >&2; done; exit 3"
    home.add("busy", spec("sh", "-c", script, "{connection_file}", language="x"))
    ran = check(home, "busy")
    assert ran.code == 1
    assert len(re.findall("^ .*no node is free$", ran.out, re.MULTILINE)) == 1
    assert ran.out.count("the kernel exited with code 3") == 1
    assert "started:" not in ran.out
