"""A kernel's command before it is filled in, and how it is filled in.

Knows the words in braces, as jupyter_client fills them in, and what a command's
words tell about the kernel. Must not know where the command comes from (see
`kernels`), nor how it is started. Needed before the first inner kernel is spawned:
so no attrs.
"""

from __future__ import annotations

import os
import sys

from ipr.boot.light import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: Commands that start a kernel elsewhere, sooner or later.
_LAUNCHERS = frozenset(("srun", "salloc", "sbatch", "qsub", "qrsh", "qlogin", "bsub"))
_LAUNCHERS |= frozenset(("oarsub", "flux", "condor_submit", "ssh"))

#: Modules of kernels that are made from ipykernel; each was seen to speak ipc. The
#: table is in docs/design.rst, "Ports".
_IPC_MODULES = frozenset(("bash_kernel", "calysto_scheme", "octave_kernel"))

#: The variable by which code in a kernel finds its daemon: the path of the clients'
#: connection file.
OWN_FILE = "IPR_CONNECTION_FILE"


def with_own_file(environment: Mapping[str, str], path: str) -> dict[str, str]:
    """Return a kernel's environment with its daemon in it.

    :param path: of the clients' connection file; ``""``: nobody can find the daemon,
        and must not find one further out.
    """
    made = {**environment, OWN_FILE: path}
    if not path:
        del made[OWN_FILE]
    return made


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
            # After -- in a kernelspec's own argv, where Jupyter would fill in
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
        """Return the inner kernel's environment; ``${VAR}`` is filled in."""
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
    def is_ipykernel(self) -> bool:
        """Whether it is an ipykernel on this machine, for sure.

        A launcher in front of it (srun, ssh, conda run) may start it elsewhere.
        """
        return self._module() in ("ipykernel_launcher", "ipykernel")

    @property
    def speaks_ipc(self) -> bool:
        """Whether it listens on Unix sockets under the names that Jupyter has for them.

        And does so on this machine, for sure: elsewhere they cannot be reached.
        """
        if self.is_ipykernel or self._module() in _IPC_MODULES:
            return True
        program = os.path.basename(self.argv[0]) if self.argv else ""
        return program == "R" and "IRkernel::main()" in self.argv

    def _module(self) -> str:
        """Return the module that a Python is told to run; ``""`` where it is none."""
        if len(self.argv) < 3 or not is_python(os.path.basename(self.argv[0])):
            return ""
        words = list(self.argv[1:])
        while words and words[0].startswith("-") and words[0] != "-m":
            if words[0] in ("-W", "-X"):
                del words[0]
            del words[:1]
        return words[1] if len(words) > 1 and words[0] == "-m" else ""


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
    """Return the environment that a kernelspec lies in; ``""`` if it is in none.

    That is ``PREFIX/share/jupyter/kernels/NAME``; but ``~/.local`` holds the user's
    own kernelspecs, which belong to no environment.
    """
    parts = os.path.abspath(folder).split(os.sep) if folder else []
    if parts[-4:-1] != ["share", "jupyter", "kernels"]:
        return ""
    prefix = os.sep.join(parts[:-4]) or os.sep
    own = os.path.expanduser(os.path.join("~", ".local"))
    return "" if os.path.realpath(prefix) == os.path.realpath(own) else prefix
