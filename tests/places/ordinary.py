"""Knows the environments that the scripts ``.ci/install-…`` make, how the package under
test gets into one of them, and how an ordinary user runs its programs in a
:class:`~tests.e2e.harness.Place`; must not know what the programs do.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass

from tests.e2e.harness import SOURCE, Place
from tests.places import cluster

#: What a wheel is built of.
_PARTS = ("setup.cfg", "pyproject.toml", "README.rst", "LICENSE", "MANIFEST.in")
_FOLDERS = ("ipr", "twisted", "etc", "man")


def environment(name: str, script: str = "") -> str:
    """:return: the folder of an environment; the test is skipped when it is missing.

    :param script: the one in ``.ci`` that makes it; ``install-NAME`` if left out.
    """
    places = os.environ.get("IPR_PLACES") or os.path.join(SOURCE, ".cache", "places")
    folder = os.path.join(os.path.realpath(places), name)
    script = script or f"install-{name}"
    if not os.path.exists(os.path.join(folder, "installed")):
        cluster.unavailable(f"no {name} in {places}: .ci/{script}")
    tried = subprocess.run(
        [*cluster.USER, os.path.join(folder, "bin", "python"), "-c", ""], check=False
    )
    if tried.returncode:
        cluster.unavailable(f"an ordinary user may not run {folder}/bin/python")
    return folder


@functools.cache
def put_ipr_into(folder: str) -> None:
    """Install this tree, as a wheel would be: entry points, scripts, data files.

    Once in a test run.
    """
    with tempfile.TemporaryDirectory() as copy:
        for name in _PARTS:
            if os.path.exists(os.path.join(SOURCE, name)):
                shutil.copy(os.path.join(SOURCE, name), copy)
        for name in _FOLDERS:
            shutil.copytree(
                os.path.join(SOURCE, name),
                os.path.join(copy, name),
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        pip = (os.path.join(folder, "bin", "python"), "-m", "pip", "install", "-q")
        how = ("--no-deps", "--no-build-isolation", "--force-reinstall")
        cluster.command(*pip, *how, copy, within=120.0)


@dataclass(frozen=True)
class User:
    """An ordinary user, at home in a place.

    :ivar place: all that is in it is theirs.
    :ivar path: folders of programs, beside the system's.
    """

    place: Place
    path: tuple[str, ...] = ()

    def own(self) -> None:
        """Have all files of the place be the user's."""
        for folder, folders, files in os.walk(self.place.root):
            for name in (".", *folders, *files):
                shutil.chown(os.path.join(folder, name), "nobody", "nogroup")

    def environment(self, **extra: str) -> dict[str, str]:
        """:return: what the user's programs have, and nothing of ours."""
        home = self.place.work
        return {
            "HOME": home,
            "PATH": os.pathsep.join([*self.path, "/usr/bin", "/bin"]),
            "JUPYTER_RUNTIME_DIR": self.place.runtime,
            "TMPDIR": self.place.temporary,
            "IPR_TEST_MARK": self.place.mark,
            "PYTHONDONTWRITEBYTECODE": "1",
            **extra,
        }

    def run(self, *argv: str, within: float = 60.0, **extra: str) -> str:
        """Run a program to its end; :return: what it printed.

        :raises AssertionError: when it fails.
        """
        done = subprocess.run(
            [*cluster.USER, *argv],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=within,
            cwd=self.place.work,
            env=self.environment(**extra),
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"{argv}: {done.returncode}: {said}"
        return done.stdout

    def start(self, *argv: str, log: str, **extra: str) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own.

        :param log: the file that it writes to, below the place.
        """
        with open(os.path.join(self.place.root, log), "wb") as sink:
            return subprocess.Popen(
                [*cluster.USER, *argv],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                cwd=self.place.work,
                env=self.environment(**extra),
                start_new_session=True,
            )

    def left_but(self, pids: Iterable[int]) -> list[str]:
        """:return: what runs of the user's, apart from these and their children."""
        spared = set(pids)
        return [
            line
            for line in self.place.described_processes()
            if int(line.split()[0]) not in spared
        ]
