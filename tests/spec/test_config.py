"""``ipr-spec config``."""

from __future__ import annotations

import json
from pathlib import Path

from tests.spec import shapes
from tests.spec.home import Home


def settings_file(home: Home, text: str) -> Path:
    """Write the user's ipr.toml; the environment names its folder."""
    folder = home.folder / "config"
    folder.mkdir()
    home.env["JUPYTER_CONFIG_DIR"] = str(folder)
    path = folder / "ipr.toml"
    path.write_text(text)
    return path


def test_each_option_says_where_it_comes_from(home: Home) -> None:
    path = settings_file(home, "[daemon]\nrestart-limit = 3\nno-exec = true\n")
    spec = home.add("python3", shapes.IPYKERNEL)
    assert home.run("install", "python3", "--", "--restart-limit=9").code == 0
    ran = home.run("config", "python3", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["options"]["restart-limit"] == {"value": 9, "from": str(spec)}
    assert found["options"]["no-exec"] == {"value": True, "from": f"{path}, line 3"}
    assert found["options"]["max-held"] == {"value": 256, "from": "built in"}
    assert found["files"][0] == str(path)
    assert found["problems"] == []


def test_text_names_value_and_file(home: Home) -> None:
    path = settings_file(home, "[daemon]\nrestart-limit = 3\n")
    ran = home.run("config")
    assert ran.code == 0, ran.err
    lines = [line.split() for line in ran.out.splitlines()]
    assert ["restart-limit", "3", f"{path},", "line", "2"] in lines
    assert ["start-timeout", "auto", "built", "in"] in lines
    assert "/etc/jupyter/ipr.toml" in ran.out


def test_wrong_value_is_one_sentence_and_exit_code_1(home: Home) -> None:
    path = settings_file(home, "[daemon]\nrestart-limit = 'x'\n")
    ran = home.run("config")
    assert ran.code == 1
    assert ran.err == (
        f"ipr-spec config: {path}, line 2: restart-limit: not a whole number: 'x'\n"
    )


def test_kernelspec_without_ipr_is_named(home: Home) -> None:
    home.add("ir", shapes.IRKERNEL)
    ran = home.run("config", "ir")
    assert ran.code == 1
    assert "ir: ipr is not installed on it" in ran.err
