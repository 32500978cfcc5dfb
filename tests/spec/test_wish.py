"""What a wish makes of an argv."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.spec import shapes
from tests.spec.home import (
    Home,
    daemon,
    kept,
    starter,
)


def read(path: Path) -> dict[str, object]:
    spec = json.loads(path.read_bytes())
    assert isinstance(spec, dict)
    return spec


def test_install_upgrades_the_earlier_package(home: Home) -> None:
    path = home.add("ir", shapes.EARLIER)
    assert home.run("install", "ir").out == "upgraded 'ir' from the earlier package\n"
    spec = read(path)
    assert spec["argv"] == [*daemon(home, path), "--RestarterApp.log_level=DEBUG"]
    assert kept(spec)["restarter_original_argv"] == json.loads(shapes.IRKERNEL)["argv"]
    assert kept(spec)["restarter_original_interrupt_mode"] == "message"
    assert home.run("remove", "ir").code == 0
    assert read(path) == {
        **json.loads(shapes.IRKERNEL),
        "interrupt_mode": "message",
    }


def test_install_upgrades_on_the_far_side(home: Home) -> None:
    path = home.add("rik", shapes.EARLIER_FAR_SIDE)
    assert home.run("install", "rik").out == "upgraded 'rik' from the earlier package\n"
    assert home.listed()["rik"]["state"] == "inside"
    assert home.run("remove", "rik").code == 0
    assert path.read_bytes() == shapes.REMOTE_IKERNEL


def test_inside_goes_after_the_launcher(home: Home) -> None:
    rik = home.add("rik", shapes.REMOTE_IKERNEL)
    slurm = home.add("slurm", shapes.SLURM)
    ran = home.run(
        *["install", "--inside", "--python", "~/env/bin/python"],
        *["--abandoned-timeout", "3600", "rik", "slurm"],
    )
    assert ran.code == 0, ran.err
    command = read(rik)["argv"][8]  # type: ignore[index]
    assert command.startswith("~/env/bin/python -P -m ipr -f ")
    assert command.endswith(
        " -f {host_connection_file} --abandoned-timeout 3600 --"
        " /opt/envs/analysis/bin/python -m ipykernel_launcher"
        " -f '{{inner_connection_file}}'"
    )
    words = read(slurm)["argv"]
    assert isinstance(words, list)
    assert words[:7] == [
        *["srun", "-Q", "-n1", "--time=2:00:00", "-J", "jupyter-kernel"],
        # No shell expands it there.
        f"{home.folder}/home/env/bin/python",
    ]
    at = words.index("--abandoned-timeout")
    assert words[at + 1 : at + 3] == ["3600", "--"]
    listed = home.listed()
    assert listed["rik"]["state"] == listed["slurm"]["state"] == "inside"
    # install alone changes nothing about it
    between = home.content()
    assert "far side of 'rik' already" in home.run("install", "rik").out
    assert home.content() == between
    assert home.run("remove", "rik", "slurm").code == 0
    assert rik.read_bytes() == shapes.REMOTE_IKERNEL
    assert slurm.read_bytes() == shapes.SLURM


def test_inside_replaces_around(home: Home) -> None:
    path = home.add("slurm", shapes.SLURM)
    assert home.run("install", "slurm").code == 0
    assert home.listed()["slurm"]["state"] == "installed"
    assert home.run("install", "--inside", "slurm").code == 0
    assert home.listed()["slurm"]["state"] == "inside"
    words = read(path)["argv"]
    assert isinstance(words, list)
    assert words[6 : 6 + len(starter("x"))] == starter(home.python)
    assert home.run("install", "--inside", "slurm", "--", "--no-exec").code == 0
    assert read(path)["argv"].count("--interrupt-mode") == 1  # type: ignore[attr-defined]
    assert home.run("remove", "slurm").code == 0
    assert path.read_bytes() == shapes.SLURM


def test_inside_refuses_an_unknown_launcher(home: Home) -> None:
    path = home.add("conda", shapes.CONDA)
    ran = home.run("install", "--inside", "conda")
    assert ran.code == 1
    assert "--after N" in ran.err
    assert path.read_bytes() == shapes.CONDA
    pattern = r"\S+ -m nb_conda_kernels.runner \S+ \S+"
    assert home.run("install", "--inside", "--launcher", pattern, "conda").code == 0
    one = path.read_bytes()
    assert home.run("remove", "conda").code == 0
    assert home.run("install", "--inside", "--after", "5", "conda").code == 0
    assert path.read_bytes() == one
    words = read(path)["argv"]
    assert isinstance(words, list)
    assert words[words.index("--") + 1] == "/opt/conda/envs/gpu/bin/python"
    assert home.listed()["conda"]["detail"] == "python"


def test_inside_again_changes_nothing_or_only_what_is_asked(home: Home) -> None:
    """Other options leave the interpreter over there and its place alone."""
    argv = ["qrsh", "-q", "gpu", "python3", "-m", "k", "-f", "{connection_file}"]
    home.add("sge", json.dumps({"argv": argv}).encode(), home.own)
    python = "/far/env/bin/python"
    first = ["install", "--inside", "--after", "3", "--python", python, "sge"]
    assert home.run(*first).code == 0
    assert home.run("install", "--all", "--", "--log-level", "DEBUG").code == 0
    found = read(home.own / "sge" / "kernel.json")["argv"]
    assert isinstance(found, list)
    assert found[:4] == ["qrsh", "-q", "gpu", python]
    assert found[found.index("--log-level") + 1] == "DEBUG"
    assert home.run("remove", "sge").code == 0
    assert read(home.own / "sge" / "kernel.json")["argv"] == argv


def test_a_bare_python_of_another_environment(home: Home, tmp_path: Path) -> None:
    other = tmp_path / "other"
    kernels = other / "share" / "jupyter" / "kernels"
    path = home.add("python3", shapes.IPYKERNEL, kernels)
    (other / "bin").mkdir()
    (other / "bin" / "python").symlink_to(sys.executable)
    env = {"JUPYTER_PATH": str(other / "share" / "jupyter")}
    assert home.run("install", "python3", env=env).code == 0
    spec = read(path)
    assert spec["argv"][0] == home.python  # type: ignore[index]
    assert kept(spec)["restarter_interpreter"] == str(other / "bin" / "python")
    assert kept(spec)["restarter_original_argv"][0] == "python"
    assert "already" in home.run("install", "python3", env=env).out
    assert home.run("remove", "python3", env=env).code == 0
    assert path.read_bytes() == shapes.IPYKERNEL


def test_a_bare_python_in_a_copy(home: Home, tmp_path: Path) -> None:
    """A copy lies in no environment, so it says which one it came from."""
    system = home.site.parents[1]
    prefix = tmp_path / "usr"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python3").symlink_to(sys.executable)
    (prefix / "share").symlink_to(system)
    home.add("python3", shapes.IPYKERNEL, home.site)
    env = {"XDG_DATA_DIRS": str(prefix / "share")}
    assert home.run("install", "--user", "python3", env=env).code == 0
    spec = read(home.own / "python3" / "kernel.json")
    assert kept(spec)["restarter_interpreter"] == str(prefix / "bin" / "python3")
    assert "already" in home.run("install", "python3", env=env).out


def test_a_bare_python_of_the_user_belongs_to_no_environment(home: Home) -> None:
    data = home.folder / "local" / "share" / "jupyter"
    (home.folder / "local" / "bin").mkdir(parents=True)
    (home.folder / "local" / "bin" / "python").symlink_to(sys.executable)
    path = home.add("python3", shapes.IPYKERNEL, data / "kernels")
    assert home.run("install", "python3", env={"JUPYTER_DATA_DIR": str(data)}).code == 0
    assert "restarter_interpreter" not in kept(read(path))
