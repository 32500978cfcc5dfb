"""The recipe for conda says what setup.cfg says; an index shows a README without dead
links."""

from __future__ import annotations

import configparser
import pathlib
import re
import runpy
from typing import Any

import yaml

import ipr
from tests import manpages

ROOT = pathlib.Path(__file__).parents[1]


def recipe() -> Any:
    return yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8"))


def config() -> configparser.ConfigParser:
    found = configparser.ConfigParser()
    found.read(ROOT / "setup.cfg")
    return found


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def test_recipe_has_the_version_and_the_metadata() -> None:
    found, metadata = recipe(), config()["metadata"]
    assert found["context"]["version"] == ipr.__version__
    assert found["package"]["name"] == metadata["name"]
    assert found["about"]["summary"] == metadata["description"]
    assert found["about"]["license"] == metadata["license"]
    assert (ROOT / found["about"]["license_file"]).is_file()


def test_recipe_needs_what_pip_installs() -> None:
    found, options = recipe(), config()["options"]
    minimum = found["context"]["python_min"]
    assert options["python_requires"] == f">={minimum}"
    wanted = [line.replace(">=", " >=") for line in lines(options["install_requires"])]
    assert found["requirements"]["run"][2:] == wanted


def test_recipe_has_the_programs_and_the_files() -> None:
    found, entries = recipe(), config()["options.entry_points"]
    programs = found["build"]["python"]["entry_points"]
    assert programs == lines(entries["console_scripts"])
    files = config()["options.data_files"]
    there = {
        f"{folder}/{pathlib.Path(name).name}"
        for folder, names in files.items()
        for name in names.split()
    }
    (contents,) = (each for each in found["tests"] if "package_contents" in each)
    assert set(contents["package_contents"]["files"]) <= there
    assert len(there) == 1 + len(manpages.pages())


def test_index_shows_no_picture_and_no_link_that_leads_nowhere() -> None:
    readme = (ROOT / "README.rst").read_text(encoding="utf-8")
    made = runpy.run_path(str(ROOT / "setup.py"))["long_description"](readme)
    assert ".. image:: docs/" in readme
    assert "<docs/" in readme
    assert re.findall(r"image::|`_|<(?!\w+://)[^> ]+>", made) == []
    # Nothing else is missing.
    assert "\n    venv/bin/ipr-spec install python3\n" in made
    assert len(made.split()) > 0.9 * len(readme.split())
