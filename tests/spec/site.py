"""A site's kernelspec in a folder that everybody can get at, and a copy of it."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ipr.spec import copies

SPEC = b'{"argv": ["k", "{connection_file}"]}'


@contextmanager
def made() -> Iterator[Path]:
    """Make the folder; pytest's own is its user's alone."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    before = os.umask(0o022)
    site = folder / "site"
    site.mkdir()
    (site / "kernel.json").write_bytes(SPEC)
    yield folder
    os.umask(before)
    shutil.rmtree(folder)


def copied(place: Path) -> tuple[dict[str, tuple[int, bytes]], list[str]]:
    """Copy; return the mode and content of each file, and what was left out."""
    target = place / "own" / "k"
    left_out = copies.copy(str(place / "site"), str(target), SPEC)
    found = {
        str(path.relative_to(target)): (
            stat.S_IMODE(path.lstat().st_mode),
            path.read_bytes(),
        )
        for path in target.rglob("*")
        if not path.is_dir()
    }
    del found["ipr-copy.json"]
    assert found.pop("kernel.json")[1] == SPEC
    return found, left_out
