"""The commands and files of ``docs/ipr-spec.rst`` are what it says."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.spec import shapes
from tests.spec.home import SOURCE, Home, make_environment

PAGE = (SOURCE / "docs" / "ipr-spec.rst").read_text()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, make_environment(tmp_path / "environment"))


@pytest.mark.slow
def test_commands_of_the_page(home: Home) -> None:
    analysis = Path(home.env["HOME"]) / "envs" / "analysis"
    home.add("python3", shapes.IPYKERNEL)
    home.add("python3", shapes.IPYKERNEL, analysis / "share/jupyter/kernels")
    home.add("ir", shapes.IRKERNEL, home.site)
    home.add("slurm-python", shapes.SLURM)
    home.add("rik_ssh_node_py3", shapes.REMOTE_IKERNEL)
    words = ["qrsh", "-cwd", "-l", "h_rt=1:0:0", "-now", "n"]
    words += ["R", "--args", "{connection_file}"]
    home.add("sge-python", json.dumps({"argv": words}).encode())
    before = home.content()
    commands = re.findall(r"^   \$ ipr-spec (.*)$", PAGE, re.MULTILINE)
    tried = 0
    for command in commands:
        args = shlex.split(command)
        if args[0] in ("check", "wizard"):  # they have tests of their own
            continue
        tried += 1
        args = [word.replace("~", home.env["HOME"]) for word in args]
        ran = home.run(*args)
        assert ran.code == 0, (command, ran.err)
        assert ran.out, command
    assert tried >= 15
    assert home.run("remove", "--all").code == 0
    # What "new" has made is a kernelspec like any other.
    shutil.rmtree(home.own / "gpu-python")
    assert home.content() == before


def test_option_that_the_page_shows_for_new_works(home: Home) -> None:
    """It stands in the middle of a sentence."""
    (words,) = re.findall(r"such as ``(--extra [^`]+)``", PAGE)
    ran = home.run("new", "--slurm", *shlex.split(words), "a100")
    assert ran.code == 0, ran.err
    written = json.loads((home.own / "a100" / "kernel.json").read_bytes())
    assert "--constraint=a100" in written["argv"]


def test_what_is_written_is_what_the_page_shows(home: Home) -> None:
    path = home.add("ir", shapes.IRKERNEL)
    assert home.run("install", "ir").code == 0
    block = PAGE.split(".. code-block:: json\n\n")[1].split("\n\n")[0]
    block = block.replace("/path/to/python", home.python)
    shown = json.loads(block.replace("/path/to/kernels/ir", str(path.parent)))
    written = json.loads(path.read_bytes())
    assert written == shown
    assert list(written) == list(shown)
