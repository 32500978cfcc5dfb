"""Wrapping a kernelspec so that the daemon starts the whole of its command.

Knows which argv starts the daemon, and what VS Code reads in a kernelspec. Must not
know launchers, nor files other than an interpreter.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from ipr.boot import launch
from ipr.spec.errors import SpecError
from ipr.spec.fields import PLACE, argv_of
from ipr.spec.restoring import replaced


def starter(python: str) -> list[str]:
    """Return the words that start the daemon with the interpreter *python*.

    Without ``-P`` the folder of the notebook comes first on sys.path, and an ipr.py,
    attr.py or json.py in it would be imported instead. With ``-m`` front ends see
    which module it is: VS Code hides a Python kernelspec that has no ``-m``, if it
    is called python3 or the like.
    """
    return [python, "-P", "-m", "ipr"]


def own_starter() -> list[str]:
    """Return the words that start the daemon with the running interpreter.

    :raises SpecError: this interpreter does not know its own path.
    """
    if not sys.executable:
        raise SpecError("this Python does not know its own path (sys.executable)")
    return starter(os.path.abspath(sys.executable))


def patched(
    spec: Mapping[str, object],
    start: Sequence[str],
    options: Sequence[str] = (),
    interpreter: str | None = None,
    folder: str = "",
) -> dict[str, object]:
    """Wrap *spec*: whatever its argv starts, the daemon does instead.

    :param start: see :func:`starter`.
    :param folder: where the kernel.json will lie, for clients that fill in
        ``{connection_file}`` and nothing else (jpterm, nbterm); empty: not known.
    :param options: further arguments for the daemon.
    :param interpreter: see :func:`bare_interpreter`.
    """
    place = [*PLACE, "--spec-dir", os.path.abspath(folder)] if folder else PLACE
    return replaced(
        spec, [*start, *place, *options], interpreter, owner(spec, start, interpreter)
    )


def bare_interpreter(argv: Sequence[str], folder: str) -> str | None:
    """Return the interpreter that a bare ``python`` in *argv* means, None if none.

    See :func:`ipr.boot.launch.environments_python`.
    """
    return launch.environments_python(argv[0], folder) or None if argv else None


def owner(
    spec: Mapping[str, object], start: Sequence[str], interpreter: str | None
) -> str | None:
    """Return the interpreter that a Python kernel runs in, if not the daemon's.

    VS Code takes the interpreter of a kernelspec, and with it the environment that
    it activates, from ``metadata.interpreter.path``, before ``argv[0]``; it hides a
    kernelspec whose ``argv[0]`` is a Python that its Python extension does not know
    of (``findMatchingInterpreter`` in vscode-jupyter's
    ``interpreterKernelSpecFinderHelper.node.ts``), and one whose
    ``metadata.interpreter.path`` does not exist.
    """
    argv = argv_of(spec) or [""]
    path = interpreter or argv[0]
    if str(spec.get("language")).lower() != "python" or not os.path.isabs(path):
        return None
    if not launch.is_python(os.path.basename(path)) or not os.path.isfile(path):
        return None
    same = os.path.dirname(path) == os.path.dirname(start[0]) and (
        os.path.realpath(path) == os.path.realpath(start[0])
    )
    return None if same else path
