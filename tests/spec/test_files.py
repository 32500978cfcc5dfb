"""A file is replaced whole, or not at all, whatever goes wrong."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ipr.spec import files
from ipr.spec.errors import SpecError
from tests.spec import shapes
from tests.spec.home import (
    PATIENCE,
    SOURCE,
    Home,
    names,
    unprivileged,
)

BEFORE = shapes.IPYKERNEL


AFTER = BEFORE.replace(b"Python 3", b"Python \xc3\xbc")


def test_replace_keeps_mode_and_the_other_names_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "kernel.json"
    path.write_bytes(BEFORE)
    path.chmod(0o604)
    # conda: the file in the environment is the one in its package cache.
    os.link(path, tmp_path / "cached")
    files.replace_file(str(path), BEFORE, AFTER)
    assert path.read_bytes() == AFTER
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert (tmp_path / "cached").read_bytes() == BEFORE
    assert names(tmp_path) == ["cached", "kernel.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_replace_keeps_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "kernel.json"
    path.write_bytes(BEFORE)
    os.chown(path, 1234, 2345)
    path.chmod(0o640)
    files.replace_file(str(path), BEFORE, AFTER)
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (
        *(1234, 2345),
        0o640,
    )


def test_replace_keeps_symlinks(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "kernel.json").write_bytes(BEFORE)
    (tmp_path / "real" / "kernel.json").symlink_to("../store/kernel.json")
    (tmp_path / "linked").symlink_to("real")
    path = tmp_path / "linked" / "kernel.json"
    files.replace_file(str(path), BEFORE, AFTER)
    assert (tmp_path / "linked").is_symlink()
    assert (tmp_path / "real" / "kernel.json").is_symlink()
    assert (tmp_path / "store" / "kernel.json").read_bytes() == AFTER


def test_a_symlinked_folder_is_installed_on_where_it_lies(home: Home) -> None:
    real = home.folder / "project" / "spec"
    real.mkdir(parents=True)
    (real / "kernel.json").write_bytes(BEFORE)
    (home.own / "python3").symlink_to(real)
    assert home.run("install", "python3").code == 0
    assert (home.own / "python3").is_symlink()
    assert b"restarter_original_argv" in (real / "kernel.json").read_bytes()
    assert home.run("remove", "python3").code == 0
    assert (real / "kernel.json").read_bytes() == BEFORE


def test_replace_refuses_a_changed_file(tmp_path: Path) -> None:
    path = tmp_path / "kernel.json"
    path.write_bytes(b"{}")
    with pytest.raises(SpecError, match="was modified by another"):
        files.replace_file(str(path), BEFORE, AFTER)
    assert path.read_bytes() == b"{}"
    assert names(tmp_path) == ["kernel.json"]


def test_replace_refuses_a_file_changed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time that the disk takes is time for another program."""
    path = tmp_path / "kernel.json"
    path.write_bytes(BEFORE)
    fsync = os.fsync

    def slow(fd: int) -> None:
        fsync(fd)
        path.write_bytes(b"{}")

    monkeypatch.setattr(os, "fsync", slow)
    with pytest.raises(SpecError, match="was modified by another"):
        files.replace_file(str(path), BEFORE, AFTER)
    assert path.read_bytes() == b"{}"
    assert names(tmp_path) == ["kernel.json"]


def test_a_link_where_the_new_file_is_written(tmp_path: Path) -> None:
    """Whoever may write to the folder could have us write over another file."""
    folder = tmp_path / "k"
    folder.mkdir()
    path = folder / "kernel.json"
    path.write_bytes(BEFORE)
    (tmp_path / "precious").write_bytes(b"precious")
    (folder / ".kernel.json.ipr").symlink_to(tmp_path / "precious")
    with pytest.raises(SpecError, match="cannot write"):
        files.replace_file(str(path), BEFORE, AFTER)
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert path.read_bytes() == BEFORE


def test_replace_refuses_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "kernel.json"
    with pytest.raises(SpecError, match="no such file"):
        files.replace_file(str(path), BEFORE, AFTER)
    assert names(tmp_path) == []


# A process that stops for ever in the middle of replace_file, at a function of os.
_STOPPING = """
import os, sys, time
sys.path.insert(0, {source!r})
from ipr.spec import files
real = os.{function}
def stopped(*args, **kwargs):
    if {function!r} == "write":
        real(args[0], args[1][:10])
    if {function!r} == "rename" and {late}:
        real(*args)
    print("there", flush=True)
    time.sleep(600)
os.{function} = stopped
before = open({path!r}, "rb").read()
files.replace_file({path!r}, before, {after!r})
"""


@pytest.mark.parametrize(
    ("function", "late", "expected"),
    [
        ("write", False, BEFORE),
        ("fchmod", False, BEFORE),
        ("fsync", False, BEFORE),
        ("rename", False, BEFORE),
        ("rename", True, AFTER),
    ],
)
def test_kill_leaves_old_or_new_content(
    home: Home, function: str, late: bool, expected: bytes
) -> None:
    path = home.add("python3", BEFORE)
    code = _STOPPING.format(
        source=str(SOURCE), function=function, late=late, path=str(path), after=AFTER
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"there\n", "it never came to that point"
            # Meanwhile another one has to keep out.
            if not late:
                with pytest.raises(SpecError, match="by another ipr-spec"):
                    files.replace_file(str(path), BEFORE, b"third")
        finally:
            child.kill()
        assert child.wait(PATIENCE) == -signal.SIGKILL
    assert path.read_bytes() == expected
    # What it left behind is in nobody's way, and goes away.
    ran = home.run("install", "python3")
    assert ran.code == 0, ran.err
    assert home.run("remove", "python3").code == 0
    assert path.read_bytes() == expected
    assert names(path.parent) == ["kernel.json", "logo-64x64.png"]


def test_what_a_killed_one_left_behind_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "kernel.json"
    path.write_bytes(BEFORE)
    (tmp_path / ".kernel.json.ipr").write_bytes(b"junk" * 1000)
    files.replace_file(str(path), BEFORE, AFTER)
    assert path.read_bytes() == AFTER
    assert names(tmp_path) == ["kernel.json"]


# A process that waits between opening the file and locking it.
_LATE = """
import fcntl, sys
sys.path.insert(0, {source!r})
from ipr.spec import files
real = fcntl.flock
def late(*args):
    fcntl.flock = real
    print("there", flush=True)
    sys.stdin.readline()
    real(*args)
fcntl.flock = late
files.replace_file({path!r}, {before!r}, {after!r})
"""


def test_the_file_that_it_has_opened_is_put_in_place_by_another(tmp_path: Path) -> None:
    path = tmp_path / "kernel.json"
    path.write_bytes(BEFORE)
    code = _LATE.format(source=str(SOURCE), path=str(path), before=BEFORE, after=AFTER)
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"there\n", "it never came to that point"
            files.replace_file(str(path), BEFORE, BEFORE)
            _, err = child.communicate(b"\n", timeout=PATIENCE)
        finally:
            child.kill()
    assert (child.returncode, err) == (0, b"")
    assert path.read_bytes() == AFTER
    assert names(tmp_path) == ["kernel.json"]


def limited(size: int) -> Callable[[], None]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def test_no_room_leaves_the_file(home: Home) -> None:
    path = home.add("python3", BEFORE)
    home.add("bash", shapes.BASH_KERNEL, home.site)
    before = home.content()
    for args in (["install", "python3"], ["install", "--user", "bash"]):
        ran = home.run(*args, preexec_fn=limited(100))
        assert ran.code == 1
        assert "the file size limit is reached" in ran.err
        assert home.content() == before
    assert home.run("install", "python3").code == 0
    between = path.read_bytes()
    assert home.run("remove", "python3", preexec_fn=limited(100)).code == 1
    assert path.read_bytes() == between


needs_mounts = pytest.mark.skipif(
    os.geteuid() != 0
    or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0,
    reason="only root may mount file systems",
)


def in_namespace(home: Home, script: str, *args: Path) -> tuple[int, str, str]:
    """Run a script with mounts of its own, and ``ipr-spec`` on its PATH."""
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *map(str, args)],
        env={**home.env, "PATH": f"{home.environment}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@needs_mounts
def test_full_disk_leaves_the_file(home: Home) -> None:
    """A real one: a file system of 16 KiB, all of it in use."""
    path = home.add("python3", BEFORE)
    code, out, err = in_namespace(
        home,
        "mv $1/kernel.json $2 && mount -t tmpfs -o size=16k none $1"
        " && cp $2 $1/kernel.json && { dd if=/dev/zero of=$1/filler bs=1k 2>/dev/null;"
        " ipr-spec install python3; code=$?; ls -A $1; cat $1/kernel.json;"
        " exit $code; }",
        path.parent,
        home.folder / "kept",
    )
    assert err.endswith("the disk is full\n"), err
    assert code == 1
    assert out == "filler\nkernel.json\n" + BEFORE.decode()


@needs_mounts
def test_read_only_file_system_is_reported(home: Home) -> None:
    path = home.add("python3", BEFORE, home.site)
    code, out, err = in_namespace(
        home,
        "mount --bind $1 $1 && mount -o remount,ro,bind $1"
        " && { ipr-spec install python3; ipr-spec install --user python3; }",
        home.site,
    )
    assert code == 0
    assert "permission to write" in err
    assert err.endswith("ipr-spec install --user python3\n")
    assert "on a copy in" in out
    assert path.read_bytes() == BEFORE


def test_read_only_file_and_folder(home: Home) -> None:
    file = home.add("file", BEFORE)
    folder = home.add("folder", BEFORE)
    hidden = home.add("hidden", BEFORE)
    file.chmod(0o444)
    folder.parent.chmod(0o555)
    hidden.chmod(0)
    plain = unprivileged()
    try:
        for name in ("file", "folder"):
            ran = home.run("install", name, before=plain)
            assert ran.code == 1
            assert "do not have permission to write to" in ran.err
            assert "--user" not in ran.err, "it lies there already"
        ran = home.run("install", "hidden", before=plain)
        assert (ran.code, ran.err) == (
            1,
            "ipr-spec: 'hidden': kernel.json cannot be read: permission denied\n",
        )
        assert "permission denied" in home.run("list", before=plain).out
        hidden.chmod(0o644)
        for path in (file, folder, hidden):
            assert path.read_bytes() == BEFORE
            assert names(path.parent) == ["kernel.json", "logo-64x64.png"]
    finally:
        folder.parent.chmod(0o755)


@pytest.mark.slow
def test_many_at_once_leave_one_of_two_contents(home: Home) -> None:
    """Whoever loses says so; the file is always one of the two."""
    path = home.add("python3", BEFORE)
    assert home.run("install", "python3").code == 0
    between = path.read_bytes()
    assert home.run("remove", "python3").code == 0
    strange: list[object] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            data = path.read_bytes()
            if data not in (BEFORE, between):
                strange.append(data)

    def run(command: str) -> None:
        ran = home.run(command, "python3")
        allowed = ("is being written by", "was modified by another")
        if ran.code != 0 and not any(words in ran.err for words in allowed):
            strange.append(ran)

    watcher = threading.Thread(target=watch)
    watcher.start()
    runs = [
        threading.Thread(target=run, args=(command,))
        for command in ["install", "remove"] * 6
    ]
    for thread in runs:
        thread.start()
    for thread in runs:
        thread.join(PATIENCE)
    done.set()
    watcher.join(PATIENCE)
    assert strange == []
    assert home.run("remove", "python3").code == 0
    assert path.read_bytes() == BEFORE
    assert names(path.parent) == ["kernel.json", "logo-64x64.png"]
