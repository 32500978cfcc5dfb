"""``ipr-spec new``: a kernelspec for a Python kernel in a job, with ipr in it.

Knows what is written, and where. Must not know schedulers' words
(:mod:`ipr.spec.templates`), nor who is asked for what is missing.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence

import attrs

from ipr.spec import folders
from ipr.spec.around import own_starter, starter
from ipr.spec.errors import SpecError, why
from ipr.spec.fields import CONNECTION_FILE
from ipr.spec.inside import patched_inside
from ipr.spec.templates import TEMPLATES

#: As jupyter_client has it.
_NAME = re.compile(r"[a-z0-9._-]+")
_VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_MODULE = re.compile(r"[\w@][\w.@:+/-]*")
#: A login shell's startup files define "module", where nothing else has. They set PATH
#: anew, too, and an environment's own programs (pip, say) are to be found as before.
_LOAD = (
    "type module >/dev/null 2>&1 ||"
    " {{ ipr_path=$PATH; . /etc/profile; PATH=${{ipr_path:+$ipr_path:}}$PATH; }};"
    ' module load {modules} && exec "$@"'
)


@attrs.frozen
class Request:
    """What somebody wants.

    :ivar name: of the kernelspec.
    :ivar scheduler: a key of :data:`ipr.spec.templates.TEMPLATES`.
    :ivar wishes: what was written, by the names in :data:`ipr.spec.templates.READ`.
    :ivar extra: further words for the scheduler.
    :ivar modules: environment modules for the kernel.
    :ivar env: variables for the kernel, as ``NAME=VALUE``.
    :ivar python: the interpreter of kernel and daemon; empty: the running one.
    :ivar display_name: empty: a made-up one.
    :ivar abandoned_timeout: as for ``install``; empty: none.
    """

    name: str
    scheduler: str
    wishes: dict[str, str] = attrs.field(factory=dict)
    extra: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    python: str = ""
    display_name: str = ""
    abandoned_timeout: str = ""


def spec_of(request: Request) -> dict[str, object]:
    """Return the kernel.json for a request.

    :raises SpecError: something of it makes no sense.
    """
    template = TEMPLATES[request.scheduler]
    python = _python(request.python)
    words = template.words(request.wishes)
    at = len(words) - len(template.end)
    words[at:at] = request.extra
    kernel = [python, "-m", "ipykernel_launcher", "-f", CONNECTION_FILE]
    options: list[str] = []
    if request.modules:
        if request.scheduler != "slurm":
            raise SpecError(
                f"--module is for Slurm; with {template.name} load the modules before"
                " the server is started, or in the kernel by %restart --module"
            )
        kernel = [*_loading(request.modules), *kernel]
        # It is an ipykernel, whatever its command begins with.
        options += ["--inner-transport", "ipc"]
    if request.abandoned_timeout:
        options += ["--abandoned-timeout", request.abandoned_timeout]
    spec: dict[str, object] = {
        "argv": [*words, *kernel],
        "display_name": request.display_name or f"Python ({request.name})",
        "language": "python",
        "metadata": {"debugger": True},
    }
    if request.env:
        spec["env"] = dict(map(_variable, request.env))
    start = starter(python) if request.python else own_starter()
    return patched_inside(spec, start, options, after=len(words))


def _python(path: str) -> str:
    if not path:
        if importlib.util.find_spec("ipykernel") is None:
            raise SpecError(
                f"there is no ipykernel in this environment ({sys.prefix}); install"
                f" it by {sys.executable} -m pip install ipykernel, or name another"
                " interpreter by --python"
            )
        return os.path.abspath(sys.executable)
    path = os.path.expanduser(path)
    if not os.path.isabs(path):
        raise SpecError(
            f"--python: {path!r} is no absolute path, and a job starts in any folder"
        )
    return path


def _loading(modules: Sequence[str]) -> list[str]:
    for name in modules:
        if _MODULE.fullmatch(name) is None:
            raise SpecError(f"--module: {name!r} is not a module's name")
    return ["bash", "-c", _LOAD.format(modules=" ".join(modules)), "bash"]


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or _VARIABLE.fullmatch(name) is None:
        raise SpecError(f"--env: {text!r} is not NAME=VALUE")
    return name, value


def check_free(name: str, target: str) -> None:
    """Check that a kernelspec may be made.

    :param target: the kernels folder.
    :raises SpecError: the name cannot be used.
    """
    if _NAME.fullmatch(name.lower()) is None or name.startswith((".", "-")):
        raise SpecError(
            f"{name!r} is no name for a kernelspec: letters, digits, '-', '_' and '.'"
            " only, and a letter or digit first"
        )
    found = folders.find_all([target, *folders.kernel_dirs()])
    there = found.get(name.lower())
    if there is not None:
        raise SpecError(
            f"there is a kernelspec {name!r} already, {there}; choose another name, or"
            " remove that one first"
        )


def text_of(spec: dict[str, object]) -> str:
    """Return the text of a kernel.json."""
    return json.dumps(spec, indent=1, ensure_ascii=False) + "\n"


def write(name: str, target: str, spec: dict[str, object]) -> str:
    """Write a new kernelspec; return the path of its kernel.json.

    :param target: the kernels folder; it is made where there is none.
    :raises SpecError: it could not be written, and nothing is left.
    """
    folder = os.path.join(target, name.lower())
    path = os.path.join(folder, "kernel.json")
    text = text_of(spec)
    try:
        os.makedirs(target, exist_ok=True)
        os.mkdir(folder)
    except OSError as error:
        raise SpecError(f"{folder} cannot be made: {why(error)}") from None
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except (OSError, UnicodeError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        reason = why(error) if isinstance(error, OSError) else "it is not UTF-8"
        raise SpecError(f"{path} cannot be written: {reason}") from None
    return path


def missing_launcher(scheduler: str) -> str:
    """Say that the scheduler's command is not on this machine; ``""``: it is."""
    program = TEMPLATES[scheduler].start[0]
    if shutil.which(program) is not None:
        return ""
    return (
        f"{program} is not on the PATH of this machine; the kernel starts only where it"
        " is"
    )


def split(text: str) -> tuple[str, ...]:
    """Split words as a shell does.

    :raises SpecError: a quote is missing.
    """
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise SpecError(f"--extra {text!r}: {str(error).lower()}") from None
