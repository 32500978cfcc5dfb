"""The man pages say what the commands' help says."""

from __future__ import annotations

import configparser
import pathlib

import pytest

from tests import manpages


def test_page_that_is_out_of_date_is_named(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manpages, "FOLDER", tmp_path)
    assert manpages.out_of_date() == list(manpages.pages())
    manpages.write()
    assert manpages.out_of_date() == []
    page = tmp_path / "ipr.1"
    page.write_text(page.read_text().replace("restart", "start over", 1))
    assert manpages.out_of_date() == ["ipr.1"]


def test_pages_are_installed() -> None:
    config = configparser.ConfigParser()
    config.read(manpages.FOLDER.parent / "setup.cfg")
    listed = config["options.data_files"]["share/man/man1"].split()
    assert sorted(listed) == sorted(f"man/{name}" for name in manpages.pages())


def test_pages_have_every_command_and_its_examples() -> None:
    page = manpages.pages()["ipr-spec.1"].replace("\\-", "-")
    for words in (
        "ipr-spec - restart Jupyter kernels in place: put ipr on kernelspecs",
        ".SH IPR-SPEC INSTALL",
        "  ipr-spec install python3 -- --log-level DEBUG --restart-limit 2",
        "  --provisioner, --no-provisioner",
    ):
        assert words in page.splitlines() or f"\n{words}" in page
