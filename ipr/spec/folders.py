"""The folders in which kernelspecs lie: finding one and reading it.

Knows where Jupyter looks for kernelspecs. Must not know what is written into a
kernel.json, nor how a folder is copied.
"""

from __future__ import annotations

import difflib
import importlib.util
import os
import stat
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import attrs

from ipr.spec import files
from ipr.spec.errors import NotWritable, SpecError, why
from ipr.spec.fields import decoded, fault_of

T = TypeVar("T")


@attrs.frozen
class Kernelspec:
    """A kernelspec as found on disk.

    :ivar data: the bytes of its kernel.json, empty if they could not be read.
    :ivar fault: why Jupyter cannot use it, None if it can.
    """

    name: str
    folder: str
    data: bytes = b""
    text: str = ""
    spec: dict[str, object] = attrs.field(factory=dict)
    fault: str | None = None

    @property
    def path(self) -> str:
        """Where its kernel.json is."""
        return os.path.join(self.folder, "kernel.json")

    def check_writable(self) -> None:
        """Check beforehand that it can be changed.

        :raises NotWritable: not by this user, or not in this place.
        """
        path = os.path.realpath(self.path)
        for place in (path, os.path.dirname(path)):
            if not os.access(place, os.W_OK):
                raise NotWritable(f"you do not have permission to write to {place}")


def kernel_dirs() -> list[str]:
    """Return the folders in which Jupyter looks for kernelspecs, the first one first.

    As ``jupyter_client.kernelspec.KernelSpecManager.kernel_dirs``, which takes
    five times as long to import.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a migration that is not ours
        from jupyter_core.paths import jupyter_path

        dirs: list[str] = _at_home(lambda: jupyter_path("kernels"))
    if importlib.util.find_spec("IPython") is not None:
        own = os.environ.get("IPYTHONDIR", os.path.join("~", ".ipython"))
        dirs.append(os.path.join(os.path.expanduser(own), "kernels"))
    return dirs


def user_dir() -> str:
    """Return the folder of the user's own kernelspecs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from jupyter_core.paths import jupyter_data_dir

        return os.path.join(_at_home(jupyter_data_dir), "kernels")


def _at_home(find: Callable[[], T]) -> T:
    try:
        return find()
    except RuntimeError:
        # A container's user without an entry in passwd.
        raise SpecError(
            "there is no home folder; set HOME, or JUPYTER_DATA_DIR"
        ) from None


def prefix_dir(prefix: str) -> str:
    """Return the folder of the kernelspecs of an environment."""
    return os.path.join(os.path.abspath(prefix), "share", "jupyter", "kernels")


def same(one: str, other: str) -> bool:
    """Return whether two paths lead to the same folder."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.abspath(one) == os.path.abspath(other)


def _entries(folder: str) -> Iterator[tuple[str, str, bool]]:
    """Yield the kernelspecs of one folder: name, path, whether it has a kernel.json."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        path = os.path.join(folder, name)
        spec = os.path.join(path, "kernel.json")
        if os.path.isfile(spec):
            yield name.lower(), path, True
        elif not name.startswith((".", "__")) and (
            os.path.isdir(path) or os.path.islink(path)
        ):
            yield name.lower(), path, False


def find_all(dirs: Sequence[str]) -> dict[str, str]:
    """Find the kernelspecs in *dirs*: names and folders.

    A folder without a kernel.json is included if no other has its name, so that a
    user who misses a kernel sees it.
    """
    found: dict[str, str] = {}
    without: dict[str, str] = {}
    for folder in dirs:
        for name, path, complete in _entries(folder):
            (found if complete else without).setdefault(name, path)
    for name, path in without.items():
        if not os.path.exists(os.path.join(path, MARKER)):  # half deleted
            found.setdefault(name, path)
    return found


def find(name: str, dirs: Sequence[str]) -> Kernelspec:
    """Find one kernelspec by its name and read it.

    :raises SpecError: there is none; suggests similar names.
    """
    check_name(name)
    found = find_all(dirs)
    folder = found.get(name.lower())
    if folder is None:
        raise SpecError(_no_such(name, found, dirs))
    return read(name.lower(), folder)


def check_name(name: str) -> None:
    """Check that *name* can be a kernel's name.

    :raises SpecError: it is empty or has a path in it.
    """
    if not name or "/" in name or os.sep in name or name in (".", "..") or "\0" in name:
        raise SpecError("this is not a kernel's name; 'ipr-spec list' shows the names")


def _no_such(name: str, found: dict[str, str], dirs: Sequence[str]) -> str:
    if name.lower() == "python3" and importlib.util.find_spec("ipykernel"):
        return (
            "it has no kernel.json, Jupyter takes it from ipykernel itself; make one"
            f" with: {sys.executable} -m ipykernel install --sys-prefix"
        )
    near = difflib.get_close_matches(name.lower(), found, cutoff=0.5)
    if not near and len(found) <= 8:
        if found:
            known = ", ".join(map(repr, sorted(found)))
            return f"there is no such kernel; there are {known}"
        return "there is no such kernel in " + ", ".join(dirs)
    if near:
        return f"there is no such kernel; did you mean {' or '.join(map(repr, near))}?"
    return "there is no such kernel; 'ipr-spec list' shows those there are"


def read(name: str, folder: str) -> Kernelspec:
    """Read a kernelspec; the result says what is wrong with it."""
    path = os.path.join(folder, "kernel.json")
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return Kernelspec(name, folder, fault="kernel.json is not a file")
        data = files.read_file(path, files.SIZE_LIMIT)
    except FileNotFoundError:
        if os.path.lexists(path) or not os.path.exists(folder):
            return Kernelspec(name, folder, fault="it is a symlink that leads nowhere")
        return Kernelspec(name, folder, fault="kernel.json is missing")
    except OSError as error:
        fault = f"kernel.json cannot be read: {why(error)}"
        return Kernelspec(name, folder, fault=fault)
    try:
        text, spec = decoded(data)
    except SpecError as error:
        return Kernelspec(name, folder, data, fault=str(error))
    return Kernelspec(name, folder, data, text, spec, fault_of(spec))


#: In a copied folder: says that it is one, where it came from and what was copied.
MARKER = "ipr-copy.json"
