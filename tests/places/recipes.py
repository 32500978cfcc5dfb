"""Knows how to take files and commands out of the pages in docs/ and to carry them
out in a :class:`~tests.e2e.harness.Place`, so that what the pages say is what the
tests did; must not know what comes of it.

On a page a block has a name (``:name:``).  ``/path/to/python`` in it stands for the
interpreter that runs the tests, and ``ipr-spec`` for the one of this tree.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Mapping

from tests.e2e.harness import SOURCE, Json, Place, interpreter_options

PYTHON = "/path/to/python"

_BLOCK = re.compile(
    r"^\.\. code-block:: \w+\n   :name: (?P<name>\S+)\n\n(?P<text>(?:   .*\n|\n)+)",
    re.MULTILINE,
)


def block(page: str, name: str, python: str = sys.executable) -> str:
    """Read a named block of a page.

    :param page: the name of a file in docs/.
    :param python: the interpreter that its reader means.
    :return: its text, with the interpreter filled in.
    """
    with open(os.path.join(SOURCE, "docs", page)) as file:
        blocks = {
            found["name"]: found["text"] for found in _BLOCK.finditer(file.read())
        }
    return textwrap.dedent(blocks[name]).strip("\n").replace(PYTHON, python)


def kernel_json(page: str, name: str) -> Json:
    """:return: the kernel.json that a block of a page shows."""
    spec = json.loads(block(page, name))
    assert isinstance(spec, dict)
    return spec


def commands(page: str, name: str, python: str = sys.executable) -> list[str]:
    """:return: the lines that a reader of the page would type.

    :param python: see :func:`block`.
    """
    text = block(page, name, python).replace("\\\n", " ")
    return [line[2:] for line in text.splitlines() if line.startswith("$ ")]


def ipr_spec(
    place: Place, *words: str, environment: Mapping[str, str] | None = None
) -> str:
    """Run ``ipr-spec`` on the kernelspecs of a place; :return: what it printed.

    :param environment: further variables.

    :raises AssertionError: when it fails.
    """
    return carry_out(place, shlex.join(["ipr-spec", *words]), environment)


def carry_out(
    place: Place,
    line: str,
    environment: Mapping[str, str] | None = None,
    within: float = 60.0,
) -> str:
    """Run a line of a page in a shell.

    :param environment: further variables.
    :param within: the bound, in seconds.
    :return: what it printed.
    :raises AssertionError: when it fails.
    """
    programs = os.path.join(place.root, "bin")
    os.makedirs(programs, exist_ok=True)
    own = os.path.join(programs, "ipr-spec")
    starts = [sys.executable, *interpreter_options(), "-m", "ipr"]
    with open(own, "w") as file:
        file.write(f'#!/bin/sh\nexec {shlex.join(starts)} "$@"\n')
    os.chmod(own, 0o755)
    extra = dict(environment or {})
    path = os.pathsep.join([programs, extra.pop("PATH", os.environ["PATH"])])
    done = subprocess.run(
        ["sh", "-c", line],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=within,
        cwd=place.work,
        env=place.environment(PATH=path, **extra),
        check=False,
    )
    assert done.returncode == 0, (
        f"{line}: {done.returncode}: {done.stderr}{done.stdout}"
    )
    return done.stdout


def add_fields(place: Place, name: str, **fields: object) -> None:
    """Write further fields into a kernel.json, as a user does by hand.

    :param name: of the kernelspec.
    """
    path = os.path.join(place.specs, name, "kernel.json")
    with open(path) as file:
        spec = json.load(file)
    with open(path, "w") as file:
        json.dump({**spec, **fields}, file)
