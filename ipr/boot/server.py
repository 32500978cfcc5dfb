"""The Jupyter server, or other manager, that has started this process.

Knows how to tell which interpreter runs it (proc_pid_cmdline(5)). Must not know what a
kernelspec says. Needed before the first inner kernel is spawned: no attrs here.
"""

from __future__ import annotations

import os

from ipr.boot.launch import is_python

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def python(word: str, environ: Mapping[str, str], parent: int) -> str:
    """Return what a bare ``python`` means to the manager that has started us.

    jupyter_client takes its own interpreter for it. Where that was started by its path
    (``venv/bin/jupyter lab``), the one on the path is another.

    :param word: ``python``, ``python3``, ``python3.12``.
    :param parent: the pid of our parent.
    :returns: an absolute path; ``""`` where it was another host's, or cannot be told.
    """
    if environ.get("JPY_PARENT_PID") != str(parent):
        return ""
    folder = f"/proc/{parent}"
    try:
        with open(f"{folder}/cmdline", "rb") as file:
            program = os.fsdecode(file.read().partition(b"\0")[0])
        if os.sep not in program or not is_python(os.path.basename(program)):
            return ""
        program = os.path.join(os.readlink(f"{folder}/cwd"), program)
    except OSError:
        return ""
    named = os.path.join(os.path.dirname(program), word)
    for path in (named, program if word in ("python", "python3") else ""):
        if path and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return ""
