"""A virtual environment with packages of its own, and a kernel's surroundings in it.

Knows how wheels are written by hand and installed by pip, which fetches nothing. Must
not know what is tested.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.harness import SOURCE, Client, Kernel, Kind, Place


class Environment:
    """A virtual environment with ipykernel, and a kernel's surroundings.

    :ivar site: its site-packages.
    :ivar tools: a folder on PYTHONPATH.
    :ivar profile: IPython's.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        root = Path(place.root)
        self.folder = root / "venv"
        subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", str(self.folder)],
            check=True,
        )
        self.python = str(self.folder / "bin" / "python")
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        self.site = self.folder / "lib" / version / "site-packages"
        # ipykernel is the one of the tests.
        (self.site / "tests.pth").write_text(sysconfig.get_path("purelib"))
        self.tools = root / "tools"
        self.tools.mkdir()
        (self.tools / "tool.py").write_text("value = 1")
        self.profile = root / "ipython" / "profile_default"
        (self.profile / "startup").mkdir(parents=True)
        self.startup = self.profile / "startup" / "00-first.py"
        self.startup.write_text("from contextlib import suppress\n")
        self.wheels = root / "wheels"
        self.wheels.mkdir()

    def start(
        self, kind: Kind = "plain", options: Sequence[str] = ()
    ) -> tuple[Kernel, Client]:
        """Start a kernel of this environment, and connect to it."""
        argv = [self.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        if kind == "plain":
            name = self.place.plain_spec(argv)
        else:
            name = self.place.wrapped_spec(argv, options)
        kernel = Kernel(
            self.place,
            name,
            {
                "PYTHONPATH": os.pathsep.join((str(self.tools), SOURCE)),
                "IPYTHONDIR": str(self.profile.parent),
                "PYTHONDONTWRITEBYTECODE": "",
            },
        )
        return kernel, kernel.client()

    def wheel(self, version: str, name: str = "tiny") -> str:
        """Write a wheel; every version has files of the same size."""
        path = self.wheels / f"{name}-{version}-py3-none-any.whl"
        info = f"{name}-{version}.dist-info/"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(f"{name}/__init__.py", f"version = {version!r}\n")
            wheel.writestr(
                f"{info}METADATA",
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            )
            wheel.writestr(
                f"{info}WHEEL",
                "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\n"
                "Tag: py3-none-any\n",
            )
            wheel.writestr(f"{info}RECORD", "")
        return str(path)

    def pip(self, *words: str) -> None:
        """Run pip as ``%pip`` would, on this environment."""
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--python", self.python, *words],
            env={**os.environ, "PIP_NO_INDEX": "1", "PIP_NO_INPUT": "1"},
            capture_output=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr.decode()

    def install(self, *what: str) -> None:
        self.pip("install", "--no-deps", "--no-build-isolation", *what)
