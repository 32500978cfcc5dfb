"""One change to a kernelspec, as a value, and carrying it out.

Knows when a wish means a rewritten kernel.json, a copy or a deletion. Must not know
the command line, nor print: ``--dry-run``, the wizard and the report after the change
show the same steps.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

import attrs

from ipr.boot.launch import Launch
from ipr.spec import copies, farside, files, folders
from ipr.spec.errors import SpecError
from ipr.spec.fields import decoded, provisioner_of
from ipr.spec.folders import Kernelspec
from ipr.spec.restoring import restored, rewritten
from ipr.spec.wish import Wish, with_ipr, with_resource_dir, written_down
from ipr.spec.wrapping import (
    ARGV_PROVISIONERS,
    PROVISIONER,
    Wrapping,
    leftover_field,
    obstacle_to,
    wrapping_of,
)


@attrs.frozen
class Step:
    """One thing to do; done by :func:`perform`.

    :ivar will: what it does, as in "install on 'x'".
    :ivar done: the same, once it is done.
    :ivar before, after: the bytes of kernel.json; before is None for a copy, after
        for a deletion, both for nothing to do.
    :ivar source: of a copy, its folder.
    :ivar warning: what the user may not expect.
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
    """Find a kernelspec, preferably a complete one in *target*."""
    folders.check_name(name)
    if target is not None:
        folder = folders.find_all([target]).get(name.lower())
        if folder is not None and os.path.exists(os.path.join(folder, "kernel.json")):
            return folders.read(name.lower(), folder)
    return folders.find(name, dirs)


def install(name: str, wish: Wish, dirs: Sequence[str]) -> Step:
    """Plan to put ``ipr`` on the kernelspec *name*.

    :param dirs: where Jupyter looks, the first one first.
    :raises SpecError: it cannot be done; the text says why.
    """
    found = _locate(name, wish.target, dirs)
    if found.fault is not None:
        raise SpecError(found.fault)
    wrapped = wrapping_of(found.spec)
    if wrapped is None:
        _check_obstacle(found, wish)
        base = found.spec
    else:
        base = restored(found.spec)
        if wrapped.kind == "inside" and not wish.special:
            return _nothing(found, f"is installed on the far side of {name!r} already")
    target = found.folder
    here = wish.target is None or folders.same(os.path.dirname(target), wish.target)
    if wish.target is not None and not here:
        target = os.path.join(wish.target, found.name)
        _check_precedence(found, wish.target, dirs)
        base = with_resource_dir(base, found.folder)
    new = with_ipr(found, base, wrapped, wish, target)
    if new == found.spec:
        return _nothing(found, f"is installed on {name!r} already")
    after = written_down(found, wrapped, new)
    warning = _warning(found.name, base, new) or _stanza_warning(found, new, wish)
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
    will, done = _described(name, wrapped)
    return Step(
        found.name, found.folder, will, done, found.data, after, warning=warning
    )


def _check_obstacle(found: Kernelspec, wish: Wish) -> None:
    obstacle = obstacle_to(found.spec)
    leftover = leftover_field(found.spec) is not None
    if obstacle is not None and (leftover or not wish.force):
        raise SpecError(obstacle)


def _described(name: str, wrapped: Wrapping | None) -> tuple[str, str]:
    """Return what :func:`install` will do in place, and the same once it is done."""
    if wrapped is None:
        return f"install on {name!r}", f"installed on {name!r}"
    if wrapped.earlier:
        what = f"{name!r} from the earlier package"
        return f"upgrade {what}", f"upgraded {what}"
    return f"bring {name!r} up to date", f"brought {name!r} up to date"


def _warning(name: str, base: dict[str, object], new: dict[str, object]) -> str:
    """Return what does not work, or is lost, with ipr around this command."""
    wrapped = wrapping_of(new)
    if wrapped is None or wrapped.inside:
        return ""
    provisioner = provisioner_of(base)
    if provisioner is not None and provisioner not in ARGV_PROVISIONERS:
        return (
            f"its provisioner {provisioner!r} may start the kernel without its argv,"
            " and then ipr does not run; try it: ipr-spec check"
            f" {shlex.quote(name)}"
        )
    argv = base["argv"]
    assert isinstance(argv, list)
    if Launch(tuple(argv)).may_queue:
        far = farside.kernel_cmd_at(argv) is not None
        what = "remote_ikernel" if far else os.path.basename(argv[0])
        return (
            f"its command starts with {what}, so each %restart launches again (a new"
            " job, a new connection); to keep it and restart only the kernel:"
            f" ipr-spec install --inside {shlex.quote(name)}"
        )
    return ""


def _stanza_warning(found: Kernelspec, new: dict[str, object], wish: Wish) -> str:
    """Return what naming our provisioner in kernel.json leads to."""
    if not wish.provisioner:
        return ""
    name = provisioner_of(new)
    if name == PROVISIONER:
        return (
            "Jupyter hides it wherever ipr is not installed, in servers, nbconvert,"
            " papermill, consoles; to undo that: ipr-spec install --no-provisioner"
            f" {shlex.quote(found.name)}"
        )
    what = "its metadata.kernel_provisioner" if name is None else repr(name)
    return (
        f"{what} stays, since a kernelspec has only one provisioner: the Restart"
        " button does what that makes of it"
    )


def is_hidden(found: Kernelspec, target: str, dirs: Sequence[str]) -> bool:
    """Return whether Jupyter would never use a copy, since the original comes first.

    :param target: the kernels folder of the copy.
    :param dirs: those that Jupyter looks into; a copy elsewhere is for another one.
    """
    lies = os.path.dirname(found.folder)
    for folder in dirs:
        if folders.same(folder, target):
            return False
        if folders.same(folder, lies):
            break
    return any(folders.same(folder, target) for folder in dirs)


def _check_precedence(found: Kernelspec, target: str, dirs: Sequence[str]) -> None:
    """Refuse a copy that Jupyter would never use."""
    lies = os.path.dirname(found.folder)
    if is_hidden(found, target, dirs):
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
        folders.check_name(name)
        known = {"python3", *folders.find_all(dirs)}
        there = folders.find_all([target])
        if name.lower() in known and name.lower() not in there:
            words = f"is not installed on {name!r} in {target}"
            return Step(name, target, words, words)
    found = _locate(name, None, dirs if target is None else [target])
    if wrapping_of(found.spec) is None:
        if found.fault is not None:
            raise SpecError(found.fault)
        if leftover_field(found.spec) is not None:
            raise SpecError(str(obstacle_to(found.spec)))
        return _nothing(found, f"is not installed on {name!r}")
    new = restored(found.spec)
    source = copies.copied_from(found.folder)
    if source is not None and copies.is_replaceable(found.folder, new):
        copies.check_deletable(found.folder)
        found.check_writable()
        return Step(
            found.name,
            found.folder,
            f"delete the copy of {name!r} in {found.folder}",
            f"removed {name!r}: the copy in {found.folder} is deleted,"
            f" {source} is used again",
            before=found.data,
        )
    found.check_writable()
    after = rewritten(found.text, new).encode()
    return Step(
        found.name,
        found.folder,
        f"remove from {name!r}",
        f"removed from {name!r}",
        found.data,
        after,
    )


def perform(step: Step) -> list[str]:
    """Carry out a step.

    :returns: the files that were not copied, and why, a line each.
    :raises SpecError: it could not be done; nothing has changed.
    """
    if step.idle:
        return []
    if step.after is None:
        copies.delete(step.folder, step.before)
    elif step.before is None:
        assert step.source is not None
        _, said = decoded(step.after)
        original = restored(said)
        return copies.copy(step.source, step.folder, step.after, original)
    else:
        files.replace_file(step.path, step.before, step.after)
    return []
