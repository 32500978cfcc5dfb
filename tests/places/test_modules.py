"""``--module`` with real environment modules: Environment Modules or Lmod, whichever
``.ci/install-modules`` has put here.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import Client, Kernel, Place
from tests.places import cluster, kernels, recipes
from tests.places.cluster import Slurm

#: Both read Tcl. "tools" needs "base", greets, and exists twice.
FILES = {
    "tools/1.0": """#%Module
conflict tools
module load base/2.0
puts stderr "tools 1.0 says hello"
prepend-path PATH {folder}/tools-1/bin
prepend-path LD_LIBRARY_PATH {folder}/tools-1/lib
setenv TOOLS "one"
""",
    "tools/2.0": """#%Module
conflict tools
prepend-path PATH {folder}/tools-2/bin
setenv TOOLS "two  spaces and \\"quotes\\""
""",
    "base/2.0": """#%Module
append-path PATH {folder}/base/bin
setenv BASE "2.0"
""",
    "other/1.0": """#%Module
prepend-path PATH {folder}/other/bin
""",
    "broken/1.0": """#%Module
setenv BROKEN 1
error "no licence today"
""",
}

STATE = """\
import json, os, shutil
print(json.dumps([dict(os.environ), shutil.which("python"), os.getpid()]))"""


@pytest.fixture(scope="module")
def kind() -> str:
    """Which of the two a login shell has."""
    done = subprocess.run(
        ["bash", "-lc", "module --version"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        cluster.unavailable("no environment modules: .ci/install-modules")
    return "Lmod" if "Lua" in done.stdout + done.stderr else "Environment Modules"


@pytest.fixture
def folder(kind: str, place: Place) -> str:
    """The modulefiles, and what the modules are about."""
    folder = Path(place.root, "modules")
    for name, text in FILES.items():
        path = folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{folder}", str(folder)), encoding="utf-8")
    return str(folder)


@pytest.fixture
def environment(folder: str, place: Place) -> dict[str, str]:
    """What the server has: modules of the site, and an environment of its own."""
    own = Path(place.root, "environment", "bin")
    own.mkdir(parents=True)
    (own / "python").symlink_to("/bin/true")
    # Each place once: Lmod removes doubles.
    places = dict.fromkeys([str(own), *os.environ["PATH"].split(":")])
    return {
        "MODULEPATH": os.path.join(folder, "files"),
        "PATH": ":".join(places),
    }


@pytest.fixture
def client(environment: dict[str, str], place: Place) -> Iterator[Client]:
    kernel = Kernel(place, place.wrapped_spec(), environment)
    yield kernel.client()
    kernel.shutdown()


def state(client: Client) -> tuple[dict[str, str], str, int]:
    """:return: the kernel's environment, which python it has, and its pid."""
    variables, python, pid = json.loads(client.text(client.run(STATE)))
    return variables, python, pid


def refused(client: Client, line: str) -> str:
    """Try a ``%restart`` that changes nothing; :return: what it says."""
    before = state(client)
    reply = client.finish(client.execute(line))
    assert reply["status"] == "error", reply
    assert state(client) == before
    return str(reply["evalue"])


def test_module_changes_what_it_says_and_nothing_else(
    client: Client, folder: str
) -> None:
    before, python, pid = state(client)
    client.run("%restart --module tools/1.0")
    after, python_after, pid_after = state(client)
    assert pid_after != pid
    assert after["PATH"].split(":") == [
        f"{folder}/tools-1/bin",
        *before["PATH"].split(":"),
        f"{folder}/base/bin",
    ]
    assert python_after == python
    assert after["LD_LIBRARY_PATH"].split(":")[0] == f"{folder}/tools-1/lib"
    assert (after["TOOLS"], after["BASE"]) == ("one", "2.0")
    assert set(after["LOADEDMODULES"].split(":")) == {"tools/1.0", "base/2.0"}
    assert after["HOME"] == before["HOME"]
    assert "--module tools/1.0" in client.shown(client.run("%ipr status"))
    # Later kernels have it, too, and further modules are added.
    client.run("%restart --module other/1.0")
    later, _, _ = state(client)
    assert later["PATH"] == f"{folder}/other/bin:{after['PATH']}"
    loaded = {"tools/1.0", "base/2.0", "other/1.0"}
    assert set(later["LOADEDMODULES"].split(":")) == loaded
    client.run("%restart --reset")
    reset, _, _ = state(client)
    assert {**reset, "JPY_PARENT_PID": ""} == {**before, "JPY_PARENT_PID": ""}
    client.assert_once()


def test_modules_of_a_restart_can_be_unloaded_in_a_shell(
    client: Client, folder: str
) -> None:
    """The modules' own books are as if they had been loaded in the shell itself."""
    before, _, _ = state(client)
    client.run("%restart --module tools/1.0 other/1.0")
    purge = '%%bash\n. /etc/profile.d/*mod*.sh\nmodule purge\necho "$PATH:$TOOLS"'
    assert client.text(client.run(purge)).strip() == before["PATH"] + ":"


@pytest.mark.parametrize(
    ("name", "why"), [("nosuch/1.0", "nosuch"), ("broken/1.0", "no licence today")]
)
def test_module_that_cannot_be_loaded_leaves_the_kernel_alone(
    client: Client, name: str, why: str
) -> None:
    """With those before it on the line, too."""
    said = refused(client, f"%restart --module other/1.0 {name}")
    assert f"'module load other/1.0 {name}' failed in a login shell: " in said
    assert why in said
    assert client.value("6 * 7") == "42"


def test_module_takes_the_place_of_another_version(
    client: Client, folder: str, kind: str
) -> None:
    before, _, _ = state(client)
    client.run("%restart --module tools/1.0")
    if kind == "Lmod":
        client.run("%restart --module tools/2.0")
    else:
        said = refused(client, "%restart --module tools/2.0")
        assert "'%restart --reset --module tools/2.0' loads it without" in said
        client.run("%restart --reset --module tools/2.0")
    after, _, _ = state(client)
    places = after["PATH"].split(":")
    assert places[0] == f"{folder}/tools-2/bin"
    assert f"{folder}/tools-1/bin" not in places
    assert set(before["PATH"].split(":")) <= set(places)
    assert after["TOOLS"] == 'two  spaces and "quotes"'


def job_kernel(
    slurm: Slurm, place: Place, environment: dict[str, str], *modules: str
) -> Kernel:
    words = [word for name in modules for word in ("--module", name)]
    recipes.ipr_spec(place, "new", "--slurm", *words, kernels.NAME)
    return Kernel(place, kernels.NAME, {**slurm.environment(), **environment})


@pytest.mark.slurm
@pytest.mark.parametrize("shell", ["a plain one", "one that has modules"])
def test_module_of_a_new_kernelspec_is_loaded_in_its_job(
    slurm: Slurm, place: Place, environment: dict[str, str], folder: str, shell: str
) -> None:
    if shell == "one that has modules":
        done = subprocess.run(
            ["bash", "-lc", "env -0"], capture_output=True, check=True, text=True
        )
        pairs = (pair.partition("=") for pair in done.stdout.split("\0"))
        environment |= {
            name: value
            for name, _, value in pairs
            if value and name not in (os.environ | environment)
        }
    kernel = job_kernel(slurm, place, environment, "tools/1.0", "other/1.0")
    client = kernel.client()
    variables, _, pid = state(client)
    places = variables["PATH"].split(":")
    assert places[:2] == [f"{folder}/other/bin", f"{folder}/tools-1/bin"]
    # What the server's environment has comes next, as it was.
    own = environment["PATH"].split(":")
    assert places[2 : 2 + len(own)] == own
    assert (variables["TOOLS"], variables["BASE"]) == ("one", "2.0")
    job = kernels.job_of(client)
    client.run("%restart")
    again, _, pid_again = state(client)
    assert pid_again != pid
    assert (again["PATH"], again["TOOLS"]) == (variables["PATH"], "one")
    assert kernels.job_of(client) == job


@pytest.mark.slurm
def test_job_says_which_module_of_its_kernelspec_does_not_exist(
    slurm: Slurm, place: Place, environment: dict[str, str]
) -> None:
    kernel = job_kernel(slurm, place, environment, "nosuch/1.0")
    client = kernel.client(ready=False)
    cell = client.execute("1")
    reply = client.finish(cell, within=60.0)
    assert reply["status"] == "error"
    assert "the kernel exited with code 1 before it was ready" in reply["evalue"]
    assert "nosuch/1.0" in "\n".join(reply["traceback"])
