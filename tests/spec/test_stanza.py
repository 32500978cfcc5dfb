"""A kernel.json that names our provisioner, and the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.spec import shapes
from tests.spec.home import Home, kept

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
