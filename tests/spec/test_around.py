"""ipr around a whole command, and whose interpreter it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ipr.spec.around import bare_interpreter, patched, starter
from ipr.spec.restoring import restored
from tests.spec.roundtrip import PLACE, START


@pytest.mark.parametrize(
    ("word", "noted", "more", "told"),
    [
        ("python3", None, {}, "python3"),  # an absolute path to it
        ("python", "python3", {}, "python3"),
        ("python3", None, {"language": "Python"}, "python3"),
        ("python3", None, {"language": "R"}, None),
        ("gone/python3", None, {}, None),  # VS Code hides it then
        ("R", None, {}, None),
        ("python", None, {}, None),
        ("python3", None, {"metadata": {"interpreter": {"path": "/x"}}}, "/x"),
        ("ipr/python3", None, {}, None),  # argv says so already
    ],
)
def test_vs_code_is_told_whose_environment_it_is(
    tmp_path: Path, word: str, noted: str | None, more: dict[str, Any], told: str | None
) -> None:
    (tmp_path / "ipr").mkdir()
    for name in ("python3", "R", "ipr/python3"):
        (tmp_path / name).write_text("")
    (tmp_path / "ipr" / "python").symlink_to("python3")

    def path(name: str | None) -> str | None:
        return None if name is None else os.path.join(tmp_path, name)

    first = word if word == "python" else path(word)
    argv = [first, "-m", "k", "{connection_file}"]
    spec = {"argv": argv, "language": "python", "metadata": {}, **more}
    new = patched(spec, [str(tmp_path / "ipr" / "python")], (), path(noted))
    metadata = new["metadata"]
    assert isinstance(metadata, dict)
    assert metadata.get("interpreter", {}).get("path") == path(told)
    new["argv"] = [*START, *PLACE]
    assert restored(new) == spec


def test_a_bare_python_is_that_of_the_environment(tmp_path: Any) -> None:
    folder = tmp_path / "share" / "jupyter" / "kernels" / "k"
    folder.mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    for name in ("python3", "python3.11"):
        (tmp_path / "bin" / name).write_text("")
        (tmp_path / "bin" / name).chmod(0o755)

    def found(word: str) -> str | None:
        return bare_interpreter([word], str(folder))

    assert found("python3") == str(tmp_path / "bin" / "python3")
    assert found("python") == str(tmp_path / "bin" / "python3")
    assert found("python3.11") == str(tmp_path / "bin" / "python3.11")
    assert found("python3.9") is None
    assert found("/usr/bin/python3") is None
    assert found("pythonic") is None
    assert bare_interpreter(["python3"], str(tmp_path / "k")) is None


def test_starter_leaves_out_the_current_folder() -> None:
    assert starter("p") == ["p", "-P", "-m", "ipr"]
