"""``ipr-spec check``: try on a real kernel that it restarts in place.

Knows what a front end sees of a kernel, through jupyter_client, and says it in plain
words. Must not know how the daemon does its work.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import re
import shlex
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from ipr.spec import kernelspec, specfolders, specplan
from ipr.spec.kernelspec import SpecError
from ipr.spec.specplan import Standing, Wish

#: How many lines of what the kernel wrote are shown when it fails.
TAIL = 20
_MARK = "ipr-check:"
_PROBE = (
    "import json as _, os as __; print({mark!r} + _.dumps(["
    "__.getpid(), __.environ.get('SLURM_JOB_ID'), 'ipr_check' in globals()]))"
)
_DEATH = re.compile(r" ipr \w+: Inner kernel \d+: ([^;]+)")
_PIDS = re.compile(r"pid (\d+) -> (\d+)")


class Failed(Exception):
    """A step has failed.

    :ivar advice: what to try, a line each.
    """

    def __init__(self, reason: str, *advice: str) -> None:
        super().__init__(reason)
        self.advice = advice


@attrs.frozen
class Cell:
    """What came of a cell: its reply's content, and what it has shown."""

    reply: dict[str, Any]
    shown: str

    @property
    def trouble(self) -> str:
        """What it says went wrong, empty if nothing did."""
        if self.reply.get("status") == "ok":
            return ""
        lines = self.reply.get("traceback") or []
        text = "\n".join(map(str, lines)) or str(self.reply.get("evalue", ""))
        return re.sub(r"\x1b\[[0-9;]*m", "", text) or "no reason given"


@attrs.frozen
class Facts:
    """What a Python kernel says about itself."""

    pid: int
    job: str | None
    has_variable: bool


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
            _try(standing, folder, output, timeout)
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
    if standing.state in (specplan.INSTALLABLE, specplan.EARLIER):
        print(f"Now run: ipr-spec install {shlex.quote(name)}")
    return 0


def _find(name: str) -> Standing:
    try:
        found = specfolders.find(name, specfolders.kernel_dirs())
    except SpecError:
        if name.lower() != "python3":
            raise
        if importlib.util.find_spec("ipykernel") is None:
            raise SpecError(
                "there is no Python kernel in this environment; get one by:"
                f" {sys.executable} -m pip install ipykernel"
            ) from None
        # As jupyter_client has it: ipykernel itself is a kernelspec.
        argv = ["python", "-m", "ipykernel_launcher", "-f", kernelspec.CONNECTION_FILE]
        text = json.dumps({"argv": argv, "language": "python"})
        data = text.encode()
        folder = os.path.join(specfolders.prefix_dir(sys.prefix), "python3")
        found = specfolders.Kernelspec(
            "python3", folder, data, *kernelspec.decoded(data)
        )
    standing = specplan.standing(found)
    if standing.state == specplan.IMPOSSIBLE:
        raise SpecError(standing.detail)
    return standing


def _kernels_folder(standing: Standing, temporary: str) -> str | None:
    """Give the folder to start the kernel from; None where Jupyter looks itself."""
    found = standing.found
    if standing.state in (specplan.INSTALLED, specplan.INSIDE):
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
    text = specplan.trial(found, Wish())
    with open(os.path.join(folder, "kernel.json"), "wb") as file:
        file.write(text)
    return kernels


def _general_advice(standing: Standing) -> list[str]:
    name = standing.found.name
    advice = [f"does it start without ipr?   jupyter console --kernel {name}"]
    if standing.state == specplan.INSTALLED:
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
        print("\nThe kernel has written nothing.")
        return
    # A launcher's message comes by more than one way, and the daemon's log says
    # once more why the kernel has gone: each fact once.
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


@contextlib.contextmanager
def _step(words: str, begin: float | None = None) -> Iterator[Callable[[str], None]]:
    """Time a step, from *begin* on; what is to be said about it may be added to."""
    added: list[str] = []
    if begin is None:
        begin = time.monotonic()
    yield added.append
    took = time.monotonic() - begin
    print(f"  {took:6.2f} s   {words}{''.join(added)}", flush=True)


def _note(words: str) -> None:
    print(f"             {words}", flush=True)


def _try(standing: Standing, kernels: str | None, output: str, timeout: float) -> None:
    # These take their time to import, and only check needs them.
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    from jupyter_client.manager import KernelManager
    from jupyter_core.paths import jupyter_runtime_dir

    if kernels is None:
        specs = KernelSpecManager()
    else:
        specs = KernelSpecManager(kernel_dirs=[kernels], ensure_native_kernel=False)
    manager = KernelManager(kernel_name=standing.found.name, kernel_spec_manager=specs)
    manager.log.disabled = True  # its warnings are not part of the report
    # Where a server puts it, since other nodes may have to read it.
    runtime = jupyter_runtime_dir()
    try:
        os.makedirs(runtime, mode=0o700, exist_ok=True)
    except OSError as error:
        raise SpecError(
            f"no connection file can be put into {runtime}: {kernelspec.why(error)}"
        ) from None
    manager.connection_file = os.path.join(runtime, f"kernel-{uuid.uuid4()}.json")
    begin = time.monotonic()
    with open(output, "wb") as file:
        try:
            manager.start_kernel(stdout=file, stderr=file)
        except (NoSuchKernel, OSError, RuntimeError, ValueError) as error:
            advice = [standing.detail] if standing.detail else []
            provisioner = kernelspec.provisioner(standing.found.spec)
            if isinstance(error, NoSuchKernel) and provisioner is not None:
                raise Failed(
                    f"its provisioner {provisioner!r} is not installed in this"
                    f" environment ({sys.prefix}), so Jupyter hides the kernelspec"
                ) from None
            raise Failed(f"it could not be started: {error}", *advice) from None
    try:
        client = manager.client()
        client.start_channels()
        try:
            _Session(manager, client, standing, timeout).run(begin)
        finally:
            client.stop_channels()
    except BaseException:
        # The reason is what counts now; but nothing may be left running.
        with contextlib.suppress(Exception):
            manager.shutdown_kernel()
        raise
    outer = _outer_pid(manager)
    with _step("shut down"):
        manager.shutdown_kernel()
    if outer and _runs(outer):
        raise Failed(f"the outer process {outer} is still there after shutdown")


def _outer_pid(manager: Any) -> int:
    return int(getattr(manager.provisioner, "pid", None) or 0)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state = file.read().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state not in (b"Z", b"X")


@attrs.define
class _Session:
    """One kernel, from its start to just before its end."""

    manager: Any
    client: Any
    standing: Standing
    timeout: float

    def run(self, begin: float) -> None:
        """Go through all steps.

        :param begin: when the start was asked for.
        """
        name = self.standing.found.name
        with _step("", begin) as add:
            info = self.kernel_info()
            self.hear()
            if info.get("implementation") == "ipr":
                # It says so much while the kernel itself has said nothing.
                add("ipr answers; the kernel has not started yet")
            else:
                add(f"started: {_described(info)}")
        language = str((info.get("language_info") or {}).get("name", ""))
        is_python = language.lower() == "python"
        before = None
        if is_python:
            with _step("a cell ran: ipr_check = 1, in process ") as add:
                self.cell("ipr_check = 1")
                before = self.facts()
                add(str(before.pid))
        else:
            with _step("an empty cell ran"):
                self.cell("")
        outer, path = _outer_pid(self.manager), self.manager.connection_file
        with open(path, "rb") as file:
            connection = file.read()
        with _step("%restart"):
            conclusion = self.cell("%restart").shown
        with _step("the new kernel answers"):
            self.kernel_info()
            if is_python:
                after = self.facts()
            else:
                self.cell("")
        self.check_outside(outer, path, connection)
        if before is not None:
            _compare(before, after, self.standing)
            return
        pids = _PIDS.search(conclusion)
        if pids:
            _note(f"new inner process: {pids[1]} -> {pids[2]}")
        else:
            _note(f"inner process: not known for {language or name}")

    def check_outside(self, outer: int, path: str, connection: bytes) -> None:
        """See that for the clients nothing has changed."""
        with open(path, "rb") as file:
            if self.manager.connection_file != path or file.read() != connection:
                raise Failed(f"the connection file {path} is not the same any more")
        _note(f"same connection file: {path}")
        if _outer_pid(self.manager) != outer or not self.manager.is_alive():
            raise Failed("the outer process is not the same any more")
        if outer:  # other provisioners may have none
            _note(f"same outer process: {outer}")

    def facts(self) -> Facts:
        """Ask a Python kernel about itself.

        :raises Failed: it does not say.
        """
        shown = self.cell(_PROBE.format(mark=_MARK)).shown
        _, found, said = shown.partition(_MARK)
        try:
            pid, job, has_variable = json.loads(said.splitlines()[0] if found else "")
        except (ValueError, TypeError):
            raise Failed(
                f"a cell that prints its process id showed {shown!r}"
            ) from None
        return Facts(pid, job, has_variable)

    def kernel_info(self) -> dict[str, Any]:
        """Ask for kernel_info: the content of the reply."""
        asked = self.client.kernel_info()
        return self.reply(asked, "a kernel_info_reply")

    def hear(self) -> None:
        """Wait until the subscription to iopub has reached the other side.

        What is published before is lost, as for every subscriber in ZeroMQ.

        :raises Failed: nothing came on iopub in time.
        """
        end = time.monotonic() + self.timeout
        while time.monotonic() < end:
            # ipr welcomes every subscriber; kernels of old answer to this one.
            asked = self.client.kernel_info()
            with contextlib.suppress(queue.Empty):
                self.client.get_iopub_msg(timeout=1)
                self.reply(asked, "a kernel_info_reply")
                return
        raise Failed(f"waited {self.timeout:g} s for anything on iopub")

    def cell(self, code: str) -> Cell:
        """Run a cell to its end.

        :raises Failed: it ended in an error, or not at all.
        """
        asked = self.client.execute(code, store_history=False)
        shown = ""
        what = "a cell that prints its pid" if _MARK in code else f"the cell {code!r}"
        what = what if code else "an empty cell"
        while True:
            message = self.wait(self.client.get_iopub_msg, asked, f"the end of {what}")
            kind, content = message["header"]["msg_type"], message["content"]
            if kind == "status" and content.get("execution_state") == "idle":
                break
            if kind == "stream":
                shown += content.get("text", "")
            elif kind in ("display_data", "update_display_data"):
                shown = str(content.get("data", {}).get("text/plain", ""))
        done = Cell(self.reply(asked, f"the reply to {what}"), shown)
        if done.trouble:
            lines = "".join(f"\n  | {line}" for line in done.trouble.splitlines())
            raise Failed(f"{what} ended in an error:{lines}")
        return done

    def reply(self, asked: str, what: str) -> dict[str, Any]:
        """Wait for a reply on shell: its content."""
        message = self.wait(self.client.get_shell_msg, asked, what)
        content: dict[str, Any] = message["content"]
        return content

    def wait(self, get: Callable[..., Any], asked: str, what: str) -> dict[str, Any]:
        """Wait for the next message about a request, while the kernel lives.

        :raises Failed: it did not come in time.
        """
        end = time.monotonic() + self.timeout
        while time.monotonic() < end:
            try:
                message: dict[str, Any] = get(timeout=0.2)
            except queue.Empty:
                if not self.manager.is_alive():
                    raise Failed(
                        f"the process ended before {what} came", *self.start_advice()
                    ) from None
                continue
            if (message.get("parent_header") or {}).get("msg_id") == asked:
                return message
        raise Failed(
            f"waited {self.timeout:g} s for {what}",
            "if it has to wait in a queue first:"
            f"   ipr-spec check --timeout 600 {self.standing.found.name}",
        )

    def start_advice(self) -> list[str]:
        """Say what to try when the daemon has not come to life."""
        wrapped = self.standing.wrapping
        if wrapped is None or wrapped.earlier:
            return []
        where = " over there" if wrapped.inside else ""
        return [
            f"is ipr installed{where}?   {wrapped.python} -m pip show inplace_restarter"
        ]


def _described(info: dict[str, Any]) -> str:
    language = info.get("language_info") or {}
    words = [language.get("name"), language.get("version")]
    made = [info.get("implementation"), info.get("implementation_version")]
    text = " ".join(str(word) for word in words if word)
    by = " ".join(str(word) for word in made if word)
    return f"{text} ({by})" if by else text


def _compare(before: Facts, after: Facts, standing: Standing) -> None:
    if after.pid == before.pid:
        raise Failed(f"the kernel's process is still {before.pid}")
    _note(f"new inner process: {before.pid} -> {after.pid}")
    if after.has_variable or before.has_variable is not True:
        raise Failed("the variable of the old kernel is still there")
    _note("empty namespace: ipr_check is gone")
    if before.job is not None or after.job is not None:
        jobs = f"{before.job} -> {after.job}"
        if before.job == after.job:
            _note(f"same Slurm job: {jobs}")
        elif standing.state == specplan.INSIDE:
            raise Failed(f"the Slurm job was {before.job} and is {after.job}")
        else:
            # Around the launcher that is how it is: each kernel is its own job.
            name = standing.found.name
            _note(f"new Slurm job: {jobs}")
            _note(f"to keep the job: ipr-spec install --inside {name}")
