"""Whether the server extension is on, as the server itself would find it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ipr.spec import extension


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder, the only one that says anything."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "")
    folder = tmp_path / "jupyter_server_config.d"
    folder.mkdir()
    return folder


def say(config: Path, enabled: bool) -> None:
    content = {"ServerApp": {"jpserver_extensions": {extension.MODULE: enabled}}}
    (config / "ipr.provisioner.json").write_text(json.dumps(content))


def test_extension_is_on_where_a_file_says_so(config: Path) -> None:
    say(config, True)
    assert extension.state() == extension.ENABLED
    say(config, False)
    assert extension.state() == extension.DISABLED


def test_what_is_shipped_switches_it_on(config: Path) -> None:
    shipped = Path(__file__).parents[2] / "etc" / "ipr.provisioner.json"
    (config / shipped.name).write_bytes(shipped.read_bytes())
    assert extension.state() == extension.ENABLED


@pytest.mark.parametrize(
    ("editable", "state"), [(True, extension.EDITABLE), (False, extension.ABSENT)]
)
def test_without_a_file_it_is_off(
    config: Path, monkeypatch: pytest.MonkeyPatch, editable: bool, state: str
) -> None:
    monkeypatch.setattr(extension, "_said_of_extensions", dict)
    monkeypatch.setattr(extension, "_is_editable", lambda: editable)
    assert extension.state() == state


def test_default_of_a_site_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "JUPYTER_DEFAULT_PROVISIONER_NAME"
    monkeypatch.delenv(name, raising=False)
    assert extension.other_default() == ""
    for value, other in (
        ("local-provisioner", ""),
        ("ipr-provisioner", ""),
        ("site", "site"),
    ):
        monkeypatch.setenv(name, value)
        assert extension.other_default() == other
