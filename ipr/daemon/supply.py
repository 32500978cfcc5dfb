"""Standbys: how one is started, and whether it is still what a new kernel would be.

Knows what it was started with, and what it has loaded. Must not know when there is one,
nor when it takes over.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import attrs
from twisted.internet import defer
from twisted.python.failure import Failure

from ipr.boot.launch import Launch
from ipr.boot.places import working_folder
from ipr.daemon import room
from ipr.daemon.nextkernel import NextKernel
from ipr.jupyter.messages import Draft
from ipr.kernel import (
    apart,
    fingerprint,
    holdings,
    loaded,
    memory,
    startupfiles,
    tree,
)
from ipr.kernel.fingerprint import Fingerprint
from ipr.kernel.generation import Generation
from ipr.kernel.process import Ended
from ipr.kernel.reactor import Reactor
from ipr.kernel.surroundings import FILES_TIME, Surroundings
from ipr.lifecycle.reserve import Reserve


@attrs.frozen
class _With:
    """What a kernel is started with."""

    launch: Launch | None
    environment: dict[str, str]
    place: str


def _with(surroundings: Surroundings) -> _With:
    environment = surroundings.environment(os.environ)
    return _With(surroundings.launch, environment, surroundings.place)


class Supply:
    """Starts one standby after the other, and looks whether the last one is stale.

    :param next_kernel: what a new kernel would be started with.
    :ivar careful: whether one has to fit, now that it is known what it takes.
    """

    def __init__(self, reactor: Reactor, next_kernel: NextKernel) -> None:
        self._reactor = reactor
        self._next = next_kernel
        self.careful = False
        self._with: _With | None = None
        self._since = 0.0
        self._kernel: Generation | None = None
        self._print: Fingerprint | None = None

    def refused(self) -> str:
        """Return why there cannot be one; ``""``: there can."""
        launch = self._next.surroundings.launch
        if launch is None:
            return "there is no command to start"
        if launch.may_queue:
            return "its command may wait in a queue, or start the kernel elsewhere"
        return ""

    def start(
        self,
        lost: Callable[[str], None],
        started: Callable[[int], None],
        ended: Callable[[Ended], None],
    ) -> Generation:
        """Start one; parameters and errors as of a new kernel."""
        made = _with(self._next.surroundings)
        if made.launch is None:
            raise ValueError("it has no command")
        self._with, self._print = made, None
        self._since = time.time()
        self._kernel = self._next.starter.start(
            0,
            made.launch,
            made.environment,
            made.place,
            lost=lost,
            started=started,
            ended=ended,
        )
        return self._kernel

    def question(self) -> Draft | None:
        """Return what the one that was started is to be asked."""
        launch = self._with.launch if self._with is not None else None
        if launch is None or not _says_what_it_loads(launch):
            return None
        return loaded.question()

    def learn(self, content: Mapping[str, object], done: Callable[[str], None]) -> None:
        """Take what it says it has loaded, and look at that.

        :param done: called with why it is of no use, or with ``""``.
        """
        kernel, made = self._kernel, self._with
        if kernel is None or made is None or made.launch is None:
            return
        found = loaded.Loaded()
        try:
            if _says_what_it_loads(made.launch):
                found = loaded.parse(content)
        except loaded.NoAnswer as error:
            done(f"whether one is out of date cannot be seen: {error}")
            return
        folder = made.launch.resource_dir
        preload = self._next.preload.path
        found = found.and_also(
            files=[preload] if preload else [],
            whole=[os.path.abspath(folder)] if folder else [],
        )
        language, since = made.launch.language, self._since
        place = made.place or working_folder()

        def look() -> tuple[Fingerprint, str]:
            pids = tree.of(kernel.pid)
            held = holdings.held(pids, holdings.sockets(kernel.pid))
            why = f"it takes {held[0]} when it starts" if held else ""
            if self.careful:
                why = why or too_large(pids)
            read = startupfiles.of(kernel.pid, language, made.environment, place)
            return fingerprint.of(found.and_also(read), since), why

        def looked(result: tuple[Fingerprint, str]) -> None:
            print_, why = result
            if kernel is self._kernel:
                # A look may take long, and there may be another one by then.
                self._print = print_
            done(why)

        looking = apart.run(self._reactor, FILES_TIME, look)
        looking.addCallbacks(looked, lambda why: done(_away(why)))

    def check(self, seconds: float, done: Callable[[str], None]) -> None:
        """See whether it is stale.

        :param done: called with why, or with ``""``; after ``seconds`` at the latest.
        """
        kernel, print_ = self._kernel, self._print
        if kernel is None or print_ is None:
            done("it is not known what it has loaded")
            return
        if self._with != _with(self._next.surroundings):
            done("its command, environment or folder is no longer the next kernel's")
            return
        looking = apart.run(self._reactor, seconds, partial(_stale, kernel.pid, print_))
        looking.addErrback(_away).addCallback(done)


def _says_what_it_loads(launch: Launch) -> bool:
    """Whether it is asked: a Python, or a kernel of which nothing is known."""
    return launch.language.lower() in ("", "python")


def too_large(pids: Iterable[int]) -> str:
    """Return why there is not plainly room for a standby that runs; ``""``: there is.

    A startup file or ``--preload`` may make it much larger than one usually is.

    :param pids: of all of it.
    """
    pids = tuple(pids)
    takes = memory.proportional(pids)
    ours = os.getpid(), *tree.below(os.getpid())
    found = room.look(ours, os.environ)
    lacking = room.lacking(found, takes, memory.address_space(pids))
    if not lacking:
        return ""
    return f"there is not plainly room: it takes {takes >> 20} MiB, and {lacking}"


def _stale(pid: int, before: Fingerprint) -> str:
    """Return why a kernel is stale; it may wait for a file system."""
    try:
        folder = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return "it has ended"
    if not os.path.isdir(folder):
        return f"its folder is gone: {folder.removesuffix(' (deleted)')}"
    return fingerprint.changed(before)


def _away(why: Failure) -> str:
    if why.check(defer.TimeoutError):
        return "a file system does not answer"
    return f"it could not be looked at: {why.getErrorMessage()}"


def wish(reserve: Reserve, standby: str) -> None:
    """Begin as the option ``--standby`` has it: ``"off"``, ``"auto"``, ``"full"``."""
    if standby == "auto":
        pids = (os.getpid(), *tree.below(os.getpid()))
        lacking = room.lacking(room.look(pids, os.environ))
        if lacking:
            reserve.drop(f"there is not plainly room: {lacking}")
            return
    if standby != "off":
        reserve.want(careful=standby == "auto")
