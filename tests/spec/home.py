"""A place of their own for tests of ``ipr-spec``: an environment that has it, and
kernels folders, none of them the machine's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

import ipr

SOURCE = Path(ipr.__file__).resolve().parents[1]
#: Long, for the machine may be busy; without effect on a test that passes.
PATIENCE = 60.0


def make_environment(folder: Path, with_ipr: bool = True) -> Path:
    """Make a virtual environment that sees the packages of this one.

    It has ``ipr-spec`` as pip writes it. Nothing is installed, so it is quick.
    """
    command = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(command, check=True, timeout=PATIENCE)
    (site,) = folder.glob("lib/python*/site-packages")
    packages = sysconfig.get_path("purelib")
    if not with_ipr:
        (site / "neighbours.pth").write_text(f"{packages}\n")
        return folder
    (site / "neighbours.pth").write_text(f"{SOURCE}\n{packages}\n")
    script = folder / "bin" / "ipr-spec"
    script.write_text(
        f"#!{folder}/bin/python\n"
        "import re\nimport sys\nfrom ipr.spec.spec_cli import main\n"
        "if __name__ == '__main__':\n    sys.exit(main())\n"
    )
    script.chmod(0o755)
    return folder


def unprivileged() -> list[str]:
    """Return the words that run a command without root's power over all files."""
    if os.geteuid() != 0:
        return []
    caps = "-dac_override,-dac_read_search,-fowner,-chown"
    return ["setpriv", f"--bounding-set={caps}", "--inh-caps=-all"]


@attrs.frozen
class Ran:
    """How a run of ``ipr-spec`` ended."""

    code: int
    out: str
    err: str


@attrs.define
class Home:
    """Where ``ipr-spec`` runs.

    :ivar own: the user's kernels folder.
    :ivar site: the machine's, which comes last.
    """

    folder: Path
    environment: Path
    env: dict[str, str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.own.mkdir(parents=True)
        self.site.mkdir(parents=True)
        (self.folder / "home").mkdir()
        mine = ("JUPYTER", "IPYTHON", "XDG_", "PYTHON", "VIRTUAL_ENV", "LC_", "LANG")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(mine)}
        self.env |= {
            "HOME": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "JUPYTER_DATA_DIR": str(self.own.parent),
            "JUPYTER_PLATFORM_DIRS": "1",
            "XDG_DATA_DIRS": str(self.folder / "system"),
            "JUPYTER_PREFER_ENV_PATH": "0",
            "IPYTHONDIR": str(self.folder / "ipython"),
            # coverage and the like: nothing of the test process goes in
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    @property
    def own(self) -> Path:
        return self.folder / "data" / "kernels"

    @property
    def site(self) -> Path:
        return self.folder / "system" / "jupyter" / "kernels"

    @property
    def python(self) -> str:
        return str(self.environment / "bin" / "python")

    def add(self, name: str, data: bytes, where: Path | None = None) -> Path:
        """Put a kernelspec with a logo there; return its kernel.json."""
        folder = (self.own if where is None else where) / name
        folder.mkdir(parents=True)
        (folder / "logo-64x64.png").write_bytes(b"\x89PNG " + name.encode())
        path = folder / "kernel.json"
        path.write_bytes(data)
        return path

    def run(
        self,
        *args: str,
        before: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Ran:
        """Run ``ipr-spec``."""
        done = subprocess.run(
            [*before, str(self.environment / "bin" / "ipr-spec"), *args],
            env={**self.env, **(env or {})},
            capture_output=True,
            check=False,
            timeout=PATIENCE,
            **{"cwd": str(self.folder), **more},
        )
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode()
        assert "Traceback" not in err, err
        return Ran(done.returncode, out, err)

    def listed(self, *args: str) -> dict[str, Any]:
        ran = self.run("list", "--json", *args)
        assert ran.code == 0, ran.err
        return {kernel["name"]: kernel for kernel in json.loads(ran.out)["kernels"]}

    def content(self) -> dict[str, bytes | str]:
        """Everything that is on disk: a refusal must leave it as it is."""
        found: dict[str, bytes | str] = {}
        for root in (self.own, self.site):
            for path in sorted(root.rglob("*")):
                if path.is_symlink():
                    found[str(path)] = os.readlink(path)
                elif path.is_file():
                    try:
                        found[str(path)] = path.read_bytes()
                    except OSError:
                        found[str(path)] = "unreadable"
        return found


def starter(python: str) -> list[str]:
    """The words that install must write for an interpreter."""
    return [python, "-P", "-m", "ipr"]


def kept(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What a wrapped kernel.json must have kept, and where."""
    own: dict[str, Any] = spec["metadata"]["ipr"]
    return own


def daemon(home: Home, path: Path) -> list[str]:
    """:return: the command line of the daemon in the kernel.json at *path*."""
    return [
        *starter(home.python),
        *("-f", "{connection_file}", "--resource-dir", "{resource_dir}"),
        *("--spec-dir", str(path.parent)),
    ]


def lock(folder: Path) -> None:
    """Make a kernelspec somebody else's."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 1000, 1000)
        os.chown(folder.parent, 1000, 1000)
    else:
        folder.chmod(0o555)
        (folder / "kernel.json").chmod(0o444)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
