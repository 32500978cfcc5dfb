"""Copies of kernelspecs' folders: how ``ipr-spec`` makes them and deletes them.

Knows the marker that says what was copied and from where. Must not know what is
written into a kernel.json, nor which files may be copied: :mod:`ipr.spec.copyable`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator

from ipr import __version__
from ipr.spec import copyable, files, folders
from ipr.spec.errors import SpecError, why

#: Some kernelspec folders hold a whole environment, which is not to be copied.
COPY_LIMIT = 100 * 2**20
MARKER_LIMIT = 4 * 2**20
#: The kernel.json of a copy until it is complete.
TEMPORARY = ".kernel.json.ipr"


def copied_from(folder: str) -> str | None:
    """Return the folder that ``ipr-spec`` copied to *folder*, None if it did not."""
    marker = _marker(folder)
    return None if marker is None else str(marker.get("copy_of"))


def is_replaceable(folder: str, original: dict[str, object]) -> bool:
    """Return whether a copy holds nothing that its source does not.

    :param original: the object in the copy's kernel.json without ``ipr``.
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
            files.read_file(os.path.join(folder, folders.MARKER), MARKER_LIMIT)
        )
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(marker, dict) or not isinstance(marker.get("files"), dict):
        return None
    # A copy of the copy is not ours to delete.
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

    What only this user can read is left out, or stays readable for this user only.
    Jupyter sees the copy as soon as it has a kernel.json, which is put there last, in
    one step.

    :param original: the object in *spec* without ``ipr``, for :func:`is_replaceable`.
    :returns: the files that were left out, and why, a line each.
    :raises SpecError: it could not be done; nothing of it is left.
    """
    if os.path.exists(os.path.join(target, "kernel.json")):
        raise SpecError(f"{target} is there already")
    try:
        with copyable.opened(source) as folder:
            made = _made_folder(target, folder)
            try:
                return _copied(folder, source, target, spec, original)
            except BaseException:
                # Only if it is ours: another ipr-spec may have made it again.
                with contextlib.suppress(OSError):
                    if os.path.samestat(os.stat(target), made):
                        shutil.rmtree(target, ignore_errors=True)
                raise
    except OSError as error:
        raise SpecError(f"cannot copy {source} to {target}: {why(error)}") from error


def _made_folder(target: str, source: copyable.Source) -> os.stat_result:
    """Make the folder for a copy; remove what a killed ipr-spec left there."""
    try:
        there = os.listdir(target) if os.path.isdir(target) else None
        if _marker(target) is not None or there == [folders.MARKER]:
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
        os.mkdir(target, 0o777 if copyable.is_public(source.path) else 0o700)
        return os.stat(target, follow_symlinks=False)
    except OSError as error:
        raise SpecError(f"cannot make {target}: {why(error)}") from error


def _copied(
    folder: copyable.Source,
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
        record = os.open(folders.MARKER, flags, 0o666, dir_fd=root)
        stack.callback(os.close, record)
        files.lock(record)
        marker: dict[str, object] = {
            "made_by": f"ipr-spec {__version__}",
            "copy_of": os.path.abspath(source),
            "folder": os.path.abspath(target),
            "files": {},
        }
        if original is not None:
            marker["original"] = _json_digest(original)
        # First without the files: from here on it is known to be ours.
        _store(record, _json(marker))
        try:
            digests, left_out, mode = _copied_files(folder, root)
        except copyable.TooMuch as error:
            what = str(error) or f"more than {COPY_LIMIT >> 20} MiB"
            raise SpecError(
                f"{source} holds {what}; copy the files that are needed by hand"
            ) from None
        marker["files"] = digests
        _store(record, _json(marker))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        temporary = os.open(TEMPORARY, flags, mode, dir_fd=root)
        stack.callback(os.close, temporary)
        _store(temporary, spec)
        os.rename(TEMPORARY, "kernel.json", src_dir_fd=root, dst_dir_fd=root)
        return left_out


def _copied_files(
    folder: copyable.Source, root: int
) -> tuple[dict[str, str], list[str], int]:
    """Copy all files but the kernel.json.

    :returns: their digests; the files that were left out, and why; the mode for the
        kernel.json.
    :raises copyable.TooMuch: there are too many, or they are too large.
    """
    digests = {"kernel.json": ""}
    left_out: list[str] = []
    left = COPY_LIMIT
    mode = 0o600
    for name, where in folder.files():
        if name in (TEMPORARY, folders.MARKER):
            continue
        if name == "kernel.json":
            mode = _public_mode(where)
            continue
        try:
            fd = folder.open(where, os.path.basename(name))
        except copyable.LeftOut as error:
            left_out.append(f"{name} {error}")
            continue
        try:
            digests[name], size = copyable.copy_file(fd, root, name, left)
        finally:
            os.close(fd)
        left -= size
    return digests, left_out, mode


def _public_mode(folder: int) -> int:
    """Return the mode for a copy of the kernel.json in an open folder."""
    path = os.path.realpath(f"/proc/self/fd/{folder}/kernel.json")
    return 0o666 if copyable.is_public(path) else 0o600


def _is_abandoned(folder: str) -> bool:
    """Return whether no other process is working on a copy."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(os.path.join(folder, folders.MARKER), flags)
    except OSError:
        return True
    try:
        return files.lock(fd)
    finally:
        os.close(fd)


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1).encode() + b"\n"


def _store(fd: int, data: bytes) -> None:
    files.overwrite(fd, data)
    os.fsync(fd)


def check_deletable(folder: str) -> None:
    """Check that a copy holds nothing but what was copied.

    :raises SpecError: it is no copy by ``ipr-spec``, or there is more in it.
    """
    marker = _marker(folder)
    if marker is None:
        raise SpecError(f"{folder} is not a copy that ipr-spec made")
    recorded = marker["files"]
    assert isinstance(recorded, dict)
    try:
        others = [name for name, same in _compared(folder, recorded) if not same]
    except copyable.TooMuch as error:
        raise SpecError(f"{folder} holds {error}; delete it by hand") from None
    except OSError as error:
        raise SpecError(f"cannot read {folder}: {why(error)}") from error
    if others:
        raise SpecError(
            f"{folder} holds files that ipr-spec did not put there"
            f" ({', '.join(sorted(others)[:5])}); move them away first"
        )


def _compared(folder: str, digests: dict[str, object]) -> Iterator[tuple[str, bool]]:
    """Yield the files of a copy: the name, and whether it is what was copied."""
    with copyable.opened(folder) as copy:
        for name, where in copy.files():
            if name in ("kernel.json", TEMPORARY, folders.MARKER):
                continue
            same = False
            with contextlib.suppress(copyable.LeftOut):
                fd = copy.open(where, os.path.basename(name))
                with open(fd, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                same = digests.get(name) == digest
            yield name, same


def delete(folder: str, before: bytes | None = None) -> None:
    """Delete a copy that :func:`copy` made.

    :param before: the bytes of its kernel.json, if they are known.
    :raises SpecError: it could not be done, or there is something else in it.
    """
    check_deletable(folder)
    path = os.path.join(folder, "kernel.json")
    try:
        if before is not None:
            files.check_unchanged(path, before)
        # In this order: Jupyter no longer sees it, and the marker goes last.
        os.unlink(path)
        _discard(folder)
    except OSError as error:
        raise SpecError(f"cannot delete {folder}: {why(error)}") from error


def _discard(folder: str) -> None:
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name == folders.MARKER:
            continue
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    os.unlink(os.path.join(folder, folders.MARKER))
    os.rmdir(folder)
