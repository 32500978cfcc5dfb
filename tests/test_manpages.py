"""The man pages say what the commands' help says."""

from __future__ import annotations

import configparser

from tests import manpages


def test_pages_are_up_to_date() -> None:
    """Out of date: ``python -m tests.manpages``.  Python breaks lines as it likes."""
    for name, text in manpages.pages().items():
        page = (manpages.FOLDER / name).read_text(encoding="utf-8")
        assert page.split() == text.split(), name


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
