"""One kernel as a front end sees it, from its start to just before its end.

Knows messages, through jupyter_client, and what has to be the same after a restart.
Must not know how the daemon does its work.
"""

from __future__ import annotations

import contextlib
import json
import queue
import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import attrs

from ipr.spec import states
from ipr.spec.states import Standing

if TYPE_CHECKING:
    from jupyter_client.blocking.client import BlockingKernelClient
    from jupyter_client.manager import KernelManager

_MARK = "ipr-check:"
_PROBE = (
    "import json as _, os as __; print({mark!r} + _.dumps(["
    "__.getpid(), __.environ.get('SLURM_JOB_ID'), 'ipr_check' in globals()]))"
)
_PROCESS = re.compile(r"^kernel process +pid (\d+)", re.MULTILINE)


class Failed(Exception):
    """A step has failed.

    :ivar advice: what to try, a line each.
    """

    def __init__(self, reason: str, *advice: str) -> None:
        super().__init__(reason)
        self.advice = advice


@attrs.frozen
class Cell:
    """A cell that ran: the content of its reply, and its output."""

    reply: dict[str, Any]
    shown: str

    @property
    def trouble(self) -> str:
        """The error that it ended in, empty if it ended well."""
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


@contextlib.contextmanager
def step(words: str, begin: float | None = None) -> Iterator[Callable[[str], None]]:
    """Time a step, from *begin* on; words can be added to its line."""
    added: list[str] = []
    if begin is None:
        begin = time.monotonic()
    yield added.append
    took = time.monotonic() - begin
    print(f"  {took:6.2f} s   {words}{''.join(added)}", flush=True)


def note(words: str) -> None:
    """Add a line to the last step."""
    print(f"             {words}", flush=True)


def outer_pid(manager: KernelManager) -> int:
    """Return the process that Jupyter started, 0 where a provisioner has none."""
    return int(getattr(manager.provisioner, "pid", None) or 0)


@attrs.define
class Session:
    """One kernel, from its start to just before its end."""

    manager: KernelManager
    client: BlockingKernelClient
    standing: Standing
    timeout: float

    def run(self, begin: float) -> None:
        """Go through all steps; *begin* is when the start was asked for."""
        language = self.start(begin)
        before = self.first_cell(language)
        outer, path = outer_pid(self.manager), self.manager.connection_file
        with open(path, "rb") as file:
            connection = file.read()
        old = None if before else self.process()
        with step("%restart"):
            self.cell("%restart")
        with step("the new kernel answers"):
            self.kernel_info()
            if before is None:
                self.cell("")
            else:
                after = self.facts()
        self.check_outside(outer, path, connection)
        if before is not None:
            _compare(before, after, self.standing)
            return
        note(f"new inner process: {old} -> {self.process()}")

    def start(self, begin: float) -> str:
        """Wait until the kernel answers: the name of its language."""
        with step("", begin) as add:
            info = self.kernel_info()
            self.hear()
            if info.get("implementation") == "ipr":
                # Its answer for as long as the kernel itself has not answered.
                add("ipr answers; the kernel has not started yet")
            else:
                add(f"started: {_described(info)}")
        return str((info.get("language_info") or {}).get("name", ""))

    def first_cell(self, language: str) -> Facts | None:
        """Run a cell, in Python one that is remembered; return its process then."""
        if language.lower() != "python":
            with step("an empty cell ran"):
                self.cell("")
            return None
        with step("a cell ran: ipr_check = 1, in process ") as add:
            self.cell("ipr_check = 1")
            facts = self.facts()
            add(str(facts.pid))
        return facts

    def process(self) -> int:
        """Ask ipr for the process id of a kernel, whatever its language.

        :raises Failed: it does not say one.
        """
        shown = self.cell("%ipr status").shown
        found = _PROCESS.search(shown)
        if found is None:
            raise Failed(f"%ipr status names no kernel process: {shown!r}")
        return int(found[1])

    def check_outside(self, outer: int, path: str, connection: bytes) -> None:
        """Check that nothing has changed for the clients."""
        with open(path, "rb") as file:
            if self.manager.connection_file != path or file.read() != connection:
                raise Failed(f"the connection file {path} has changed")
        note(f"same connection file: {path}")
        if outer_pid(self.manager) != outer or not self.manager.is_alive():
            raise Failed("the outer process has changed")
        if outer:  # other provisioners may have none
            note(f"same outer process: {outer}")

    def facts(self) -> Facts:
        """Ask a Python kernel about itself.

        :raises Failed: it does not answer as a Python kernel does.
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
        """Ask for kernel_info, and return the content of the reply."""
        asked = self.client.kernel_info()
        return self.reply(asked, "a kernel_info_reply")

    def hear(self) -> None:
        """Wait until the subscription to iopub has reached the other side.

        What is published before that is lost, as for every subscriber in ZeroMQ.

        :raises Failed: nothing came on iopub in time.
        """
        end = time.monotonic() + self.timeout
        while time.monotonic() < end:
            # ipr welcomes every subscriber; other kernels publish a status for this.
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
        """Wait for a reply on shell, and return its content."""
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
        """Return what to try if the daemon did not start."""
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
    note(f"new inner process: {before.pid} -> {after.pid}")
    if after.has_variable or before.has_variable is not True:
        raise Failed("the variable of the old kernel is still there")
    note("empty namespace: ipr_check is gone")
    if before.job is not None or after.job is not None:
        jobs = f"{before.job} -> {after.job}"
        if before.job == after.job:
            note(f"same Slurm job: {jobs}")
        elif standing.state == states.INSIDE:
            raise Failed(f"the Slurm job was {before.job} and is {after.job}")
        else:
            # Expected around the launcher: each kernel is its own job.
            name = standing.found.name
            note(f"new Slurm job: {jobs}")
            note(f"to keep the job: ipr-spec install --inside {name}")
