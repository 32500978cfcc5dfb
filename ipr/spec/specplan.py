"""What ``ipr-spec`` is about to do to a kernelspec, as a value.

Knows how wishes of a user become a new kernel.json, a copy or a deletion. Must not
know the command line, nor print: the same steps are shown by ``--dry-run``, by the
wizard and after they were done.
"""

from __future__ import annotations

import functools
import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Sequence

import attrs

from ipr.boot.kernels import INTERPRETER, kept
from ipr.boot.launch import Launch
from ipr.spec import kernelspec, specfolders
from ipr.spec.kernelspec import SpecError
from ipr.spec.specfolders import Kernelspec

INSTALLED = "installed"
INSIDE = "inside"
EARLIER = "earlier"
INSTALLABLE = "installable"
IMPOSSIBLE = "impossible"


@attrs.frozen
class Standing:
    """How it stands with one kernelspec.

    :ivar state: one of the five constants above.
    :ivar detail: in words; for an impossible one, why.
    """

    found: Kernelspec
    state: str
    detail: str = ""
    wrapping: kernelspec.Wrapping | None = None


def standing(found: Kernelspec) -> Standing:
    """Say how it stands with a kernelspec."""
    if found.fault is not None:
        return Standing(found, IMPOSSIBLE, found.fault)
    wrapped = kernelspec.wrapping(found.spec)
    if wrapped is None:
        obstacle = kernelspec.obstacle(found.spec)
        if obstacle is not None:
            return Standing(found, IMPOSSIBLE, obstacle)
        return Standing(found, INSTALLABLE)
    if wrapped.by_hand:
        state = INSIDE if wrapped.inside else INSTALLED
        return Standing(found, state, "written by hand", wrapped)
    try:
        kernelspec.restored(found.spec)
    except SpecError as error:
        return Standing(found, IMPOSSIBLE, str(error), wrapped)
    if wrapped.earlier:
        where = "on the far side" if wrapped.inside else ""
        return Standing(found, EARLIER, where, wrapped)
    if wrapped.inside:
        argv = found.spec["argv"]
        assert isinstance(argv, list)
        far = kernelspec.kernel_cmd_at(argv) is not None
        detail = "remote_ikernel" if far else os.path.basename(argv[0])
        return Standing(found, INSIDE, detail, wrapped)
    detail = ""
    lacking = _lacking(wrapped.python)
    if lacking:
        detail = f"{lacking}, it cannot start; 'ipr-spec install {found.name}' mends it"
    else:
        source = specfolders.copied_from(found.folder)
        if source is not None:
            detail = f"a copy of {source}"
    return Standing(found, INSTALLED, detail, wrapped)


#: As the daemon is started; does the interpreter find it?
_FINDS_IPR = "import importlib.util as u, sys; sys.exit(not u.find_spec('ipr'))"


@functools.cache
def _lacking(python: str) -> str:
    """Say what the interpreter *python* lacks to run the daemon, "" if nothing."""
    if not os.path.exists(python):
        return f"{python} is gone"
    if python == sys.executable:
        return ""
    status = os.stat(python)
    if not stat.S_ISREG(status.st_mode) or status.st_uid not in (0, os.geteuid()):
        return ""  # a listing runs nobody else's programs
    command = [python, "-P", "-c", _FINDS_IPR]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return f"{python} has no ipr any more" if done.returncode == 1 else ""


def survey(dirs: Sequence[str]) -> list[Standing]:
    """Say how it stands with all kernelspecs in *dirs*, in the order of their names."""
    return [
        standing(specfolders.read(name, folder))
        for name, folder in sorted(specfolders.find_all(dirs).items())
    ]


@attrs.frozen
class Wish:
    """How ``ipr`` is to be installed.

    :ivar target: the kernels folder it is to be in; None for wherever it lies.
    :ivar options: arguments for the daemon; None to keep what there is.
    :ivar inside: behind the launcher.
    :ivar python: the interpreter that runs the daemon there.
    :ivar after: how many words are the launcher's.
    :ivar pattern: a regular expression for them.
    :ivar force: although it may not work.
    """

    target: str | None = None
    options: tuple[str, ...] | None = None
    inside: bool = False
    python: str | None = None
    after: int | None = None
    pattern: str | None = None
    force: bool = False

    @property
    def special(self) -> bool:
        """Whether it says more than that ``ipr`` is to be there."""
        return any(
            value is not None
            for value in (self.options, self.python, self.after, self.pattern)
        )


@attrs.frozen
class Step:
    """One thing to do; done by :func:`perform`.

    :ivar will: what it does, as in "install on 'x'".
    :ivar done: the same, once it is done.
    :ivar before, after: the bytes of kernel.json; before is None for a copy, after
        for a deletion, both for nothing to do.
    :ivar source: of a copy, its folder.
    :ivar warning: what the user may not want about it.
    """

    name: str
    folder: str
    will: str
    done: str
    before: bytes | None = None
    after: bytes | None = None
    source: str | None = None
    warning: str = ""

    @property
    def path(self) -> str:
        """The kernel.json that it is about."""
        return os.path.join(self.folder, "kernel.json")

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return self.before is None and self.after is None


def _nothing(found: Kernelspec, words: str) -> Step:
    return Step(found.name, found.folder, words, words)


def _locate(name: str, target: str | None, dirs: Sequence[str]) -> Kernelspec:
    """Find a kernelspec, a complete one in *target* before all others."""
    specfolders.check_name(name)
    if target is not None:
        folder = specfolders.find_all([target]).get(name.lower())
        if folder is not None and os.path.exists(os.path.join(folder, "kernel.json")):
            return specfolders.read(name.lower(), folder)
    return specfolders.find(name, dirs)


def install(name: str, wish: Wish, dirs: Sequence[str]) -> Step:
    """Plan to put ``ipr`` on the kernelspec *name*.

    :param dirs: where Jupyter looks, the first one first.
    :raises SpecError: it cannot be done; the text says why.
    """
    found = _locate(name, wish.target, dirs)
    if found.fault is not None:
        raise SpecError(found.fault)
    wrapped = kernelspec.wrapping(found.spec)
    if wrapped is None:
        obstacle = kernelspec.obstacle(found.spec)
        leftover = kernelspec.leftover_field(found.spec) is not None
        if obstacle is not None and (leftover or not wish.force):
            raise SpecError(obstacle)
        base = found.spec
    else:
        base = kernelspec.restored(found.spec)
        if wrapped.kind == "inside" and not wish.special:
            return _nothing(found, f"is installed on the far side of {name!r} already")
    here = wish.target is None or _same(os.path.dirname(found.folder), wish.target)
    if wish.target is not None and not here:
        target = os.path.join(wish.target, found.name)
        _check_precedence(found, wish.target, dirs)
        base = _with_resource_dir(base, found.folder)
    else:
        target = found.folder
    new = _wrapped(found, base, wrapped, wish, target)
    if new == found.spec:
        return _nothing(found, f"is installed on {name!r} already")
    after = _rewritten(found, wrapped, new)
    warning = _warning(found.name, base, new)
    if not here:
        return Step(
            found.name,
            target,
            f"copy {name!r} from {found.folder} to {target} and install on the copy",
            f"installed on {name!r}, on a copy in {target}",
            after=after,
            source=found.folder,
            warning=warning,
        )
    found.check_writable()
    if wrapped is None:
        will, done = f"install on {name!r}", f"installed on {name!r}"
    elif wrapped.earlier:
        will = f"upgrade {name!r} from the earlier package"
        done = f"upgraded {name!r} from the earlier package"
    else:
        will, done = f"bring {name!r} up to date", f"brought {name!r} up to date"
    return Step(
        found.name, found.folder, will, done, found.data, after, warning=warning
    )


def _warning(name: str, base: dict[str, object], new: dict[str, object]) -> str:
    """Say what is lost where ipr runs around a launcher instead of behind it."""
    wrapped = kernelspec.wrapping(new)
    argv = base["argv"]
    assert isinstance(argv, list)
    if wrapped is None or wrapped.inside:
        return ""
    if Launch(tuple(argv)).may_queue:
        far = kernelspec.kernel_cmd_at(argv) is not None
        what = "remote_ikernel" if far else os.path.basename(argv[0])
        return (
            f"its command starts with {what}, so each %restart launches anew (a new"
            " job, a new connection); to keep it and restart only the kernel:"
            f" ipr-spec install --inside {shlex.quote(name)}"
        )
    return ""


def trial(found: Kernelspec, wish: Wish) -> bytes:
    """Give the kernel.json that *found* would have in another folder, with ``ipr``.

    :raises SpecError: there can be none.
    """
    wrapped = kernelspec.wrapping(found.spec)
    base = found.spec if wrapped is None else kernelspec.restored(found.spec)
    base = _with_resource_dir(base, found.folder)
    new = _wrapped(found, base, wrapped, wish)
    return _rewritten(found, wrapped, new)


def _rewritten(
    found: Kernelspec, wrapped: kernelspec.Wrapping | None, new: dict[str, object]
) -> bytes:
    """Write down *new* so that :func:`remove` gives the original bytes back."""
    text = found.text
    if wrapped is not None:
        # By way of the original: an older form keeps its text in other places.
        text = kernelspec.rewritten(text, kernelspec.restored(found.spec))
    return kernelspec.rewritten(text, new).encode()


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.abspath(one) == os.path.abspath(other)


def _wrapped(
    found: Kernelspec,
    base: dict[str, object],
    wrapped: kernelspec.Wrapping | None,
    wish: Wish,
    folder: str = "",
) -> dict[str, object]:
    options = wish.options
    if options is None:
        options = wrapped.options if wrapped is not None else ()
    argv = base["argv"]
    assert isinstance(argv, list)
    if wish.inside or (wrapped is not None and wrapped.inside):
        there = wrapped if wrapped is not None and wrapped.kind == "inside" else None
        shell = kernelspec.kernel_cmd_at(argv) is not None
        own = kernelspec.own_starter()
        if wish.python is not None:
            # No shell is going to expand it, but for remote_ikernel's.
            python = wish.python if shell else os.path.expanduser(wish.python)
            start = kernelspec.starter(python)
        elif there is not None and there.python != own[0]:
            start = kernelspec.starter(there.python)
        elif shell and there is None:
            start = kernelspec.starter("python")  # whatever it is over there
        else:
            start = own
        after = wish.after
        if there is not None and after is None and wish.pattern is None:
            # Where it is, whoever said so.
            after = there.after or None
        return kernelspec.patched_inside(base, start, options, after, wish.pattern)
    interpreter = kept(found.spec).get(INTERPRETER)
    if not (isinstance(interpreter, str) and os.path.exists(interpreter)):
        interpreter = None
        if not _same(os.path.dirname(found.folder), specfolders.user_dir()):
            # A user's own kernelspecs belong to no environment.
            interpreter = kernelspec.bare_interpreter(argv, found.folder)
    return kernelspec.patched(
        base, kernelspec.own_starter(), options, interpreter, folder
    )


def _with_resource_dir(spec: dict[str, object], folder: str) -> dict[str, object]:
    """Make ``{resource_dir}`` of a copy mean the folder that it was copied from."""
    folder = os.path.abspath(folder)

    def one(value: object) -> object:
        if isinstance(value, str):
            return value.replace(kernelspec.RESOURCE_DIR, folder)
        return value

    def filled(value: object) -> object:
        if isinstance(value, list):
            return [one(item) for item in value]
        if isinstance(value, dict):
            return {key: one(item) for key, item in value.items()}
        return value

    return {
        key: filled(value) if key in ("argv", "env") else value
        for key, value in spec.items()
    }


def _check_precedence(found: Kernelspec, target: str, dirs: Sequence[str]) -> None:
    """Refuse a copy that Jupyter would never use."""
    lies = os.path.dirname(found.folder)
    for folder in dirs:
        if _same(folder, target):
            return
        if _same(folder, lies):
            break
    if any(_same(folder, target) for folder in dirs):
        raise SpecError(
            f"a copy in {target} would never be used: {lies} comes first (jupyter"
            " --paths shows the order; JUPYTER_PATH and JUPYTER_PREFER_ENV_PATH"
            " change it)"
        )


def remove(name: str, target: str | None, dirs: Sequence[str]) -> Step:
    """Plan to take ``ipr`` off the kernelspec *name*.

    :raises SpecError: it cannot be done; the text says why.
    """
    if target is not None:
        specfolders.check_name(name)
        known = {"python3", *specfolders.find_all(dirs)}
        there = specfolders.find_all([target])
        if name.lower() in known and name.lower() not in there:
            words = f"is not installed on {name!r} in {target}"
            return Step(name, target, words, words)
    found = _locate(name, None, dirs if target is None else [target])
    if found.fault is not None and kernelspec.wrapping(found.spec) is None:
        raise SpecError(found.fault)
    if kernelspec.wrapping(found.spec) is None:
        if kernelspec.leftover_field(found.spec) is not None:
            raise SpecError(str(kernelspec.obstacle(found.spec)))
        return _nothing(found, f"is not installed on {name!r}")
    new = kernelspec.restored(found.spec)
    source = specfolders.copied_from(found.folder)
    if source is not None and specfolders.is_replaceable(found.folder, new):
        specfolders.check_deletable(found.folder)
        found.check_writable()
        return Step(
            found.name,
            found.folder,
            f"delete the copy of {name!r} in {found.folder}",
            f"removed {name!r}: the copy in {found.folder} is deleted,"
            f" {source} counts again",
            before=found.data,
        )
    found.check_writable()
    after = kernelspec.rewritten(found.text, new).encode()
    return Step(
        found.name,
        found.folder,
        f"remove from {name!r}",
        f"removed from {name!r}",
        found.data,
        after,
    )


def perform(step: Step) -> list[str]:
    """Do what a step says.

    :returns: which files a copy does not have, and why, a line each.
    :raises SpecError: it could not be done; nothing has changed.
    """
    if step.idle:
        return []
    if step.after is None:
        specfolders.delete(step.folder, step.before)
    elif step.before is None:
        assert step.source is not None
        _, said = kernelspec.decoded(step.after)
        original = kernelspec.restored(said)
        return specfolders.copy(step.source, step.folder, step.after, original)
    else:
        kernelspec.replace_file(step.path, step.before, step.after)
    return []
