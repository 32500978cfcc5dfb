"""``ipr-spec check``: whether the Restart button restarts in place, and if not, why.

Knows what a Jupyter server needs for it, and how to ask the environment that the server
is in. Must not know how the provisioner does it.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import textwrap
from importlib.metadata import EntryPoint

import attrs

from ipr.spec import extension, states
from ipr.spec.fields import provisioner_of
from ipr.spec.session import Failed, Session, note, outer_pid, step
from ipr.spec.states import Standing
from ipr.spec.wrapping import PROVISIONER

#: Columns of what is shown.
WIDTH = 80
#: Seconds that another interpreter may take to answer.
ASKING_TIME = 30.0
_AGAIN = "and restart the server"
#: What the button does then.
ENDS = "The Restart button ends the process, and the job with it, since"
HIDDEN = "The Jupyter server here does not show this kernelspec, since"
UNKNOWN = "What the Restart button of your Jupyter server does is not known here:"


@attrs.frozen
class Obstacle:
    """Why it is not in place: the reason, and what to do, "" if nothing can be.

    :ivar then: what the button does instead, a line that the reason ends.
    """

    reason: str
    mend: str = ""
    then: str = ENDS


def use_provisioner() -> None:
    """Have this process start kernels as a server with the extension does."""
    from jupyter_client.provisioning.factory import KernelProvisionerFactory

    factory = KernelProvisionerFactory.instance()
    found = EntryPoint(PROVISIONER, f"{extension.MODULE}:provisioner", "")
    factory.provisioners.setdefault(PROVISIONER, found)
    if factory.default_provisioner_name == "local-provisioner":
        factory.default_provisioner_name = PROVISIONER


def press(session: Session) -> Obstacle | None:
    """Restart as a server does.

    :returns: why that was not in place, None if it was.
    :raises Failed: no kernel answers after it.
    """
    from jupyter_client._version import __version__ as version

    name = provisioner_of(session.standing.found.spec)
    if name not in (None, PROVISIONER):
        return Obstacle(
            f"its provisioner {name!r} starts the kernel, and a kernelspec has only one"
        )
    if int(version.partition(".")[0]) < 8:
        # Its blocking manager cannot; that of a server can.
        note(f"restart_kernel() is not tried with jupyter_client {version}")
        return None
    manager = session.manager
    outer, old = outer_pid(manager), session.process()
    with step("restart_kernel(), as the Restart button does"):
        manager.restart_kernel()
    with step("the new kernel answers"):
        session.kernel_info()
        session.hear()
        # Held until the kernel is there; %ipr status is not.
        session.cell("")
        new = session.process()
    if new == old:
        raise Failed(f"the kernel's process is still {old}")
    note(f"new inner process: {old} -> {new}")
    if outer_pid(manager) == outer:
        note(f"same outer process: {outer}")
        return None
    note(f"new outer process: {outer} -> {outer_pid(manager)}")
    wrapped = session.standing.wrapping
    if wrapped is not None and wrapped.inside:
        return Obstacle(
            "the ipr on the far side did not agree to it; it may be an older one",
            f"install this version for {wrapped.python} over there",
        )
    return Obstacle("the daemon did not agree to it within two seconds")


def obstacle(standing: Standing) -> Obstacle | None:
    """Return why a server would not restart a kernelspec in place, None if it would."""
    name = provisioner_of(standing.found.spec)
    if name not in (None, PROVISIONER):
        return Obstacle(
            f"its provisioner {name!r} starts the kernel, and a kernelspec has only one"
        )
    python = _server()
    if not python:
        return Obstacle(
            f"no Jupyter server is installed in {sys.prefix}, nor on the PATH",
            "install ipr into the environment of your Jupyter server, as well",
            UNKNOWN,
        )
    state = _state_in(python)
    if not state:
        return _without_ipr(python, standing.found.name, hides=name == PROVISIONER)
    if name == PROVISIONER:
        return None
    if extension.other_default():
        return Obstacle(
            f"JUPYTER_DEFAULT_PROVISIONER_NAME is {extension.other_default()!r},"
            " which the server extension leaves alone"
        )
    reasons = {
        extension.DISABLED: "the server extension is disabled",
        extension.ABSENT: "the server extension is not enabled",
        extension.EDITABLE: "an editable install of ipr enables no server extension",
    }
    if state not in reasons:
        return None
    enable = f"jupyter server extension enable --sys-prefix {extension.MODULE}"
    return Obstacle(reasons[state], f"{enable}, {_AGAIN}")


def _without_ipr(python: str, name: str, *, hides: bool) -> Obstacle:
    reason = f"the Jupyter server's Python, {python}, has no ipr, or an older one"
    mend = f"install ipr there, as here ({python} -m pip install …), {_AGAIN}"
    if not hides:
        return Obstacle(reason, mend)
    mend += f"; or: ipr-spec install --no-provisioner {shlex.quote(name)}"
    reason = f"it names ipr's kernel provisioner, and {reason}"
    return Obstacle(reason, mend, HIDDEN)


def _server() -> str:
    """Return the interpreter of the Jupyter server here, "" where there is none."""
    if importlib.util.find_spec("jupyter_server") is not None:
        return sys.executable
    for name in ("jupyter-lab", "jupyter-notebook", "jupyter-server"):
        script = shutil.which(name)
        if script is not None:
            return _interpreter_of(script)
    return ""


def _interpreter_of(script: str) -> str:
    """Return what the first line of a script names, "" if that is no program."""
    try:
        with open(script, "rb") as file:
            first = os.fsdecode(file.readline(4096))
    except OSError:
        return ""
    python = first.removeprefix("#!").strip()
    return python if first.startswith("#!") and os.path.exists(python) else ""


def _state_in(python: str) -> str:
    """Return what :mod:`ipr.spec.extension` says there, "" where it is not."""
    if python == sys.executable:
        return extension.state()
    if not states.may_run(python):
        return ""
    command = [python, "-P", "-m", extension.__name__]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ASKING_TIME,
            text=True,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def report(found: Obstacle | None) -> None:
    """Print lines on whether the Restart button works in place."""
    if found is None:
        print("The Restart button of a Jupyter server here does so as well.")
        return
    print(found.then)
    _show(found.reason)
    if found.mend:
        aim = "shown" if found.then == HIDDEN else "restart in place"
        print(f"To have it {aim}:")
        _show(found.mend)


def _show(words: str) -> None:
    print(
        textwrap.fill(
            words,
            WIDTH - 1,
            initial_indent="  ",
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    )
