"""What of a site's kernelspec comes into a copy that others can read."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from ipr.spec import copies, copyable, folders
from ipr.spec.errors import SpecError
from tests.spec.site import copied

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


def test_files_with_their_modes(place: Path) -> None:
    site = place / "site"
    (site / "more" / "deep").mkdir(parents=True)
    (site / "__pycache__").mkdir()
    for name, mode in (
        ("logo.png", 0o644),
        ("group.txt", 0o640),
        ("mine.txt", 0o600),
        ("open.txt", 0o666),
        ("more/deep/start.sh", 0o755),
        ("__pycache__/x.pyc", 0o644),
    ):
        (site / name).write_text(name)
        (site / name).chmod(mode)
    found, left_out = copied(place)
    # The group is another one, so what is for one is for its owner.
    assert found == {
        "logo.png": (0o644, b"logo.png"),
        "group.txt": (0o600, b"group.txt"),
        "mine.txt": (0o600, b"mine.txt"),
        "open.txt": (0o644, b"open.txt"),
        "more/deep/start.sh": (0o755, b"more/deep/start.sh"),
    }
    assert left_out == []
    assert stat.S_IMODE((place / "own" / "k").stat().st_mode) == 0o755


def test_a_folder_that_is_not_for_all_is_not_for_all_in_a_copy(place: Path) -> None:
    site = place / "site"
    (site / "logo.png").write_text("")
    for shut in (site, place):
        shut.chmod(0o750)
        copied(place)
        assert stat.S_IMODE((place / "own" / "k").stat().st_mode) == 0o700
        shutil.rmtree(place / "own")
        shut.chmod(0o755)


def test_a_kernel_json_that_is_not_for_all(place: Path) -> None:
    """Its env may hold a token."""
    (place / "site" / "kernel.json").chmod(0o640)
    copied(place)
    assert stat.S_IMODE((place / "own" / "k" / "kernel.json").stat().st_mode) == 0o600


def test_links_to_what_only_the_user_can_read(place: Path) -> None:
    private = place / "home" / ".ssh"
    private.mkdir(parents=True)
    (private / "id_rsa").write_text("secret")
    (private / "id_rsa").chmod(0o600)
    (private / "known_hosts").write_text("secret, for its folder is")
    private.chmod(0o700)
    site = place / "site"
    (site / "logo-32x32.png").symlink_to(private / "id_rsa")
    (site / "logo-64x64.png").symlink_to(private / "known_hosts")
    (site / "logo.svg").symlink_to("../home/.ssh/known_hosts")
    (site / "folder").symlink_to(private)
    found, left_out = copied(place)
    assert found == {}
    assert left_out == [
        "folder is a link that does not lead to a file",
        "logo-32x32.png is a link to a file that not everybody can read",
        "logo-64x64.png is a link to a file that not everybody can read",
        "logo.svg is a link to a file that not everybody can read",
    ]


def test_links_that_systems_use(place: Path) -> None:
    """To a logo of the kernelspec, and to the package's, which all can read."""
    (place / "share").mkdir()
    (place / "share" / "logo.svg").write_text("svg")
    site = place / "site"
    (site / "assets").mkdir()
    (site / "assets" / "logo.png").write_text("png")
    (site / "assets" / "logo.png").chmod(0o600)
    (site / "logo-64x64.png").symlink_to("assets/logo.png")
    (site / "logo.svg").symlink_to(place / "share" / "logo.svg")
    found, left_out = copied(place)
    assert found == {
        "assets/logo.png": (0o600, b"png"),
        "logo-64x64.png": (0o600, b"png"),
        "logo.svg": (0o644, b"svg"),
    }
    assert left_out == []


@root
def test_a_link_to_a_file_of_another_owner(place: Path) -> None:
    (place / "his.js").write_text("")
    os.chown(place / "his.js", 1234, 1234)
    (place / "site" / "kernel.js").symlink_to(place / "his.js")
    assert copied(place) == ({}, ["kernel.js is a link to a file of another owner"])


def test_what_is_no_file(place: Path) -> None:
    """Nobody writes into the pipe: whoever waits for that waits for ever."""
    site = place / "site"
    os.mkfifo(site / "pipe")
    (site / "linked").symlink_to("pipe")
    (site / "nowhere").symlink_to("gone")
    (site / "round").symlink_to("round")
    (site / "status").symlink_to("/proc/self/status")
    (site / "zero").symlink_to("/dev/zero")
    found, left_out = copied(place)
    assert found == {}
    assert left_out == [
        "linked is a link that does not lead to a file",
        "nowhere is a link that leads nowhere",
        "pipe is not a file",
        "round is a link that leads nowhere",
        "status is a link to a file that not everybody can read",
        "zero is a link that does not lead to a file",
    ]


@pytest.mark.parametrize("many", ["files", "folders"])
def test_too_many_files_are_not_copied(
    place: Path, monkeypatch: pytest.MonkeyPatch, many: str
) -> None:
    monkeypatch.setattr(copyable, "FILES_LIMIT", 20)
    folder = place / "site"
    for number in range(21):
        if many == "files":
            (folder / str(number)).write_text("")
        else:
            folder = folder / "x"
            folder.mkdir()
    with pytest.raises(SpecError, match=r"more than 20 files|nested more than 16"):
        copied(place)
    assert not (place / "own" / "k").exists()


@pytest.mark.parametrize("what", ["pipe", "zero", "long"])
def test_files_of_a_site_that_have_no_end(place: Path, what: str) -> None:
    """Neither a kernel.json nor a marker may have ipr-spec wait or swell."""
    site = place / "site"
    for name in ("kernel.json", "ipr-copy.json"):
        (site / name).unlink(missing_ok=True)
        if what == "pipe":
            os.mkfifo(site / name)
        elif what == "zero":
            (site / name).symlink_to("/dev/zero")
        else:
            with (site / name).open("wb") as file:
                file.truncate(2**34)
    assert copies.copied_from(str(site)) is None
    fault = folders.read("k", str(site)).fault
    assert fault is not None
    assert ("more than" in fault or "limit" in fault) == (what == "long")
