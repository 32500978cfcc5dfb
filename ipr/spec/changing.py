"""``ipr-spec install`` and ``ipr-spec remove``: plan each change, make it, report it.

Knows what the options of these two mean together. Must not know the layout of a
kernel.json.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence

from ipr import __version__
from ipr.boot import options
from ipr.spec import folders, listing, plan, states
from ipr.spec.errors import NotWritable, SpecError, why
from ipr.spec.parser import Usage, target_of
from ipr.spec.plan import Step
from ipr.spec.wish import Wish


def _complain(name: str, error: Exception | str) -> None:
    print(f"ipr-spec: {name!r}: {error}", file=sys.stderr)


def _names(args: argparse.Namespace) -> None:
    if args.all and args.names:
        raise Usage("names or --all, not both")
    if not (args.all or args.names):
        raise Usage("pass the names of kernelspecs, or --all")


def install(args: argparse.Namespace, after: list[str] | None) -> int:
    """Put ipr on kernelspecs.

    :param after: the words after ``--``, None if there is none.
    :returns: the exit code.
    """
    _names(args)
    _check_far_side(args)
    target = target_of(args)
    wish = Wish(
        target=target,
        options=_daemon_options(args, after),
        inside=args.inside,
        python=args.python,
        after=args.after,
        pattern=args.launcher,
        force=args.force,
        provisioner=args.provisioner,
    )
    dirs = folders.kernel_dirs()
    names = args.names
    if args.all:
        names = _all_installable(dirs if target is None else [target, *dirs])
    own = folders.user_dir()

    def offer(name: str) -> str:
        if target is not None:
            return ""
        found = folders.find(name, dirs)
        if os.path.dirname(found.folder) == own or plan.is_hidden(found, own, dirs):
            return ""
        return (
            f"; to install on a copy in your own kernels folder, which takes"
            f" precedence: ipr-spec install --user {shlex.quote(name)}"
        )

    return _carry_out(
        names, lambda name: plan.install(name, wish, dirs), args.dry_run, offer
    )


def _check_far_side(args: argparse.Namespace) -> None:
    """Check the options of the far side.

    :raises Usage: they do not go together, or are no use.
    """
    far = {
        "--python": args.python,
        "--after": args.after,
        "--launcher": args.launcher,
        "--abandoned-timeout": args.abandoned_timeout,
    }
    if not args.inside:
        for name, value in far.items():
            if value is not None:
                raise Usage(f"{name} goes with --inside")
    if args.inside and args.all:
        raise Usage("--inside needs the names of the kernelspecs")
    if args.launcher is not None:
        try:
            re.compile(args.launcher)
        except re.error as error:
            raise Usage(f"--launcher {args.launcher!r}: {error}") from None


def _all_installable(dirs: Sequence[str]) -> list[str]:
    """Return the names for ``install --all``; say which are skipped."""
    names = []
    survey = states.survey(dirs)
    if not survey:
        print(listing.nothing_found(dirs))
    for standing in survey:
        if standing.state == states.IMPOSSIBLE:
            print(f"skipped {standing.found.name!r}: {standing.detail}")
        elif not (standing.wrapping is not None and standing.wrapping.by_hand):
            names.append(standing.found.name)
    return names


def _daemon_options(
    args: argparse.Namespace, after: list[str] | None
) -> tuple[str, ...] | None:
    """Return the arguments for the daemon, None to keep what there is."""
    if after is None and args.option is None and args.abandoned_timeout is None:
        return None
    words = [word for words in args.option or () for word in words]
    words += after or ()
    if args.abandoned_timeout is not None:
        seconds = repr(args.abandoned_timeout).removesuffix(".0")
        words += ["--abandoned-timeout", seconds]
    own = {"-h", "--help", "--version"} & set(words)
    if own:
        raise Usage(f"{own.pop()} cannot be written into a kernelspec")
    try:
        checked = _without_file(words, far=args.inside)
        values, command = options.parse(checked, __version__)
    except options.BadOption as error:
        raise Usage(f"not an option of the daemon: {error}") from None
    taken = [
        key for key in ("connection_file", "resource_dir", "kernel") if values[key]
    ]
    if taken or command:
        name = "--" + taken[0].replace("_", "-") if taken else "a command after --"
        raise Usage(f"{name} is written by install itself")
    return tuple(words)


def _without_file(words: Sequence[str], *, far: bool) -> list[str]:
    """Return the words without ``--preload`` and ``--init`` where files are far away.

    :raises Usage: its path would mean another file in each folder.
    """
    checked = list(words)
    for at, word in enumerate(words):
        name, equals, path = word.partition("=")
        if name not in ("--preload", "--init"):
            continue
        count = 1 if equals else 2
        path = path if equals else "".join(words[at + 1 : at + 2])
        if path and not path.startswith(("/", "~")):
            raise Usage(f"{name} needs an absolute path: kernels start in any folder")
        if far:
            checked[at : at + count] = []
            return _without_file(checked, far=far)
    return checked


def remove(args: argparse.Namespace) -> int:
    """Take ipr off kernelspecs.

    :returns: the exit code.
    """
    _names(args)
    target = target_of(args)
    dirs = folders.kernel_dirs()
    names = args.names
    if args.all:
        there = states.survey(dirs if target is None else [target])
        names = [
            standing.found.name
            for standing in there
            if standing.wrapping is not None and not standing.wrapping.by_hand
        ]
        if not names:
            print("nothing to do: ipr is installed on no kernelspec")
    return _carry_out(names, lambda name: plan.remove(name, target, dirs), args.dry_run)


def _no_offer(_name: str) -> str:
    return ""


def _carry_out(
    names: Sequence[str],
    planned: Callable[[str], Step],
    dry: bool,
    offer: Callable[[str], str] = _no_offer,
) -> int:
    done = [_carry_out_one(name, planned, dry, offer) for name in names]
    return 0 if all(done) else 1


def _carry_out_one(
    name: str, planned: Callable[[str], Step], dry: bool, offer: Callable[[str], str]
) -> bool:
    try:
        step = planned(name)
        left_out = [] if dry else plan.perform(step)
    except NotWritable as error:
        _complain(name, f"{error}{offer(name)}")
        return False
    except SpecError as error:
        _complain(name, error)
        return False
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(name, f"{where}{why(error)}")
        return False
    if step.idle:
        print(listing.shown(f"nothing to do: ipr {step.done}"))
    elif dry:
        print(listing.shown(f"would {step.will}"))
        sys.stdout.write(_diff(step))
    else:
        print(listing.shown(step.done))
    if step.warning:
        _complain(name, step.warning)
    if not dry:
        for line in left_out:
            _complain(name, f"not copied: {line}")
    return True


def _diff(step: Step) -> str:
    before, after = step.before, step.after
    if step.source is not None:
        with open(os.path.join(step.source, "kernel.json"), "rb") as file:
            before = file.read()
    lines = difflib.unified_diff(
        (before or b"").decode().splitlines(keepends=True),
        (after or b"").decode().splitlines(keepends=True),
        step.path if step.source is None else step.source,
        step.path if after is not None else os.devnull,
    )
    end = "\n\\ No newline at end of file\n"
    return "".join(line if line.endswith("\n") else line + end for line in lines)
