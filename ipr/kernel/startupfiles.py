"""What a kernel of whatever language has read at its start, as far as ipr can know.

Knows which files the languages' own manuals say are read at a start, and how procfs
lists the files that a process has mapped: its program, its libraries, and those of the
packages that it has loaded. Must not know what becomes of them. A Python says more of
itself, see :mod:`ipr.kernel.loaded`.

Sources: R's help page "Startup"; the Julia manual, "Environment Variables"; bash(1),
"INVOCATION"; the Octave manual, "Startup Files".
"""

from __future__ import annotations

import os
from collections.abc import Mapping

#: Bytes that are read of the list of mappings, and files that are returned.
LONGEST = 4 << 20
MOST = 4096

#: By language: variables that name a file, files below home and below the working
#: folder.
_STARTUP: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "r": (
        ("R_PROFILE", "R_PROFILE_USER", "R_ENVIRON", "R_ENVIRON_USER"),
        (".Rprofile", ".Renviron"),
        (".Rprofile", ".Renviron", ".RData", "renv.lock"),
    ),
    "julia": (
        (),
        (".julia/config/startup.jl",),
        ("Project.toml", "Manifest.toml", "LocalPreferences.toml"),
    ),
    "bash": (("BASH_ENV",), (".bashrc",), ()),
    "octave": (("OCTAVE_SITE_INITFILE",), (".octaverc",), (".octaverc",)),
}


def of(
    pid: int, language: str, environment: Mapping[str, str], folder: str
) -> tuple[str, ...]:
    """Return the files, absolute; they may not exist, and then that counts.

    :param language: as the kernelspec has it.
    :param environment: the kernel's.
    :param folder: in which it was started.
    """
    return tuple(dict.fromkeys((*read_by(language, environment, folder), *mapped(pid))))


def read_by(
    language: str, environment: Mapping[str, str], folder: str
) -> tuple[str, ...]:
    """Return what a language reads at its start."""
    variables, home, here = _STARTUP.get(language.lower(), ((), (), ()))
    at_home = environment.get("HOME", "")
    named = filter(None, (environment.get(name) for name in variables))
    paths = [os.path.join(folder, path) for path in named]
    paths += [os.path.join(at_home, name) for name in home]
    paths += [os.path.join(folder, name) for name in here]
    return tuple(path for path in paths if os.path.isabs(path))


def mapped(pid: int) -> tuple[str, ...]:
    """Return the files that a process has mapped; none when that cannot be seen."""
    try:
        with open(f"/proc/{pid}/maps", "rb") as file:
            text = file.read(LONGEST)
    except OSError:
        return ()
    found: dict[str, None] = {}
    for line in text.splitlines():
        # Address, permissions, offset, device, inode, path.
        _, slash, path = line.partition(b" /")
        # One that was removed is nobody's any more, as shared memory often is.
        if slash and not path.endswith(b" (deleted)") and len(found) < MOST:
            found[os.fsdecode(b"/" + path)] = None
    return tuple(found)
