"""What the next inner kernel starts with.

Knows its command, and what ``%restart`` options changed. Must not know when it
starts, nor what becomes of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import NoReturn

import attrs
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

import ipr
from ipr.boot import codefile
from ipr.boot.first import Plan
from ipr.daemon import codefiles
from ipr.jupyter import messages
from ipr.jupyter.magics import Changes
from ipr.jupyter.messages import Draft
from ipr.kernel import apart, outer, startable
from ipr.kernel.generation import Generation, Starter
from ipr.kernel.process import Ended
from ipr.kernel.reactor import Reactor
from ipr.kernel.surroundings import (
    FILES_TIME,
    Surroundings,
    WrongChange,
    changed,
    check,
    rebased,
)
from ipr.lifecycle.causes import Cause, Ending
from ipr.relay import restartcells
from ipr.relay.codefile import NO_FILE, CodeFile
from ipr.relay.initcode import InitCode
from ipr.relay.pieces import Piece


class NotRestarted(ValueError):
    """A kernel could not be started, and the running one stays; the text says why."""


class Prepared(restartcells.Prepared):
    """What a ``%restart`` starts when it has its turn; others may be quicker.

    :param base: what it changes; None: it no longer matters.
    :param found: what it makes of that.
    :param once: a file that the kernel runs.
    :param code: what is in it by now.
    """

    def __init__(
        self,
        kernel: NextKernel,
        base: Surroundings | None,
        found: Surroundings,
        once: CodeFile = NO_FILE,
        code: str = "",
    ) -> None:
        self._kernel = kernel
        self._base = base
        self._found = found
        self._once = once
        self._read(code)
        self.language = found.launch.language if found.launch is not None else ""

    def check(self) -> Deferred[None]:
        """See whether it can be started; fails with :class:`NotRestarted`."""
        checking = self._kernel.check(self._made())
        # Cells before it may have written the file.
        reading = checking.addCallback(lambda _: self._once.read())
        return reading.addCallback(self._read).addErrback(_not_restarted)

    def _read(self, code: str) -> None:
        if self._once.path:
            title = os.path.basename(self._once.path)
            self.pieces = (Piece(title, code),)

    def apply(self) -> None:
        """Put it in force."""
        self._kernel.put_in_force(self._made())

    def _made(self) -> Surroundings:
        now = self._kernel.surroundings
        if self._base is None or self._base == now:
            return self._found
        return rebased(self._found, self._base, now)


class NextKernel:
    """The surroundings of the next kernel; those of the first one are kept.

    :param planned: the first kernel's command, or why there is none.
    :param new_command: called when the next kernel's command is another one.
    :ivar preload: what it runs before anything else.
    :ivar init: what it runs then, and clients see.
    :ivar starter: starts it.
    :ivar surroundings: what the next kernel starts with.
    """

    def __init__(
        self,
        reactor: Reactor,
        planned: Plan,
        starter: Starter,
        new_command: Callable[[], None],
        preload: CodeFile = NO_FILE,
        init: CodeFile = NO_FILE,
    ) -> None:
        self._reactor = reactor
        self._problem = planned.problem
        self.starter = starter
        self._new_command = new_command
        self.preload = preload
        self.init = InitCode(init)
        self.surroundings = self._first = Surroundings(planned.launch)

    @property
    def may_queue(self) -> bool:
        """Whether its command may wait in a scheduler's queue."""
        launch = self.surroundings.launch
        return launch is not None and launch.may_queue

    @property
    def name(self) -> str:
        """Its kernelspec's name, or that of its program."""
        launch = self.surroundings.launch
        if launch is None:
            return ""
        where = launch.resource_dir or "".join(launch.argv[:1])
        return launch.name or os.path.basename(os.path.normpath(where))

    @property
    def notebook(self) -> str:
        """The path or name that the Jupyter server gave, or ``""``."""
        return self.surroundings.environment(os.environ).get("JPY_SESSION_NAME", "")

    @property
    def kept(self) -> tuple[int, ...]:
        """The processes of earlier kernels that were spared and go on."""
        return self.starter.keepers.kept

    def unchanged(self) -> restartcells.Prepared:
        """Return what a ``%restart`` without options starts."""
        return Prepared(self, self.surroundings, self.surroundings)

    def prepare(self, changes: Changes) -> Deferred[restartcells.Prepared]:
        """Work out what a ``%restart`` changes, and check it.

        :returns: fails with :class:`ipr.kernel.surroundings.WrongChange`.
        """
        base = self.surroundings
        lasting = attrs.evolve(changes, run="")
        working = changed(self._reactor, self._first, base, lasting)
        # After --reset it does not matter what others change meanwhile.
        kept = None if changes.reset else base
        if not changes.run:
            return working.addCallback(partial(Prepared, self, kept))
        return working.addCallback(partial(self._with_file, kept, changes.run))

    def _with_file(
        self, base: Surroundings | None, path: str, found: Surroundings
    ) -> Deferred[restartcells.Prepared]:
        """Read the file of ``--run``, which is looked for from the kernel's folder."""
        path = os.path.join(found.folder(), os.path.expanduser(path))
        once = codefiles.made(self._reactor, os.path.normpath(path))
        reading = once.read().addErrback(_wrong_file)
        return reading.addCallback(partial(Prepared, self, base, found, once))

    def check(self, made: Surroundings) -> Deferred[None]:
        """See whether a kernel can be started; fails with :class:`NotRestarted`."""
        looking = apart.run(self._reactor, FILES_TIME, partial(check, made))
        return looking.addErrback(self._not_startable).addCallback(
            lambda _: self.init.check().addErrback(_not_restarted)
        )

    def _not_startable(self, reason: Failure) -> NoReturn:
        if reason.check(defer.TimeoutError):
            raise NotRestarted(
                "the kernel was not restarted: the file system that its command is on"
                f" did not answer within {FILES_TIME:g} s; '%restart now' restarts it"
                " all the same"
            )
        words = reason.getErrorMessage()
        again = Cause(
            Ending.NEVER_STARTED, words, hopeless=True, remedy="run %restart again"
        )
        raise NotRestarted(
            "the kernel was not restarted, since no new one could be started:"
            f" {words}; {self.remedy(again)}"
        )

    def put_in_force(self, made: Surroundings) -> None:
        """Start the next kernel, and those after it, with these."""
        if made.launch != self.surroundings.launch:
            self._new_command()
        # Whatever became of that while this was worked out.
        self.surroundings = attrs.evolve(made, outer=self._first.outer)

    def follow(
        self, env: Mapping[str, str | None], cwd: str
    ) -> Deferred[Callable[[], tuple[str, ...]]]:
        """Check what a kernel manager would start a kernel with by now.

        Parameters and result as in :meth:`ipr.relay.ports.Changer.follow`. It lies
        under what ``%restart`` changed, and ``--reset`` does not take it back.
        """
        try:
            self._check(env, cwd)
        except startable.NotStartable as error:
            return defer.fail(error)

        def found(folder: str) -> Callable[[], tuple[str, ...]]:
            def apply() -> tuple[str, ...]:
                made = self._first.outer.followed(env, folder)
                self._first = attrs.evolve(self._first, outer=made)
                self.surroundings = attrs.evolve(self.surroundings, outer=made)
                return () if folder or not cwd else ("cwd",)

            return apply

        return outer.find(self._reactor, cwd).addCallback(found)

    def _check(self, env: Mapping[str, str | None], cwd: str) -> None:
        outer.check(env, cwd)
        made = self.surroundings.outer.followed(env, "")
        then = attrs.evolve(self.surroundings, outer=made)
        startable.check_size((), then.environment(os.environ))

    def start(
        self,
        generation: int,
        lost: Callable[[str], None],
        started: Callable[[int], None],
        ended: Callable[[Ended], None],
    ) -> Generation:
        """Start it; parameters and errors as in :meth:`Starter.start`."""
        problem, self._problem = self._problem, ""
        if problem:
            raise ValueError(problem)
        launch = self.surroundings.launch
        if launch is None:
            raise ValueError("it has no command")
        return self.starter.start(
            generation,
            launch,
            self.surroundings.environment(os.environ),
            self.surroundings.place,
            lost=lost,
            started=started,
            ended=ended,
        )

    def remedy(self, cause: Cause) -> str:
        """Return what to do when there is no kernel and none is coming."""
        launch = self.surroundings.launch
        if cause.ending is Ending.NEVER_STARTED and self.surroundings != self._first:
            return "run %restart --reset to start one without these changes"
        if cause.hopeless and launch is not None and launch.resource_dir:
            path = os.path.join(launch.resource_dir, "kernel.json")
            return f"its command is in {path}; {cause.remedy} when it can be run"
        return cause.remedy

    def info(self, reason: str) -> Draft:
        """Make up a kernel_info_reply until a kernel has sent one.

        :param reason: why there is no kernel, or ``""``.
        """
        banner = f"ipr {ipr.__version__}"
        if reason:
            banner = f"{banner}: {reason}"
        launch = self.surroundings.launch
        language = launch.language if launch is not None else ""
        return messages.kernel_info(
            version=ipr.__version__, language=language, banner=banner
        )


def _not_restarted(reason: Failure) -> NoReturn:
    """Code that the new kernel is to run cannot be had: the old one stays."""
    reason.trap(codefile.BadCode)
    raise NotRestarted(
        f"the kernel was not restarted: {reason.getErrorMessage()}; '%restart now'"
        " restarts it all the same"
    )


def _wrong_file(reason: Failure) -> NoReturn:
    reason.trap(codefile.BadCode)
    raise WrongChange(f"--run: {reason.getErrorMessage()}")
