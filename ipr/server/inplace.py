"""The provisioner that has the daemon restart its kernel, instead of starting another.

Knows in which order jupyter_client's KernelManager asks a provisioner to end a kernel
and to launch one, and what may go wrong on the way. Must not know messages:
:mod:`ipr.server.line` does.

A restart is a shutdown followed by a launch, and only the launch knows all of it: that
it is a restart at all, the environment, the folder. So the shutdown ends nothing, if
the daemon has agreed; the kernel is *gone* for the task that restarts it. The launch
then orders the daemon to restart, or, if that does not work, ends it for real and
starts another one. Nothing waits longer than the times below.

https://jupyter-client.readthedocs.io/en/latest/provisioning.html
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from jupyter_client._version import version_info
from jupyter_client.manager import AsyncKernelManager, KernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from ipr.boot.launch import Launch
from ipr.server import changes, line
from ipr.server.changes import Launched
from ipr.server.line import Line
from ipr.server.stages import Stage, Stages

if TYPE_CHECKING:
    from jupyter_client.connect import KernelConnectionInfo

#: Seconds until an answer: enough through a tunnel, since the daemon itself answers
#: in milliseconds, and less than the 2.5 s until the manager's own SIGTERM.
ANSWER_TIME = 2.0
#: Seconds of these until a daemon that answers is taken to have heard the manager.
HEARING_TIME = 1.0
#: Seconds between SIGTERM and SIGKILL, as the manager has them.
TERM_TIME = 2.5
#: Seconds until a process that has been sent SIGKILL is given up.
KILL_TIME = 5.0


class InPlaceProvisioner(LocalProvisioner):
    """A LocalProvisioner whose restarts keep the process, where that is ipr."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._stages = Stages()
        self._line: Line | None = None
        self._launched: Launched | None = None

    # What the manager asks.

    @property
    def has_process(self) -> bool:
        """Whether there is a process, as far as the running task is concerned."""
        return super().has_process and not self._stages.is_gone

    async def poll(self) -> int | None:
        """Return None while the process runs, as far as the task is concerned."""
        return 0 if self._stages.is_gone else await super().poll()

    async def wait(self) -> int | None:
        """Wait until the process has ended, as far as the task is concerned."""
        return 0 if self._stages.is_gone else await super().wait()

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Wait until the daemon has heard that it is to be restarted."""
        self._stages.enter(Stage.HERE)
        known = self._line
        if not restart or known is None:
            return
        known.asked += 1
        begin = time.monotonic()
        if not await known.has_heard(known.asked, begin + HEARING_TIME, self._lives):
            if not await known.answers(begin + ANSWER_TIME, self._lives):
                return
            # Two restarts at once close the manager's socket under each other, and
            # what one has sent may be lost. That is no reason to end the process.
            known.asked = known.heard
        self._stages.enter(Stage.GONE)

    async def terminate(self, restart: bool = False) -> None:
        """Send SIGTERM."""
        self._stages.enter(Stage.EARNEST)
        await super().terminate(restart)

    async def kill(self, restart: bool = False) -> None:
        """Send SIGKILL, or leave that to the end of a shutdown or to the launch.

        The manager says nothing that would tell a shutdown from a restart yet:
        *restart* is False for both if they are urgent.
        """
        if self._stages.now is Stage.EARNEST:
            # After SIGTERM, which a launcher has had its time to pass on.
            await super().kill(restart)
        elif self._may_stay():
            self._stages.enter(Stage.GONE_NOW)
        else:
            if self._starts_launcher():
                # A launcher that is killed leaves its job behind.
                await super().terminate(restart)
                await self._ended(TERM_TIME)
            await super().kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        """End a process that has been left for now, unless a launch follows."""
        if restart:
            self._stages.finish()
        else:
            if self._stages.was_gone:
                await self._end(urgent=self._stages.now is Stage.GONE_NOW)
            self._stages.enter(Stage.HERE)
            self._hang_up()
        await super().cleanup(restart)

    async def launch_kernel(
        self, cmd: list[str], **kwargs: Any
    ) -> KernelConnectionInfo:
        """Restart in place, if that is what it comes to, else start a process."""
        coming = changes.launched(cmd, kwargs, self.connection_info, _here())
        try:
            if not await self._restarts_in_place(coming):
                await self._end(urgent=self._stages.now is Stage.GONE_NOW)
                self._hang_up()
                await super().launch_kernel(cmd, **kwargs)
                self._launched = coming
        finally:
            self._stages.launched()
        return self.connection_info

    async def post_launch(self, **kwargs: Any) -> None:
        """Greet a daemon that has just been started; its answer is read later."""
        await super().post_launch(**kwargs)
        manager = self.parent
        if self._line is None and isinstance(manager, KernelManager):
            if not _keeps_context(manager):
                return
            self._line = line.opened(manager)
            self._line.greet()

    # How it is done.

    def _may_stay(self) -> bool:
        """Whether the process that is to be killed may be one that restarts for us."""
        if self._line is None or not getattr(self.parent, "shutting_down", False):
            return False
        self._line.read()
        return self._lives() and not self._line.plain

    async def _restarts_in_place(self, coming: Launched) -> bool:
        before, known = self._launched, self._line
        if (
            before is None
            or known is None
            or not self._stages.was_gone
            or not coming.same_process(before)
        ):
            return False
        until = time.monotonic() + ANSWER_TIME
        if not await known.has_agreed(until, self._lives):
            return False
        moved = coming.cwd != before.cwd
        order = {
            "now": self._stages.now is Stage.GONE_NOW,
            "env": changes.of_environment(before.env, coming.env),
            "cwd": coming.cwd if moved else "",
        }
        answer = await known.order(order, until, self._lives)
        if answer is None or answer.get("status") != "ok":
            self.log.warning(
                "ipr: restart in place failed, starting a new kernel process: %s",
                _reason(answer, ANSWER_TIME),
            )
            return False
        self._note(coming, answer)
        return True

    def _note(self, coming: Launched, answer: Mapping[str, object]) -> None:
        """Note what the daemon's kernel has now."""
        before = self._launched
        assert before is not None
        ignored = answer.get("ignored")
        if isinstance(ignored, list) and "cwd" in ignored:
            self.log.warning(
                "ipr: the kernel stays in %s: there is no folder %s where it runs",
                before.cwd,
                coming.cwd,
            )
            coming = changes.in_folder(coming, before.cwd)
        else:
            self.cwd = coming.cwd
        self._launched = coming

    async def _end(self, urgent: bool) -> None:
        """End the process for real, if there is one; SIGKILL first if *urgent*."""
        self._stages.enter(Stage.EARNEST)
        if self._process is None:
            return
        if not urgent or self._starts_launcher():
            await super().terminate()
            await self._ended(TERM_TIME)
        if self._lives():
            await super().kill()
        if await self._ended(KILL_TIME):
            await super().wait()
        else:
            self.log.warning("ipr: process %s does not end", self.pid)
            self.process = None

    async def _ended(self, within: float) -> bool:
        until = time.monotonic() + within
        while self._lives():
            if time.monotonic() > until:
                return False
            await asyncio.sleep(line.PAUSE)
        return True

    def _lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def _process(self) -> subprocess.Popen[bytes] | None:
        # LocalProvisioner says no type, and that it starts as None.
        return cast("subprocess.Popen[bytes] | None", self.process)

    def _starts_launcher(self) -> bool:
        return self._launched is not None and Launch(self._launched.command).may_queue

    def _hang_up(self) -> None:
        # What waits in its queue must not reach the next daemon.
        if self._line is not None:
            self._line.close()
            self._line = None


def _keeps_context(manager: KernelManager) -> bool:
    """Whether a restart of this manager runs in one task, from start to end."""
    return isinstance(manager, AsyncKernelManager) or version_info >= (8,)


def _reason(answer: Mapping[str, object] | None, seconds: float) -> str:
    if answer is None:
        return f"no answer within {seconds:g} s"
    return str(answer.get("evalue") or "the daemon refused")


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""
