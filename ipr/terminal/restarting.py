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
#: Seconds after which a replay is spoken of while it runs.
QUIET_TIME = 2.0

FACTS: JSON = {"command": "facts"}


@attrs.frozen
class Asked:
    """A restart that the daemon has accepted.

    :ivar waits: whether cells come before it.
    :ivar generation: the number of the kernel that ends.
    :ivar left_out: whether nothing comes of it: the cell that asks is being replayed.
    :ivar replays: whether the new kernel runs cells again.
    """

    request: str
    waits: bool
    generation: int
    left_out: bool = False
    replays: bool = False


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
    replay: str | None = None,
) -> list[str]:
    """Return the words of ``%restart`` that say this.

    :param replay: how many cells, ``""``: those since the start; None: none.
    """
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
    if replay is not None:
        found += [f"--replay={replay}" if replay else "--replay"]
    return found


def ask(line: Line, options: list[str], *, inside: bool = False) -> Asked:
    """Ask for a restart.

    :param inside: a cell of that kernel asks.
    :raises Problem: the daemon does not answer, or refuses.
    """
    # A daemon that hangs is noticed before it has to look at files.
    line.ask(FACTS)
    content = {"command": "restart", "options": options, "inside": inside}
    answer = line.ask(content, OPTIONS_TIME)
    said = answer.content
    generation = said.get("generation")
    if not isinstance(generation, int):
        raise Problem("the daemon's answer makes no sense; is it an older version?")
    waits, left_out = bool(said.get("waits")), bool(said.get("left_out"))
    replays = any(word.startswith("--replay") for word in options)
    return Asked(answer.request, waits, generation, left_out, replays)


def wait(line: Line, asked: Asked, seconds: float) -> float:
    """Wait until the new kernel is ready.

    :param seconds: how long at most.
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


def wait_for_replay(
    line: Line, asked: Asked, say: Callable[[str], None], seconds: float
) -> str:
    """Wait until the new kernel has run the cells again.

    :param say: told how it stands, once, when it takes a while.
    :param seconds: how long at most.
    :returns: how it ended, in a line.
    :raises Problem: it did not succeed, or not in time.
    """
    began, stands = time.monotonic(), ""
    while (took := time.monotonic() - began) < seconds:
        facts = line.ask(FACTS).content
        failed, replay = facts.get("failed"), facts.get("replay")
        if isinstance(failed, dict) and failed.get("request") == asked.request:
            raise Problem(str(failed.get("why")))
        if isinstance(replay, dict) and replay.get("request") == asked.request:
            text = str(replay.get("line"))
            if replay.get("failed"):
                raise Problem(f"restarted in place, {text}")
            if replay.get("over"):
                return text
            if took >= QUIET_TIME and not stands:
                say(f"{text} (Ctrl-C only ends this command)")
            stands = text
        time.sleep(LOOK_TIME)
    raise Problem(f"after {seconds:g} s the replay is not over: {stands}; it goes on")


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
        asked = ask(line, options, inside=target.inside)
        if asked.left_out:
            return "not restarted: the cell that asks for it is being replayed"
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
            done = f"restarted in place, {took:.2f} s"
            if asked.replays:
                done = f"{done}, {wait_for_replay(line, asked, say, seconds)}"
        except NoAnswer as error:
            raise Problem(f"{error}: it may have ended") from None
    return done
