"""``ipr.restart()``: a restart that code in the kernel asks for.

Knows that the code is part of the kernel that ends. Must not know command lines.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping

import ipr
from ipr.terminal import files, naming, restarting
from ipr.terminal.line import Line, NoAnswer
from ipr.terminal.problem import Problem

#: Seconds that ``now`` has to end the code that asked.
END_TIME = 10.0


def restart(
    *,
    now: bool,
    env: Mapping[str, str] | None,
    unset: Iterable[str],
    env_file: str,
    cwd: str,
    modules: Iterable[str],
    kernel: str,
    reset: bool,
    keep_detached: bool,
    run: str,
    replay: str | int | bool,
) -> None:
    """Ask the daemon of this kernel.

    :raises ipr.NotInKernel: there is none.
    :raises ipr.NotRestarted: it refuses.
    """
    options = restarting.words(
        now=now,
        env=env,
        unset=unset,
        env_file=absolute(env_file),
        cwd=absolute(cwd),
        modules=modules,
        kernel=kernel,
        reset=reset,
        keep_detached=keep_detached,
        run=absolute(run),
        replay=_how_many(replay),
    )
    try:
        target = naming.target("", os.environ)
        with Line(files.read(target.path)) as line:
            asked = restarting.ask(line, options, inside=True)
            if now and not asked.left_out:
                # Nothing after the call is to run in the kernel that ends.
                time.sleep(END_TIME)
    except (naming.NowhereNamed, NoAnswer) as error:
        raise ipr.NotInKernel(_inside(error)) from None
    except Problem as error:
        raise ipr.NotRestarted(str(error)) from None


def absolute(path: str) -> str:
    """Return a path as the daemon understands it, whose folder is another one."""
    return os.path.abspath(os.path.expanduser(path)) if path else ""


def _how_many(replay: str | int | bool) -> str | None:
    if replay is False:
        return None
    return "" if replay is True else str(replay)


def _inside(error: Problem) -> str:
    if isinstance(error, naming.NowhereNamed):
        return (
            "this code does not run in a kernel with ipr; 'ipr-spec install NAME' puts"
            " ipr on a kernelspec, and 'ipr restart ID' restarts a kernel from outside"
        )
    return str(error)
