"""The folders in which kernelspecs lie: finding, reading, copying one.

Knows where Jupyter looks for kernelspecs and what a copy made by ``ipr-spec`` has in
it. Must not know what is written into a kernel.json, nor a command line.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import stat
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import attrs

from ipr import __version__
from ipr.spec import kernelspec, speccopy
from ipr.spec.kernelspec import SpecError

T = TypeVar("T")

#: In a copied folder: says that it is one, where it came from and what was copied.
MARKER = "ipr-copy.json"
#: Some kernelspec folders hold a whole environment; that is not to be copied.
COPY_LIMIT = 100 * 2**20
MARKER_LIMIT = 4 * 2**20


class NotWritable(SpecError):
    """The kernelspec may be read but not changed."""


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
        """Say beforehand if it cannot be changed.

        :raises NotWritable: by this user, in this place.
        """
        path = os.path.realpath(self.path)
        for place in (path, os.path.dirname(path)):
            if not os.access(place, os.W_OK):
                raise NotWritable(f"{place} may not be written by you")


def kernel_dirs() -> list[str]:
    """Give the folders in which Jupyter looks for kernelspecs, the first one first.

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
    """Give the folder of the user's own kernelspecs."""
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
    """Give the folder of the kernelspecs of an environment."""
    return os.path.join(os.path.abspath(prefix), "share", "jupyter", "kernels")


def _entries(folder: str) -> Iterator[tuple[str, str, bool]]:
    """Go through the kernelspecs of one folder: name, path, has it a kernel.json."""
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

    A folder without a kernel.json is in it too, if no other has that name: whoever
    misses a kernel will want to know.
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

    :raises SpecError: there is none; says which names come near.
    """
    check_name(name)
    found = find_all(dirs)
    folder = found.get(name.lower())
    if folder is None:
        raise SpecError(_no_such(name, found, dirs))
    return read(name.lower(), folder)


def check_name(name: str) -> None:
    """Refuse what cannot be a kernel's name.

    :raises SpecError: it is empty or has a path in it.
    """
    if not name or "/" in name or os.sep in name or name in (".", "..") or "\0" in name:
        raise SpecError("this is not a kernel's name; 'ipr-spec list' shows the names")


def _no_such(name: str, found: dict[str, str], dirs: Sequence[str]) -> str:
    if name.lower() == "python3" and importlib.util.find_spec("ipykernel"):
        return (
            "it has no kernel.json, Jupyter takes it from ipykernel itself; make one"
            f" by: {sys.executable} -m ipykernel install --sys-prefix"
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
    """Read a kernelspec; what is wrong with it is in the result."""
    path = os.path.join(folder, "kernel.json")
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return Kernelspec(name, folder, fault="kernel.json is not a file")
        data = speccopy.read_file(path, kernelspec.SIZE_LIMIT)
    except FileNotFoundError:
        if os.path.lexists(path) or not os.path.exists(folder):
            return Kernelspec(name, folder, fault="it is a symlink that leads nowhere")
        return Kernelspec(name, folder, fault="kernel.json is missing")
    except OSError as error:
        fault = f"kernel.json cannot be read: {kernelspec.why(error)}"
        return Kernelspec(name, folder, fault=fault)
    try:
        text, spec = kernelspec.decoded(data)
    except SpecError as error:
        return Kernelspec(name, folder, data, fault=str(error))
    return Kernelspec(name, folder, data, text, spec, kernelspec.fault(spec))


def copied_from(folder: str) -> str | None:
    """Say from where ``ipr-spec`` copied *folder*, None if it did not."""
    marker = _marker(folder)
    return None if marker is None else str(marker.get("copy_of"))


def is_replaceable(folder: str, original: dict[str, object]) -> bool:
    """Say if a copy holds nothing that its source does not.

    :param original: what the copy's kernel.json says without ``ipr``.
    """
    marker = _marker(folder) or {}
    source = os.path.join(str(marker.get("copy_of")), "kernel.json")
    # A marker of an earlier ipr-spec does not say what was copied.
    known = marker.get("original", _json_digest(original))
    return os.path.isfile(source) and known == _json_digest(original)


def _json_digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _marker(folder: str) -> dict[str, object] | None:
    try:
        marker = json.loads(
            speccopy.read_file(os.path.join(folder, MARKER), MARKER_LIMIT)
        )
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(marker, dict) or not isinstance(marker.get("files"), dict):
        return None
    # Somebody may have copied the copy; that one is not ours to delete.
    place = marker.get("folder")
    try:
        ours = isinstance(place, str) and os.path.samefile(place, folder)
    except (OSError, ValueError):
        ours = False
    return marker if ours else None


def copy(
    source: str, target: str, spec: bytes, original: dict[str, object] | None = None
) -> list[str]:
    """Copy a kernelspec's folder, with *spec* for its kernel.json.

    What only this user can read is not copied, or into files of which that is still
    so. For Jupyter the copy is there when its kernel.json is, which comes last and
    in one step.

    :param original: what *spec* says without ``ipr``, for :func:`is_replaceable`.
    :returns: what was left out, and why, a line each.
    :raises SpecError: it could not be done; nothing of it is left.
    """
    if os.path.exists(os.path.join(target, "kernel.json")):
        raise SpecError(f"{target} is there already")
    try:
        with speccopy.opened(source) as folder:
            made = _made_folder(target, folder)
            try:
                return _copied(folder, source, target, spec, original)
            except BaseException:
                # Another ipr-spec may have put its own there.
                with contextlib.suppress(OSError):
                    if os.path.samestat(os.stat(target), made):
                        shutil.rmtree(target, ignore_errors=True)
                raise
    except OSError as error:
        raise SpecError(
            f"cannot copy {source} to {target}: {kernelspec.why(error)}"
        ) from error


def _made_folder(target: str, source: speccopy.Source) -> os.stat_result:
    """Make the folder for a copy; what a killed one has left there goes away."""
    try:
        there = os.listdir(target) if os.path.isdir(target) else None
        if _marker(target) is not None or there == [MARKER]:
            if not _is_abandoned(target):
                raise SpecError(
                    f"{target} is being written by another ipr-spec; try again"
                )
            _discard(target)  # a copy or a removal was killed half-way
        elif there == []:
            os.rmdir(target)  # the same, at its very end
        if os.path.lexists(target):
            raise SpecError(f"{target} is there already, and ipr-spec did not make it")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.mkdir(target, 0o777 if speccopy.is_public(source.path) else 0o700)
        return os.stat(target, follow_symlinks=False)
    except OSError as error:
        raise SpecError(f"cannot make {target}: {kernelspec.why(error)}") from error


def _copied(
    folder: speccopy.Source,
    source: str,
    target: str,
    spec: bytes,
    original: dict[str, object] | None,
) -> list[str]:
    """Fill the empty folder *target*, under a lock."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.ExitStack() as stack:
        root = os.open(target, flags)
        stack.callback(os.close, root)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(MARKER, flags, 0o666, dir_fd=root)
        stack.callback(os.close, lock)
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        marker: dict[str, object] = {
            "made_by": f"ipr-spec {__version__}",
            "copy_of": os.path.abspath(source),
            "folder": os.path.abspath(target),
            "files": {},
        }
        if original is not None:
            marker["original"] = _json_digest(original)
        # First without the files: from here on it is known to be ours.
        _write(lock, _json(marker))
        digests = {"kernel.json": ""}
        left_out: list[str] = []
        left = COPY_LIMIT
        mode = 0o600
        try:
            for name, where in folder.files():
                if name in (".kernel.json.ipr", MARKER):
                    continue
                if name == "kernel.json":
                    mode = _public_mode(where)
                    continue
                try:
                    fd = folder.open(where, os.path.basename(name))
                except speccopy.LeftOut as error:
                    left_out.append(f"{name} {error}")
                    continue
                try:
                    digests[name], size = speccopy.copy_file(fd, root, name, left)
                finally:
                    os.close(fd)
                left -= size
        except speccopy.TooMuch as error:
            what = str(error) or f"more than {COPY_LIMIT >> 20} MiB"
            raise SpecError(
                f"{source} holds {what}; copy what is needed of it by hand"
            ) from None
        marker["files"] = digests
        _write(lock, _json(marker))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        temporary = os.open(".kernel.json.ipr", flags, mode, dir_fd=root)
        stack.callback(os.close, temporary)
        _write(temporary, spec)
        os.rename(".kernel.json.ipr", "kernel.json", src_dir_fd=root, dst_dir_fd=root)
        return left_out


def _public_mode(folder: int) -> int:
    """Return the mode for a copy of the kernel.json in an open folder."""
    path = os.path.realpath(f"/proc/self/fd/{folder}/kernel.json")
    return 0o666 if speccopy.is_public(path) else 0o600


def _is_abandoned(folder: str) -> bool:
    """Say if nobody is at work on a copy any more."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(os.path.join(folder, MARKER), flags)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(fd)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks
    return True


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1).encode() + b"\n"


def _write(fd: int, data: bytes) -> None:
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    with open(fd, "wb", closefd=False) as file:
        file.write(data)
    os.fsync(fd)


def check_deletable(folder: str) -> None:
    """See to it that a copy holds nothing but what was copied.

    :raises SpecError: it is no copy by ``ipr-spec``, or there is more in it.
    """
    marker = _marker(folder)
    if marker is None:
        raise SpecError(f"{folder} is not a copy that ipr-spec made")
    files = marker["files"]
    assert isinstance(files, dict)
    try:
        others = [name for name, same in _compared(folder, files) if not same]
    except speccopy.TooMuch as error:
        raise SpecError(f"{folder} holds {error}; delete it by hand") from None
    except OSError as error:
        raise SpecError(f"cannot read {folder}: {kernelspec.why(error)}") from error
    if others:
        raise SpecError(
            f"{folder} holds files that ipr-spec did not put there"
            f" ({', '.join(sorted(others)[:5])}); move them away first"
        )


def _compared(folder: str, digests: dict[str, object]) -> Iterator[tuple[str, bool]]:
    """Go through the files of a copy: the name, and if it is what was copied."""
    with speccopy.opened(folder) as copy:
        for name, where in copy.files():
            if name in ("kernel.json", ".kernel.json.ipr", MARKER):
                continue
            same = False
            with contextlib.suppress(speccopy.LeftOut):
                fd = copy.open(where, os.path.basename(name))
                with open(fd, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                same = digests.get(name) == digest
            yield name, same


def delete(folder: str, before: bytes | None = None) -> None:
    """Delete a copy that :func:`copy` made.

    :param before: what its kernel.json holds, if that is known.
    :raises SpecError: it could not be done, or there is something else in it.
    """
    check_deletable(folder)
    path = os.path.join(folder, "kernel.json")
    try:
        if before is not None:
            kernelspec.check_unchanged(path, before)
        # In this order: Jupyter no longer sees it, and the marker goes last.
        os.unlink(path)
        _discard(folder)
    except OSError as error:
        raise SpecError(f"cannot delete {folder}: {kernelspec.why(error)}") from error


def _discard(folder: str) -> None:
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name == MARKER:
            continue
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    os.unlink(os.path.join(folder, MARKER))
    os.rmdir(folder)
