"""What ``module load`` changes in an environment.

Knows Environment Modules and Lmod, and that only a login shell has them. Must not know
kernels. A site's login shell sets PATH and more by itself; what is wanted is what
``module load`` did, so the shell prints its environment before and after it, and the
difference is applied to the one that counts.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Generator, Mapping, Sequence

from twisted.internet.defer import Deferred, inlineCallbacks

from ipr.kernel.asking import Answer, ask
from ipr.kernel.reactor import Asking

#: Seconds that a site's login shell may take.
MODULE_TIME = 120.0

#: What a shell changes for itself, and a guardian.
_SHELLS_OWN = frozenset(
    {"_", "SHLVL", "PWD", "OLDPWD", "BASH_EXECUTION_STRING", "JPY_PARENT_PID"}
)

#: The modules' own books, which are not lists of places.
_BOOKS = ("__LMOD", "LMOD_", "__MODULES", "_ModuleTable")

# env -0 separates by NUL, since values may hold line breaks. Two of them stand
# before each: a login shell may greet on stdout. What modules print goes to stderr,
# for the report when it fails. Where the login shell has set PATH anew, the places that
# count are put back: a module that takes the place of another one removes its there.
_SCRIPT = (
    r'[ -z "$1" ] || PATH=$PATH:$1; shift; '
    r"printf '\0\0' && env -0 && printf '\0'"
    ' && module load "$@" >&2 && exec env -0'
)


class NotLoaded(Exception):
    """They could not be loaded; the text says why."""


@inlineCallbacks
def load(
    reactor: Asking, modules: Sequence[str], environment: Mapping[str, str], cwd: str
) -> Generator[Deferred[Answer], Answer, dict[str, str | None]]:
    """Load environment modules in a login shell.

    :param environment: in which they are loaded.
    :returns: fires with what that changes: names and values, None for those
        removed; fails with :class:`NotLoaded`, which holds what the shell said.
    """
    wanted = " ".join(modules)
    try:
        command = login_shell(modules, environment)
        answer = yield ask(reactor, command, environment, MODULE_TIME, cwd)
    except Exception as error:
        raise NotLoaded(f"--module {wanted}: {error}") from None
    said = answer.said.strip()[-2000:]
    if answer.status:
        how = said or f"exit code {os.waitstatus_to_exitcode(answer.status)}"
        if "conflict" in said.lower():
            # "module unload", as the modules themselves put it, is for a terminal.
            how += (
                f"\n'%restart --reset --module {wanted}' loads it without what"
                " earlier restarts changed"
            )
        raise NotLoaded(f"'module load {wanted}' failed in a login shell: {how}")
    before, after = told(answer.output)
    # Older Environment Modules say what is wrong, and exit with 0.
    loaded = after.get("LOADEDMODULES", "").split(":")
    for module in modules:
        if not any(m == module or m.startswith(f"{module}/") for m in loaded):
            raise NotLoaded(
                f"'module load {wanted}' did not load {module}: {said or 'no reason'}"
            )
    return difference(before, after, environment)


def login_shell(modules: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Return the command that loads them, and prints what :func:`told` reads.

    :param environment: in which it is to be run.
    """
    return ["bash", "-lc", _SCRIPT, "ipr", environment.get("PATH", ""), *modules]


def told(output: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Read the environments before and after."""
    first, _, second = output.rpartition(b"\0\0")
    return _variables(first.rpartition(b"\0\0")[2]), _variables(second)


def _variables(output: bytes) -> dict[str, str]:
    pairs = [
        pair.decode(errors="surrogateescape").partition("=")
        for pair in output.split(b"\0")
    ]
    return {name: value for name, equals, value in pairs if equals}


def difference(
    before: Mapping[str, str], after: Mapping[str, str], now: Mapping[str, str]
) -> dict[str, str | None]:
    """Make on ``now`` the changes that led from ``before`` to ``after``.

    Of a list of places (PATH, MANPATH, LOADEDMODULES …) only those that came and
    went, since the login shell had others in it.
    """
    changes: dict[str, str | None] = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old == new or name in _SHELLS_OWN:
            continue
        mine = now.get(name)
        if new is None:
            changes[name] = None
        elif mine is None or mine == old or _is_book(name):
            changes[name] = new
        else:
            changes[name] = _merged(old, new, mine)
    return {name: value for name, value in changes.items() if value != now.get(name)}


def _is_book(name: str) -> bool:
    # Modules 4 counts in PATH_modshare who put what into PATH.
    return name.startswith(_BOOKS) or name.endswith("_modshare")


def _merged(old: str | None, new: str, mine: str) -> str:
    """Put into the list ``mine`` what came, and take out what went."""
    if ":" not in f"{old or ''}{new}{mine}":
        return new  # no list
    was = old.split(":") if old else []
    there = new.split(":")
    front = list(itertools.takewhile(lambda place: place not in was, there))
    back = [place for place in there[len(front) :] if place not in was]
    touched = {*front, *back, *(place for place in was if place not in there)}
    kept = [place for place in mine.split(":") if place not in touched]
    return ":".join([*front, *kept, *back])
