"""Which cells are for ipr, and what they ask.

Knows the language of ``%restart`` and ``%ipr``. Must not know how anything
of it is done. A cell is ours when its first line, blank lines and comment
lines aside, begins with one of the two words, or when its last one is a ``%restart``
(:mod:`ipr.jupyter.placement`); every other cell is none of our business, and
:func:`suspicious` says so from its bytes, without JSON.
"""

from __future__ import annotations

import attrs

from ipr.jupyter import durations, initwords, placement
from ipr.jupyter.howmany import HowMany, count, how_many
from ipr.jupyter.optionwords import options, pair, replay
from ipr.jupyter.placement import COMMENTS, lines
from ipr.jupyter.shellwords import shell_words

#: Characters that a line of ours may have; no program takes longer words.
LONGEST_LINE = 1 << 17

RESTART_USAGE = (
    "usage: %restart [now] [--env NAME=VALUE ...] [--unset NAME ...]"
    " [--env-file PATH] [--cwd DIR] [--module NAME ...] [--kernel NAME] [--reset]"
    " [--keep-detached] [--run FILE] [--replay [N | all]]"
)
IPR_USAGE = (
    "usage: %ipr status | stack | history [N] [--all] | output [N] | replay [N] |"
    " help | debug LEVEL | debug off | standby on | standby off | init | init list |"
    " init clear [N] | limit [TIME | off] | exec CODE"
)


@attrs.frozen
class Changes:
    """Changes to what the next inner kernel, and those after it, start with.

    :ivar env: names and values to set.
    :ivar unset: names to remove.
    :ivar env_file: path of a dotenv file, or ``""``.
    :ivar cwd: folder to start in, or ``""``.
    :ivar modules: environment modules to load.
    :ivar kernel: name of another kernelspec, or ``""``.
    :ivar reset: first discard what earlier restarts changed.
    :ivar run: path of a file that the next one, and none after it, runs; or ``""``.
    :ivar replay: cells that the next one, and none after it, runs again; None: none.
    """

    env: tuple[tuple[str, str], ...] = ()
    unset: tuple[str, ...] = ()
    env_file: str = ""
    cwd: str = ""
    modules: tuple[str, ...] = ()
    kernel: str = ""
    reset: bool = False
    run: str = ""
    replay: HowMany | None = None


NO_CHANGES = Changes()


@attrs.frozen
class Restart:
    """``%restart``.

    :ivar now: do not wait for the cells before it.
    :ivar keep_detached: spare what cells have started in sessions of their own.
    :ivar rest: the lines after it, for the new kernel; ``""`` if blank.
    :ivar before: the lines before it, for the old one; ``""``: it is in the first line.
    """

    now: bool = False
    changes: Changes = NO_CHANGES
    rest: str = ""
    before: str = ""
    keep_detached: bool = False

    @property
    def plain(self) -> bool:
        """Whether the next kernel starts with what this one started with."""
        return self.changes == NO_CHANGES

    @property
    def bare(self) -> bool:
        """Whether it has no options at all, but for ``now``."""
        return self.plain and not self.keep_detached


@attrs.frozen
class Ipr:
    """``%ipr VERB ARGUMENT``.

    :ivar argument: the rest of the line, stripped.
    :ivar rest: the lines after it.
    """

    verb: str
    argument: str = ""
    rest: str = ""


@attrs.frozen
class Help:
    """``%restart?``, ``%ipr?`` or ``%ipr help``: ``topic`` is the word."""

    topic: str


@attrs.frozen
class Mistake:
    """A magic of ours that is used wrongly; the text says how, and what is right."""

    text: str


Magic = Restart | Ipr | Help | Mistake


def suspicious(content: bytes) -> bool:
    """Whether the bytes of an execute_request's content may hold a magic."""
    return b"%restart" in content or b"%ipr" in content


def parse(code: str) -> Magic | None:
    """Read a cell.

    :param code: its source.
    :returns: None when the cell is not ours.
    """
    for end, line in lines(code):
        text = line.strip()
        if not text or text.startswith(COMMENTS):
            continue
        rest = code[end:]
        if not rest.strip():
            rest = ""
        word, argument = _cut(text)
        if word.strip("?") in ("%restart", "%ipr") and "?" in word:
            return _help(word.strip("?%"), word, rest)
        if word == "%restart":
            return _restart(argument, rest)
        if word == "%ipr":
            return _ipr(argument, rest)
        return _at_the_end(code)
    return None


def _at_the_end(code: str) -> Magic | None:
    found = placement.last_line(code)
    if found is None:
        return None
    magic = _restart(found.argument, "")
    if isinstance(magic, Restart):
        return attrs.evolve(magic, before=found.before)
    return magic if isinstance(magic, Mistake) else None


def _cut(line: str) -> tuple[str, str]:
    word, *argument = line.split(None, 1) or [""]
    return word, "".join(argument).strip()


def _help(topic: str, asked: str, rest: str) -> Magic:
    if rest:
        return Mistake(
            f"{asked} must be the only line of its cell; move the other lines to a"
            " separate cell"
        )
    return Help(topic)


def _ipr(argument: str, rest: str) -> Magic:
    verb, argument = _cut(argument)
    if verb == "init":
        wrong = initwords.problem(argument, rest)
        return Mistake(f"%ipr init: {wrong}") if wrong else Ipr(verb, argument, rest)
    if verb != "exec" and rest:
        return Mistake(
            "only %ipr exec and %ipr init may be followed by other lines; move them"
            " to a separate cell"
        )
    if verb in ("", "help"):
        return _help("ipr", "%ipr help", rest)
    if verb in ("status", "stack"):
        if argument:
            return Mistake(f"%ipr {verb} takes no arguments. {IPR_USAGE}")
        return Ipr(verb)
    if verb == "limit":
        wrong = durations.problem(argument)
        return Mistake(f"%ipr limit: {wrong}") if wrong else Ipr(verb, argument)
    if verb in ("history", "replay", "output"):
        try:
            count(argument) if verb == "output" else how_many(argument.split())
        except ValueError as error:
            return Mistake(f"%ipr {verb}: {error}. {IPR_USAGE}")
        return Ipr(verb, argument)
    if verb == "debug":
        if not argument:
            return Mistake(f"%ipr debug needs a level. {IPR_USAGE}")
        return Ipr(verb, argument, rest)
    if verb == "standby":
        if argument not in ("on", "off"):
            return Mistake(f"%ipr standby is followed by on or off. {IPR_USAGE}")
        return Ipr(verb, argument, rest)
    if verb == "exec":
        if not (argument or rest):
            return Mistake(f"%ipr exec needs code. {IPR_USAGE}")
        return Ipr(verb, argument, rest)
    return Mistake(f"%ipr: unknown command {verb!r}. {IPR_USAGE}")


def _restart(argument: str, rest: str) -> Magic:
    if len(argument) > LONGEST_LINE:
        return Mistake(f"%restart: {too_long(len(argument))}")
    try:
        words = shell_words(argument)
        if words in (["help"], ["--help"], ["-h"], ["?"]):
            return _help("restart", f"%restart {words[0]}", rest)
        return attrs.evolve(restart(words), rest=rest)
    except ValueError as error:
        return Mistake(f"%restart: {error}. {RESTART_USAGE}")


def restart(words: list[str]) -> Restart:
    """Read the words after ``%restart``.

    :raises ValueError: one is wrong.
    """
    switches, values = options(words)
    return Restart(
        "now" in switches,
        Changes(
            tuple(map(pair, values.get("--env", ()))),
            tuple(values.get("--unset", ())),
            "".join(values.get("--env-file", ())),
            "".join(values.get("--cwd", ())),
            tuple(values.get("--module", ())),
            "".join(values.get("--kernel", ())),
            "--reset" in switches,
            run="".join(values.get("--run", ())),
            replay=replay(values),
        ),
        keep_detached="--keep-detached" in switches,
    )


def too_long(length: int) -> str:
    """Return the sentence for a line of more than ``LONGEST_LINE`` characters."""
    return (
        f"the line has {length} characters, the limit is {LONGEST_LINE}; put long"
        " values into a file and use --env-file"
    )
