"""A kernel.json that names our provisioner, and the way back."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.spec import shapes
from tests.spec.home import PATIENCE, Home, kept, make_environment

OURS = {"provisioner_name": "ipr-provisioner"}
FOREIGN = {"provisioner_name": "slurm-provisioner", "config": {"queue": "long"}}


def metadata(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())["metadata"]
    return found


def with_metadata(text: str) -> bytes:
    return (
        b'{\n "argv": ["R", "{connection_file}"],\n "language": "R",\n'
        b' "display_name": "R"' + text.encode() + b"\n}\n"
    )


SHAPES = {
    **shapes.ALL,
    "none": with_metadata(""),
    "empty": with_metadata(',\n "metadata": {}'),
    "other": with_metadata(',\n "metadata":{"debugger" : true }'),
}


@pytest.mark.parametrize("name", SHAPES)
def test_remove_restores_the_bytes(home: Home, name: str) -> None:
    path = home.add(name, SHAPES[name])
    inside = ["--inside"] if name.startswith(("slurm", "rik")) else []
    assert home.run("install", "--provisioner", *inside, name).code == 0
    assert metadata(path)["kernel_provisioner"] == OURS
    assert (
        "kernel_provisioner" in kept(json.loads(path.read_bytes()))["restarter_added"]
    )
    assert home.run("remove", name).code == 0
    assert path.read_bytes() == SHAPES[name]


def test_install_says_what_it_hides(home: Home) -> None:
    home.add("ir", shapes.IRKERNEL)
    ran = home.run("install", "--provisioner", "ir")
    assert ran.out == "installed on 'ir'\n"
    assert "Jupyter hides it wherever ipr is not installed" in ran.err
    assert "--no-provisioner ir" in ran.err


def test_list_says_what_it_hides(home: Home) -> None:
    home.add("ir", shapes.IRKERNEL)
    home.run("install", "ir")
    assert home.listed()["ir"]["detail"] == ""
    home.run("install", "--provisioner", "ir")
    assert home.listed()["ir"]["detail"] == "hidden in environments without ipr"


@pytest.fixture
def without_ipr(tmp_path: Path) -> Path:
    """:return: the interpreter of an environment with Jupyter, but not with ipr."""
    folder = make_environment(tmp_path / "without", with_ipr=False)
    packages = tmp_path / "packages"
    packages.mkdir()
    for there in Path(sysconfig.get_path("purelib")).iterdir():
        if "inplace_restarter" not in there.name:
            (packages / there.name).symlink_to(there)
    (pth,) = folder.glob("lib/python*/site-packages/neighbours.pth")
    pth.write_text(f"{packages}\n")
    return folder / "bin" / "python"


@pytest.mark.slow
def test_is_hidden_where_ipr_is_missing_and_nothing_else_is(
    home: Home, without_ipr: Path
) -> None:
    def shown() -> set[str]:
        command = [
            str(without_ipr),
            "-m",
            "jupyter_client.kernelspecapp",
            "list",
            "--json",
        ]
        done = subprocess.run(
            command,
            env=home.env,
            # Not the clone, which says itself that it is installed.
            cwd=home.folder,
            capture_output=True,
            check=True,
            timeout=PATIENCE,
        )
        return set(json.loads(done.stdout)["kernelspecs"]) & {"one", "two", "plain"}

    for name in ("one", "two", "plain"):
        home.add(name, shapes.IRKERNEL)
    home.run("install", "--provisioner", "one")
    home.run("install", "two")
    assert shown() == {"two", "plain"}
    home.run("install", "--no-provisioner", "one")
    assert shown() == {"one", "two", "plain"}


def test_stays_until_it_is_taken_out(home: Home) -> None:
    path = home.add("ir", shapes.IRKERNEL)
    home.run("install", "ir")
    plain = path.read_bytes()
    assert "kernel_provisioner" not in metadata(path)
    assert home.run("install", "--provisioner", "ir").out.startswith("brought 'ir'")
    assert metadata(path)["kernel_provisioner"] == OURS
    assert home.run("install", "--provisioner", "ir").out.startswith("nothing to do")
    home.run("install", "ir", "--", "--restart-limit", "2")
    assert metadata(path)["kernel_provisioner"] == OURS
    assert home.run("install", "--no-provisioner", "ir", "--option", "log-level=INFO")
    assert "kernel_provisioner" not in metadata(path)
    home.run("remove", "ir")
    home.run("install", "ir")
    assert path.read_bytes() == plain


@pytest.mark.parametrize("stanza", [FOREIGN, {"config": {}}, {}])
def test_another_provisioner_is_left_alone(
    home: Home, stanza: dict[str, object]
) -> None:
    spec = {**json.loads(shapes.IRKERNEL), "metadata": {"kernel_provisioner": stanza}}
    path = home.add("ir", json.dumps(spec).encode())
    before = path.read_bytes()
    ran = home.run("install", "--provisioner", "ir")
    assert ran.code == 0
    assert "stays, since a kernelspec has only one provisioner" in ran.err
    assert metadata(path)["kernel_provisioner"] == stanza
    assert home.run("remove", "ir").code == 0
    assert path.read_bytes() == before


def test_on_the_far_side_as_well(home: Home) -> None:
    path = home.add("slurm", shapes.SLURM)
    assert home.run("install", "--inside", "slurm").code == 0
    assert home.run("install", "--provisioner", "slurm").code == 0
    assert metadata(path)["kernel_provisioner"] == OURS
    assert json.loads(path.read_bytes())["argv"][0] == "srun"
    assert home.run("remove", "slurm").code == 0
    assert path.read_bytes() == shapes.SLURM
