"""What a package index shows of the README; all other metadata is in setup.cfg.

Pictures and links to files of the repository lead nowhere there, and are left out.
"""

from __future__ import annotations

import pathlib
import re

from setuptools import setup

#: A directive with its options, and the blank line after it.
_PICTURE = re.compile(r"^\.\. image:: (?!\w+://).*\n(?:   .*\n)*\n?", re.MULTILINE)
_LINK = re.compile(r"`([^`<]+?)\s+<(?!\w+://)[^>]+>`_")


def long_description(readme: str) -> str:
    """Return a README as an index shows it: without pictures, links as their words."""
    return _LINK.sub(r"\1", _PICTURE.sub("", readme))


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent
    text = (here / "README.rst").read_text(encoding="utf-8")
    setup(long_description=long_description(text))
