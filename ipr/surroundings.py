"""What the inner kernel gets besides its connection: command, environment, folder.

Knows how to turn the options of ``%restart`` into the next kernel's command
and environment. Must not know when that kernel starts. Everything that can
be wrong is found out before the running kernel is touched.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks

from ipr import launch as launching
from ipr.asking import ask
from ipr.launch import Launch, NoCommand
from ipr.magics import Changes, shell_words
from ipr.private import working_folder

#: Seconds that a site's login shell may take.
MODULE_TIME = 120.0

#: What a shell changes for itself, and a guardian; and the agents that a login shell
#: starts, which end with it.
_SHELLS_OWN = frozenset(
    {
        *("_", "SHLVL", "PWD", "OLDPWD", "BASH_EXECUTION_STRING", "JPY_PARENT_PID"),
        *("SSH_AUTH_SOCK", "SSH_AGENT_PID", "GPG_AGENT_INFO"),
    }
)

# env -0 separates by NUL, since values may hold line breaks. What modules
# print goes to stderr, for the report when it fails.
_MODULE_SCRIPT = 'module load "$@" >&2 && exec env -0'


class WrongChange(ValueError):
    """An option of ``%restart`` cannot be had; the text says why."""


@attrs.frozen
class Surroundings:
    """What the next inner kernel starts with.

    :ivar launch: its command.
    :ivar env: what differs from the daemon's environment; None takes out.
    :ivar cwd: the folder to start in; ``""``: the daemon's own.
    :ivar told: the changes as they were asked for, for ``%ipr status``.
    """

    launch: Launch | None
    env: tuple[tuple[str, str | None], ...] = ()
    cwd: str = ""
    told: tuple[str, ...] = ()

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Give the whole environment."""
        made = self.launch.environment(base) if self.launch else dict(base)
        for name, value in self.env:
            if value is None:
                made.pop(name, None)
            else:
                made[name] = value
        return made

    def folder(self) -> str:
        """Give the folder to start in; ``""`` when that has been removed."""
        return self.cwd or working_folder()

    def with_env(self, changes: Mapping[str, str | None]) -> Surroundings:
        """Give these with more changes to the environment."""
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
    )


def changed(
    reactor: Any, first: Surroundings, now: Surroundings, changes: Changes
) -> Deferred[Surroundings]:
    """Work out what the next kernel starts with.

    :param first: as it was before any change, for ``--reset``.
    :param now: as it is.
    :returns: fires with the new ones, or fails with :class:`WrongChange`.
    """
    # The decorator makes a Deferred of it.
    made: Deferred[Surroundings] = _changed(reactor, first, now, changes)
    return made


@inlineCallbacks
def _changed(
    reactor: Any, first: Surroundings, now: Surroundings, changes: Changes
) -> Any:
    made = first if changes.reset else now
    told: list[str] = [] if changes.reset else list(now.told)
    if changes.kernel:
        made = attrs.evolve(made, launch=kernel(changes.kernel))
        told.append(f"--kernel {changes.kernel}")
    if changes.cwd:
        folder = os.path.join(made.folder(), os.path.expanduser(changes.cwd))
        if not os.path.isdir(folder):
            raise WrongChange(f"--cwd: there is no folder {folder}")
        made = attrs.evolve(made, cwd=os.path.normpath(folder))
        told.append(f"--cwd {changes.cwd}")
    if changes.modules:
        loaded = yield load_modules(
            reactor, changes.modules, made.environment(os.environ), made.folder()
        )
        made = made.with_env(loaded)
        told.append(f"--module {' '.join(changes.modules)}")
    if changes.env_file:
        path = os.path.join(made.folder(), os.path.expanduser(changes.env_file))
        made = made.with_env(dict(read_env_file(path)))
        told.append(f"--env-file {changes.env_file}")
    if changes.env:
        made = made.with_env(dict(changes.env))
        told.extend(f"--env {name}={value}" for name, value in changes.env)
    if changes.unset:
        made = made.with_env(dict.fromkeys(changes.unset))
        told.extend(f"--unset {name}" for name in changes.unset)
    return attrs.evolve(made, told=tuple(told))


def kernel(name: str) -> Launch:
    """Find a kernelspec by its name, or by how its name begins.

    :raises WrongChange: when there is none, or more than one.
    """
    try:
        return launching.by_name(name)
    except NoCommand as error:
        known = sorted(
            other
            for other in launching.names()
            if other.lower().startswith(name.lower())
        )
        if len(known) == 1:
            return kernel(known[0])
        if known:
            raise WrongChange(
                f"--kernel: {name!r} may be {' or '.join(known)}"
            ) from None
        raise WrongChange(f"--kernel: {error}") from None


def read_env_file(path: str) -> list[tuple[str, str]]:
    """Read a dotenv file: ``NAME=VALUE`` lines, quotes as in a shell.

    :raises WrongChange: with the line that is wrong.
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongChange(f"--env-file: cannot read {path}: {error}") from None
    pairs = []
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix("export ")
        try:
            words = shell_words(text)
        except ValueError as error:
            raise WrongChange(f"--env-file: {path}, line {number}: {error}") from None
        if not words:
            continue
        name, equals, value = words[0].partition("=")
        if len(words) > 1 or not equals or not name.isidentifier():
            raise WrongChange(
                f"--env-file: {path}, line {number} is not NAME=VALUE"
                " (quote a value with blanks)"
            )
        pairs.append((name, value))
    return pairs


@inlineCallbacks
def load_modules(
    reactor: Any, modules: Sequence[str], environment: Mapping[str, str], cwd: str
) -> Any:
    """Load environment modules in a login shell; give what that changes.

    :returns: fires with names and values, None for those taken out; fails
        with :class:`WrongChange`, which holds what the shell said.
    """
    wanted = " ".join(modules)
    script = ["bash", "-lc", _MODULE_SCRIPT, "ipr", *modules]
    try:
        answer = yield ask(reactor, script, environment, MODULE_TIME, cwd)
    except Exception as error:
        raise WrongChange(f"--module {wanted}: {error}") from None
    said = answer.said.strip()[-2000:]
    if answer.status:
        how = said or f"exit code {os.waitstatus_to_exitcode(answer.status)}"
        raise WrongChange(f"'module load {wanted}' failed in a login shell: {how}")
    pairs = [
        pair.decode(errors="surrogateescape").partition("=")
        for pair in answer.output.split(b"\0")
    ]
    after = {name: value for name, equals, value in pairs if equals}
    # Older Environment Modules say what is wrong, and exit with 0.
    loaded = after.get("LOADEDMODULES", "").split(":")
    for module in modules:
        if not any(m == module or m.startswith(f"{module}/") for m in loaded):
            raise WrongChange(
                f"'module load {wanted}' did not load {module}: {said or 'no reason'}"
            )
    result: dict[str, str | None] = {
        name: value
        for name, value in after.items()
        if environment.get(name) != value and name not in _SHELLS_OWN
    }
    for name in environment:
        if name not in after and name not in _SHELLS_OWN:
            result[name] = None
    return result
