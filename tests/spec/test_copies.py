"""Copies are whole when Jupyter sees them; only what was copied is deleted."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ipr.spec import copies, folders
from ipr.spec.errors import SpecError
from tests.spec import shapes
from tests.spec.home import (
    PATIENCE,
    SOURCE,
    Home,
)
from tests.spec.site import copied

# A process that ends at the second call, or the only one, of a function.
_ENDING = """
import os, shutil, sys
sys.path.insert(0, {source!r})
from ipr.spec import copies, copyable, files
real, calls = {function}, []
def ended(*args, **kwargs):
    calls.append(args)
    if len(calls) >= {calls}:
        os.kill(os.getpid(), 9)
    return real(*args, **kwargs)
{function} = ended
{what}
"""


@pytest.mark.parametrize(
    ("what", "function", "calls"),
    [
        ("copy", "files.overwrite", 1),
        ("copy", "files.overwrite", 2),
        ("copy", "copyable.copy_file", 1),
        ("copy", "os.rename", 1),
        ("delete", "os.unlink", 2),
        ("delete", "os.unlink", 3),
        ("delete", "os.rmdir", 1),
    ],
)
@pytest.mark.slow
def test_killed_while_it_copies_or_deletes(
    home: Home, what: str, function: str, calls: int
) -> None:
    """What Jupyter sees is whole, and the next run can go on."""
    site, own = home.site / "bash", home.own / "bash"
    home.add("bash", shapes.BASH_KERNEL, home.site)
    act = f"copies.delete({str(own)!r})"
    if what == "copy":
        act = f"copies.copy({str(site)!r}, {str(own)!r}, b'{{}}')"
    else:
        copies.copy(str(site), str(own), shapes.BASH_KERNEL)
    code = _ENDING.format(source=str(SOURCE), function=function, calls=calls, what=act)
    done = subprocess.run([sys.executable, "-c", code], timeout=PATIENCE, check=False)
    assert done.returncode == -signal.SIGKILL, "it never came to that point"
    assert own.exists(), "something is left"
    assert home.listed()["bash"]["folder"] == str(site)
    ran = home.run("install", "--user", "bash")
    assert ran.code == 0, ran.err
    assert home.listed()["bash"]["folder"] == str(own)
    assert home.run("remove", "bash").code == 0
    assert not own.exists()


def test_folder_too_big_is_not_copied(home: Home) -> None:
    path = home.add("bash", shapes.BASH_KERNEL, home.site)
    with (path.parent / "environment.img").open("wb") as file:
        file.truncate(copies.COPY_LIMIT + 1)
    ran = home.run("install", "--user", "bash")
    assert ran.code == 1
    assert "more than 100 MiB" in ran.err
    assert not (home.own / "bash").exists()


def test_a_file_that_grows_while_it_is_copied(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is what is read, not the size that it had."""
    log = place / "site" / "log"
    log.write_bytes(b"")
    monkeypatch.setattr(copies, "COPY_LIMIT", 2**20)
    chunks = []

    def read(fd: int, size: int) -> bytes:
        chunks.append(size)
        assert len(chunks) < 100, "it goes on for ever"
        return bytes(size)

    monkeypatch.setattr(os, "read", read)
    with pytest.raises(SpecError, match=r"holds more than 1 MiB; copy"):
        copied(place)
    assert sum(chunks) <= 2**20 + max(chunks)
    assert not (place / "own" / "k").exists()


@pytest.mark.parametrize("kind", ["pipe", "link", "changed", "new"])
def test_a_copy_with_something_else_in_it_is_not_deleted(
    place: Path, kind: str
) -> None:
    (place / "site" / "logo.png").write_text("png")
    copied(place)
    copy = place / "own" / "k"
    copies.check_deletable(str(copy))
    path = copy / "logo.png"
    if kind == "changed":
        path.write_text("mine")
    elif kind == "pipe":
        os.mkfifo(copy / "pipe")
    elif kind == "link":
        (copy / "link").symlink_to("gone")
    else:
        (copy / "new").write_text("")
    with pytest.raises(SpecError, match="did not put there"):
        copies.delete(str(copy))
    assert (copy / "kernel.json").exists()
    assert json.loads((copy / "ipr-copy.json").read_text())["files"]


def read(path: Path) -> dict[str, object]:
    spec = json.loads(path.read_bytes())
    assert isinstance(spec, dict)
    return spec


def test_remove_deletes_only_what_it_made(home: Home) -> None:
    home.add("bash", shapes.BASH_KERNEL, home.site)
    assert home.run("install", "--user", "bash").code == 0
    copy = home.own / "bash"
    # A copy of the copy is the user's own work: it is restored, not deleted.
    shutil.copytree(copy, home.own / "mine")
    assert home.run("remove", "mine").out == "removed from 'mine'\n"
    assert (home.own / "mine" / "kernel.json").exists()
    # So is what has come into the folder, or was changed there.
    (copy / "notes.txt").write_text("important")
    ran = home.run("remove", "bash")
    assert ran.code == 1
    assert "notes.txt" in ran.err
    (copy / "notes.txt").unlink()
    logo = (copy / "logo-64x64.png").read_bytes()
    (copy / "logo-64x64.png").write_bytes(b"drawn again")
    ran = home.run("remove", "bash")
    assert ran.code == 1
    assert "logo-64x64.png" in ran.err
    (copy / "logo-64x64.png").write_bytes(logo)
    # Options for ipr may be written into its argv: that goes with ipr.
    spec = read(copy / "kernel.json")
    argv = spec["argv"]
    assert isinstance(argv, list)
    argv += ["--log-level", "DEBUG"]
    (copy / "kernel.json").write_text(json.dumps(spec))
    assert home.run("remove", "bash").code == 0
    assert not copy.exists()
    assert home.listed()["bash"]["folder"] == str(home.site / "bash")


def test_remove_keeps_what_was_made_of_a_copy(home: Home) -> None:
    """Edited, or the only one left: it is restored like any other."""
    home.add("bash", shapes.BASH_KERNEL, home.site)
    copy = home.own / "bash"
    assert home.run("install", "--user", "bash").code == 0
    spec = read(copy / "kernel.json")
    spec["env"] = {"A": "1"}
    (copy / "kernel.json").write_text(json.dumps(spec))
    assert home.run("remove", "bash").out == "removed from 'bash'\n"
    assert read(copy / "kernel.json")["env"] == {"A": "1"}
    assert home.run("remove", "bash").code == 0  # nothing to do
    shutil.rmtree(copy)
    # Another program has written it again, without ipr.
    assert home.run("install", "--user", "bash").code == 0
    (copy / "kernel.json").write_bytes(shapes.BASH_KERNEL)
    assert home.run("remove", "bash").out.startswith("nothing to do")
    assert copy.exists()
    shutil.rmtree(copy)
    # The site has given the kernel up.
    assert home.run("install", "--user", "bash").code == 0
    shutil.rmtree(home.site / "bash")
    assert home.run("remove", "bash").out == "removed from 'bash'\n"
    assert home.listed()["bash"]["state"] == "installable"


def test_copy_in_progress_is_left_alone(home: Home) -> None:
    """What somebody works on is not taken for what a kill left."""
    home.add("bash", shapes.BASH_KERNEL, home.site)
    assert home.run("install", "--user", "bash").code == 0
    copy = home.own / "bash"
    (copy / "kernel.json").unlink()
    with open(copy / "ipr-copy.json", "rb") as marker:
        fcntl.flock(marker, fcntl.LOCK_EX)
        ran = home.run("install", "--user", "bash")
        assert ran.code == 1
        assert "another ipr-spec; try again" in ran.err
    assert home.run("install", "--user", "bash").code == 0


@pytest.mark.slow
def test_half_a_copy_is_replaced(home: Home) -> None:
    """As a kill leaves it: the marker comes first and goes last."""
    home.add("bash", shapes.BASH_KERNEL, home.site)
    assert home.run("install", "--user", "bash").code == 0
    (home.own / "bash" / "kernel.json").unlink()
    assert home.listed()["bash"]["folder"] == str(home.site / "bash")
    assert home.run("install", "--user", "bash").code == 0
    assert home.listed()["bash"]["state"] == "installed"
    assert home.run("remove", "bash").code == 0
    # But somebody else's folder of that name is not touched.
    (home.own / "bash").mkdir()
    (home.own / "bash" / "notes").write_text("")
    ran = home.run("install", "--user", "bash")
    assert ran.code == 1
    assert "is there already" in ran.err


def interfered(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[Path], None], target: Path
) -> None:
    """Have somebody act as soon as the copy's folder has been made."""
    made = os.mkdir

    def watched(path: str, mode: int = 0o777) -> None:
        made(path, mode)
        if path == str(target):
            act(target)

    monkeypatch.setattr(os, "mkdir", watched)


def test_a_link_in_place_of_the_copys_folder_is_not_followed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may write where it lies has nothing written elsewhere."""
    home, target = place / "home", place / "own" / "k"
    home.mkdir()
    (place / "site" / "logo.png").write_text("png")

    def swap(folder: Path) -> None:
        folder.rename(place / "moved")
        folder.symlink_to(home)

    interfered(monkeypatch, swap, target)
    with pytest.raises(SpecError, match="cannot copy"):
        copied(place)
    assert list(home.iterdir()) == []
    assert target.is_symlink()


def test_a_link_in_place_of_the_marker_is_not_followed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is the file changed, or made, that it leads to."""
    precious, target = place / "precious", place / "own" / "k"
    precious.write_text("mine")

    def link(folder: Path) -> None:
        (folder / folders.MARKER).symlink_to(precious)

    interfered(monkeypatch, link, target)
    with pytest.raises(SpecError, match="cannot copy"):
        copied(place)
    assert precious.read_text() == "mine"
    assert not target.exists()


def test_a_lock_on_what_a_linked_marker_leads_to_does_not_count(place: Path) -> None:
    """It is no work on a copy: another's lock would keep us out for ever."""
    target = place / "own" / "k"
    target.mkdir(parents=True)
    other = place / "other"
    other.write_text("theirs")
    (target / folders.MARKER).symlink_to(other)
    with open(other, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        copied(place)
    assert not (target / folders.MARKER).is_symlink()
    assert other.read_text() == "theirs"
