"""``ipr-spec check``: start a kernel through ipr and restart it in place, once.

Knows which kernelspec is tried, and what to advise when a step fails. Must not know
messages: :mod:`ipr.spec.session` does.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
import time
import uuid
from typing import IO, TYPE_CHECKING

from ipr.spec import button, folders, states
from ipr.spec.errors import SpecError, why
from ipr.spec.fields import CONNECTION_FILE, decoded, provisioner_of
from ipr.spec.folders import Kernelspec
from ipr.spec.session import Failed, Session, outer_pid, step
from ipr.spec.states import Standing
from ipr.spec.wish import Wish, trial

if TYPE_CHECKING:
    from jupyter_client.manager import KernelManager

#: How many lines of what the kernel wrote are shown when it fails.
TAIL = 20
_DEATH = re.compile(r" ipr \w+: Inner kernel \d+: ([^;]+)")


def run(name: str, timeout: float) -> int:
    """Start a kernel through ``ipr``, restart it in place, report each step.

    :param timeout: for each step, in seconds.
    :returns: the exit code of ``ipr-spec``.
    """
    temporary = tempfile.mkdtemp(prefix="ipr-check-")
    try:
        standing = _find(name)
        folder = _kernels_folder(standing, temporary)
        output = os.path.join(temporary, "output")
        try:
            pressed = _try(standing, folder, output, timeout)
        except Failed as error:
            said = "\n".join(dict.fromkeys(str(error).splitlines()))
            print(f"\nfailed: {said}", flush=True)
            _show_tail(output, said)
            print("\nWhat to try:")
            for line in (*error.advice, *_general_advice(standing)):
                print(f"  - {line}")
            return 1
    except SpecError as error:
        print(f"ipr-spec: {name!r}: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    print(f"\n{name!r} restarts in place.")
    button.report(pressed or button.obstacle(standing))
    if standing.state in (states.INSTALLABLE, states.EARLIER):
        print(f"Now run: ipr-spec install {shlex.quote(name)}")
    return 0


def _find(name: str) -> Standing:
    try:
        found = folders.find(name, folders.kernel_dirs())
    except SpecError:
        if name.lower() != "python3":
            raise
        if importlib.util.find_spec("ipykernel") is None:
            raise SpecError(
                "there is no Python kernel in this environment; get one with:"
                f" {sys.executable} -m pip install ipykernel"
            ) from None
        # As in jupyter_client: ipykernel itself counts as a kernelspec.
        argv = ["python", "-m", "ipykernel_launcher", "-f", CONNECTION_FILE]
        text = json.dumps({"argv": argv, "language": "python"})
        data = text.encode()
        folder = os.path.join(folders.prefix_dir(sys.prefix), "python3")
        found = Kernelspec("python3", folder, data, *decoded(data))
    standing = states.standing(found)
    if standing.state == states.IMPOSSIBLE or standing.broken:
        raise SpecError(standing.detail)
    return standing


def _kernels_folder(standing: Standing, temporary: str) -> str | None:
    """Return the folder to start the kernel from; None where Jupyter looks itself."""
    found = standing.found
    if standing.state in (states.INSTALLED, states.INSIDE):
        print(f"{found.name!r}: ipr is installed on it, {found.folder}", flush=True)
        return None
    print(
        f"{found.name!r}: checked in a temporary copy of {found.folder}"
        " with ipr on it; the kernelspec itself stays as it is",
        flush=True,
    )
    kernels = os.path.join(temporary, "kernels")
    folder = os.path.join(kernels, found.name)
    os.makedirs(folder)
    text = trial(found, Wish())
    with open(os.path.join(folder, "kernel.json"), "wb") as file:
        file.write(text)
    return kernels


def _general_advice(standing: Standing) -> list[str]:
    name = standing.found.name
    advice = [f"does it start without ipr?   jupyter console --kernel {name}"]
    if standing.state == states.INSTALLED:
        advice[0] += f"   (after: ipr-spec remove {name})"
    advice.append(
        f"see more of what happens:   ipr-spec install {name} -- --log-level DEBUG"
    )
    return advice


def _show_tail(output: str, said: str) -> None:
    """Show the end of what the kernel wrote, without what has been *said*."""
    try:
        with open(output, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        lines = []
    if not lines:
        print("\nThe kernel wrote nothing.")
        return
    # A launcher's message arrives in more than one way, and the daemon's log repeats
    # why the kernel died: show each line once.
    seen = {line.removeprefix("  | ").strip() for line in said.splitlines()}
    new = []
    for line in lines:
        reason = _DEATH.search(line)
        if line.strip() not in seen and not (reason and reason[1] in said):
            seen.add(line.strip())
            new.append(line)
    if new:
        print("\nThe last of what the kernel wrote:")
        for line in new[-TAIL:]:
            print(f"  | {line}")


def _try(
    standing: Standing, kernels: str | None, output: str, timeout: float
) -> button.Obstacle | None:
    button.use_provisioner()
    manager = _manager(standing.found.name, kernels)
    begin = time.monotonic()
    with open(output, "wb") as file:
        _start(manager, standing, file)
    try:
        client = manager.client()
        # It would be the manager's, and so would the ids of its messages.
        client.session.session = uuid.uuid4().hex
        client.start_channels()
        try:
            session = Session(manager, client, standing, timeout)
            session.run(begin)
            pressed = button.press(session)
        finally:
            client.stop_channels()
    except BaseException:
        # The reason is what counts now; but nothing may be left running.
        with contextlib.suppress(Exception):
            manager.shutdown_kernel()
        raise
    outer = outer_pid(manager)
    with step("shut down"):
        manager.shutdown_kernel()
    if outer and _runs(outer):
        raise Failed(f"the outer process {outer} is still there after shutdown")
    return pressed


def _manager(name: str, kernels: str | None) -> KernelManager:
    """Return a manager for a kernel in the folder *kernels*, None for Jupyter's."""
    # These take long to import, and only check needs them.
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import KernelManager
    from jupyter_core.paths import jupyter_runtime_dir

    if kernels is None:
        specs = KernelSpecManager()
    else:
        specs = KernelSpecManager(kernel_dirs=[kernels], ensure_native_kernel=False)
    manager = KernelManager(kernel_name=name, kernel_spec_manager=specs)
    manager.log.disabled = True  # its warnings are not part of the report
    # Where a server puts it, since other nodes may have to read it.
    runtime = jupyter_runtime_dir()
    try:
        os.makedirs(runtime, mode=0o700, exist_ok=True)
    except OSError as error:
        raise SpecError(
            f"no connection file can be put into {runtime}: {why(error)}"
        ) from None
    manager.connection_file = os.path.join(runtime, f"kernel-{uuid.uuid4()}.json")
    return manager


def _start(manager: KernelManager, standing: Standing, output: IO[bytes]) -> None:
    """Start the kernel.

    :param output: the file that it writes to.
    :raises Failed: Jupyter could not start it.
    """
    from jupyter_client.kernelspec import NoSuchKernel

    try:
        manager.start_kernel(stdout=output, stderr=output)
    except (NoSuchKernel, OSError, RuntimeError, ValueError) as error:
        provisioner = provisioner_of(standing.found.spec)
        if isinstance(error, NoSuchKernel) and provisioner is not None:
            raise Failed(
                f"its provisioner {provisioner!r} is not installed in this"
                f" environment ({sys.prefix}), so Jupyter hides the kernelspec"
            ) from None
        advice = [standing.detail] if standing.detail else []
        raise Failed(f"it could not be started: {error}", *advice) from None


def _runs(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state = file.read().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state not in (b"Z", b"X")
