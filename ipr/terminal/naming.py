"""Which kernel a word means, or, without one, the kernel that it is said in.

Knows the ids of kernels, and the environment of code that runs in one. Must not know
what is done with that kernel.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import attrs

from ipr.boot.launch import OWN_FILE
from ipr.terminal import files, processes
from ipr.terminal.problem import Problem

#: Kernels that are named beside the first one, or counted, where a word may mean each.
_MOST_NAMED = 4


@attrs.frozen
class Target:
    """A kernel.

    :ivar path: of its clients' connection file.
    :ivar daemon: the pid; 0: it was not found on this machine.
    :ivar inside: whether whoever asks is part of that kernel.
    """

    path: str
    daemon: int = 0
    inside: bool = False

    @property
    def id(self) -> str:
        """The kernel's id."""
        return files.identity(self.path)


class NowhereNamed(Problem):
    """No kernel was named, and whoever asks is in none."""


def target(word: str, environ: Mapping[str, str], proc: str = "/proc") -> Target:
    """Find the kernel that is meant.

    :param word: the beginning of a kernel's id or of its connection file's name, a
        path, or the pid of a process of a kernel; ``""``: the kernel whose environment
        it is.
    :raises Problem: none is, or more than one.
    """
    found = processes.daemons(proc)
    if not word:
        return _own(environ, found, proc)
    if os.sep in word:
        chosen = Target(os.path.abspath(os.path.expanduser(word)))
    else:
        chosen = Target(_named(word, found, proc))
    real = os.path.realpath(chosen.path)
    pid = next((d.pid for d in found if os.path.realpath(d.path) == real), 0)
    mine = environ.get(OWN_FILE, "")
    inside = bool(mine) and os.path.realpath(mine) == real
    if pid and not inside:
        inside = pid in processes.above(os.getpid(), proc)
    return Target(chosen.path, pid, inside)


def ids() -> list[str]:
    """Return the ids of the kernels on this machine."""
    return [files.identity(daemon.path) for daemon in processes.daemons()]


def _named(word: str, found: list[processes.Daemon], proc: str) -> str:
    paths = {daemon.path for daemon in found if _is_called(daemon.path, word)}
    if word.isdecimal():
        by_pid = _of_process(int(word), found, proc)
        paths |= {by_pid} if by_pid else set()
    if len(paths) > 1:
        first, *more = sorted(files.identity(path)[:13] for path in paths)
        if len(more) >= _MOST_NAMED:
            more[_MOST_NAMED - 1 :] = [f"{len(more) - _MOST_NAMED + 1} others"]
        names = " or ".join((first, *more))
        raise Problem(f"{word!r} may be {names}; type more of it ('ipr ps' lists them)")
    if paths:
        return paths.pop()
    others = [path for path in files.there() if _is_called(path, word)]
    if not others:
        owner = processes.owner(word, proc)
        if owner not in (None, os.geteuid()):
            raise Problem(
                f"process {word} belongs to another user (uid {owner});"
                f" {files.AS_THAT_USER}"
            )
        raise Problem(
            f"no kernel here has an id that begins with {word!r}; see 'ipr ps'"
        )
    raise Problem(
        f"{files.identity(others[0])} is the id of a kernel that runs without ipr, has"
        " ended, or is on another machine; to ask it all the same, name its connection"
        f" file: {others[0]}"
    )


def _is_called(path: str, word: str) -> bool:
    return files.identity(path).startswith(word) or os.path.basename(path).startswith(
        word
    )


def _of_process(pid: int, found: list[processes.Daemon], proc: str) -> str:
    """Return the file of the nearest daemon at or above a process, or ``""``."""
    paths = {daemon.pid: daemon.path for daemon in found}
    for one in (pid, *processes.above(pid, proc)):
        if one in paths:
            return paths[one]
    return ""


def _own(
    environ: Mapping[str, str], found: list[processes.Daemon], proc: str
) -> Target:
    path = environ.get(OWN_FILE, "")
    if not path:
        raise NowhereNamed(
            "name a kernel, as 'ipr ps' lists them: this is not inside one"
        )
    # A kernel that jupyter_client started below ours has the variable, too.
    starter = environ.get("JPY_PARENT_PID", "")
    if starter.isdecimal() and processes.is_guardian(int(starter), proc) is False:
        raise Problem(
            "the kernel that this runs in has no ipr; it was started in one that has,"
            f" and that one is restarted by 'ipr restart {files.identity(path)[:13]}'"
        )
    pid = next((daemon.pid for daemon in found if daemon.path == path), 0)
    return Target(path, pid, inside=True)
