"""Kernelspecs: how the inner kernel's command is found, by name or by folder.

Knows kernel.json, what ``ipr-spec install`` keeps in it, and where Jupyter looks for
kernelspecs. Must not know how a command is filled in or started (see `launch`). Needed
before the first inner kernel is spawned: so no attrs, and Jupyter's own packages only
where a kernelspec has to be searched for.
"""

from __future__ import annotations

import os
import sys

from ipr.boot import plainfile, server
from ipr.boot.launch import Launch, environments_python, is_python
from ipr.boot.light import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

#: The object in a kernel.json's ``metadata`` in which ``ipr-spec install`` keeps
#: the kernelspec as it was, in the fields below. The earlier package and the first
#: versions of ipr wrote them at the top level, where jupyter_client warns of them.
KEPT = "ipr"
ORIGINAL_ARGV = "restarter_original_argv"
ORIGINAL_INTERRUPT_MODE = "restarter_original_interrupt_mode"
ORIGINAL_PROTOCOL_VERSION = "restarter_original_kernel_protocol_version"
ORIGINAL_METADATA = "restarter_original_metadata"
#: What a bare ``python`` in the original argv stands for, as an absolute path.
INTERPRETER = "restarter_interpreter"
#: The names in ``metadata`` that were not there before.
ADDED = "restarter_added"

#: Bytes that a kernel.json may have.
_LARGEST = 1 << 20


class NoCommand(ValueError):
    """There is nothing to start; the text says where ipr has looked."""


def find(
    command: Sequence[str], *, resource_dir: str, kernel: str, interrupt_mode: str
) -> Launch:
    """Find the inner kernel's command.

    The words after ``--`` come first; then the kernelspec named by
    ``kernel``; then ``restarter_original_argv`` in the kernel.json of the folder
    ``resource_dir``; then, when that folder does not exist on this machine,
    the kernelspec of the same name here.

    :raises NoCommand: with one sentence that says what was looked for.
    """
    launch = _find(command, resource_dir, kernel)
    if interrupt_mode:
        launch = launch._replace(interrupt_mode=interrupt_mode)
    return launch


def _find(command: Sequence[str], resource_dir: str, kernel: str) -> Launch:
    if command:
        spec = _spec_or_nothing(resource_dir)
        return Launch(
            _braced(command),
            interrupt_mode=_interrupt_mode(spec),
            language=_text(spec, "language"),
            resource_dir=resource_dir,
            name=os.path.basename(resource_dir.rstrip(os.sep)),
            encrypts=_encrypts(spec),
        )
    if kernel:
        return by_name(kernel)
    if not resource_dir:
        raise NoCommand(
            "no kernel to start: pass --resource-dir, --kernel, or a command after --"
        )
    if os.path.exists(os.path.join(resource_dir, "kernel.json")):
        return from_wrapped(resource_dir)
    name = os.path.basename(os.path.normpath(resource_dir))
    try:
        return by_name(name)
    except NoCommand as error:
        raise NoCommand(
            f"{resource_dir} has no kernel.json on this machine, and {error}"
        ) from None


def _braced(command: Sequence[str]) -> tuple[str, ...]:
    """Put back the braces that a csh on the way has removed from ``{word}``."""
    bare = "inner_connection_file"
    if any("connection_file}" in word for word in command):
        return tuple(command)
    return tuple(word.replace(bare, f"{{{bare}}}") for word in command)


def names() -> dict[str, str]:
    """Return the kernelspecs of this machine: name to folder, as Jupyter finds them."""
    # Late: it costs 30 ms, and a kernelspec's own start never needs it.
    from importlib.util import find_spec

    from jupyter_core.paths import jupyter_path

    bases = list(jupyter_path("kernels"))
    if find_spec("IPython") is not None:
        # As KernelSpecManager.kernel_dirs has it.
        own = os.environ.get("IPYTHONDIR") or os.path.join("~", ".ipython")
        bases.append(os.path.join(os.path.expanduser(own), "kernels"))
    found: dict[str, str] = {}
    for base in bases:
        try:
            there = os.listdir(base)
        except OSError:
            continue
        for name in there:
            folder = os.path.join(base, name)
            if os.path.exists(os.path.join(folder, "kernel.json")):
                found.setdefault(name, folder)
    return found


def by_name(name: str) -> Launch:
    """Find a kernelspec of this machine by its name.

    :raises NoCommand: when there is none; the text names those that exist.
    """
    there = names()
    for found, folder in there.items():
        if found.lower() == name.lower():
            launch = from_folder(folder)
            return launch._replace(env=_env(_read(folder)), name=found)
    if name.lower() == "python3":
        # As jupyter_client has it: ipykernel itself is a kernelspec.
        return Launch(
            (sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"),
            language="python",
            name="python3",
        )
    known = f"there are {', '.join(sorted(there))}" if there else "there are none"
    raise NoCommand(f"no kernelspec is called {name!r} here; {known}")


def from_folder(folder: str) -> Launch:
    """Read a kernelspec's folder, whether ipr is installed on it or not.

    :raises NoCommand: when it cannot be used.
    """
    spec = _read(folder)
    original = kept(spec).get(ORIGINAL_ARGV)
    if original is not None:
        return _launch(folder, spec, original, _interrupt_mode(spec))
    mode = _text(spec, "interrupt_mode").lower()
    return _launch(folder, spec, spec.get("argv"), mode)


def from_wrapped(folder: str) -> Launch:
    """Read the folder of a kernelspec whose argv is ipr's own.

    :raises NoCommand: when it cannot be used: the original argv must be there.
    """
    spec = _read(folder)
    return _launch(folder, spec, kept(spec).get(ORIGINAL_ARGV), _interrupt_mode(spec))


def _launch(
    folder: str, spec: Mapping[str, object], original: object, mode: str
) -> Launch:
    path = os.path.join(folder, "kernel.json")
    if (
        not isinstance(original, list)
        or not original
        or not all(isinstance(word, str) for word in original)
    ):
        raise NoCommand(
            f"{ORIGINAL_ARGV} in {path} is missing or is no list of strings;"
            " run 'ipr-spec list' to see what can be mended"
        )
    return Launch(
        tuple(original),
        interrupt_mode=mode if mode == "message" else "signal",
        language=_text(spec, "language"),
        resource_dir=folder,
        interpreter=_interpreter(original[0], spec, folder),
        name=os.path.basename(os.path.normpath(folder)),
        encrypts=_encrypts(spec),
    )


def written_argv(folder: str) -> list[str]:
    """Return the argv in kernel.json, ipr's own; empty when it cannot be read."""
    argv = _spec_or_nothing(folder).get("argv")
    if not isinstance(argv, list) or not all(isinstance(word, str) for word in argv):
        return []
    return argv


def _interpreter(word: str, spec: Mapping[str, object], folder: str) -> str:
    """Return what a bare ``python`` means: never ipr's own interpreter by chance.

    jupyter_client takes it for the server's interpreter; ``ipr-spec install``
    noted which one that was.
    """
    if not is_python(word):
        return ""
    noted = _text(kept(spec), INTERPRETER)
    if noted and os.access(noted, os.X_OK):
        return noted
    found = environments_python(word, folder)
    found = found or server.python(word, os.environ, os.getppid())
    if found:
        return found
    # Late: it costs 15 ms, and ipr-spec has noted what is meant.
    import shutil

    return shutil.which(word) or sys.executable


def kept(spec: Mapping[str, object]) -> Mapping[str, object]:
    """Return what a wrapped kernel.json says about the kernelspec as it was.

    That is ``metadata.ipr``, or the top level in the older form.
    """
    metadata = spec.get("metadata")
    found = metadata.get(KEPT) if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else spec


def _interrupt_mode(spec: Mapping[str, object]) -> str:
    # jupyter_client does not mind its case.
    mode = _text(kept(spec), ORIGINAL_INTERRUPT_MODE).lower()
    return "message" if mode == "message" else "signal"


def _encrypts(spec: Mapping[str, object]) -> bool:
    metadata = spec.get("metadata")
    declared = (
        metadata.get("supported_encryption") if isinstance(metadata, dict) else ()
    )
    return isinstance(declared, list) and "curve" in declared


def _env(spec: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    env = spec.get("env")
    if not isinstance(env, dict):
        return ()
    return tuple((str(name), str(value)) for name, value in env.items())


def _text(spec: Mapping[str, object], field: str) -> str:
    found = spec.get(field, "")
    return found if isinstance(found, str) else ""


def _spec_or_nothing(folder: str) -> dict[str, Any]:
    if not folder:
        return {}
    try:
        return _read(folder)
    except NoCommand:
        return {}


def _read(folder: str) -> dict[str, Any]:
    path = os.path.join(folder, "kernel.json")
    try:
        spec = loads(plainfile.read(path, _LARGEST).decode())
    except OSError as error:
        raise NoCommand(f"cannot read {path}: {error.strerror}") from None
    except plainfile.NotPlain as error:
        raise NoCommand(f"cannot read {path}: {error}") from None
    except ValueError as error:
        raise NoCommand(f"{path} is not JSON: {error}") from None
    if not isinstance(spec, dict):
        raise NoCommand(f"{path} does not hold a JSON object")
    return spec
