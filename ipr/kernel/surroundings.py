"""The inner kernel's surroundings: command, environment, working folder.

Knows how to turn the options of ``%restart`` into the next kernel's command
and environment. Must not know when that kernel starts. An option that
is invalid is found before the running kernel is touched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any

import attrs
from twisted.internet import defer
from twisted.internet.defer import Deferred, inlineCallbacks

from ipr.boot import kernels, plainfile
from ipr.boot.kernels import NoCommand
from ipr.boot.launch import Launch
from ipr.boot.places import working_folder
from ipr.jupyter.magics import Changes
from ipr.kernel import apart, envfile, envmodules, outer, startable
from ipr.kernel.outer import NOTHING_CHANGED, Outer
from ipr.kernel.reactor import Reactor

#: Seconds that looking at files may take; a file system may be away.
FILES_TIME = 10.0


class WrongChange(ValueError):
    """An option of ``%restart`` is invalid; the text says why."""


@attrs.frozen
class Surroundings:
    """What the next inner kernel starts with.

    :ivar launch: its command.
    :ivar env: what differs from the daemon's environment; None: removed.
    :ivar cwd: the folder to start in; ``""``: that of ``outer``.
    :ivar told: the changes as they were asked for, for ``%ipr status``.
    :ivar outer: what whoever started the daemon would start it with by now.
    """

    launch: Launch | None
    env: tuple[tuple[str, str | None], ...] = ()
    cwd: str = ""
    told: tuple[str, ...] = ()
    outer: Outer = NOTHING_CHANGED

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return the whole environment."""
        base = outer.changed(base, self.outer.env)
        made = self.launch.environment(base) if self.launch else base
        return outer.changed(made, self.env)

    @property
    def place(self) -> str:
        """The folder to start in; ``""``: the daemon's own."""
        return self.cwd or self.outer.cwd

    def folder(self) -> str:
        """Return the folder to start in; ``""`` when that has been removed."""
        return self.place or working_folder()

    def with_env(self, changes: Mapping[str, str | None]) -> Surroundings:
        """Return these with more changes to the environment."""
        return attrs.evolve(self, env=tuple({**dict(self.env), **changes}.items()))


def rebased(made: Surroundings, base: Surroundings, now: Surroundings) -> Surroundings:
    """Make the changes that led from ``base`` to ``made`` on ``now`` instead.

    For a ``%restart`` that waited while another one changed something else.
    """
    before = dict(base.env)
    news = {
        name: value
        for name, value in made.env
        if name not in before or before[name] != value
    }
    return Surroundings(
        now.launch if made.launch == base.launch else made.launch,
        tuple({**dict(now.env), **news}.items()),
        now.cwd if made.cwd == base.cwd else made.cwd,
        now.told + made.told[len(base.told) :],
        now.outer,
    )


@inlineCallbacks
def changed(
    reactor: Reactor, first: Surroundings, now: Surroundings, changes: Changes
) -> Generator[Deferred[Any], Any, Surroundings]:
    """Work out what the next kernel starts with.

    :param first: as it was before any change, for ``--reset``.
    :param now: as it is.
    :returns: fires with the new ones, or fails with :class:`WrongChange`.
    """
    made: Surroundings = first if changes.reset else now
    _check_words(changes)
    # What touches files may wait for them, and the reactor may not.
    made = yield _apart(reactor, "--kernel and --cwd", partial(_placed, made, changes))
    if changes.modules:
        try:
            loaded = yield envmodules.load(
                reactor, changes.modules, made.environment(os.environ), made.folder()
            )
        except envmodules.NotLoaded as error:
            raise WrongChange(str(error)) from None
        made = made.with_env(loaded)
    told = [] if changes.reset else list(now.told)
    made = attrs.evolve(made, told=(*told, *_told(changes)))
    made = yield _apart(reactor, "--env-file", partial(_filled, made, changes))
    return made


@inlineCallbacks
def _apart(
    reactor: Reactor, what: str, call: Callable[[], Surroundings]
) -> Generator[Deferred[Surroundings], Surroundings, Surroundings]:
    try:
        made = yield apart.run(reactor, FILES_TIME, call)
    except defer.TimeoutError:
        raise WrongChange(
            f"{what}: a file system did not answer within {FILES_TIME:g} s"
        ) from None
    return made


def _check_words(changes: Changes) -> None:
    """Check that what was asked for can be passed on at all.

    :raises WrongChange: it cannot.
    """
    try:
        for name, value in changes.env:
            startable.check_variable(name, value)
        for name in changes.unset:
            startable.check_variable(name, "")
        for option, words in (
            ("--env-file", [changes.env_file]),
            ("--cwd", [changes.cwd]),
            ("--kernel", [changes.kernel]),
            ("--module", changes.modules),
        ):
            for word in words:
                startable.check_word(word, f"the value of {option}")
    except startable.NotStartable as error:
        raise WrongChange(str(error)) from None


def _told(changes: Changes) -> list[str]:
    told = []
    if changes.kernel:
        told.append(f"--kernel {changes.kernel}")
    if changes.cwd:
        told.append(f"--cwd {changes.cwd}")
    if changes.modules:
        told.append(f"--module {' '.join(changes.modules)}")
    if changes.env_file:
        told.append(f"--env-file {changes.env_file}")
    told.extend(f"--env {name}={value}" for name, value in changes.env)
    told.extend(f"--unset {name}" for name in changes.unset)
    return told


def _placed(made: Surroundings, changes: Changes) -> Surroundings:
    """Apply ``--kernel`` and ``--cwd``, which modules may depend on."""
    if changes.kernel:
        made = attrs.evolve(made, launch=kernel(changes.kernel))
    if changes.cwd:
        folder = os.path.join(made.folder(), os.path.expanduser(changes.cwd))
        if not os.path.isdir(folder):
            raise WrongChange(f"--cwd: there is no folder {folder}")
        made = attrs.evolve(made, cwd=os.path.normpath(folder))
    return made


def _filled(made: Surroundings, changes: Changes) -> Surroundings:
    """Apply the rest, and check that a kernel can be started with all of it."""
    if changes.env_file:
        path = os.path.join(made.folder(), os.path.expanduser(changes.env_file))
        made = made.with_env(read_env_file(path, made.environment(os.environ)))
    made = made.with_env(dict(changes.env))
    made = made.with_env(dict.fromkeys(changes.unset))
    try:
        check(made)
    except startable.NotStartable as error:
        raise WrongChange(f"no kernel could be started: {error}") from None
    return made


def check(made: Surroundings) -> None:
    """Check that a kernel can be started with these.

    It looks at files, and may block.

    :raises startable.NotStartable: none can be.
    """
    if made.launch is None:
        return
    # The connection file's path is not known yet; no path is longer than this.
    command = made.launch.command("/" * 512)
    startable.check(command, made.environment(os.environ), made.place)


def kernel(name: str) -> Launch:
    """Find a kernelspec by its name, or by how its name begins.

    :raises WrongChange: when there is none, or more than one, or it is broken.
    """
    wanted = name.lower()
    there = kernels.names()
    if wanted not in map(str.lower, there):
        known = sorted(other for other in there if other.lower().startswith(wanted))
        if len(known) > 1:
            raise WrongChange(f"--kernel: {name!r} may be {' or '.join(known)}")
        name = known[0] if known and wanted != "python3" else name
    try:
        return kernels.by_name(name)
    except NoCommand as error:
        raise WrongChange(f"--kernel: {error}") from None


def read_env_file(path: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Read a ``.env`` file, as python-dotenv does.

    :param environment: where it looks for ``${NAME}`` that it does not set.
    :raises WrongChange: it cannot be read, or with the line that is wrong.
    """
    try:
        text = plainfile.read(path, envfile.LARGEST).decode()
        return envfile.parse(text, environment)
    except OSError as error:
        raise WrongChange(f"--env-file: cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise WrongChange(
            f"--env-file: {path} is not UTF-8 (byte {error.start})"
        ) from None
    except plainfile.NotPlain as error:
        raise WrongChange(f"--env-file: cannot read {path}: {error}") from None
    except envfile.BadLine as error:
        raise WrongChange(f"--env-file: {path}: {error}") from None
