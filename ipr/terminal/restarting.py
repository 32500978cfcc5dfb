"""A restart that is asked for from elsewhere: asked for, and waited for.

Knows the steps, and how it is seen that the new kernel is there. Must not know how a
command line is read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

import attrs

from ipr.jupyter.wire import JSON
from ipr.terminal import files
from ipr.terminal.line import Line, NoAnswer
from ipr.terminal.naming import Target
from ipr.terminal.problem import Problem

#: Seconds that the daemon has to check options: it looks at files, and asks a login
#: shell for modules.
OPTIONS_TIME = 90.0
#: Seconds between two looks.
LOOK_TIME = 0.1

FACTS: JSON = {"command": "facts"}


@attrs.frozen
class Asked:
    """A restart that the daemon has accepted.

    :ivar waits: whether cells come before it.
    :ivar generation: the number of the kernel that ends.
    """

    request: str
    waits: bool
    generation: int


def words(
    *,
    now: bool = False,
    env: Mapping[str, str] | None = None,
    unset: Iterable[str] = (),
    env_file: str = "",
    cwd: str = "",
    modules: Iterable[str] = (),
    kernel: str = "",
    reset: bool = False,
    keep_detached: bool = False,
    run: str = "",
) -> list[str]:
    """Return the words of ``%restart`` that say this."""
    found = ["--now"] if now else []
    found += ["--reset"] if reset else []
    found += ["--keep-detached"] if keep_detached else []
    found += [f"--env={name}={value}" for name, value in (env or {}).items()]
    found += [f"--unset={name}" for name in unset]
    found += [f"--module={name}" for name in modules]
    for option, value in (
        ("env-file", env_file),
        ("cwd", cwd),
        ("kernel", kernel),
        ("run", run),
    ):
        found += [f"--{option}={value}"] if value else []
    return found


def ask(line: Line, options: list[str]) -> Asked:
    """Ask for a restart.

    :raises Problem: the daemon does not answer, or refuses.
    """
    # A daemon that hangs is noticed before it has to look at files.
    line.ask(FACTS)
    answer = line.ask({"command": "restart", "options": options}, OPTIONS_TIME)
    said = answer.content
    generation = said.get("generation")
    if not isinstance(generation, int):
        raise Problem("the daemon's answer makes no sense; is it an older version?")
    return Asked(answer.request, bool(said.get("waits")), generation)


def wait(line: Line, asked: Asked, seconds: float) -> float:
    """Wait until the new kernel is ready.

    :returns: how long that took.
    :raises Problem: it did not come, or not in time.
    """
    began = time.monotonic()
    while (took := time.monotonic() - began) < seconds:
        facts = line.ask(FACTS).content
        failed = facts.get("failed")
        if isinstance(failed, dict) and failed.get("request") == asked.request:
            raise Problem(str(failed.get("why")))
        state, generation = facts.get("state"), facts.get("generation")
        if isinstance(generation, int) and generation > asked.generation:
            if state == "running":
                return took
            if state == "dead":
                raise Problem(f"no new kernel is running: {facts.get('reason')}")
        time.sleep(LOOK_TIME)
    raise Problem(
        f"after {seconds:g} s the new kernel is not ready; the restart is still to come"
        + ("" if not asked.waits else ": cells come before it, and --now does not wait")
    )


def restart(
    target: Target, options: list[str], say: Callable[[str], None], seconds: float
) -> str:
    """Ask for a restart, and wait for it unless that would be for ourselves.

    :param say: told what is waited for.
    :param seconds: to wait at most; 0: do not wait.
    :returns: what came of it, in a sentence.
    :raises Problem: it did not happen.
    """
    with Line(files.read(target.path)) as line:
        asked = ask(line, options)
        soon = (
            "the kernel restarts when the cells before this have finished"
            if target.inside
            else "the kernel restarts when its running cells have finished"
        )
        if target.inside or not seconds:
            return soon if asked.waits else "the kernel is being restarted"
        if asked.waits:
            say(f"{soon} (--now does not wait; Ctrl-C only ends this command)")
        try:
            took = wait(line, asked, seconds)
        except NoAnswer as error:
            raise Problem(f"{error}: it may have ended") from None
    return f"restarted in place, {took:.2f} s"
