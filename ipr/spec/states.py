"""Whether ipr is installed on a kernelspec, or can be.

Knows the five states that ``ipr-spec list`` shows. Must not know how any of them is
changed.
"""

from __future__ import annotations

import functools
import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Sequence

import attrs

from ipr.spec import copies, farside, folders
from ipr.spec.errors import SpecError
from ipr.spec.folders import Kernelspec
from ipr.spec.restoring import names_our_provisioner, restored
from ipr.spec.wrapping import Wrapping, obstacle_to, wrapping_of

INSTALLED = "installed"
INSIDE = "inside"
EARLIER = "earlier"
INSTALLABLE = "installable"
IMPOSSIBLE = "impossible"


@attrs.frozen
class Standing:
    """A kernelspec, and whether ipr is installed on it or can be.

    :ivar state: one of the five constants above.
    :ivar detail: in words; for an impossible one, why.
    :ivar broken: ipr is installed, but what runs it is gone; the detail says what.
    """

    found: Kernelspec
    state: str
    detail: str = ""
    wrapping: Wrapping | None = None
    broken: bool = False


def standing(found: Kernelspec) -> Standing:
    """Return the state of a kernelspec."""
    if found.fault is not None:
        return Standing(found, IMPOSSIBLE, found.fault)
    wrapped = wrapping_of(found.spec)
    if wrapped is None:
        obstacle = obstacle_to(found.spec)
        if obstacle is not None:
            return Standing(found, IMPOSSIBLE, obstacle)
        return Standing(found, INSTALLABLE)
    if wrapped.by_hand:
        state = INSIDE if wrapped.inside else INSTALLED
        return Standing(found, state, "written by hand", wrapped)
    try:
        restored(found.spec)
    except SpecError as error:
        return Standing(found, IMPOSSIBLE, str(error), wrapped)
    if wrapped.earlier:
        where = "on the far side" if wrapped.inside else ""
        return Standing(found, EARLIER, where, wrapped)
    if wrapped.inside:
        argv = found.spec["argv"]
        assert isinstance(argv, list)
        far = farside.kernel_cmd_at(argv) is not None
        detail = "remote_ikernel" if far else os.path.basename(argv[0])
        return Standing(found, INSIDE, _and_hidden(detail, found), wrapped)
    lacking = _lacking(wrapped.python)
    if lacking:
        mend = f"'ipr-spec install {shlex.quote(found.name)}' mends it"
        detail = f"{lacking}, it cannot start; {mend}"
        return Standing(found, INSTALLED, detail, wrapped, broken=True)
    source = copies.copied_from(found.folder)
    detail = "" if source is None else f"a copy of {source}"
    return Standing(found, INSTALLED, _and_hidden(detail, found), wrapped)


def _and_hidden(detail: str, found: Kernelspec) -> str:
    """Add what Jupyter makes of a kernelspec that names our provisioner."""
    hidden = names_our_provisioner(found.spec)
    where = "hidden in environments without ipr"
    return "; ".join(filter(None, (detail, where if hidden else "")))


#: Whether an interpreter finds ipr, when started as it is for the daemon.
_FINDS_IPR = "import importlib.util as u, sys; sys.exit(not u.find_spec('ipr'))"


@functools.cache
def _lacking(python: str) -> str:
    """Return what the interpreter *python* lacks to run the daemon, "" if nothing."""
    if not os.path.exists(python):
        return f"{python} is gone"
    if python == sys.executable:
        return ""
    if not may_run(python):
        return ""
    command = [python, "-P", "-c", _FINDS_IPR]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return f"{python} no longer has ipr" if done.returncode == 1 else ""


def may_run(python: str) -> bool:
    """Whether to run an interpreter to ask it something: not another user's."""
    status = os.stat(python)
    return stat.S_ISREG(status.st_mode) and status.st_uid in (0, os.geteuid())


def survey(dirs: Sequence[str]) -> list[Standing]:
    """Return the state of all kernelspecs in *dirs*, in the order of their names."""
    return [
        standing(folders.read(name, folder))
        for name, folder in sorted(folders.find_all(dirs).items())
    ]
