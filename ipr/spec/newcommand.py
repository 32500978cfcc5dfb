"""``ipr-spec new`` on the command line, and the questions that a terminal asks.

Knows arguments and questions. Must not know what is written of them:
:mod:`ipr.spec.making` does.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Callable

from ipr.spec import folders, making
from ipr.spec.errors import SpecError
from ipr.spec.making import Request
from ipr.spec.parser import Usage, target_of
from ipr.spec.templates import READ, TEMPLATES

#: What is asked for where no such option was given.
_QUESTIONS = {
    "partition": "Partition or queue",
    "mem": "Memory, such as 4G",
    "time": "Time limit, such as 8h",
    "cpus": "Processors",
    "gpus": "GPUs",
}


def run(args: argparse.Namespace) -> int:
    """Make a kernelspec.

    :returns: the exit code.
    """
    asked = _asks(args)
    if asked:
        _ask(args)
    if not args.scheduler:
        raise Usage("pass one of " + ", ".join(f"--{name}" for name in TEMPLATES))
    if not args.name:
        raise Usage("pass a name for the kernelspec")
    try:
        request = _request(args)
        spec = making.spec_of(request)
        target = target_of(args) or folders.user_dir()
        making.check_free(request.name, target)
        if args.dry_run:
            print(making.text_of(spec), end="")
            return 0
        path = making.write(request.name, target, spec)
    except SpecError as error:
        print(f"ipr-spec new: {error}", file=sys.stderr)
        return 1
    print(f"wrote {path}")
    _warn(request.scheduler, target)
    if args.check:
        from ipr.spec import check

        return check.run(request.name, args.timeout)
    name = shlex.quote(request.name)
    print(f"Try it, in a job that may wait: ipr-spec check --timeout 600 {name}")
    return 0


def _warn(scheduler: str, target: str) -> None:
    warning = making.missing_launcher(scheduler)
    if warning:
        print(f"ipr-spec new: {warning}", file=sys.stderr)
    if not any(folders.same(target, folder) for folder in folders.kernel_dirs()):
        print(
            f"ipr-spec new: Jupyter here does not look for kernelspecs in {target}",
            file=sys.stderr,
        )


def _request(args: argparse.Namespace) -> Request:
    wishes = {name: getattr(args, name) for name in READ if getattr(args, name)}
    seconds = args.abandoned_timeout
    return Request(
        args.name,
        args.scheduler,
        wishes,
        tuple(word for text in args.extra for word in making.split(text)),
        tuple(args.module),
        tuple(args.env),
        args.python or "",
        args.display_name,
        repr(seconds).removesuffix(".0") if seconds is not None else "",
    )


def _asks(args: argparse.Namespace) -> bool:
    """Whether somebody is there, and something that matters is missing."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    wished = any(getattr(args, name) for name in READ)
    return not (args.name and args.scheduler and wished)


def _ask(args: argparse.Namespace) -> None:
    """Ask for what is missing; an empty answer is the site's default."""
    print("A kernelspec for a kernel in a job. Enter alone: the site's default.\n")
    if not args.scheduler:
        names = ", ".join(TEMPLATES)
        there = _likely()
        answer = _answer(
            f"Scheduler ({names})" + (f" [{there}]" if there else ""), _scheduler
        )
        args.scheduler = answer or there
    for name, words in _QUESTIONS.items():
        known = args.scheduler in TEMPLATES
        if getattr(args, name) or not known:
            continue
        if name in TEMPLATES[args.scheduler].options:
            setattr(args, name, _answer(words, READ[name]))
    if not args.name:
        usual = f"{args.scheduler}-python" if args.scheduler else ""
        args.name = _answer(f"Name of the kernelspec [{usual}]", str) or usual
    print()


def _scheduler(text: str) -> str:
    if text not in TEMPLATES:
        raise SpecError(f"{text!r} is none of {', '.join(TEMPLATES)}")
    return text


def _likely() -> str:
    for name, template in TEMPLATES.items():
        if shutil.which(template.start[0]) is not None:
            if name == "pbs" and "SGE_ROOT" in os.environ:
                continue
            return name
    return ""


def _answer(question: str, read: Callable[[str], str]) -> str:
    """Ask until the answer makes sense; return what was written.

    :raises Usage: the answers end.
    """
    while True:
        try:
            text = input(f"{question}: ").strip()
        except EOFError:
            raise Usage("the answers have ended, nothing was written") from None
        if not text:
            return ""
        try:
            read(text)
        except SpecError as error:
            print(f"  {error}")
        else:
            return text
