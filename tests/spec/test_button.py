"""What check says of the Restart button."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ipr.spec import button, extension
from ipr.spec.fields import decoded
from ipr.spec.folders import Kernelspec
from ipr.spec.states import standing
from tests.spec.home import Home, make_environment

ARGV = [sys.executable, "-P", "-m", "ipr", "-f", "{connection_file}"]


def obstacle(**metadata: object) -> button.Obstacle | None:
    argv = [*ARGV, "--resource-dir", "{resource_dir}"]
    own = {"restarter_original_argv": ["R", "{connection_file}"]}
    spec = {"argv": argv, "metadata": {"ipr": own, **metadata}}
    data = json.dumps(spec).encode()
    return button.obstacle(standing(Kernelspec("r", "/k", data, *decoded(data))))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This environment has a server with the extension."""
    monkeypatch.delenv("JUPYTER_DEFAULT_PROVISIONER_NAME", raising=False)
    monkeypatch.setattr(button, "_server", lambda: sys.executable)
    monkeypatch.setattr(extension, "state", lambda: extension.ENABLED)
    return monkeypatch


def test_in_place_with_the_extension(server: pytest.MonkeyPatch) -> None:
    assert obstacle() is None


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (extension.DISABLED, "the server extension is disabled"),
        (extension.ABSENT, "the server extension is not enabled"),
        (extension.EDITABLE, "an editable install of ipr enables no server extension"),
    ],
)
def test_says_how_to_enable_the_extension(
    server: pytest.MonkeyPatch, state: str, reason: str
) -> None:
    server.setattr(extension, "state", lambda: state)
    found = obstacle()
    assert found is not None
    assert found.reason == reason
    assert found.mend.startswith("jupyter server extension enable --sys-prefix ipr.")
    # Named by the kernelspec itself it needs no extension.
    assert obstacle(kernel_provisioner={"provisioner_name": "ipr-provisioner"}) is None


def test_another_provisioner_is_named(server: pytest.MonkeyPatch) -> None:
    found = obstacle(kernel_provisioner={"provisioner_name": "slurm-provisioner"})
    assert found is not None
    assert "'slurm-provisioner' starts the kernel" in found.reason
    server.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "site")
    found = obstacle()
    assert found is not None
    assert "JUPYTER_DEFAULT_PROVISIONER_NAME is 'site'" in found.reason


def test_no_server_is_named(server: pytest.MonkeyPatch) -> None:
    server.setattr(button, "_server", lambda: "")
    found = obstacle()
    assert found is not None
    assert "no Jupyter server is installed" in found.reason
    # Nothing is claimed of a button that is elsewhere.
    assert found.then == button.UNKNOWN


def test_server_of_another_environment_is_asked(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found by the first line of a script on the PATH."""
    scripts = tmp_path / "bin"
    scripts.mkdir()
    script = scripts / "jupyter-lab"
    without = make_environment(tmp_path / "without", with_ipr=False)
    neighbour = without / "lib"
    (pth,) = neighbour.glob("python*/site-packages/neighbours.pth")
    pth.unlink()
    monkeypatch.setenv("PATH", str(scripts))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    found_spec = button.importlib.util.find_spec  # type: ignore[attr-defined]

    def find_spec(name: str) -> Any:
        return None if name == "jupyter_server" else found_spec(name)

    monkeypatch.setattr(button.importlib.util, "find_spec", find_spec)  # type: ignore[attr-defined]
    script.write_text(f"#!{without}/bin/python\n")
    script.chmod(0o755)
    found = obstacle()
    assert found is not None
    assert f"{without}/bin/python, has no ipr" in found.reason
    assert f"{without}/bin/python -m pip install" in found.mend
    # Until this version is published, that name fetches the earlier package.
    assert "pip install inplace_restarter" not in found.mend
    assert found.then == button.ENDS
    hidden = obstacle(kernel_provisioner={"provisioner_name": "ipr-provisioner"})
    assert hidden is not None
    assert hidden.then == button.HIDDEN
    assert hidden.reason.startswith("it names ipr's kernel provisioner, and the")
    assert hidden.mend.endswith("; or: ipr-spec install --no-provisioner r")
    script.write_text(f"#!{home.python}\n")
    found = obstacle()
    # Its server exists, and nothing enables the extension there.
    assert found is not None
    assert "server extension" in found.reason
    folder = tmp_path / "config" / "jupyter_server_config.d"
    folder.mkdir(parents=True)
    shipped = Path(__file__).parents[2] / "etc" / "ipr.provisioner.json"
    (folder / "ipr.provisioner.json").write_bytes(shipped.read_bytes())
    assert obstacle() is None


def test_report_fits_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    button.report(button.Obstacle("word " * 40, "mend " * 40))
    button.report(button.Obstacle("word " * 40, "mend " * 40, button.HIDDEN))
    button.report(None)
    lines = capsys.readouterr().out.splitlines()
    assert "The Jupyter server here does not show this kernelspec, since" in lines
    assert "To have it shown:" in lines
    assert max(map(len, lines)) <= 80
    assert "as well" in lines[-1]
