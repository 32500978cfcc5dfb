"""What each command does.

Knows what to ask a daemon, and what is printed. Must not know how a command line is
read, nor how a daemon is found.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import time
from contextlib import ExitStack

from ipr.jupyter.wire import JSON
from ipr.terminal import files, fromcode, layout, naming, processes, restarting
from ipr.terminal.line import Line, NoAnswer, ask_all
from ipr.terminal.problem import Problem

#: Seconds between two looks at a log.
FOLLOW_TIME = 0.5
#: Seconds that a daemon has to look at its kernel.
STACK_TIME = 8.0


def ps(args: argparse.Namespace) -> None:
    """List the kernels on this machine."""
    facts = _facts()
    if args.json:
        print(json.dumps(facts, indent=2))
    elif facts:
        shown = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if shown else 0
        colour = shown and not os.environ.get("NO_COLOR")
        print(layout.kernels(facts, width=width, colour=colour))
    else:
        note(f"no kernel of yours with ipr runs on {platform.node()}")


def status(args: argparse.Namespace) -> None:
    """Show the table of a daemon."""
    target = naming.target(args.id, os.environ)
    with Line(files.read(target.path)) as line:
        if args.json:
            facts = line.ask(restarting.FACTS).content
            print(json.dumps(_told(target.path, facts), indent=2))
            return
        rows = line.ask({"command": "status"}).content.get("rows")
        if not isinstance(rows, list):
            raise Problem("the daemon's answer makes no sense; is it an older version?")
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        table = [(str(row[0]), str(row[1])) for row in rows]
        print(layout.table(table, width=width))


def restart(args: argparse.Namespace) -> None:
    """Restart a kernel."""
    options = restarting.words(
        now=args.now,
        unset=args.unset,
        env_file=fromcode.absolute(args.env_file),
        cwd=fromcode.absolute(args.cwd),
        modules=args.module,
        kernel=args.kernel,
        reset=args.reset,
        keep_detached=args.keep_detached,
        run=fromcode.absolute(args.run),
        replay=args.replay,
    )
    options += [f"--env={pair}" for pair in args.env]
    target = naming.target(args.id, os.environ)
    seconds = 0.0 if args.no_wait else args.timeout
    print(layout.plain(restarting.restart(target, options, note, seconds)))


def stack(args: argparse.Namespace) -> None:
    """Show where a kernel is."""
    target = naming.target(args.id, os.environ)
    with Line(files.read(target.path)) as line:
        # One that hangs is noticed before it has to look.
        line.ask(restarting.FACTS)
        text = line.ask({"command": "stack"}, STACK_TIME).content.get("text")
        if not isinstance(text, str):
            raise Problem("the daemon's answer makes no sense; is it an older version?")
        print(layout.plain(text))


def output(args: argparse.Namespace) -> None:
    """Show what the last cells have shown."""
    target = naming.target(args.id, os.environ)
    with Line(files.read(target.path)) as line:
        asked = {"command": "output", "cells": args.cells}
        text = line.ask(asked).content.get("text")
        if not isinstance(text, str):
            raise Problem("the daemon's answer makes no sense; is it an older version?")
        coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print(layout.coloured(text) if coloured else layout.uncoloured(text))


def interrupt(args: argparse.Namespace) -> None:
    """Interrupt a kernel."""
    target = naming.target(args.id, os.environ)
    with Line(files.read(target.path)) as line:
        line.ask({"command": "interrupt"})


def log(args: argparse.Namespace) -> None:
    """Show a daemon's log."""
    target = naming.target(args.id, os.environ)
    with Line(files.read(target.path)) as line:
        following: object = 0
        while True:
            try:
                said = line.ask({"command": "log", "after": following}).content
            except NoAnswer:
                if not following:
                    raise
                note("the daemon has ended")
                return
            lines, following = said.get("lines"), said.get("next")
            if not isinstance(lines, list) or not isinstance(following, int):
                raise Problem("the daemon's answer makes no sense")
            for text in lines:
                print(layout.plain(str(text)))
            sys.stdout.flush()
            if not args.follow:
                return
            time.sleep(FOLLOW_TIME)


def note(text: str) -> None:
    """Print a remark to stderr, beside the output."""
    print(layout.plain(text), file=sys.stderr, flush=True)


def _facts() -> list[JSON]:
    found = processes.daemons()
    with ExitStack() as stack:
        lines: list[Line | None] = []
        for daemon in found:
            try:
                line = stack.enter_context(Line(files.read(daemon.path)))
            except Problem:
                lines.append(None)
            else:
                lines.append(line)
        answers = ask_all(lines, restarting.FACTS)
    facts = []
    for daemon, answer in zip(found, answers, strict=True):
        if answer is not None and answer.get("status") == "ok":
            facts.append(_told(daemon.path, answer))
        elif processes.runs(daemon.pid):
            unknown = {"state": "no answer", "daemon": daemon.pid}
            facts.append(_told(daemon.path, unknown))
    return facts


def _told(path: str, facts: JSON) -> JSON:
    """Return a daemon's facts as a program gets them."""
    left = {k: v for k, v in facts.items() if k not in ("status", "failed")}
    return {"id": files.identity(path), "connection_file": path, **left}
