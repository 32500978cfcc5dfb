"""The output of our commands.

Knows that whoever starts one may have closed its streams, and that a terminal may not
be able to show a kernel's name. Must not know what is printed.
"""

from __future__ import annotations

import io
import os
import sys


def prepare() -> None:
    """Have a stdout and a stderr that take any text."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # A kernel's name must not break a listing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
