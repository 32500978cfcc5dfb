"""What to start as the inner kernel.

Knows kernel.json and how jupyter_client fills in a kernel's command. Must
not know how it is started. Needed before the first inner kernel is spawned:
so no attrs, and Jupyter's own packages only where a kernelspec has to be
searched for.
"""

from __future__ import annotations

import os
import sys

from ipr.boot import plainfile
from ipr.boot.spare import NamedTuple, loads

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

#: Commands that start a kernel elsewhere, sooner or later.
_LAUNCHERS = frozenset(("srun", "salloc", "sbatch", "qsub", "qrsh", "qlogin", "bsub"))
_LAUNCHERS |= frozenset(("oarsub", "flux", "condor_submit", "ssh"))


class NoCommand(ValueError):
    """There is nothing to start; the text says where was looked."""


class Launch(NamedTuple):
    """A kernel's command, not yet filled in.

    :ivar argv: with ``{connection_file}`` and the like.
    :ivar env: what the kernelspec adds to the environment, where whoever
        started the daemon has not done so.
    :ivar interrupt_mode: ``"signal"`` or ``"message"``.
    :ivar language: for a made-up kernel_info.
    :ivar resource_dir: the kernelspec's folder, or ``""``.
    :ivar interpreter: what a bare ``python`` in argv means, or ``""``.
    :ivar name: the kernelspec's name, or ``""``.
    :ivar encrypts: whether it declares that it speaks CurveZMQ.
    """

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    interrupt_mode: str = "signal"
    language: str = ""
    resource_dir: str = ""
    interpreter: str = ""
    name: str = ""
    encrypts: bool = False

    def command(self, connection_file: str, cwd: str = "") -> list[str]:
        """Fill in the command as jupyter_client does.

        That is ``KernelManager.format_kernel_cmd``, and then ``launch_kernel``, which
        expands a ``~`` at the beginning of a word.

        :param cwd: the folder that the kernel starts in; ``""`` for our own.
        """
        fields = {
            "connection_file": connection_file,
            # Behind -- in a kernelspec's own argv, where Jupyter would fill in
            # the outer file.
            "inner_connection_file": connection_file,
        }
        if any("{prefix}" in word for word in self.argv):
            # The server's. It is the environment that the kernelspec lies in, if
            # that is one; /usr/local need not be.
            python = environments_python("python", self.resource_dir)
            fields["prefix"] = _prefix_of(self.resource_dir) if python else sys.prefix
        if any("{cwd}" in word for word in self.argv):
            fields["cwd"] = cwd or _own_folder()
        if self.resource_dir:
            fields["resource_dir"] = self.resource_dir
        filled = [os.path.expanduser(_filled(word, fields)) for word in self.argv]
        if self.interpreter:
            filled[0] = self.interpreter
        return filled

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Give the inner kernel's environment; ``${VAR}`` is filled in."""
        made = dict(base)
        if self.env:
            # Late: a kernelspec's own start has had it done by Jupyter.
            from string import Template

            for name, value in self.env:
                made[name] = Template(value).safe_substitute(base)
        return made

    @property
    def may_queue(self) -> bool:
        """Whether it may wait for a place in a cluster before it starts."""
        program = os.path.basename(self.argv[0]) if self.argv else ""
        return program in _LAUNCHERS or "remote_ikernel" in self.argv

    @property
    def speaks_ipc(self) -> bool:
        """Whether it is an ipykernel on this machine, for sure.

        A launcher in front of it (srun, ssh, conda run) may start it
        elsewhere, where a Unix socket of this machine cannot be reached.
        """
        if len(self.argv) < 3:
            return False
        program = os.path.basename(self.argv[0])
        words = list(self.argv[1:])
        while words and words[0].startswith("-") and words[0] != "-m":
            if words[0] in ("-W", "-X"):
                del words[0]
            del words[:1]
        return (
            is_python(program)
            and len(words) > 1
            and words[0] == "-m"
            and words[1] in ("ipykernel_launcher", "ipykernel")
        )


def _own_folder() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        # It was removed; then the word stays as it is.
        return "{cwd}"


def _filled(word: str, fields: Mapping[str, str]) -> str:
    """Put the fields' values in the places of their names in braces."""
    first, *others = word.split("{")
    parts = [first]
    for part in others:
        name, brace, rest = part.partition("}")
        known = brace and name in fields
        parts.append(fields[name] + rest if known else "{" + part)
    return "".join(parts)


def is_python(program: str) -> bool:
    """Whether it is ``python``, ``python3``, ``python3.11`` or one with ``.exe``."""
    if not program.startswith("python"):
        return False
    version = program.removeprefix("python").removesuffix(".exe")
    major, dot, minor = version.partition(".")
    return not version or (
        major.isdecimal() and (minor.isdecimal() if dot else not minor)
    )


def find(
    command: Sequence[str], *, resource_dir: str, kernel: str, interrupt_mode: str
) -> Launch:
    """Find the inner kernel's command.

    The words behind ``--`` come first; then the kernelspec named by
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
            "nothing says which kernel to start: give --resource-dir, --kernel or"
            " a command behind --"
        )
    if os.path.exists(os.path.join(resource_dir, "kernel.json")):
        return from_folder(resource_dir, wrapped=True)
    name = os.path.basename(os.path.normpath(resource_dir))
    try:
        return by_name(name)
    except NoCommand as error:
        raise NoCommand(
            f"{resource_dir} has no kernel.json on this machine, and {error}"
        ) from None


def _braced(command: Sequence[str]) -> tuple[str, ...]:
    """Put the braces back that a csh on the way has taken off ``{word}``."""
    bare = "inner_connection_file"
    if any("connection_file}" in word for word in command):
        return tuple(command)
    return tuple(word.replace(bare, f"{{{bare}}}") for word in command)


def names() -> dict[str, str]:
    """Give the kernelspecs of this machine: name to folder, as Jupyter finds them."""
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

    :raises NoCommand: when there is none; the text names those there are.
    """
    there = names()
    for found, folder in there.items():
        if found.lower() == name.lower():
            launch = from_folder(folder, wrapped=False)
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


def from_folder(folder: str, *, wrapped: bool) -> Launch:
    """Read a kernelspec's folder.

    :param wrapped: its argv is ipr's own, and the original one must be there.
    :raises NoCommand: when it cannot be used.
    """
    spec = _read(folder)
    original = kept(spec).get(ORIGINAL_ARGV)
    if original is None and not wrapped:
        original = spec.get("argv")
        mode = _text(spec, "interrupt_mode").lower()
    else:
        mode = _interrupt_mode(spec)
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
    """Give argv as kernel.json has it, ipr's own; empty when it cannot be read."""
    argv = _spec_or_nothing(folder).get("argv")
    if not isinstance(argv, list) or not all(isinstance(word, str) for word in argv):
        return []
    return argv


def _interpreter(word: str, spec: Mapping[str, Any], folder: str) -> str:
    """Say what a bare ``python`` means: never ipr's own interpreter by chance.

    jupyter_client takes it for the server's interpreter; ``ipr-spec install``
    noted which one that was.
    """
    if not is_python(word):
        return ""
    noted = _text(kept(spec), INTERPRETER)
    if noted and os.access(noted, os.X_OK):
        return noted
    beside = environments_python(word, folder)
    if beside:
        return beside
    # Late: it costs 15 ms, and ipr-spec has noted what is meant.
    import shutil

    return shutil.which(word) or sys.executable


def environments_python(word: str, folder: str) -> str:
    """Return the interpreter that a bare ``python`` means in an environment.

    jupyter_client starts the interpreter of the *server* for it, which is in the
    environment that the kernelspec lies in. ``ipr`` may live in another one.

    :param word: ``python``, ``python3``, ``python3.12``; of others it is none.
    :param folder: the kernelspec's.
    :returns: an absolute path; ``""`` where there is no such interpreter.
    """
    prefix = _prefix_of(folder)
    if not prefix or not is_python(word):
        return ""
    names = [word]
    if word in ("python", "python3"):
        # Both mean the server's; Debian has no "python".
        names += ["python3", "python"]
    for name in names:
        path = os.path.join(prefix, "bin", name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return ""


def _prefix_of(folder: str) -> str:
    """Give the environment that a kernelspec lies in, ``""`` if in none.

    That is ``PREFIX/share/jupyter/kernels/NAME``; but ``~/.local`` holds the user's
    own kernelspecs, which belong to no environment.
    """
    parts = os.path.abspath(folder).split(os.sep) if folder else []
    if parts[-4:-1] != ["share", "jupyter", "kernels"]:
        return ""
    prefix = os.sep.join(parts[:-4]) or os.sep
    own = os.path.expanduser(os.path.join("~", ".local"))
    return "" if os.path.realpath(prefix) == os.path.realpath(own) else prefix


def kept(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a wrapped kernel.json says about the kernelspec as it was.

    That is ``metadata.ipr``, or the top level in the older form.
    """
    metadata = spec.get("metadata")
    found = metadata.get(KEPT) if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else spec


def _interrupt_mode(spec: Mapping[str, Any]) -> str:
    # jupyter_client does not mind its case.
    mode = _text(kept(spec), ORIGINAL_INTERRUPT_MODE).lower()
    return "message" if mode == "message" else "signal"


def _encrypts(spec: Mapping[str, Any]) -> bool:
    metadata = spec.get("metadata")
    declared = (
        metadata.get("supported_encryption") if isinstance(metadata, dict) else ()
    )
    return isinstance(declared, list) and "curve" in declared


def _env(spec: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    env = spec.get("env")
    if not isinstance(env, dict):
        return ()
    return tuple((str(name), str(value)) for name, value in env.items())


def _text(spec: Mapping[str, Any], field: str) -> str:
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
