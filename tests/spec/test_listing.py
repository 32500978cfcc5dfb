"""``ipr-spec list``."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from ipr.spec import folders
from tests.spec import shapes
from tests.spec.home import (
    PATIENCE,
    Home,
    daemon,
)


def read(path: Path) -> dict[str, object]:
    spec = json.loads(path.read_bytes())
    assert isinstance(spec, dict)
    return spec


def test_list_looks_as_its_users_know_it(home: Home) -> None:
    home.add("atk", shapes.IRKERNEL)
    home.add("python3", shapes.IPYKERNEL)
    home.add("ir", shapes.IRKERNEL, home.site)
    home.add("broken", b'{\n "argv":\n  [,]\n}')
    home.add("slurm", shapes.SLURM)
    home.add("rik", shapes.REMOTE_IKERNEL)
    home.add("old", shapes.EARLIER)
    home.add("oldrik", shapes.EARLIER_FAR_SIDE)
    assert home.run("install", "atk").code == 0
    assert home.run("install", "--inside", "slurm", "rik").code == 0
    assert home.run("list").out == (
        "In place restarting installed on:\n"
        "  ✓ 'atk'\n"
        "\n"
        "Use: ipr-spec remove [name …] to remove\n"
        "\n"
        "In place restarting installed on the far side of:\n"
        "  ✓ 'rik'     remote_ikernel\n"
        "  ✓ 'slurm'   srun\n"
        "\n"
        "Use: ipr-spec remove [name …] to remove\n"
        "\n"
        "Patched by the earlier package inplace_restarter:\n"
        "  - 'old'\n"
        "  - 'oldrik'   on the far side\n"
        "\n"
        "Use: ipr-spec install [name …] to upgrade\n"
        "\n"
        "In place restarting installable on:\n"
        "  - 'ir'\n"
        "  - 'python3'\n"
        "\n"
        "Use: ipr-spec install [name …] to install\n"
        "\n"
        "Cannot be installed on:\n"
        "  ✘ 'broken'   kernel.json is not valid JSON (line 3)\n"
    )
    states = {name: kernel["state"] for name, kernel in home.listed().items()}
    assert states == {
        "atk": "installed",
        "broken": "impossible",
        "ir": "installable",
        "old": "earlier",
        "oldrik": "earlier",
        "python3": "installable",
        "rik": "inside",
        "slurm": "inside",
    }


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_list_where_the_marks_cannot_be_shown(home: Home, encoding: str) -> None:
    home.add("a", shapes.IRKERNEL)
    home.add("b", b"")
    home.run("install", "a")
    ran = home.run("list", env={"PYTHONIOENCODING": encoding})
    assert ran.code == 0, ran.err
    plain = encoding != "utf-8"
    assert ("  + 'a'" if plain else "  ✓ 'a'") in ran.out
    assert ("  x 'b'" if plain else "  ✘ 'b'") in ran.out
    assert ("[name ...]" if plain else "[name …]") in ran.out


def test_list_of_nothing_says_where_it_looked(home: Home) -> None:
    ran = home.run("list")
    assert ran.code == 0
    assert str(home.own) in ran.out
    assert str(home.site) in ran.out


def test_list_into_a_closed_pipe(home: Home) -> None:
    for number in range(200):
        home.add(f"k{number}", shapes.IRKERNEL)
    command = f"{home.environment}/bin/ipr-spec list --json | head -c 10"
    done = subprocess.run(
        ["bash", "-c", command], env=home.env, capture_output=True, timeout=PATIENCE
    )
    assert len(done.stdout) == 10
    assert done.stderr == b""


def test_list_says_why_not(home: Home) -> None:
    for name, data in {
        "empty": b"",
        "array": b"[]",
        "bytes": b'{"argv": ["\xff"]}',
        "noargv": b'{"display_name": "x"}',
        "noconnection": b'{"argv": ["x"]}',
        "cloud": b'{"argv": ["x", "{connection_file}"], "metadata": '
        b'{"kernel_provisioner": {"provisioner_name": "cloud"}}}',
    }.items():
        home.add(name, data)
    (home.own / "missing").mkdir()
    (home.own / "dangling").symlink_to(home.folder / "nowhere")
    os.mkfifo(home.add("fifo", b"").with_name("pipe"))
    (home.own / "fifo" / "kernel.json").unlink()
    (home.own / "fifo" / "pipe").rename(home.own / "fifo" / "kernel.json")
    home.add("gone", shapes.IRKERNEL)
    assert home.run("install", "gone").code == 0
    gone = home.own / "gone" / "kernel.json"
    gone.write_bytes(gone.read_bytes().replace(b"bin/python", b"gone/python"))
    listed = home.listed()
    details = {name: kernel["detail"] for name, kernel in listed.items()}
    python = read(gone)["argv"][0]  # type: ignore[index]
    assert details == {
        "array": "kernel.json is not a JSON object",
        "bytes": "kernel.json is not UTF-8 (line 1)",
        "cloud": "its provisioner 'cloud' may not run argv (--force installs anyway)",
        "dangling": "it is a symlink that leads nowhere",
        "empty": "kernel.json is empty",
        "fifo": "kernel.json is not a file",
        "gone": f"{python} is gone, it cannot start; 'ipr-spec install gone' mends it",
        "missing": "kernel.json is missing",
        "noargv": "kernel.json has no argv",
        "noconnection": (
            "its argv does not contain {connection_file} (--force installs anyway)"
        ),
    }
    assert home.run("install", "gone").out == "brought 'gone' up to date\n"
    assert home.listed()["gone"]["detail"] == ""


@pytest.mark.slow
def test_what_is_no_file_hides_no_other_kernelspec(tmp_path: Path) -> None:
    """As for Jupyter, which goes on looking where kernel.json is a folder."""
    mine, sites = tmp_path / "mine", tmp_path / "sites"
    (mine / "k" / "kernel.json").mkdir(parents=True)
    (sites / "k").mkdir(parents=True)
    (sites / "k" / "kernel.json").write_bytes(shapes.IRKERNEL)
    assert folders.find_all([str(mine), str(sites)]) == {"k": str(sites / "k")}


def test_prefix_lists_another_environment(home: Home, tmp_path: Path) -> None:
    other = tmp_path / "other"
    kernels = other / "share" / "jupyter" / "kernels"
    path = home.add("python3", shapes.IPYKERNEL, kernels)
    assert "python3" not in home.listed()
    assert list(home.listed("--prefix", str(other))) == ["python3"]
    assert home.run("install", "--prefix", str(other), "python3").code == 0
    assert read(path)["argv"] == daemon(home, path)
    assert home.run("remove", "--prefix", str(other), "python3").code == 0
    assert path.read_bytes() == shapes.IPYKERNEL
    # JUPYTER_PATH, as for everything that is Jupyter's
    env = {"JUPYTER_PATH": str(other / "share" / "jupyter")}
    assert "'python3'" in home.run("list", env=env).out


def test_a_long_list(home: Home) -> None:
    """The short one keeps its look."""
    home.add("ir", shapes.IRKERNEL)
    home.add("julia-1.11", shapes.IJULIA)
    short = home.run("list").out
    assert "  - 'ir'\n  - 'julia-1.11'\n" in short
    for option in ("-l", "--long"):
        assert (
            f"  - 'ir'           R            {home.own}/ir\n"
            f"  - 'julia-1.11'   Julia 1.11   {home.own}/julia-1.11\n"
        ) in home.run("list", option).out


def test_what_a_terminal_would_obey_is_left_out(home: Home) -> None:
    """It may be another user's: colours, the clipboard, text from right to left."""
    evil = "R\x1b[31m\x1b]52;c;aGk=\x07\n\u202e4"
    content = {**json.loads(shapes.IRKERNEL), "display_name": evil}
    home.add("ir", json.dumps(content).encode())
    assert (
        f"  - 'ir'   R[31m]52;c;aGk=4   {home.own}/ir\n" in home.run("list", "-l").out
    )
