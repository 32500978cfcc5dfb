"""Help and completion for ``%restart`` and ``%ipr``.

Knows their words and what they mean to a person. Must not know messages
beyond the shape of a completion's content (Jupyter messaging specification,
"Completion").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from ipr.jupyter import placement
from ipr.jupyter.magics import parse
from ipr.jupyter.placement import lines

RESTART_HELP = """\
%restart: replace the kernel with a fresh one, in place.

Connections, the connection file, the process that the server started and the
job's allocation are kept. Variables are lost.

    %restart            wait until the cells before this one have finished; the
                        cells after it, and the rest of this one, run in the
                        new kernel
    %restart now        do not wait

In the last line of a cell it comes after the lines before it, if these
succeed.

To end the wait, interrupt the kernel.

Options change what the new kernel starts with, and stay in force for later
restarts. If a value is invalid, nothing is restarted.

    --env NAME=VALUE ...   set environment variables
    --unset NAME ...       remove environment variables
    --env-file PATH        set the variables of a .env file, read as
                           python-dotenv does
    --cwd DIR              start in another folder
    --module NAME ...      set what 'module load NAME ...' sets in a login
                           shell
    --kernel NAME          start another kernelspec: its name, or how its name
                           begins
    --reset                discard earlier changes, then apply the other
                           options

    --replay [N | all]     then run the cells again that have succeeded since
                           the kernel started: each, the last N, or those of
                           all kernels. It stops at the first error, and at an
                           interrupt.

    --run FILE             run a file's code in the new kernel, this time only
    --keep-detached        this time, let what cells have started in sessions
                           of their own (setsid, start_new_session=True) go on
"""

IPR_HELP = """\
%ipr: inspect the daemon between Jupyter and the kernel.

    %ipr status         show its state, memory and requests, and why and when
                        kernels were restarted
    %ipr stack          show where the kernel is: its processes, and the calls
                        that a Python is in; also while a cell runs or hangs
    %ipr history        show what ran since the kernel started, when, for how
                        long, and how it ended; N: the last N cells; --all:
                        those of the kernels before, too
    %ipr output         show what the last cell has shown, also while it runs,
                        and when the page was reloaded meanwhile; N: the last N
                        cells
    %ipr replay         run the cells that succeeded in the kernel before
                        again, in this one: after a crash, for instance; N: the
                        last N of them
    %ipr limit 10m      interrupt each cell that runs for longer from now on,
                        and restart the kernel if it has not ended 10 s later;
                        90s, 1h30m; time in input() does not count
    %ipr limit off      do not; without a time it says what the limit is
    %ipr debug LEVEL    set the level of the daemon's log, and show the log
                        here: DEBUG, INFO, WARNING, ERROR, CRITICAL or a number
    %ipr debug off      stop showing the log here, restore its level
    %ipr standby on     start the next kernel in advance, for a faster %restart
    %ipr standby off    do not, and end the one that waits
    %ipr init           in the first line of a cell: run it now, and again in
                        each new kernel, after crashes, too
    %ipr init list      show those cells
    %ipr init clear     run them no more; or only one: clear 2
    %ipr exec CODE      run Python in the daemon, CODE or the rest of the cell:
                        self.log         the log, a logging.Logger
                        self.print(...)  print here; so does print(...)
                        self.state       running, restarting or dead
                        self.generation  number of the kernel: 1, 2, 3 ...
                        self.inner_pid   process id of the kernel
                        self.restart()   restart the kernel now
                        self.relay, self.restarter, self.service: its parts
    %ipr help           show this help

See also: %restart?
"""

HELP = {"restart": RESTART_HELP, "ipr": IPR_HELP}

_WORDS = {
    "%restart": (
        "now",
        "--env",
        "--unset",
        "--env-file",
        "--cwd",
        "--module",
        "--kernel",
        "--reset",
        "--replay",
        "--keep-detached",
        "--run",
    ),
    "%ipr": (
        "status",
        "stack",
        "history",
        "output",
        "replay",
        "debug",
        "standby",
        "init",
        "limit",
        "exec",
        "help",
    ),
    "%ipr init": ("list", "clear"),
    "%ipr history": ("--all",),
    "%ipr replay": ("all",),
    "%ipr limit": ("off",),
    "%ipr standby": ("on", "off"),
    "%ipr debug": ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "off"),
}

#: Options of %restart that a path follows.
_PATHS = ("--env-file", "--cwd", "--run")


@attrs.frozen
class Completion:
    """Completions of ours.

    :ivar matches: whole words.
    :ivar start: first character to replace, counted in Unicode characters.
    :ivar end: the cursor.
    :ivar alone: it is an argument of ours, which the kernel could only guess.
    """

    matches: tuple[str, ...]
    start: int
    end: int
    alone: bool = False


def complete(
    code: str, cursor: int, kernelspecs: Callable[[], Iterable[str]] = tuple
) -> Completion | None:
    """Complete our words; None where there is nothing of ours.

    :param kernelspecs: returns the names that ``--kernel`` takes; asked only then.
    """
    before = code[: max(cursor, 0)]
    line_start = before.rfind("\n") + 1
    line = before[line_start:]
    text = line.lstrip()
    if not text.startswith("%"):
        return None
    above = before[:line_start]
    if parse(above) is not None:
        # The lines after a magic belong to the kernel.
        return None
    first = _only_comments(above)
    if not first and not _may_end_with_restart(above, code[line_start:]):
        return None
    *words, last = text.replace("\t", " ").split(" ")
    words = [word for word in words if word]
    if words[:1] == ["%restart"]:
        # Also "--kernel=", whose value alone is completed then.
        option, equals, value = last.partition("=")
        if equals:
            words, last = [*words, option], value
    known = _known(words, kernelspecs)
    if not first and words[:1] != ["%restart"]:
        known = ("%restart",) if not words else ()
    matches = tuple(word for word in known if word.startswith(last))
    if not matches:
        return None
    start = len(before) - len(last)
    return Completion(matches, start, len(before), alone=bool(words))


def _known(words: list[str], kernelspecs: Callable[[], Iterable[str]]) -> Iterable[str]:
    """Return what may follow the words."""
    if not words:
        return ("%restart", "%ipr")
    if words[0] == "%restart" and words[-1] == "--kernel":
        return sorted(kernelspecs())
    if words[0] == "%restart" and words[-1] in _PATHS:
        # The kernel may know which files there are.
        return ()
    if words[0] == "%ipr" and " ".join(words) not in _WORDS:
        return ()
    return _WORDS.get(" ".join(words[:2])) or _WORDS.get(words[0], ())


def _may_end_with_restart(above: str, below: str) -> bool:
    """Whether a line may be a ``%restart`` that ends its cell.

    :param above: the lines before it.
    :param below: it, and what follows.
    """
    line, _, rest = below.partition("\n")
    fits = placement.last_line(f"{above}{placement.WORD}") is not None
    return fits and not line[:1].isspace() and _only_comments(rest)


def _only_comments(text: str) -> bool:
    return all(
        not line.strip() or line.strip().startswith(("#", "//", "--", ";"))
        for _, line in lines(text)
    )


def merge(content: dict[str, Any], ours: Completion, code: str) -> dict[str, Any]:
    """Add our completions after the kernel's own.

    :param content: of the kernel's complete_reply.
    :param code: what is being completed.
    """
    theirs = content.get("matches")
    start, end = content.get("cursor_start"), content.get("cursor_end")
    if (
        content.get("status") != "ok"
        or not isinstance(theirs, list)
        or not theirs
        or not isinstance(start, int)
        or not isinstance(end, int)
    ):
        return reply(ours)
    # Both kinds of match must replace the same span.
    first = min(start, ours.start)
    matches = [code[first:start] + str(match) for match in theirs]
    added = [
        code[first : ours.start] + match
        for match in ours.matches
        if code[first : ours.start] + match not in matches
    ]
    merged = {
        **content,
        "matches": matches + added,
        "cursor_start": first,
        "cursor_end": max(end, ours.end),
    }
    metadata = content.get("metadata")
    if isinstance(metadata, dict):
        typed = metadata.get("_jupyter_types_experimental")
        if isinstance(typed, list):
            # JupyterLab takes these instead of the matches, if they are there.
            more = [
                {"start": ours.start, "end": ours.end, "text": text, "type": "magic"}
                for text in ours.matches
                if code[first : ours.start] + text in added
            ]
            merged["metadata"] = {
                **metadata,
                "_jupyter_types_experimental": [*typed, *more],
            }
    return merged


def reply(ours: Completion) -> dict[str, Any]:
    """Return a complete_reply's content with our completions alone."""
    return {
        "status": "ok",
        "matches": list(ours.matches),
        "cursor_start": ours.start,
        "cursor_end": ours.end,
        "metadata": {},
    }


def inspect(code: str, cursor: int) -> str | None:
    """Return the help for the magic that the cursor is on, or None."""
    line_start = code.rfind("\n", 0, max(cursor, 0)) + 1
    line = code[line_start:].partition("\n")[0].strip()
    word = line.split(" ")[0].rstrip("?")
    topic = word.removeprefix("%")
    if not word.startswith("%") or topic not in HELP:
        return None
    above = code[:line_start]
    if _only_comments(above):
        return HELP[topic]
    last = topic == "restart" and _may_end_with_restart(above, code[line_start:])
    return HELP[topic] if last else None
