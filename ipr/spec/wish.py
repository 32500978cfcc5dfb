"""How a user wants ipr installed, and the kernel.json that follows from it.

Knows what an earlier installation leaves in force. Must not know which folder it is
written to, nor the command line.
"""

from __future__ import annotations

import os

import attrs

from ipr.boot.kernels import INTERPRETER, kept
from ipr.spec import farside, folders
from ipr.spec.around import bare_interpreter, own_starter, patched, starter
from ipr.spec.fields import RESOURCE_DIR
from ipr.spec.folders import Kernelspec
from ipr.spec.inside import patched_inside
from ipr.spec.restoring import (
    names_our_provisioner,
    restored,
    rewritten,
    with_provisioner,
)
from ipr.spec.wrapping import Wrapping, wrapping_of


@attrs.frozen
class Wish:
    """How ``ipr`` is to be installed.

    :ivar target: the kernels folder to install in; None for where the kernelspec lies.
    :ivar options: arguments for the daemon; None to keep what there is.
    :ivar inside: after the launcher, on the far side.
    :ivar python: the interpreter that runs the daemon there.
    :ivar after: how many words are the launcher's.
    :ivar pattern: a regular expression for them.
    :ivar force: even if it may not work.
    :ivar provisioner: whether kernel.json is to name our provisioner; None to keep
        what there is.
    """

    target: str | None = None
    options: tuple[str, ...] | None = None
    inside: bool = False
    python: str | None = None
    after: int | None = None
    pattern: str | None = None
    force: bool = False
    provisioner: bool | None = None

    @property
    def special(self) -> bool:
        """Whether it says more than that ``ipr`` is to be there."""
        return any(
            value is not None
            for value in (
                *(self.options, self.python, self.after, self.pattern),
                self.provisioner,
            )
        )


def trial(found: Kernelspec, wish: Wish) -> bytes:
    """Return the kernel.json that *found* would have in another folder, with ``ipr``.

    :raises SpecError: there can be none.
    """
    wrapped = wrapping_of(found.spec)
    base = found.spec if wrapped is None else restored(found.spec)
    base = with_resource_dir(base, found.folder)
    new = with_ipr(found, base, wrapped, wish)
    return written_down(found, wrapped, new)


def written_down(
    found: Kernelspec, wrapped: Wrapping | None, new: dict[str, object]
) -> bytes:
    """Write down *new* so that taking ipr off restores the original bytes."""
    text = found.text
    if wrapped is not None:
        # By way of the original: an older form keeps its text in other places.
        text = rewritten(text, restored(found.spec))
    return rewritten(text, new).encode()


def with_ipr(
    found: Kernelspec,
    base: dict[str, object],
    wrapped: Wrapping | None,
    wish: Wish,
    folder: str = "",
) -> dict[str, object]:
    """Return *base*, the kernelspec without ipr, wrapped as *wish* has it.

    What the wish leaves open stays as it is in *wrapped*, how *found* is wrapped now.

    :param folder: where it will be; empty: not known.
    """
    if wish.inside or (wrapped is not None and wrapped.inside):
        made = _with_ipr_inside(base, wrapped, wish)
    else:
        made = _with_ipr_around(found, base, wrapped, wish, folder)
    named = wish.provisioner
    if named is None:
        named = names_our_provisioner(found.spec)
    return with_provisioner(made) if named else made


def _with_ipr_around(
    found: Kernelspec,
    base: dict[str, object],
    wrapped: Wrapping | None,
    wish: Wish,
    folder: str,
) -> dict[str, object]:
    argv = base["argv"]
    assert isinstance(argv, list)
    interpreter = kept(found.spec).get(INTERPRETER)
    if not (isinstance(interpreter, str) and os.path.exists(interpreter)):
        interpreter = None
        if not folders.same(os.path.dirname(found.folder), folders.user_dir()):
            # A user's own kernelspecs belong to no environment.
            interpreter = bare_interpreter(argv, found.folder)
    options = _options(wrapped, wish)
    return patched(base, own_starter(), options, interpreter, folder)


def _options(wrapped: Wrapping | None, wish: Wish) -> tuple[str, ...]:
    if wish.options is not None:
        return wish.options
    return wrapped.options if wrapped is not None else ()


def _with_ipr_inside(
    base: dict[str, object], wrapped: Wrapping | None, wish: Wish
) -> dict[str, object]:
    argv = base["argv"]
    assert isinstance(argv, list)
    there = wrapped if wrapped is not None and wrapped.kind == "inside" else None
    shell = farside.kernel_cmd_at(argv) is not None
    start = own_starter()
    if wish.python is not None:
        # remote_ikernel has a shell that expands it, others have none.
        python = wish.python if shell else os.path.expanduser(wish.python)
        start = starter(python)
    elif there is not None and there.python != start[0]:
        start = starter(there.python)
    elif shell and there is None:
        start = starter("python")  # whichever is first on the far side's PATH
    after = wish.after
    if there is not None and after is None and wish.pattern is None:
        # Where it is now, whether ipr-spec or somebody by hand put it there.
        after = there.after or None
    options = _options(wrapped, wish)
    return patched_inside(base, start, options, after, wish.pattern)


def with_resource_dir(spec: dict[str, object], folder: str) -> dict[str, object]:
    """Make ``{resource_dir}`` of a copy mean the folder that it was copied from."""
    folder = os.path.abspath(folder)

    def one(value: object) -> object:
        if isinstance(value, str):
            return value.replace(RESOURCE_DIR, folder)
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
